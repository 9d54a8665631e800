"""The sweep: take back the leases of the dead, and ring again for what is due and was not begun."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from scheduler import expiry, overdue_runs
from scheduler.chores import Done
from scheduler.expiry import ExpiredWork
from shared import task_ends
from shared.crash_points import CrashPoint, reach
from shared.database import Cursor, Database
from shared.event_data import run_finished, schedule_paused
from shared.queues import Bell
from shared.store import error_calls, events, schedules
from shared.store.events import NewEvent
from shared.store.work import FinishedAttempt
from shared.task_ends import Consequences

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
        log.warning("leases_expired", count=len(expired), ids=[item.work.id for item in expired[:10]])
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
        bell.announce_tasks((item.account_id, item.queue) for item in expired)
        _tell(bell, follows)
    return len(expired) == LEASES_AT_ONCE


def end_overdue_runs(database: Database, bell: Bell, *, delivery_attempts: int) -> Done:
    """End a batch of runs that wait for their tasks although their time is up."""
    with database.transaction() as transaction:
        cursor = transaction.cursor
        ended = overdue_runs.end_overdue(cursor, limit=LEASES_AT_ONCE)
        follows = task_ends.follow(cursor, ended, delivery_attempts=delivery_attempts)
    if ended:
        log.info("runs_overdue", count=len(ended), tasks=[str(id) for id in ended[:10]])
        _tell(bell, follows)
    return Done(len(ended), there_is_more=len(ended) == LEASES_AT_ONCE)


def _tell(bell: Bell, follows: Consequences) -> None:
    bell.announce(follows.ended)
    bell.announce_tasks(follows.queues)
    if follows.to_ring:
        bell.ring(follows.to_ring)


def _tell_of_failures(cursor: Cursor, failed: Sequence[ExpiredWork], delivery_attempts: int) -> list[UUID]:
    """What follows from work that has failed with its last lease; the ids of the deliveries that tell of it."""
    ids = [item.work.id for item in failed]
    error_calls.begin(cursor, ids)
    happened = [_run_finished(item) for item in failed if item.work.kind == "run"]
    paused = schedules.pause_after(cursor, ids)
    happened += [schedule_paused(each.account_id, each.id, each.name, each.note) for each in paused]
    jobs = [item.work.id for item in failed if item.work.kind == "job"]
    return [
        *events.record(cursor, happened, delivery_attempts=delivery_attempts),
        *events.record_ended_jobs(cursor, jobs, delivery_attempts=delivery_attempts),
    ]


def _run_finished(item: ExpiredWork) -> NewEvent:
    work = item.work
    return run_finished(
        work, FinishedAttempt(work.id, work.lease_token, "failed", "failed", outcome="error", error=item.error)
    )


DUE = """
SELECT id
FROM work
WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery') AND due_at <= now()
ORDER BY due_at
LIMIT %(limit)s
"""


def ring_for_due_work(database: Database, bell: Bell) -> int:
    """Ring for work that is due and was not begun; how much of it there is, up to a ring's worth."""
    with database.reading() as cursor:
        released = schedules.release_held(cursor, None)
        cursor.execute(DUE, {"limit": LEASES_AT_ONCE})
        ids = [row[0] for row in cursor.fetchall()]
    bell.announce_tasks({(item.account_id, item.queue) for item in released if item.queue is not None})
    if ids:
        bell.ring(ids)
    return len(ids)
