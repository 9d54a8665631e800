"""The sweep: take back the leases of the dead, and ring again for what is due and was not begun."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from scheduler import expiry
from scheduler.expiry import ExpiredWork
from shared import task_ends
from shared.crash_points import CrashPoint, reach
from shared.database import Cursor, Database
from shared.event_data import job_ended, run_finished, schedule_paused
from shared.queues import Bell
from shared.store import error_calls, events, schedules, work
from shared.store.events import NewEvent
from shared.store.work import FinishedAttempt

log = structlog.get_logger(__name__)

LEASES_AT_ONCE = 500


def expire_leases(database: Database, bell: Bell, *, delivery_attempts: int) -> bool:
    """Take back a batch of our workers' leases that ran out; whether there may be more."""
    with database.transaction() as transaction:
        cursor = transaction.cursor
        expired = expiry.expire(cursor, limit=LEASES_AT_ONCE)
        failed = [item for item in expired if item.state == "failed"]
        deliveries = _tell_of_failures(cursor, failed, delivery_attempts) if failed else []
        reach(CrashPoint.SCHEDULER_BEFORE_COMMIT)
    reach(CrashPoint.SCHEDULER_AFTER_COMMIT)
    if expired:
        log.warning("leases_expired", count=len(expired), ids=[str(item.work.id) for item in expired[:10]])
        bell.announce(item.work.id for item in failed)
    if deliveries:
        bell.ring(deliveries)
    return len(expired) == LEASES_AT_ONCE


def expire_leases_of_tasks(database: Database, bell: Bell, *, delivery_attempts: int) -> bool:
    """Take back a batch of external workers' leases that ran out; whether there may be more."""
    with database.transaction() as transaction:
        cursor = transaction.cursor
        expired = expiry.expire_tasks(cursor, limit=LEASES_AT_ONCE)
        ended = [item.id for item in expired if item.state != "pending"]
        follows = task_ends.follow(cursor, ended, delivery_attempts=delivery_attempts)
        reach(CrashPoint.SCHEDULER_BEFORE_COMMIT)
    reach(CrashPoint.SCHEDULER_AFTER_COMMIT)
    if expired:
        log.info("leases_of_tasks_expired", count=len(expired), ids=[str(item.id) for item in expired[:10]])
        bell.announce(follows.ended)
        bell.announce_tasks(follows.queues | {(item.account_id, item.queue) for item in expired})
    if follows.to_ring:
        bell.ring(follows.to_ring)
    return len(expired) == LEASES_AT_ONCE


def _tell_of_failures(cursor: Cursor, failed: Sequence[ExpiredWork], delivery_attempts: int) -> list[UUID]:
    """What follows from work that has failed with its last lease; the ids of the deliveries that tell of it."""
    ids = [item.work.id for item in failed]
    error_calls.begin(cursor, ids)
    happened = [event for item in failed if (event := _event_of(item)) is not None]
    paused = schedules.pause_after(cursor, ids)
    happened += [schedule_paused(each.account_id, each.id, each.name, each.note) for each in paused]
    return events.record(cursor, happened, delivery_attempts=delivery_attempts)


def _event_of(item: ExpiredWork) -> NewEvent | None:
    outcome = "error" if item.work.kind == "run" else None
    end = FinishedAttempt(item.work.id, item.work.lease_token, "failed", "failed", outcome=outcome, error=item.error)
    match item.work.kind:
        case "run":
            return run_finished(item.work, end)
        case "job":
            return job_ended(item.work, end)
        case _:
            return None


def ring_for_due_work(database: Database, bell: Bell) -> int:
    """Ring for work that is due and was not begun; how much of it there is, up to a ring's worth."""
    with database.reading() as cursor:
        released = schedules.release_held(cursor, None)
        ids = work.due(cursor, limit=LEASES_AT_ONCE)
    bell.announce_tasks({(item.account_id, item.queue) for item in released if item.queue is not None})
    if ids:
        bell.ring(ids)
    return len(ids)
