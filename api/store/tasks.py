"""Tasks as their owner sees them: read, listed, retried; pushing is in api.store.pushes, leases in task_leases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.errors import LockNotAvailable, UniqueViolation

from api.store.answers import MOST_BYTES
from shared.array import array
from shared.database import Cursor, only_row
from shared.store.schedules import HELD_UNTIL

MOST_RETRIED = 10_000


@dataclass(frozen=True, slots=True)
class Task:
    """A task as its owner sees it; `worker` is who has it, or had it last.

    `due_at` is None while it waits for the work before it, as the overlap `queue_one` of a schedule has it.
    """

    id: UUID
    queue: str
    spec: dict[str, Any]
    state: str
    priority: int
    attempt: int
    failures: int
    expirations: int
    max_attempts: int
    timeout_seconds: int | None
    dedup_key: str | None
    worker: str | None
    lease_expires_at: datetime | None
    cancel_requested: bool
    error: str | None
    result: Any
    schedule_id: int | None
    scheduled_for: datetime
    run_id: UUID | None
    due_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


GET = """
SELECT work.id, queue, spec, state, priority, attempt, counts.failures, counts.expirations, max_attempts,
       timeout_seconds, dedup_key, counts.worker, lease_expires_at, cancel_requested, error, result, schedule_id,
       coalesce(scheduled_for, created_at), run_id, nullif(due_at, %(held_until)s), created_at, started_at, finished_at
FROM work
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE outcome IN ('failed', 'timeout')) AS failures,
           count(*) FILTER (WHERE outcome = 'lease_expired') AS expirations,
           nullif((array_agg(worker ORDER BY number DESC))[1], '') AS worker
    FROM attempts
    WHERE attempts.work_id = work.id
) AS counts
WHERE account_id = %(account_id)s AND kind = 'task' AND work.id = ANY(%(ids)s::uuid[])
"""


def get_all(cursor: Cursor, account_id: int, task_ids: Sequence[UUID]) -> dict[UUID, Task]:
    """Those of these tasks that the account has, by their ids."""
    cursor.execute(GET, {"account_id": account_id, "ids": array(task_ids), "held_until": HELD_UNTIL})
    return {row[0]: Task(*row) for row in cursor.fetchall()}


def get(cursor: Cursor, account_id: int, task_id: UUID) -> Task | None:
    return get_all(cursor, account_id, [task_id]).get(task_id)


# `#> '{}'` is a value as it is, not compressed. The first task fits always.
LIST = """
WITH listed_tasks AS (
    SELECT id, spec, result
    FROM work
    WHERE account_id = %(account_id)s
      AND kind = 'task'
      AND (%(before)s::uuid IS NULL OR id < %(before)s)
      AND (%(queue)s IS NULL OR queue = %(queue)s)
      AND (%(state)s IS NULL OR state = %(state)s)
    ORDER BY id DESC
    LIMIT %(limit)s + 1
),
measured_tasks AS (
    SELECT id,
           row_number() OVER newest_first AS place,
           sum(pg_column_size(spec #> '{}') + coalesce(pg_column_size(result #> '{}'), 0)) OVER newest_first AS bytes
    FROM listed_tasks
    WINDOW newest_first AS (ORDER BY id DESC)
)
SELECT id, place = 1 OR (place <= %(limit)s AND bytes <= %(most_bytes)s)
FROM measured_tasks
ORDER BY id DESC
"""


def page(
    cursor: Cursor,
    account_id: int,
    *,
    before: UUID | None,
    limit: int,
    queue: str | None = None,
    state: str | None = None,
    most_bytes: int = MOST_BYTES,
) -> tuple[list[Task], bool]:
    """The account's tasks, newest first, from behind `before`, and whether there are more.

    Together their payloads and results have about `most_bytes` at most, but for a single task that has more.
    """
    filters = {"queue": queue, "state": state, "before": before}
    cursor.execute(LIST, {"account_id": account_id, "limit": limit, "most_bytes": most_bytes, **filters})
    rows = cursor.fetchall()
    ids = [id for id, fits in rows if fits]
    found = get_all(cursor, account_id, ids)
    return [found[id] for id in ids if id in found], len(ids) < len(rows)


class KeyInUse(Exception):
    """another task with the same dedup_key has not ended"""


# The attempts stay as they were; released, they do not count against those that are to come. The task of a run is left
# out: its run has failed with it.
BEGIN_AFRESH = """
UPDATE work
SET state = 'pending',
    due_at = now(),
    released = attempt,
    error = NULL,
    cancel_requested = false,
    finished_at = NULL
WHERE account_id = %(account_id)s AND kind = 'task' AND id = ANY(%(ids)s::uuid[])
  AND state = 'failed' AND run_id IS NULL
"""


def begin_afresh(cursor: Cursor, account_id: int, task_ids: Sequence[UUID]) -> int:
    """Begin those of these tasks that have failed afresh, due now, with all their attempts before them; how many.

    Raises KeyInUse.
    """
    try:
        cursor.execute(BEGIN_AFRESH, {"account_id": account_id, "ids": array(task_ids)})
    except (UniqueViolation, LockNotAvailable) as refusal:
        raise KeyInUse from refusal
    return cursor.rowcount


# A push writes its keys in their order, this one writes rows as they lie: the two may wait for each other. Then it is
# this one that gives way, before Postgres (after 1 s) ends either of them.
GIVE_WAY = """
SET LOCAL lock_timeout = '300ms'
"""

# Of several with one dedup_key only the newest, and none whose key is in use. One more than are begun is looked at.
FAILED = """
WITH failed_tasks AS (
    SELECT id, dedup_key
    FROM work
    WHERE account_id = %(account_id)s AND queue = %(queue)s AND kind = 'task' AND state = 'failed'
      AND run_id IS NULL
      AND (dedup_key IS NULL OR NOT EXISTS (
          SELECT 1
          FROM work AS unfinished_task
          WHERE unfinished_task.account_id = work.account_id
            AND unfinished_task.queue = work.queue
            AND unfinished_task.dedup_key = work.dedup_key
            AND unfinished_task.state IN ('pending', 'running')
      ))
    ORDER BY id
    LIMIT %(most)s + 1
    FOR NO KEY UPDATE SKIP LOCKED
),
numbered_tasks AS (
    SELECT id, row_number() OVER (PARTITION BY coalesce(dedup_key, id::text) ORDER BY id DESC) AS place
    FROM (SELECT id, dedup_key FROM failed_tasks ORDER BY id LIMIT %(most)s) AS first_tasks
)
SELECT ARRAY(SELECT id FROM numbered_tasks WHERE place = 1), (SELECT count(*) FROM failed_tasks) > %(most)s
"""


def retry_failed(cursor: Cursor, account_id: int, queue: str, *, most: int = MOST_RETRIED) -> tuple[int, bool]:
    """Begin failed tasks of a queue afresh; how many, and whether there are more.

    The cursor must be a transaction's. Raises KeyInUse when a key of theirs came into use meanwhile.
    """
    cursor.execute(GIVE_WAY)
    cursor.execute(FAILED, {"account_id": account_id, "queue": queue, "most": most})
    task_ids, has_more = only_row(cursor)
    return begin_afresh(cursor, account_id, task_ids), has_more
