"""The Prefer header of RFC 7240, of which we know `wait`."""

import re

from flask import request

MOST_SECONDS = 30

WAIT = re.compile(r"""\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:;.*)?""", re.IGNORECASE)


def preferred_wait_seconds() -> int | None:
    """How long the client prefers to wait for the end, capped; None when it does not, or not in a way we know."""
    for preference in ",".join(request.headers.getlist("Prefer")).split(","):
        if match := WAIT.fullmatch(preference):
            return min(int(match[1]), MOST_SECONDS)
    return None
