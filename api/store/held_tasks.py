"""Tasks in the hands of a worker: whether the token that it shows is in force, and for how long it is to be.

A lease that has run out is in force until it is taken back: nobody else has the task before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from shared.array import array
from shared.database import Cursor, only_row


@dataclass(frozen=True, slots=True)
class HeldTask:
    """A task whose lease is in force, locked for this transaction; `now` is when that was seen."""

    id: UUID
    queue: str
    lease_token: UUID
    lease_expires_at: datetime
    attempt: int
    released: int
    max_attempts: int
    timeout_seconds: int | None
    cancel_requested: bool
    run_id: UUID | None
    schedule_id: int | None
    scheduled_for: datetime | None
    began: datetime
    now: datetime

    @property
    def has_attempts_left(self) -> bool:
        """Whether another attempt may follow this one."""
        return self.attempt - self.released < self.max_attempts

    @property
    def has_timed_out(self) -> bool:
        """Whether the whole allowance of the attempt is over."""
        return self.timeout_seconds is not None and self.began + timedelta(seconds=self.timeout_seconds) <= self.now


# Why a token gives no right to a task: it did end the task well, it is not in force, its time was over, or there is no
# such task.
NotHeld = Literal["acked_before", "lease_lost", "job_timed_out", "unknown"]

# Whoever shows a token was given it after its attempt had been committed: if that token is still in force, the attempt
# is there to be seen, however long this has waited for the lock.
LOCK = """
SELECT id, queue, lease_token, lease_expires_at, attempt, released, max_attempts, timeout_seconds,
       cancel_requested, run_id, schedule_id, scheduled_for,
       (SELECT started_at FROM attempts WHERE work_id = work.id AND number = work.attempt), statement_timestamp()
FROM work
WHERE account_id = %(account_id)s AND kind = 'task' AND id = ANY(%(ids)s::uuid[])
ORDER BY id
FOR NO KEY UPDATE
"""


def held(cursor: Cursor, account_id: int, leases: Mapping[UUID, UUID]) -> dict[UUID, HeldTask | NotHeld]:
    """How it stands with each of these tasks and the lease token that is shown for it.

    Locks those that there are to the end of the transaction, which the cursor must be of.
    """
    cursor.execute(LOCK, {"account_id": account_id, "ids": array(leases)})
    standings: dict[UUID, HeldTask | NotHeld] = dict.fromkeys(leases, "unknown")
    lost: dict[UUID, UUID] = {}
    for row in cursor.fetchall():
        task = HeldTask(*row)
        if task.lease_token != leases[task.id]:
            lost[task.id] = leases[task.id]
        else:
            standings[task.id] = "job_timed_out" if task.has_timed_out else task
    return standings | _why_lost(cursor, lost)


# A statement of its own: what LOCK has waited for ended attempts that its snapshot shows as going on.
OUTCOMES = """
SELECT work_id, outcome
FROM unnest(%(ids)s::uuid[], %(lease_tokens)s::uuid[]) AS leases (id, lease_token)
JOIN attempts ON attempts.work_id = leases.id AND attempts.lease_token = leases.lease_token
"""
WHY_LOST: Mapping[str | None, NotHeld] = {"succeeded": "acked_before", "timeout": "job_timed_out"}


def _why_lost(cursor: Cursor, leases: Mapping[UUID, UUID]) -> dict[UUID, NotHeld]:
    if not leases:
        return {}
    cursor.execute(OUTCOMES, {"ids": array(leases), "lease_tokens": array(leases.values())})
    outcomes: dict[UUID, str | None] = dict(cursor.fetchall())
    return {id: WHY_LOST.get(outcomes.get(id), "lease_lost") for id in leases}


EXTEND = """
UPDATE work
SET lease_expires_at = least(
        statement_timestamp() + make_interval(secs => %(lease_seconds)s),
        attempts.started_at + make_interval(secs => work.timeout_seconds)
    )
FROM attempts
WHERE work.id = %(id)s
  AND work.lease_token = %(lease_token)s
  AND attempts.work_id = work.id
  AND attempts.number = work.attempt
RETURNING lease_expires_at
"""


def extend(cursor: Cursor, task: HeldTask, lease_seconds: int) -> datetime:
    """Let the lease end so many seconds from now, but with its attempt's allowance; when that is."""
    cursor.execute(EXTEND, {"id": task.id, "lease_token": task.lease_token, "lease_seconds": lease_seconds})
    lease_expires_at: datetime = only_row(cursor)[0]
    return lease_expires_at
