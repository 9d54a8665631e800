"""HTTP calls of the example."""

from typing import Any

import requests

TIMEOUT_SECONDS = 35.0


class StoryInterrupted(Exception):
    """An answer that the example has no words for."""


def call(
    method: str, url: str, body: Any = None, *, key: str | None = None, headers: dict[str, str] | None = None
) -> Any:
    """The JSON of a 2xx answer. Raises StoryInterrupted."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            if key is not None:
                session.headers["Authorization"] = f"Bearer {key}"
            response = session.request(method, url, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
            if not response.ok:
                raise StoryInterrupted(f"{method} {url}: {response.status_code} {response.text[:300]}")
            return response.json()
    except requests.RequestException as error:
        raise StoryInterrupted(f"{method} {url}: {error}") from error
