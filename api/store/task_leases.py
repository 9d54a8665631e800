"""Leases on tasks, taken by popping; what is done with them is in api.store.held_tasks.

A lease is known by its token, fresh for every attempt. Times are the database's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.array import array
from shared.database import Cursor, only_row


@dataclass(frozen=True, slots=True)
class PoppedTask:
    """A task whose lease an external worker holds until `lease_expires_at`, if it does not extend it."""

    id: UUID
    queue: str
    payload: Any
    attempt: int
    lease_token: UUID
    lease_expires_at: datetime
    timeout_seconds: int | None
    scheduled_for: datetime


# From priority to priority along the index, one probe each: what is due later stands behind what is due, and is never
# read. Each priority is then gone through by itself, past what others are popping just now, no further than needed.
# The lease begins with the statement, and ends no later than the allowance of its attempt.
POP = """
WITH RECURSIVE waiting_priorities AS (
    (
        SELECT priority, due_at
        FROM work
        WHERE account_id = %(account_id)s AND queue = %(queue)s AND state = 'pending' AND kind = 'task'
        ORDER BY priority DESC, due_at
        LIMIT 1
    )
    UNION ALL
    SELECT next_priority.priority, next_priority.due_at
    FROM waiting_priorities
    CROSS JOIN LATERAL (
        SELECT priority, due_at
        FROM work
        WHERE account_id = %(account_id)s AND queue = %(queue)s AND state = 'pending' AND kind = 'task'
          AND work.priority < waiting_priorities.priority
        ORDER BY work.priority DESC, work.due_at
        LIMIT 1
    ) AS next_priority
),
due_priorities AS MATERIALIZED (
    SELECT priority
    FROM waiting_priorities
    WHERE due_at <= coalesce(%(now)s, statement_timestamp())
    ORDER BY priority DESC
),
locked_tasks AS MATERIALIZED (
    SELECT due_tasks.id
    FROM due_priorities
    CROSS JOIN LATERAL (
        SELECT id
        FROM work
        WHERE account_id = %(account_id)s AND queue = %(queue)s AND state = 'pending' AND kind = 'task'
          AND work.priority = due_priorities.priority
          AND due_at <= coalesce(%(now)s, statement_timestamp())
        ORDER BY due_at, id
        LIMIT %(most)s
        FOR UPDATE SKIP LOCKED
    ) AS due_tasks
    LIMIT %(most)s
),
popped_tasks AS (
    UPDATE work
    SET state = 'running',
        attempt = attempt + 1,
        lease_token = gen_random_uuid(),
        lease_expires_at = coalesce(%(now)s, statement_timestamp())
            + make_interval(secs => least(%(lease_seconds)s, timeout_seconds)),
        started_at = coalesce(started_at, %(now)s, statement_timestamp())
    WHERE id = ANY(ARRAY(SELECT id FROM locked_tasks))
    RETURNING id, queue, spec, attempt, lease_token, lease_expires_at, timeout_seconds,
              coalesce(scheduled_for, created_at) AS scheduled_for, priority, due_at
),
begun_attempts AS (
    INSERT INTO attempts (work_id, number, worker, started_at, lease_token)
    SELECT id, attempt, %(worker)s, coalesce(%(now)s, statement_timestamp()), lease_token
    FROM popped_tasks
)
SELECT id, queue, spec -> 'payload', attempt, lease_token, lease_expires_at, timeout_seconds, scheduled_for
FROM popped_tasks
ORDER BY priority DESC, due_at, id
"""


def pop(
    cursor: Cursor,
    account_id: int,
    queue: str,
    *,
    most: int,
    lease_seconds: int,
    worker: str | None,
    now: datetime | None = None,
) -> list[PoppedTask]:
    """Lease at most so many due tasks of a queue, the highest priority first, then the one that is due longest."""
    cursor.execute(
        POP,
        {
            "account_id": account_id,
            "queue": queue,
            "most": most,
            "lease_seconds": lease_seconds,
            "worker": worker or "",
            "now": now,
        },
    )
    return [PoppedTask(*row) for row in cursor.fetchall()]


SECONDS_UNTIL_DUE = """
WITH RECURSIVE waiting_priorities AS (
    (
        SELECT priority, due_at
        FROM work
        WHERE account_id = %(account_id)s AND queue = %(queue)s AND state = 'pending' AND kind = 'task'
        ORDER BY priority DESC, due_at
        LIMIT 1
    )
    UNION ALL
    SELECT next_priority.priority, next_priority.due_at
    FROM waiting_priorities
    CROSS JOIN LATERAL (
        SELECT priority, due_at
        FROM work
        WHERE account_id = %(account_id)s AND queue = %(queue)s AND state = 'pending' AND kind = 'task'
          AND work.priority < waiting_priorities.priority
        ORDER BY work.priority DESC, work.due_at
        LIMIT 1
    ) AS next_priority
)
SELECT extract(epoch FROM min(due_at) - statement_timestamp())::float8
FROM waiting_priorities
"""


def seconds_until_due(cursor: Cursor, account_id: int, queue: str) -> float | None:
    """In how many seconds the next task of a queue is due; none or less when one is due, None when none is there."""
    cursor.execute(SECONDS_UNTIL_DUE, {"account_id": account_id, "queue": queue})
    seconds: float | None = only_row(cursor)[0]
    return seconds


POPPED_BEFORE = """
SELECT work.id, queue, spec -> 'payload', attempt, work.lease_token, lease_expires_at, timeout_seconds,
       coalesce(scheduled_for, created_at)
FROM unnest(%(ids)s::uuid[], %(lease_tokens)s::uuid[]) AS leases (id, lease_token)
JOIN work ON work.id = leases.id AND work.lease_token = leases.lease_token
WHERE account_id = %(account_id)s AND kind = 'task' AND lease_expires_at > statement_timestamp()
ORDER BY priority DESC, due_at, work.id
"""


def popped_before(cursor: Cursor, account_id: int, leases: Mapping[UUID, UUID]) -> list[PoppedTask]:
    """Those of these tasks that are still held under these tokens."""
    cursor.execute(
        POPPED_BEFORE, {"account_id": account_id, "ids": array(leases), "lease_tokens": array(leases.values())}
    )
    return [PoppedTask(*row) for row in cursor.fetchall()]
