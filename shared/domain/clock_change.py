"""Where the clocks of a zone jump: readings that they skip, and readings that they show twice."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Repetition:
    """Readings from `begins` up to `ends` (naive) that are shown twice, first and then at another offset from UTC."""

    begins: datetime
    ends: datetime
    first_offset: timedelta
    second_offset: timedelta


def utc(wall: datetime, offset: timedelta) -> datetime:
    """The instant at which clocks of that offset show the naive reading."""
    return (wall - offset).replace(tzinfo=UTC)


def first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks first show the naive reading; if they skip it, the instant right after the gap.

    >>> first_instant(datetime(2026, 3, 8, 2, 30), ZoneInfo("America/New_York")).isoformat()
    '2026-03-08T07:00:00+00:00'
    """
    before, after = _offsets(wall, zone)
    if after <= before:
        return utc(wall, before)
    return _change(zone, utc(wall, after), utc(wall, before))


def repetition(wall: datetime, zone: ZoneInfo) -> Repetition | None:
    """The repetition in which the naive reading stands; None if the clocks show it once.

    >>> repetition(datetime(2026, 11, 1, 1, 30), ZoneInfo("America/New_York")).ends.isoformat()
    '2026-11-01T02:00:00'
    """
    before, after = _offsets(wall, zone)
    if after >= before:
        return None
    change = _change(zone, utc(wall, before), utc(wall, after)).replace(tzinfo=None)
    return Repetition(change + after, change + before, before, after)


def _offsets(wall: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The offsets before and after the change beside the reading, the same two if there is none (PEP 495)."""
    before = wall.replace(tzinfo=zone, fold=0).utcoffset()
    after = wall.replace(tzinfo=zone, fold=1).utcoffset()
    if before is None or after is None:
        raise ValueError(f"the zone {zone.key} has no offset at {wall}")
    return before, after


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first instant with another offset than `before`, at most `after`: by halving, some twelve steps."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _ONE_SECOND:
        middle = before + timedelta(seconds=(after - before) // _ONE_SECOND // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
