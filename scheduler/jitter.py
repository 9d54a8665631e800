"""How much later than its instant an occurrence fires: spread out, yet the same whoever reckons it."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256


def jitter(key: str, instant: datetime, jitter_seconds: int) -> timedelta:
    """A delay from 0 to `jitter_seconds`, both included, that depends on nothing but the arguments.

    The key tells schedules apart that are due at the same instant. Raises ValueError for a negative number of seconds
    or a naive instant.

    >>> jitter("7", datetime(2026, 1, 1, tzinfo=UTC), 0)
    datetime.timedelta(0)
    """
    if jitter_seconds < 0:
        raise ValueError(f"jitter_seconds must not be negative, but is {jitter_seconds}")
    if instant.utcoffset() is None:
        raise ValueError("expected an aware instant")
    digest = sha256(f"{instant.astimezone(UTC).isoformat()} {key}".encode()).digest()
    return timedelta(microseconds=int.from_bytes(digest[:8]) % (jitter_seconds * 1_000_000 + 1))
