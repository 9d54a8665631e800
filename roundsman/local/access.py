"""Talking to the service that was just started: is it ready, and does the key work."""

from typing import Any

import requests

TIMEOUT_SECONDS = 2.0
MAX_SHOWN = 500


class Access:
    """The service at a URL, asked without proxies or anything else from the environment."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self.last_answer = "no answer yet"
        self.last_status = 0

    def is_ready(self) -> bool:
        """Whether every part of it is fine; if not, `last_answer` says what it said, `last_status` is 0 for nothing."""
        return self._get("/ready") == 200

    def accepts(self, key: str) -> bool:
        """Whether this key opens the door."""
        return self._get("/api-keys", {"Authorization": f"Bearer {key}"}) == 200

    def login_link(self, key: str) -> str | None:
        """A link that logs in to the dashboard, once; None when there is none to be had."""
        try:
            response = self._session.post(
                f"{self._url}/login-links",
                headers={"Authorization": f"Bearer {key}"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
            return f"{self._url}{response.json()['path']}" if response.ok else None
        except (requests.RequestException, ValueError, KeyError):
            return None

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def _get(self, path: str, headers: dict[str, Any] | None = None) -> int:
        try:
            response = self._session.get(
                f"{self._url}{path}", headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            self.last_answer, self.last_status = str(error)[:MAX_SHOWN], 0
        else:
            self.last_answer = f"{response.status_code} {response.text[:MAX_SHOWN]}"
            self.last_status = response.status_code
        return self.last_status
