"""Expiry: leases that ran out are taken back, those of our own workers and those of external ones."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Cursor
from shared.store.work import ClaimedWork, State


@dataclass(frozen=True, slots=True)
class ExpiredWork:
    """A piece of work whose lease ran out, and what it is now: pending, or failed for good."""

    work: ClaimedWork
    state: State
    error: str | None


EXPIRED = "the worker did not finish before its lease expired"
TIMED_OUT = "job_timed_out"
RUN_TIMED_OUT = "job_timed_out: nothing was observed within the %s s of the run"

EXPIRE = """
WITH lost_work AS (
    SELECT id, lease_token
    FROM work
    WHERE kind <> 'task' AND state = 'running' AND lease_expires_at <= coalesce(%(now)s, now())
    ORDER BY lease_expires_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
),
expired_work AS (
    UPDATE work
    SET state = CASE WHEN attempt - released < max_attempts THEN 'pending' ELSE 'failed' END,
        outcome = CASE WHEN attempt - released >= max_attempts AND kind = 'run' THEN 'error' END,
        error = CASE
            WHEN attempt - released < max_attempts THEN %(expired)s
            ELSE format('the lease of attempt %%s expired and no attempt is left', attempt)
        END,
        lease_token = NULL,
        lease_expires_at = NULL,
        finished_at = CASE WHEN attempt - released >= max_attempts THEN coalesce(%(now)s, now()) END
    FROM lost_work
    WHERE work.id = lost_work.id
    RETURNING work.id, account_id, kind, lane, attempt, released, max_attempts,
              lost_work.lease_token AS lost_token, timeout_seconds, checklist_id, schedule_id, scheduled_for,
              webhook_id, event_id, inert, error_of, trigger, spec, state, error
),
closed_attempts AS (
    UPDATE attempts
    SET finished_at = coalesce(%(now)s, now()),
        outcome = 'lease_expired',
        error = %(expired)s
    FROM expired_work
    WHERE attempts.work_id = expired_work.id AND attempts.number = expired_work.attempt
)
SELECT id::text, account_id, kind, lane, attempt, released, max_attempts, lost_token::text, timeout_seconds,
       checklist_id, schedule_id, scheduled_for, webhook_id, event_id, inert, error_of, trigger, spec, state, error
FROM expired_work
"""


def expire(cursor: Cursor, *, limit: int, now: datetime | None = None) -> list[ExpiredWork]:
    """Take back the leases that ran out: the work is pending again, or failed when no attempt is left."""
    cursor.execute(EXPIRE, {"limit": limit, "now": now, "expired": EXPIRED})
    return [ExpiredWork(ClaimedWork(*row[:-2]), row[-2], row[-1]) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class ExpiredTask:
    """A task whose lease ran out, and what it is now: pending, failed for good, or canceled as its owner asked."""

    id: UUID
    account_id: int
    queue: str
    state: State


# A lease never reaches beyond the time that its attempt has: where both end together, the time is what was up. What a
# task that observes for a run has is the time of the whole run: it is not tried again when that is up.
# The worker's name and the log of the attempt stay; who asks for the task next has another lease.
EXPIRE_TASKS = """
WITH lost_tasks AS (
    SELECT id,
           coalesce(%(now)s, now()) >= make_interval(secs => timeout_seconds) + (
               SELECT attempts.started_at
               FROM attempts
               WHERE attempts.work_id = work.id AND attempts.number = work.attempt
           ) AS timed_out,
           attempt - released >= max_attempts AS was_last
    FROM work
    WHERE kind = 'task' AND state = 'running' AND lease_expires_at <= coalesce(%(now)s, now())
    ORDER BY lease_expires_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
),
expired_tasks AS (
    UPDATE work
    SET state = CASE
            WHEN cancel_requested THEN 'canceled'
            WHEN was_last OR (timed_out AND run_id IS NOT NULL) THEN 'failed'
            ELSE 'pending'
        END,
        error = CASE
            WHEN cancel_requested THEN 'canceled as asked for, when its lease ended'
            WHEN timed_out AND run_id IS NOT NULL THEN format(%(run_timed_out)s, timeout_seconds)
            WHEN NOT was_last THEN CASE WHEN timed_out THEN %(timed_out)s ELSE %(expired)s END
            WHEN timed_out
            THEN format(
                'job_timed_out: attempt %%s took more than %%s s and no attempt is left', attempt, timeout_seconds
            )
            ELSE format('the lease of attempt %%s expired and no attempt is left', attempt)
        END,
        lease_token = NULL,
        lease_expires_at = NULL,
        finished_at = CASE
            WHEN cancel_requested OR was_last OR (timed_out AND run_id IS NOT NULL) THEN coalesce(%(now)s, now())
        END
    FROM lost_tasks
    WHERE work.id = lost_tasks.id
    RETURNING work.id, account_id, queue, attempt, state, lost_tasks.timed_out
),
closed_attempts AS (
    UPDATE attempts
    SET finished_at = coalesce(%(now)s, now()),
        outcome = CASE WHEN expired_tasks.timed_out THEN 'timeout' ELSE 'lease_expired' END,
        error = CASE WHEN expired_tasks.timed_out THEN %(timed_out)s ELSE %(expired)s END
    FROM expired_tasks
    WHERE attempts.work_id = expired_tasks.id AND attempts.number = expired_tasks.attempt
)
SELECT id, account_id, queue, state
FROM expired_tasks
"""


def expire_tasks(cursor: Cursor, *, limit: int, now: datetime | None = None) -> list[ExpiredTask]:
    """Take back the leases of external workers that ran out: the tasks can be popped again, or have ended."""
    cursor.execute(
        EXPIRE_TASKS,
        {
            "limit": limit,
            "now": now,
            "expired": EXPIRED,
            "timed_out": TIMED_OUT,
            "run_timed_out": RUN_TIMED_OUT,
        },
    )
    return [ExpiredTask(*row) for row in cursor.fetchall()]
