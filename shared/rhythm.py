"""The rhythm of a schedule, as the domain reckons with it."""

from datetime import datetime
from typing import Protocol, cast

from shared.domain.cron import parse_cron
from shared.domain.when import CronWhen, IntervalWhen, MinuteWhen, OnceWhen, Recurring, When


class HasRhythm(Protocol):
    """A row that says when it is due."""

    @property
    def cron(self) -> str | None: ...
    @property
    def timezone(self) -> str: ...
    @property
    def interval_seconds(self) -> int | None: ...
    @property
    def run_at(self) -> datetime | None: ...
    @property
    def minute(self) -> int | None: ...
    @property
    def recurring(self) -> str | None: ...
    @property
    def anchor(self) -> datetime: ...


def make_when(
    *,
    cron: str | None,
    timezone: str,
    interval_seconds: int | None,
    run_at: datetime | None,
    minute: int | None,
    recurring: str | None,
    anchor: datetime,
) -> When:
    """The one *when* that is given. Raises ValueError (of which InvalidCron and InvalidZone are kinds)."""
    if cron is not None:
        return CronWhen(parse_cron(cron, timezone))
    if interval_seconds is not None:
        return IntervalWhen(interval_seconds, anchor)
    if run_at is not None:
        return OnceWhen(run_at)
    if minute is not None:
        return MinuteWhen(minute, cast(Recurring, recurring))
    raise ValueError("it says nothing of when it is due")


def when_of(schedule: HasRhythm) -> When:
    """When a stored schedule is due. Raises ValueError if that cannot be computed."""
    return make_when(
        cron=schedule.cron,
        timezone=schedule.timezone,
        interval_seconds=schedule.interval_seconds,
        run_at=schedule.run_at,
        minute=schedule.minute,
        recurring=schedule.recurring,
        anchor=schedule.anchor,
    )
