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
    """A queue that was looked at; `change` says whether it has just become news that nobody asks for its tasks, or
    that somebody does again.

    `seconds` tells how long the oldest due task has waited, or, of a queue that is attended again, how long it was not.
    """

    account_id: int
    name: str
    change: str | None
    pending: int | None
    seconds: float | None


# Looked at are the queues with tasks that wait, found by one probe of the index each, and those that were told of: what
# else was ever pushed or popped costs nothing. A queue that was pruned while somebody pushed is made known again, to be
# judged with the next look. Whoever pops, or watches as well, holds his rows only for a moment: what is locked is left
# for the next look, and what has changed meanwhile is looked at again.
WATCH = """
WITH RECURSIVE waiting_queues AS (
    (
        SELECT account_id, queue AS name
        FROM work
        WHERE state = 'pending' AND kind = 'task'
          AND (account_id, queue) > (%(after_account_id)s, %(after_name)s)
        ORDER BY account_id, queue
        LIMIT 1
    )
    UNION ALL
    SELECT next_queue.account_id, next_queue.name
    FROM waiting_queues
    CROSS JOIN LATERAL (
        SELECT account_id, queue AS name
        FROM work
        WHERE state = 'pending' AND kind = 'task'
          AND (account_id, queue) > (waiting_queues.account_id, waiting_queues.name)
        ORDER BY account_id, queue
        LIMIT 1
    ) AS next_queue
),
watched_queues AS (
    SELECT account_id, name
    FROM (
        (
            SELECT account_id, name
            FROM waiting_queues
            LIMIT %(limit)s
        )
        UNION
        (
            SELECT account_id, name
            FROM queues
            WHERE unattended_since IS NOT NULL AND (account_id, name) > (%(after_account_id)s, %(after_name)s)
            ORDER BY account_id, name
            LIMIT %(limit)s
        )
    ) AS found_queues
    ORDER BY account_id, name
    LIMIT %(limit)s
),
remembered_queues AS (
    INSERT INTO queues (account_id, name)
    SELECT account_id, name
    FROM watched_queues
    WHERE NOT EXISTS (
        SELECT 1
        FROM queues
        WHERE queues.account_id = watched_queues.account_id AND queues.name = watched_queues.name
    )
    ON CONFLICT (account_id, name) DO NOTHING
),
suspect_queues AS (
    SELECT account_id, name, unattended_since,
           make_interval(secs => coalesce(unattended_after_seconds, %(after_seconds)s)) AS unattended_after
    FROM watched_queues
    JOIN queues USING (account_id, name)
    WHERE unattended_since IS NOT NULL
       OR coalesce(last_popped_at, '-infinity') <= coalesce(%(now)s, now())
          - make_interval(secs => coalesce(unattended_after_seconds, %(after_seconds)s))
),
judged_queues AS (
    SELECT suspect_queues.*, oldest_task.due_at AS oldest_due_at
    FROM suspect_queues
    CROSS JOIN LATERAL (
        SELECT min(due_at) AS due_at
        FROM waiting_priorities(suspect_queues.account_id, suspect_queues.name)
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
    """Look at queues that may have to be told of, from behind `after` on, and note down what has changed for them."""
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
