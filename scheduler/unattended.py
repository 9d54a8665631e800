"""The dead man's switch: an event when nobody asks for the due tasks of a queue, and one when somebody does again."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from shared.database import Cursor, Database
from shared.queues import Bell
from shared.store import events
from shared.store.events import NewEvent

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0  # between two looks
QUEUES_AT_ONCE = 1_000
MOST_BATCHES = 1_000
MOST_COUNTED = 100_000  # tasks; nobody reads a larger number more closely


@dataclass(frozen=True, slots=True)
class WatchedQueue:
    """A queue that nobody asked for its tasks for long; `change` says whether that has just become news.

    `seconds` tells how long the oldest due task has waited, or, of a queue that is attended again, how long it was not.
    """

    account_id: int
    name: str
    change: str | None
    pending: int | None
    seconds: float | None


# The oldest of the due tasks is found by one probe for each priority. Whoever pops, or watches as well, holds his rows
# only for a moment: what is locked is left for the next look, and what has changed meanwhile is looked at again.
WATCH = """
WITH watched_queues AS (
    SELECT account_id, name, unattended_since,
           make_interval(secs => coalesce(unattended_after_seconds, %(after_seconds)s)) AS unattended_after
    FROM queues
    WHERE (account_id, name) > (%(after_account_id)s, %(after_name)s)
      AND (
          unattended_since IS NOT NULL
          OR coalesce(last_popped_at, '-infinity') <= coalesce(%(now)s, now())
             - make_interval(secs => coalesce(unattended_after_seconds, %(after_seconds)s))
      )
    ORDER BY account_id, name
    LIMIT %(limit)s
),
judged_queues AS (
    SELECT watched_queues.*, oldest_task.due_at AS oldest_due_at
    FROM watched_queues
    CROSS JOIN LATERAL (
        WITH RECURSIVE first_tasks AS (
            (
                SELECT priority, due_at
                FROM work
                WHERE account_id = watched_queues.account_id AND queue = watched_queues.name
                  AND state = 'pending' AND kind = 'task'
                ORDER BY priority DESC, due_at, id
                LIMIT 1
            )
            UNION ALL
            SELECT next_task.priority, next_task.due_at
            FROM first_tasks
            CROSS JOIN LATERAL (
                SELECT priority, due_at
                FROM work
                WHERE account_id = watched_queues.account_id AND queue = watched_queues.name
                  AND state = 'pending' AND kind = 'task' AND work.priority < first_tasks.priority
                ORDER BY priority DESC, due_at, id
                LIMIT 1
            ) AS next_task
        )
        SELECT min(due_at) AS due_at
        FROM first_tasks
        WHERE due_at <= coalesce(%(now)s, now())
    ) AS oldest_task
),
changing_queues AS (
    SELECT queues.account_id, queues.name, queues.unattended_since, judged_queues.oldest_due_at
    FROM queues
    JOIN judged_queues USING (account_id, name)
    WHERE queues.unattended_since IS NOT DISTINCT FROM judged_queues.unattended_since
      AND CASE
          WHEN queues.unattended_since IS NOT NULL
          THEN judged_queues.oldest_due_at IS NULL OR queues.last_popped_at > queues.unattended_since
          ELSE judged_queues.oldest_due_at <= coalesce(%(now)s, now()) - judged_queues.unattended_after
              AND coalesce(queues.last_popped_at, '-infinity')
                  <= coalesce(%(now)s, now()) - judged_queues.unattended_after
      END
    ORDER BY queues.account_id, queues.name
    FOR UPDATE OF queues SKIP LOCKED
),
changed_queues AS (
    UPDATE queues
    SET unattended_since = CASE WHEN changing_queues.unattended_since IS NULL THEN coalesce(%(now)s, now()) END
    FROM changing_queues
    WHERE queues.account_id = changing_queues.account_id AND queues.name = changing_queues.name
    RETURNING queues.account_id, queues.name, changing_queues.unattended_since AS before, changing_queues.oldest_due_at
)
SELECT watched_queues.account_id, watched_queues.name,
       CASE
           WHEN changed_queues.name IS NULL THEN NULL
           WHEN changed_queues.before IS NULL THEN 'unattended'
           ELSE 'attended'
       END,
       CASE WHEN changed_queues.name IS NOT NULL AND changed_queues.before IS NULL THEN (
           SELECT count(*)
           FROM (
               SELECT 1
               FROM work
               WHERE work.account_id = changed_queues.account_id AND work.queue = changed_queues.name
                 AND state = 'pending' AND kind = 'task'
               LIMIT %(most_counted)s
           ) AS counted_tasks
       ) END,
       extract(epoch FROM coalesce(%(now)s, now()) - coalesce(changed_queues.before, changed_queues.oldest_due_at))
FROM watched_queues
LEFT JOIN changed_queues USING (account_id, name)
ORDER BY watched_queues.account_id, watched_queues.name
"""


def watch_queues(database: Database, bell: Bell, *, after_seconds: float, delivery_attempts: int) -> int:
    """Tell of every queue that has become unattended, or is attended again; how many those are.

    Unattended: the oldest due task has waited for more than `after_seconds`, or what the queue itself says, and nobody
    asked for tasks for as long. Attended again: somebody asked, or no due task is left.
    """
    told = 0
    last: WatchedQueue | None = None
    for _ in range(MOST_BATCHES):
        with database.transaction() as transaction:
            cursor = transaction.cursor
            batch = watch(cursor, after=last, after_seconds=after_seconds, limit=QUEUES_AT_ONCE)
            changed = [queue for queue in batch if queue.change is not None]
            deliveries = events.record(
                cursor, [_event_of(queue) for queue in changed], delivery_attempts=delivery_attempts
            )
        for queue in changed:
            log.info(f"queue_{queue.change}", account_id=queue.account_id, queue=queue.name, seconds=queue.seconds)
        if deliveries:
            bell.ring(deliveries)
        told += len(changed)
        if len(batch) < QUEUES_AT_ONCE:
            break
        last = batch[-1]
    return told


def watch(
    cursor: Cursor, *, after: WatchedQueue | None, after_seconds: float, limit: int, now: datetime | None = None
) -> list[WatchedQueue]:
    """Look at queues that nobody asked for long, from behind `after` on, and note down what has changed for them."""
    cursor.execute(
        WATCH,
        {
            "after_account_id": after.account_id if after else 0,
            "after_name": after.name if after else "",
            "after_seconds": after_seconds,
            "most_counted": MOST_COUNTED,
            "limit": limit,
            "now": now,
        },
    )
    return [WatchedQueue(*row) for row in cursor.fetchall()]


def _event_of(queue: WatchedQueue) -> NewEvent:
    seconds = None if queue.seconds is None else int(queue.seconds)
    if queue.change == "unattended":
        data = {"queue": queue.name, "pending": queue.pending, "oldest_pending_seconds": seconds}
    else:
        data = {"queue": queue.name, "unattended_seconds": seconds}
    return NewEvent(queue.account_id, f"queue.{queue.change}", data)
