"""What is done for an account at this moment, and by whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from shared.database import Cursor

MOST_LOOKED_AT: Final = 10_000  # of each kind: who has more in hand sees the longest going of so many


@dataclass(frozen=True, slots=True)
class Running:
    """Work in somebody's hands: `what` is a checklist, a call, a queue or a webhook, as its kind has it."""

    id: UUID
    kind: str
    what: str
    worker: str | None
    attempt: int
    max_attempts: int
    since: datetime


# By the index of leases, which has what is running and nothing else; each branch ends where enough was looked at.
RUNNING = """
WITH held_work AS (
    (
        SELECT id, kind, attempt, started_at
        FROM work
        WHERE account_id = %(account_id)s AND kind = 'task' AND state = 'running'
        LIMIT %(looked_at)s
    )
    UNION ALL
    (
        SELECT id, kind, attempt, started_at
        FROM work
        WHERE account_id = %(account_id)s AND kind IN ('run', 'job', 'delivery') AND state = 'running'
        LIMIT %(looked_at)s
    )
),
oldest_work AS (
    SELECT id, attempt
    FROM held_work
    ORDER BY started_at, id
    LIMIT %(limit)s
)
SELECT work.id, work.kind,
       CASE work.kind
           WHEN 'task' THEN work.queue
           WHEN 'job' THEN concat(work.spec ->> 'method', ' ', work.spec ->> 'uri')
           WHEN 'run' THEN (SELECT name FROM checklists WHERE checklists.id = work.checklist_id)
           ELSE (SELECT url FROM webhooks WHERE webhooks.id = work.webhook_id)
       END,
       nullif(attempts.worker, ''), work.attempt, work.max_attempts + work.released,
       coalesce(attempts.started_at, work.started_at, work.created_at)
FROM oldest_work
JOIN work ON work.id = oldest_work.id AND work.account_id = %(account_id)s
LEFT JOIN attempts ON attempts.work_id = work.id AND attempts.number = work.attempt
ORDER BY work.started_at, work.id
"""


def running(cursor: Cursor, account_id: int, *, limit: int) -> list[Running]:
    """What is in somebody's hands, what was begun first before the rest."""
    cursor.execute(RUNNING, {"account_id": account_id, "limit": limit, "looked_at": MOST_LOOKED_AT})
    return [Running(id, kind, what or "–", *rest) for id, kind, what, *rest in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Popped:
    """A queue that somebody asks for tasks, and how many that are running."""

    name: str
    last_popped_at: datetime
    running: int


POPPED = """
WITH popped_queues AS (
    SELECT name, last_popped_at
    FROM queues
    WHERE account_id = %(account_id)s AND last_popped_at > now() - interval '1 hour'
    ORDER BY last_popped_at DESC, name
    LIMIT %(limit)s
)
SELECT name, last_popped_at,
       (
           SELECT count(*)
           FROM (
               SELECT
               FROM work
               WHERE account_id = %(account_id)s AND queue = popped_queues.name
                 AND kind = 'task' AND state = 'running'
               LIMIT %(looked_at)s
           ) AS running_tasks
       )
FROM popped_queues
ORDER BY last_popped_at DESC, name
"""


def popped_lately(cursor: Cursor, account_id: int, *, limit: int) -> list[Popped]:
    """The queues that external workers asked within the hour, the latest first."""
    cursor.execute(POPPED, {"account_id": account_id, "limit": limit, "looked_at": MOST_LOOKED_AT})
    return [Popped(*row) for row in cursor.fetchall()]
