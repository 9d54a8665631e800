"""Leases on tasks, taken by popping; what is done with them is in api.store.held_tasks.

A lease is known by its token, fresh for every attempt. Times are the database's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from api.store.answers import MOST_BYTES
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
# Large payloads end it early, but the first task fits always. `#> '{}'` is the payload as it is, not compressed.
# The lease begins with the statement, and ends no later than the allowance of its attempt.
POP = """
WITH due_priorities AS MATERIALIZED (
    SELECT priority
    FROM waiting_priorities(%(account_id)s, %(queue)s)
    WHERE due_at <= coalesce(%(now)s, statement_timestamp())
    ORDER BY priority DESC
),
locked_tasks AS MATERIALIZED (
    SELECT id, row_number() OVER so_far AS place, sum(bytes) OVER so_far AS bytes
    FROM (
        SELECT due_tasks.id, due_tasks.bytes
        FROM due_priorities
        CROSS JOIN LATERAL (
            SELECT id, pg_column_size(spec #> '{}') AS bytes
            FROM work
            WHERE account_id = %(account_id)s AND queue = %(queue)s AND state = 'pending' AND kind = 'task'
              AND work.priority = due_priorities.priority
              AND due_at <= coalesce(%(now)s, statement_timestamp())
            ORDER BY due_at, id
            LIMIT %(most)s
            FOR UPDATE SKIP LOCKED
        ) AS due_tasks
        LIMIT %(most)s
    ) AS next_tasks
    WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)
),
popped_tasks AS (
    UPDATE work
    SET state = 'running',
        attempt = attempt + 1,
        lease_token = gen_random_uuid(),
        lease_expires_at = coalesce(%(now)s, statement_timestamp())
            + make_interval(secs => least(%(lease_seconds)s, timeout_seconds)),
        started_at = coalesce(started_at, %(now)s, statement_timestamp())
    WHERE id = ANY(ARRAY(SELECT id FROM locked_tasks WHERE place = 1 OR bytes <= %(most_bytes)s))
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
    most_bytes: int = MOST_BYTES,
    now: datetime | None = None,
) -> list[PoppedTask]:
    """Lease at most so many due tasks of a queue, the highest priority first, then the one that is due longest.

    Together their payloads have about `most_bytes` at most, but for a single task that has more.
    """
    cursor.execute(
        POP,
        {
            "account_id": account_id,
            "queue": queue,
            "most": most,
            "lease_seconds": lease_seconds,
            "worker": worker or "",
            "most_bytes": most_bytes,
            "now": now,
        },
    )
    return [PoppedTask(*row) for row in cursor.fetchall()]


SECONDS_UNTIL_DUE = """
SELECT extract(epoch FROM min(due_at) - statement_timestamp())::float8
FROM waiting_priorities(%(account_id)s, %(queue)s)
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
