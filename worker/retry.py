"""When a call that failed is made again: pure arithmetic, the randomness comes in as an argument."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

JITTER_SHARE: Final = 0.2
LONGEST_BACKOFF: Final = timedelta(hours=1)
LONGEST_RETRY_AFTER: Final = timedelta(hours=24)

_GROWTH: Final = 4
# 4**32 s is longer than the universe is old: past it the cap decides, and no number overflows.
_MOST_GROWTHS: Final = 32
_LONGEST_DATE: Final = 64  # the longest form, RFC 850 with Wednesday, has 34 characters


def backoff(base_seconds: float, failures: int, jitter: float) -> timedelta:
    """How long to wait after the nth failure in a row: base, 4 x base, 16 x base, …, at most an hour.

    `failures` counts from 1; `jitter` in [-1, 1] moves the wait by up to a fifth. At the cap it still takes
    away, so that what failed together does not come back together.

    >>> [backoff(10, failures, 0).seconds for failures in (1, 2, 3, 4, 5, 10**6)]
    [10, 40, 160, 640, 2560, 3600]
    >>> backoff(10, 1, -1).seconds, backoff(10, 1, 1).seconds, backoff(10, 9, -1).seconds
    (8, 12, 2880)
    """
    factor = _GROWTH ** min(max(failures - 1, 0), _MOST_GROWTHS)
    seconds = min(base_seconds * factor, LONGEST_BACKOFF.total_seconds())
    return min(_jittered(seconds, jitter), LONGEST_BACKOFF)


def listed(delays_seconds: Sequence[float], failures: int, jitter: float) -> timedelta | None:
    """How long to wait after the nth failure by a list of delays; None when the list is at its end.

    `failures` counts from 1; `jitter` in [-1, 1] moves the wait by up to a fifth.

    >>> listed([5, 300], 2, 0.5)
    datetime.timedelta(seconds=330)
    >>> listed([5, 300], 3, 0.5)
    """
    if not 1 <= failures <= len(delays_seconds):
        return None
    return _jittered(delays_seconds[failures - 1], jitter)


def _jittered(seconds: float, jitter: float) -> timedelta:
    return timedelta(seconds=seconds * (1 + JITTER_SHARE * jitter))


def retry_after(value: str, now: datetime) -> timedelta | None:
    """What a Retry-After header asks for, at most 24 h; None when it says nothing usable. Never raises.

    Seconds, or a date in any of the three forms of HTTP; a date in the past asks for no wait at all. Several
    values in one header contradict each other and hence say nothing.

    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> retry_after("120", noon), retry_after("Sun, 01 Mar 2026 12:00:30 GMT", noon)
    (datetime.timedelta(seconds=120), datetime.timedelta(seconds=30))
    >>> retry_after("Sun Mar  1 12:00:30 2026", noon), retry_after("9" * 400, noon)
    (datetime.timedelta(seconds=30), datetime.timedelta(days=1))
    >>> retry_after("soon", noon), retry_after("-5", noon), retry_after("3, 5", noon)
    (None, None, None)
    """
    text = value.strip(" \t")
    if not text.isascii():  # int() reads the digits of every script, and HTTP those of one
        return None
    if text.isdigit():
        digits = text.lstrip("0") or "0"
        wait = timedelta(seconds=int(digits)) if len(digits) < 9 else LONGEST_RETRY_AFTER
    elif (at := instant_of(text)) is not None:
        wait = max(at - now, timedelta(0))
    else:
        return None
    return min(wait, LONGEST_RETRY_AFTER)


def instant_of(text: str) -> datetime | None:
    """The instant of a date in any of the three forms of HTTP, None when it is in none of them. Never raises.

    >>> instant_of("Sun Mar  1 12:00:30 2026")
    datetime.datetime(2026, 3, 1, 12, 0, 30, tzinfo=datetime.timezone.utc)
    >>> instant_of("soon")
    """
    if len(text) > _LONGEST_DATE:
        return None
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):  # all of which it is known to raise
        return None
    # The asctime form has no zone, and HTTP means UTC.
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def honoured(delay: timedelta, after: timedelta | None) -> timedelta:
    """How long to wait when the receiver asked for `after`: never less than our own delay, never over 24 h for it.

    >>> ours = timedelta(seconds=10)
    >>> [honoured(ours, after).total_seconds() for after in (None, timedelta(seconds=3), timedelta(days=9))]
    [10.0, 10.0, 86400.0]
    """
    return delay if after is None else max(delay, min(after, LONGEST_RETRY_AFTER))


def is_worth_retrying(status: int) -> bool:
    """Whether an answer with this status may be another one next time.

    >>> [status for status in (200, 302, 404, 408, 425, 429, 501, 600) if is_worth_retrying(status)]
    [408, 425, 429, 501]
    """
    return status in (408, 425, 429) or 500 <= status <= 599
