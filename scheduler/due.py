"""Due schedules become work: claimed in bulk, decided one by one, written in bulk, in one transaction a batch."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

import structlog

from scheduler.begun_work import BegunWork, NewWork, insert_work, unfinished
from scheduler.jitter import jitter
from scheduler.occurrences import Fate
from scheduler.planning import Plan, plan
from scheduler.store import (
    DueSchedule,
    NewOccurrence,
    advance,
    claim_due,
    commit_without_waiting,
    insert_occurrences,
    mark_invalid,
)
from shared.crash_points import CrashPoint, reach
from shared.database import Cursor, Database
from shared.event_data import occurrences_left_out
from shared.queues import Bell
from shared.store import events, queues, run_tasks, work
from shared.store.events import NewEvent
from shared.store.schedules import HELD_UNTIL

log = structlog.get_logger(__name__)

SCHEDULES_AT_ONCE = 500
HANDS = 2
BATCHES_AT_ONCE = 20  # then leases and heartbeat have their turn

OUTCOMES = {"fire": "fired", "skip": "skipped", "miss": "missed"}

Instant = tuple[int, datetime]  # a schedule, and an instant of it


@dataclass(frozen=True, slots=True)
class Written:
    """What firing has changed: work to ring for, work that was canceled, queues with new tasks."""

    to_ring: list[UUID]
    canceled: list[UUID]
    queues: set[tuple[int, str]]


def fire_all_due(database: Database, bell: Bell, *, delivery_attempts: int) -> int:
    """Decide on all schedules that are due; how many that were, counting each batch of a long outage.

    A full batch means more: then two hands work side by side, as two schedulers would, one waiting for Postgres
    while the other reckons.
    """
    fired = fire_due_schedules(database, bell, delivery_attempts=delivery_attempts)
    if fired < SCHEDULES_AT_ONCE:
        return fired
    with ThreadPoolExecutor(HANDS, "firing") as hands:
        return fired + sum(hands.map(lambda _: _fire_until_rest(database, bell, delivery_attempts), range(HANDS)))


def _fire_until_rest(database: Database, bell: Bell, delivery_attempts: int) -> int:
    total = 0
    for _ in range(BATCHES_AT_ONCE):
        fired = fire_due_schedules(database, bell, delivery_attempts=delivery_attempts)
        total += fired
        if fired < SCHEDULES_AT_ONCE:
            break
    return total


def fire_due_schedules(database: Database, bell: Bell, now: datetime | None = None, *, delivery_attempts: int) -> int:
    """Decide on a batch of due schedules and begin their work; how many schedules that were."""
    with database.transaction() as transaction:
        cursor = transaction.cursor
        commit_without_waiting(cursor)
        due, time = claim_due(cursor, limit=SCHEDULES_AT_ONCE, now=now)
        if time is None:
            return 0
        plans = _plans(cursor, due, time)
        done = _write(cursor, plans)
        to_ring = done.to_ring + events.record(cursor, _left_out(plans), delivery_attempts=delivery_attempts)
        reach(CrashPoint.SCHEDULER_BEFORE_FIRING_COMMIT)
    reach(CrashPoint.SCHEDULER_AFTER_FIRING_COMMIT)
    if to_ring:
        bell.ring(to_ring)
    bell.announce_tasks(done.queues)
    bell.announce(done.canceled)
    return len(due)


def _write(cursor: Cursor, plans: Sequence[Plan]) -> Written:
    """Record what was planned, and make the work of it."""
    canceled = _cancel_unfinished(cursor, [item.schedule.id for item in plans if item.cancels_running])
    firing = {
        (item.schedule.id, fate.instant): _due_at(item.schedule, fate)
        for item in plans
        for fate in item.fates
        if fate.outcome == "fire"
    }
    begun = insert_work(cursor, [NewWork(*instant, due_at) for instant, due_at in firing.items()])
    pushed = _push_tasks(cursor, [item for item in begun if item.queue is not None], firing)
    work_ids = {(item.schedule_id, item.scheduled_for): item.id for item in begun}
    recorded = insert_occurrences(cursor, [_occurrence(item, fate, work_ids) for item in plans for fate in item.fates])
    advance(cursor, plans, recorded)
    return Written([item.id for item in begun if item.queue is None], canceled, pushed)


def _cancel_unfinished(cursor: Cursor, schedule_ids: Sequence[int]) -> list[UUID]:
    """Cancel what the earlier occurrences of these schedules began and has not ended; a begun task is asked to stop."""
    if not schedule_ids:
        return []
    reason = "canceled by the next occurrence of its schedule"
    return work.cancel(cursor, None, schedule_ids=schedule_ids, reason=reason)


def _push_tasks(
    cursor: Cursor, begun: Sequence[BegunWork], firing: Mapping[Instant, datetime | str]
) -> set[tuple[int, str]]:
    """Push the tasks that runs wait for; the queues with tasks, those that schedules push themselves included."""
    queued = {(item.account_id, item.queue) for item in begun if item.queue is not None}
    queues.make_known(cursor, queued)
    run_tasks.push(
        cursor, {item.id: firing[item.schedule_id, item.scheduled_for] for item in begun if item.kind == "run"}
    )
    return queued


def _left_out(plans: Sequence[Plan]) -> list[NewEvent]:
    """What webhooks are told of instants that did not fire: one event for a row of them with the same reason."""
    return [
        occurrences_left_out(
            item.schedule.account_id,
            item.schedule.id,
            item.schedule.name,
            outcome=OUTCOMES[outcome],
            reason=reason,
            instants=[fate.instant for fate in fates],
        )
        for item in plans
        for (outcome, reason), fates in groupby(item.fates, key=lambda fate: (fate.outcome, fate.reason))
        if outcome != "fire"
    ]


def _plans(cursor: Cursor, due: Sequence[DueSchedule], now: datetime) -> list[Plan]:
    """A plan for each; a row that holds no rhythm is set aside, visibly, and stops none of the others."""
    going = unfinished(cursor, [schedule.id for schedule in due if schedule.overlap != "allow"])
    plans = []
    for schedule in due:
        has_running, has_queued = going.get(schedule.id, (False, False))
        try:
            plans.append(plan(schedule, now, has_running=has_running, has_queued=has_queued))
        except (ValueError, OverflowError) as error:
            log.exception("schedule_invalid", schedule_id=schedule.id)
            mark_invalid(cursor, schedule.id, f"set aside because its next instant cannot be computed: {error}")
    return plans


def _due_at(schedule: DueSchedule, fate: Fate) -> datetime | str:
    if fate.waits_for_running:
        return HELD_UNTIL
    return fate.instant + (_jitter(schedule, fate) if schedule.jitter_seconds else timedelta(0))


def _jitter(schedule: DueSchedule, fate: Fate) -> timedelta:
    return jitter(str(schedule.id), fate.instant, schedule.jitter_seconds)


def _occurrence(item: Plan, fate: Fate, work_ids: dict[Instant, UUID]) -> NewOccurrence:
    work_id = work_ids.get((item.schedule.id, fate.instant))
    return NewOccurrence(item.schedule.id, fate.instant, OUTCOMES[fate.outcome], fate.reason, work_id)
