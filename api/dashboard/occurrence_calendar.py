"""What became of a schedule's instants, by day and hour of its zone: what its calendar is drawn from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from api.store.dashboard_schedules import OccurrenceCount

OUTCOMES: Final = ("fired", "skipped", "missed")  # the later, the more it asks to be looked at


@dataclass(slots=True)
class Tally:
    """How many instants had which outcome."""

    fired: int = 0
    skipped: int = 0
    missed: int = 0

    def add(self, outcome: str, number: int) -> None:
        setattr(self, outcome, getattr(self, outcome) + number)

    @property
    def worst(self) -> str:
        """The outcome that a mark for all of them shows."""
        return next(outcome for outcome in reversed(OUTCOMES) if getattr(self, outcome) or outcome == "fired")

    @property
    def words(self) -> str:
        """Such as "3 fired, 1 missed"."""
        told = [f"{number:,} {outcome}" for outcome in OUTCOMES if (number := getattr(self, outcome))]
        return ", ".join(told) or "nothing was due"


@dataclass(slots=True)
class Day:
    """A day of the zone; `hours` has those in which something was due."""

    date: date
    total: Tally = field(default_factory=Tally)
    hours: dict[int, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days in their order. What was due before `known_since`, if that is given, was too much to be counted."""

    days: tuple[Day, ...]
    total: Tally
    known_since: datetime | None


def first_moment(today: date, days: int, zone: tzinfo) -> datetime:
    """When the first of so many days, of which today is the last, begins."""
    return datetime.combine(today - timedelta(days=days - 1), time(), zone)


def calendar(counts: Iterable[OccurrenceCount], *, today: date, days: int, zone: tzinfo, most: int) -> Calendar:
    """The calendar of what was counted; `most` is how many were at most.

    >>> from datetime import UTC
    >>> counts = [OccurrenceCount(datetime(2026, 3, 1, 23, 45, tzinfo=UTC), "missed", 2)]
    >>> calendar(counts, today=date(2026, 3, 2), days=2, zone=UTC, most=9).days[0].hours[23].words
    '2 missed'
    """
    by_date = {day: Day(day) for day in (today - timedelta(days=back) for back in reversed(range(days)))}
    total, earliest = Tally(), None
    for count in counts:
        there = count.at.astimezone(zone)
        day = by_date.get(there.date())
        if day is None:
            continue  # what was due since this page was begun, if that is tomorrow by now
        earliest = earliest or there
        for tally in (total, day.total, day.hours.setdefault(there.hour, Tally())):
            tally.add(count.outcome, count.number)
    counted = total.fired + total.skipped + total.missed
    return Calendar(tuple(by_date.values()), total, earliest if counted >= most else None)
