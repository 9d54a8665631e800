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

    def is_ready(self) -> bool:
        """Whether every part of it is fine; if not, `last_answer` says what it said."""
        return self._get("/ready") == 200

    def accepts(self, key: str) -> bool:
        """Whether this key opens the door."""
        return self._get("/api-keys", {"Authorization": f"Bearer {key}"}) == 200

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def _get(self, path: str, headers: dict[str, Any] | None = None) -> int:
        try:
            response = self._session.get(
                f"{self._url}{path}", headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            self.last_answer = str(error)[:MAX_SHOWN]
            return 0
        self.last_answer = f"{response.status_code} {response.text[:MAX_SHOWN]}"
        return response.status_code
