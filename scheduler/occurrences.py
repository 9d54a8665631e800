"""What becomes of the instants at which a schedule was due: one fate for every one of them.

After an outage there may be millions. `next_fates` therefore decides a bounded batch at a time, each written in a
transaction of its own; the first instant not yet decided is then all that has to be remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, assert_never

from shared.domain.when import When, instants

Coalesce = Literal["latest", "earliest", "all"]
Overlap = Literal["skip", "queue_one", "allow", "cancel_running"]
Outcome = Literal["fire", "miss", "skip"]

OUTSIDE_WINDOW: Final = "outside the catch-up window"
COALESCED: Final = "coalesced"
OVERLAP: Final = "overlap"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one instant; `reason` says why it does not fire, the marks how it is to fire."""

    instant: datetime
    outcome: Outcome
    reason: str | None = None
    waits_for_running: bool = False
    cancels_running: bool = False


@dataclass(frozen=True, slots=True)
class FateBatch:
    """Fates in order of time; unless it is `complete`, more instants were due: go on after the last of these."""

    fates: tuple[Fate, ...]
    complete: bool
    earliest_fired: bool


def decide(
    due: Sequence[datetime],
    *,
    now: datetime,
    catchup_window: timedelta,
    coalesce: Coalesce,
    more_are_due: bool = False,
    earliest_fired: bool = False,
) -> tuple[Fate, ...]:
    """One fate for each of the due instants, which come and go in order of time.

    An instant up to `catchup_window` before `now`, and no more, is caught up with. Of those that are, `latest` and
    `earliest` fire one, `all` fires every one. `more_are_due` says that these are followed by others, `earliest_fired`
    that one before them fired, both by the same `now`. Raises ValueError if the instants are not in order.
    """
    if any(later <= earlier for earlier, later in pairwise(due)):
        raise ValueError("the due instants must be in order and each only once")
    caught_up = [instant for instant in due if now - instant <= catchup_window]
    firing: Sequence[datetime]
    match coalesce:
        case "all":
            firing = caught_up
        case "latest":
            firing = [] if more_are_due else caught_up[-1:]
        case "earliest":
            firing = [] if earliest_fired else caught_up[:1]
        case _:
            assert_never(coalesce)
    fires, in_time = frozenset(firing), frozenset(caught_up)
    return tuple(
        Fate(instant, "fire")
        if instant in fires
        else Fate(instant, "miss", COALESCED if instant in in_time else OUTSIDE_WINDOW)
        for instant in due
    )


def next_fates(
    when: When,
    after: datetime,
    *,
    now: datetime,
    catchup_window: timedelta,
    coalesce: Coalesce,
    limit: int,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    earliest_fired: bool = False,
) -> FateBatch:
    """The fates of the first `limit` instants with `after < instant <= now`.

    A batch that is not complete is followed by one with its last instant as `after` and its `earliest_fired`. With
    `latest` and `all` any batch may have a later `now` than the one before; with `earliest` a later batch that no
    longer knows its `earliest_fired` (the process died in between) fires one more instant, each still only once.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1, but is {limit}")
    found = instants(when, after, now, limit + 1, starts_at=starts_at, ends_at=ends_at)
    complete = len(found) <= limit
    fates = decide(
        found[:limit],
        now=now,
        catchup_window=catchup_window,
        coalesce=coalesce,
        more_are_due=not complete,
        earliest_fired=earliest_fired,
    )
    fired = any(fate.outcome == "fire" for fate in fates)
    return FateBatch(fates, complete, earliest_fired or (coalesce == "earliest" and fired))


def overlapping(fates: Sequence[Fate], overlap: Overlap, *, has_running: bool, has_queued: bool) -> tuple[Fate, ...]:
    """The same fates, seen with the work that earlier instants left: running, or queued and not begun (or to retry).

    Each fate that fires is work for those after it. `skip` fires only when there is none; `queue_one` lets one wait
    for what runs; `allow` fires all; `cancel_running` fires all and marks those that end what was there before.
    """
    seen: list[Fate] = []
    for fate in fates:
        judged = fate
        if fate.outcome == "fire":
            judged = _against(fate, overlap, has_running=has_running, has_queued=has_queued)
            if judged.outcome == "fire":
                has_queued = has_queued or judged.waits_for_running
                has_running = True
        seen.append(judged)
    return tuple(seen)


def _against(fate: Fate, overlap: Overlap, *, has_running: bool, has_queued: bool) -> Fate:
    is_busy = has_running or has_queued
    match overlap:
        case "allow":
            return fate
        case "cancel_running":
            return replace(fate, cancels_running=is_busy)
        case "skip":
            return replace(fate, outcome="skip", reason=OVERLAP) if is_busy else fate
        case "queue_one":
            if has_queued:
                return replace(fate, outcome="skip", reason=OVERLAP)
            return replace(fate, waits_for_running=has_running)
        case _:
            assert_never(overlap)
