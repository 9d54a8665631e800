"""Tasks in the hands of a worker: whether the token that it shows is in force, and for how long it is to be.

A lease that has run out is in force until it is taken back: nobody else has the task before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
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
    began: datetime
    now: datetime

    @property
    def has_attempts_left(self) -> bool:
        """Whether another attempt may follow this one."""
        return self.attempt - self.released < self.max_attempts


# Why a token gives no right to a task: it did end the task well, it is not in force, its time was over, or there is no
# such task.
NotHeld = Literal["acked_before", "lease_lost", "job_timed_out", "unknown"]

LOCK = """
SELECT id, queue, lease_token, lease_expires_at, attempt, released, max_attempts, timeout_seconds, cancel_requested,
       run_id
FROM work
WHERE account_id = %(account_id)s AND kind = 'task' AND id = ANY(%(ids)s::uuid[])
ORDER BY id
FOR NO KEY UPDATE
"""

# A statement of its own: while LOCK waited for a pop to commit, that pop's attempt was behind its snapshot.
ATTEMPTS_OF_LEASES = """
SELECT work_id, started_at, outcome, statement_timestamp()
FROM unnest(%(ids)s::uuid[], %(lease_tokens)s::uuid[]) AS leases (id, lease_token)
JOIN attempts ON attempts.work_id = leases.id AND attempts.lease_token = leases.lease_token
"""


def held(cursor: Cursor, account_id: int, leases: Mapping[UUID, UUID]) -> dict[UUID, HeldTask | NotHeld]:
    """How it stands with each of these tasks and the lease token that is shown for it.

    Two statements, and locks to the end of both: the cursor must be a transaction's.
    """
    cursor.execute(LOCK, {"account_id": account_id, "ids": array(leases)})
    rows = {row[0]: row for row in cursor.fetchall()}
    cursor.execute(ATTEMPTS_OF_LEASES, {"ids": array(leases), "lease_tokens": array(leases.values())})
    attempts = {row[0]: row[1:] for row in cursor.fetchall()}
    return {id: _standing(rows.get(id), token, attempts.get(id)) for id, token in leases.items()}


def _standing(
    row: tuple[Any, ...] | None, token: UUID, attempt: tuple[datetime, str | None, datetime] | None
) -> HeldTask | NotHeld:
    if row is None:
        return "unknown"
    if attempt is None:
        return "lease_lost"
    began, outcome, now = attempt
    task = HeldTask(*(*row, began, now))
    if task.lease_token != token:
        if outcome == "succeeded":
            return "acked_before"
        return "job_timed_out" if outcome == "timeout" else "lease_lost"
    if task.timeout_seconds is not None and began + timedelta(seconds=task.timeout_seconds) <= now:
        return "job_timed_out"
    return task


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
