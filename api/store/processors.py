"""Queues whose tasks fail when no processor is connected, as infinitas has it."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from shared.array import array
from shared.database import Cursor

NOBODY = "no processor"  # the worker of an attempt that nobody made
ABSENT = "no processor was connected"

# Noted as a pop is, and no more often than twice a second; nobody waits for whoever else is noting the same.
NOTE = """
WITH stale_queues AS (
    SELECT queues.account_id, queues.name
    FROM unnest(%(account_ids)s::bigint[], %(names)s::text[]) AS attended (account_id, name)
    JOIN schedules ON schedules.account_id = attended.account_id AND schedules.name = attended.name
    JOIN infinitas_tasks ON infinitas_tasks.schedule_id = schedules.id
    JOIN queues ON queues.account_id = attended.account_id AND queues.name = attended.name
    WHERE queues.last_popped_at IS NULL OR queues.last_popped_at < now() - interval '0.5 seconds'
    ORDER BY queues.account_id, queues.name
    FOR NO KEY UPDATE OF queues SKIP LOCKED
)
UPDATE queues
SET last_popped_at = now()
FROM stale_queues
WHERE queues.account_id = stale_queues.account_id AND queues.name = stale_queues.name
"""


def note(cursor: Cursor, attended: Collection[tuple[int, str]]) -> None:
    """Note that somebody looks after these queues of an account now; those that need no processor are passed over."""
    values = {
        "account_ids": array(account_id for account_id, _ in attended),
        "names": array(name for _, name in attended),
    }
    cursor.execute(NOTE, values)


@dataclass(frozen=True, slots=True)
class MissedTask:
    """A task that was due while no processor was connected, and what it is now: pending, or failed for good."""

    id: UUID
    account_id: int
    queue: str
    state: str


# Who has a task in hand looks after its queue, although nobody may have asked for more since. Which of its attempts a
# task fails with depends on how many were made before, whoever made them. All of it is one statement: an attempt that
# nobody made begins and ends at once.
FAIL_UNATTENDED = """
WITH due_tasks AS (
    SELECT tasks.id
    FROM infinitas_tasks
    JOIN schedules ON schedules.id = infinitas_tasks.schedule_id
    JOIN queues ON queues.account_id = schedules.account_id AND queues.name = schedules.name
    CROSS JOIN LATERAL (
        SELECT id
        FROM work
        WHERE account_id = queues.account_id AND queue = queues.name
          AND state = 'pending' AND kind = 'task' AND due_at <= now()
        ORDER BY priority DESC, due_at, id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS tasks
    WHERE schedules.kind = 'task'
      AND schedules.target ->> 'queue' = schedules.name
      AND coalesce(queues.last_popped_at, '-infinity') <= now() - make_interval(secs => %(absent_after_seconds)s)
      AND NOT EXISTS (
          SELECT 1
          FROM work AS running_tasks
          WHERE running_tasks.account_id = queues.account_id AND running_tasks.queue = queues.name
            AND running_tasks.kind = 'task' AND running_tasks.state = 'running'
            AND running_tasks.lease_expires_at > now()
      )
    LIMIT %(limit)s
),
missed_tasks AS (
    UPDATE work
    SET attempt = attempt + 1,
        started_at = coalesce(started_at, now()),
        state = CASE
            WHEN attempt - released < least(max_attempts - 1, cardinality(%(delays)s::float8[])) THEN 'pending'
            ELSE 'failed'
        END,
        due_at = now() + make_interval(secs => coalesce((%(delays)s::float8[])[attempt - released + 1], 0)),
        error = %(error)s,
        finished_at = CASE
            WHEN attempt - released < least(max_attempts - 1, cardinality(%(delays)s::float8[])) THEN NULL
            ELSE now()
        END
    WHERE id = ANY(ARRAY(SELECT id FROM due_tasks))
    RETURNING id, account_id, queue, state, attempt
),
missed_attempts AS (
    INSERT INTO attempts (work_id, number, worker, started_at, finished_at, outcome, error, elapsed_ms)
    SELECT id, attempt, %(worker)s, now(), now(), 'failed', %(error)s, 0
    FROM missed_tasks
)
SELECT id, account_id, queue, state
FROM missed_tasks
ORDER BY id
"""


def fail_unattended(
    cursor: Cursor, *, delays_seconds: Collection[float], absent_after_seconds: float, limit: int
) -> list[MissedTask]:
    """Count an attempt of each due task for which no processor was there for so long; it is due again after the delay.

    After the last delay it has failed, or before that when its attempts are used up.
    """
    cursor.execute(
        FAIL_UNATTENDED,
        {
            "delays": array(delays_seconds),
            "absent_after_seconds": absent_after_seconds,
            "limit": limit,
            "worker": NOBODY,
            "error": ABSENT,
        },
    )
    return [MissedTask(*row) for row in cursor.fetchall()]
