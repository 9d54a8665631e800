"""Instants as text."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=256)  # what is scheduled for one instant is mostly more than one
def write_instant(instant: datetime) -> str:
    """The instant in RFC 3339, in UTC.

    >>> write_instant(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    '2026-03-29T01:00:00Z'
    """
    in_utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return in_utc.isoformat().removesuffix("+00:00") + "Z"
