"""Queues as their owner sees them: how many tasks wait in them, and whether anybody looks after them."""

from dataclasses import dataclass
from datetime import datetime

from shared.database import Cursor

MOST_COUNTED = 100_000  # of a queue's tasks in one state: who has more sees that many


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue with the numbers of its tasks; `oldest_pending_seconds` is how long one of them has been due."""

    name: str
    pending: int
    running: int
    failed: int
    oldest_pending_seconds: float | None
    last_popped_at: datetime | None
    unattended_after_seconds: int | None
    unattended_since: datetime | None
    created_at: datetime


LIST = """
WITH listed_queues AS (
    SELECT account_id, name, last_popped_at, unattended_after_seconds, unattended_since, created_at
    FROM queues
    WHERE account_id = %(account_id)s
      AND (%(name)s IS NULL OR name = %(name)s)
      AND (%(after)s IS NULL OR name > %(after)s)
    ORDER BY name
    LIMIT %(limit)s
)
SELECT name, pending_tasks.count, running_tasks.count, failed_tasks.count,
       extract(epoch FROM now() - first_tasks.due_at)::float8,
       last_popped_at, unattended_after_seconds, unattended_since, created_at
FROM listed_queues
CROSS JOIN LATERAL (
    SELECT count(*) AS count
    FROM (
        SELECT
        FROM work
        WHERE account_id = listed_queues.account_id AND queue = listed_queues.name
          AND state = 'pending' AND kind = 'task'
        LIMIT %(most_counted)s
    ) AS counted_tasks
) AS pending_tasks
CROSS JOIN LATERAL (
    SELECT count(*) AS count
    FROM (
        SELECT
        FROM work
        WHERE account_id = listed_queues.account_id AND queue = listed_queues.name
          AND state = 'running' AND kind = 'task'
        LIMIT %(most_counted)s
    ) AS counted_tasks
) AS running_tasks
CROSS JOIN LATERAL (
    SELECT count(*) AS count
    FROM (
        SELECT
        FROM work
        WHERE account_id = listed_queues.account_id AND queue = listed_queues.name
          AND state = 'failed' AND kind = 'task'
        LIMIT %(most_counted)s
    ) AS counted_tasks
) AS failed_tasks
CROSS JOIN LATERAL (
    SELECT min(due_at) AS due_at
    FROM waiting_priorities(listed_queues.account_id, listed_queues.name)
    WHERE due_at <= now()
) AS first_tasks
ORDER BY name
"""


def page(
    cursor: Cursor,
    account_id: int,
    *,
    after: str | None,
    limit: int,
    name: str | None = None,
    most_counted: int = MOST_COUNTED,
) -> list[Queue]:
    """The account's queues by name, from behind `after`."""
    filters = {"after": after, "limit": limit, "name": name}
    cursor.execute(LIST, {"account_id": account_id, "most_counted": most_counted, **filters})
    return [Queue(*row) for row in cursor.fetchall()]


def get(cursor: Cursor, account_id: int, name: str) -> Queue | None:
    found = page(cursor, account_id, after=None, limit=1, name=name)
    return found[0] if found else None


CONFIGURE = """
INSERT INTO queues (account_id, name, unattended_after_seconds)
VALUES (%(account_id)s, %(name)s, %(unattended_after_seconds)s)
ON CONFLICT (account_id, name) DO UPDATE
SET unattended_after_seconds = EXCLUDED.unattended_after_seconds
"""


def configure(cursor: Cursor, account_id: int, name: str, *, unattended_after_seconds: int | None) -> None:
    """Set what is to be set of a queue, which is made by that if it is not there."""
    values = {"account_id": account_id, "name": name, "unattended_after_seconds": unattended_after_seconds}
    cursor.execute(CONFIGURE, values)


# Once a second is often enough, and nobody waits for whoever else is noting the same.
NOTE_POP = """
WITH stale_queue AS (
    SELECT account_id, name
    FROM queues
    WHERE account_id = %(account_id)s
      AND name = %(name)s
      AND (last_popped_at IS NULL OR last_popped_at < now() - interval '1 second')
    FOR NO KEY UPDATE SKIP LOCKED
),
noted_queue AS (
    UPDATE queues
    SET last_popped_at = now()
    FROM stale_queue
    WHERE queues.account_id = stale_queue.account_id AND queues.name = stale_queue.name
)
INSERT INTO queues (account_id, name, last_popped_at)
SELECT %(account_id)s, %(name)s, now()
WHERE NOT EXISTS (SELECT 1 FROM queues WHERE account_id = %(account_id)s AND name = %(name)s)
ON CONFLICT (account_id, name) DO NOTHING
"""


def note_pop(cursor: Cursor, account_id: int, name: str) -> None:
    """Note that somebody asks for the tasks of this queue now; writes nothing if that was noted within a second."""
    cursor.execute(NOTE_POP, {"account_id": account_id, "name": name})
