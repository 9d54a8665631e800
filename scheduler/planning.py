"""What one due schedule is to do now: the fate of each instant that was due, and when it is due again. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from scheduler.occurrences import OVERLAP, Coalesce, Fate, Overlap, next_fates, overlapping
from scheduler.store import DueSchedule
from shared.domain.when import next_instant
from shared.rhythm import when_of

# One schedule may have slept through millions of instants: this many are decided and written at a time.
INSTANTS_AT_ONCE = 1_000

# Nobody is there at the very instant: so little late is on time, whatever the catch-up window.
ON_TIME_SECONDS = 10

PAUSED = "paused"
SKIP_NEXT = "skip-next"

_JUST_BEFORE = timedelta(microseconds=-1)


@dataclass(frozen=True, slots=True)
class Plan:
    """The fates to record, and where the schedule stands afterwards; `next_run_at` None ends it."""

    schedule: DueSchedule
    fates: tuple[Fate, ...]
    next_run_at: datetime | None
    skip_next: bool
    coalesced_until: datetime | None

    @property
    def cancels_running(self) -> bool:
        return any(fate.cancels_running for fate in self.fates)


def plan(
    schedule: DueSchedule,
    now: datetime,
    *,
    has_running: bool,
    has_queued: bool,
) -> Plan:
    """Decide on the instants that were due until now, a bounded number of them.

    Raises ValueError when the row holds no rhythm that can be computed.
    """
    when = when_of(schedule)
    bounds: dict[str, Any] = {"starts_at": schedule.starts_at, "ends_at": schedule.ends_at}
    after = schedule.next_run_at + _JUST_BEFORE
    goes_on = schedule.coalesced_until is not None and schedule.next_run_at <= schedule.coalesced_until
    now = schedule.coalesced_until if goes_on and schedule.coalesced_until else now
    batch = next_fates(
        when,
        after,
        now=now,
        catchup_window=timedelta(seconds=max(schedule.catchup_window_seconds, ON_TIME_SECONDS)),
        coalesce=cast(Coalesce, schedule.coalesce),
        limit=INSTANTS_AT_ONCE,
        earliest_fired=goes_on,
        **bounds,
    )
    fates = _without_sleep(schedule, batch.fates)
    fates, skip_next = _without_next(fates, skip_next=schedule.skip_next)
    fates = _only_latest(fates) if schedule.overlap == "cancel_running" else fates
    fates = overlapping(fates, cast(Overlap, schedule.overlap), has_running=has_running, has_queued=has_queued)
    fates, is_over = _up_to_limit(schedule, fates)
    last = fates[-1].instant if fates else after
    following = None if is_over else next_instant(when, last, **bounds)
    return Plan(schedule, fates, following, skip_next, now if batch.earliest_fired and not batch.complete else None)


def _without_sleep(schedule: DueSchedule, fates: Sequence[Fate]) -> tuple[Fate, ...]:
    """Instants that were due while it was paused are skipped, whenever somebody gets to them."""

    def slept_through(instant: datetime) -> bool:
        if schedule.state == "paused":
            return True
        if schedule.paused_at is None or schedule.resumed_at is None:
            return False
        return schedule.paused_at < instant <= schedule.resumed_at

    return tuple(Fate(fate.instant, "skip", PAUSED) if slept_through(fate.instant) else fate for fate in fates)


def _without_next(fates: Sequence[Fate], *, skip_next: bool) -> tuple[tuple[Fate, ...], bool]:
    """The first that would fire is skipped if that was asked for; what is left of the asking."""
    judged = []
    for fate in fates:
        if skip_next and fate.outcome == "fire":
            judged.append(Fate(fate.instant, "skip", SKIP_NEXT))
            skip_next = False
        else:
            judged.append(fate)
    return tuple(judged), skip_next


def _only_latest(fates: Sequence[Fate]) -> tuple[Fate, ...]:
    """Of several that fire at once each would cancel the one before it: only the last one need begin."""
    firing = [fate.instant for fate in fates if fate.outcome == "fire"]
    return tuple(
        replace(fate, outcome="skip", reason=OVERLAP) if fate.outcome == "fire" and fate.instant != firing[-1] else fate
        for fate in fates
    )


def _up_to_limit(schedule: DueSchedule, fates: Sequence[Fate]) -> tuple[tuple[Fate, ...], bool]:
    """The fates up to the last one that may fire, and whether that ends the schedule."""
    if schedule.max_occurrences is None:
        return tuple(fates), False
    left = schedule.max_occurrences - schedule.fired
    for index, fate in enumerate(fates):
        left -= fate.outcome == "fire"
        if left <= 0:
            return tuple(fates[: index + 1]), True
    return tuple(fates), False
