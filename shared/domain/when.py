"""When a schedule is due: four kinds of *when*, and the instants they stand for, aware and in UTC.

Every function here takes the bounds of a schedule: only instants with `starts_at <= instant <= ends_at` count.
An interval has the instants `anchor`, `anchor + seconds`, and so on: who wants the first one an interval after the
creation asks for what is strictly after the anchor.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Final, Literal, assert_never

from shared.domain.cron import Cron, instants_after, next_after

Recurring = Literal["none", "daily", "weekly"]

MAX_INTERVAL_SECONDS: Final = 100 * 366 * 86_400  # a century
MAX_MINUTE: Final = 68_374_079  # the last of the year 2099

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JUST_BEFORE: Final = timedelta(microseconds=-1)
_PERIODS: Final = {"none": None, "daily": timedelta(days=1), "weekly": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class CronWhen:
    """At the times of a cron expression in its zone."""

    cron: Cron


@dataclass(frozen=True, slots=True)
class IntervalWhen:
    """At the anchor and every so many seconds from there on.

    Raises ValueError for less than a second, more than a century, or a naive anchor.
    """

    seconds: int
    anchor: datetime

    def __post_init__(self) -> None:
        _require_aware(self.anchor, "anchor")
        if not 1 <= self.seconds <= MAX_INTERVAL_SECONDS:
            raise ValueError(f"an interval has from 1 to {MAX_INTERVAL_SECONDS:,} seconds, not {self.seconds:,}")


@dataclass(frozen=True, slots=True)
class OnceWhen:
    """At one instant.

    Raises ValueError for a naive one.
    """

    at: datetime

    def __post_init__(self) -> None:
        _require_aware(self.at, "at")


@dataclass(frozen=True, slots=True)
class MinuteWhen:
    """At a minute counted from 1970-01-01T00:00Z; daily and weekly: every 24 hours, or seven times that, from there on.

    Raises ValueError for a minute outside the years 1970 to 2099.
    """

    minute: int
    recurring: Recurring = "none"

    def __post_init__(self) -> None:
        if not 0 <= self.minute <= MAX_MINUTE:
            raise ValueError(f"a minute is a number from 0 to {MAX_MINUTE:,}, not {self.minute:,}")

    @property
    def at(self) -> datetime:
        """The instant at which the minute begins."""
        return _EPOCH + timedelta(minutes=self.minute)


When = CronWhen | IntervalWhen | OnceWhen | MinuteWhen


@dataclass(frozen=True, slots=True)
class _Series:
    """`first`, and if there is a step, every multiple of it from there on: what is not a cron, in numbers."""

    first: datetime
    step: timedelta | None

    def next_after(self, after: datetime) -> datetime | None:
        if after < self.first:
            return self.first
        if self.step is None:
            return None
        try:
            return self.first + ((after - self.first) // self.step + 1) * self.step
        except OverflowError:  # beyond the year 9999
            return None


def next_instant(
    when: When, after: datetime, *, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> datetime | None:
    """The first instant strictly after that one, at once however far away it is; None if there is none.

    >>> next_instant(MinuteWhen(0, "daily"), datetime(2026, 1, 1, 9, tzinfo=UTC)).isoformat()
    '2026-01-02T00:00:00+00:00'
    """
    after = _not_before(after, starts_at)
    found = next_after(when.cron, after) if isinstance(when, CronWhen) else _series(when).next_after(after)
    return None if found is None or (ends_at is not None and found > ends_at) else found


def instants(
    when: When,
    after: datetime,
    until: datetime | None,
    limit: int,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> tuple[datetime, ...]:
    """The first `limit` instants with `after < instant <= until`, in order; None stands for no end."""
    last = min((end for end in (until, ends_at) if end is not None), default=None)
    found = _all_after(when, _not_before(after, starts_at))
    return tuple(islice(found if last is None else takewhile(lambda instant: instant <= last, found), limit))


def _series(when: IntervalWhen | OnceWhen | MinuteWhen) -> _Series:
    match when:
        case IntervalWhen(seconds, anchor):
            return _Series(anchor.astimezone(UTC), timedelta(seconds=seconds))
        case OnceWhen(at):
            return _Series(at.astimezone(UTC), None)
        case MinuteWhen(_, recurring):
            return _Series(when.at, _PERIODS[recurring])
        case _:
            assert_never(when)


def _all_after(when: When, after: datetime) -> Iterator[datetime]:
    if isinstance(when, CronWhen):
        yield from instants_after(when.cron, after)
        return
    series = _series(when)
    found = series.next_after(after)
    while found is not None:
        yield found
        found = series.next_after(found)


def _not_before(after: datetime, starts_at: datetime | None) -> datetime:
    return after if starts_at is None else max(after, starts_at + _JUST_BEFORE)


def _require_aware(instant: datetime, name: str) -> None:
    if instant.utcoffset() is None:
        raise ValueError(f"{name} must be an aware instant")
