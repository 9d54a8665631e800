"""Runs that observe through a queue end in time, whatever becomes of their tasks."""

from datetime import datetime
from uuid import UUID

from scheduler.expiry import RUN_TIMED_OUT, TIMED_OUT
from shared.database import Cursor

RUN_DESERTED = "nobody asked for the tasks of queue %s within the %s s of the run"

# A run has its time from when its task was first begun: then it is over, whichever attempt is under way. Before that it
# waits its turn, as other work does, but only while there is somebody to wait for: who has asked for tasks of the queue
# within that time, or is at one. What somebody has begun or ended meanwhile is left alone.
# A task that nobody has begun has no started_at: it stands in the orders all the same, so that they are the index's.
END_OVERDUE = """
WITH RECURSIVE waiting_queues AS (
    (
        SELECT account_id, queue
        FROM work
        WHERE run_id IS NOT NULL AND state IN ('pending', 'running') AND started_at IS NULL
        ORDER BY started_at, account_id, queue
        LIMIT 1
    )
    UNION ALL
    SELECT next_queue.account_id, next_queue.queue
    FROM waiting_queues
    CROSS JOIN LATERAL (
        SELECT account_id, queue
        FROM work
        WHERE run_id IS NOT NULL AND state IN ('pending', 'running') AND started_at IS NULL
          AND (account_id, queue) > (waiting_queues.account_id, waiting_queues.queue)
        ORDER BY started_at, account_id, queue
        LIMIT 1
    ) AS next_queue
),
deserted_queues AS (
    SELECT waiting_queues.account_id, waiting_queues.queue, queues.last_popped_at
    FROM waiting_queues
    LEFT JOIN queues ON queues.account_id = waiting_queues.account_id AND queues.name = waiting_queues.queue
    WHERE NOT EXISTS (
        SELECT 1
        FROM work
        WHERE work.account_id = waiting_queues.account_id AND work.queue = waiting_queues.queue
          AND kind = 'task' AND state = 'running'
    )
),
overdue_tasks AS (
    (
        SELECT id, lease_token, format(%(run_timed_out)s, timeout_seconds) AS error
        FROM work
        WHERE run_id IS NOT NULL AND state IN ('pending', 'running')
          AND started_at < coalesce(%(now)s, now())
          AND started_at <= coalesce(%(now)s, now()) - make_interval(secs => timeout_seconds)
          AND NOT cancel_requested
        ORDER BY started_at
        LIMIT %(limit)s
    )
    UNION ALL
    SELECT deserted_tasks.id, deserted_tasks.lease_token, deserted_tasks.error
    FROM deserted_queues
    CROSS JOIN LATERAL (
        SELECT id, lease_token, format(%(run_deserted)s, queue, timeout_seconds) AS error
        FROM work
        WHERE account_id = deserted_queues.account_id AND queue = deserted_queues.queue
          AND run_id IS NOT NULL AND state IN ('pending', 'running') AND started_at IS NULL
          AND due_at < coalesce(%(now)s, now())
          AND greatest(due_at, deserted_queues.last_popped_at)
              <= coalesce(%(now)s, now()) - make_interval(secs => timeout_seconds)
        ORDER BY started_at, due_at
        LIMIT %(limit)s
    ) AS deserted_tasks
    LIMIT %(limit)s
),
locked_tasks AS (
    SELECT work.id, overdue_tasks.error
    FROM overdue_tasks
    JOIN work USING (id)
    WHERE work.state IN ('pending', 'running')
      AND NOT work.cancel_requested
      AND work.lease_token IS NOT DISTINCT FROM overdue_tasks.lease_token
    ORDER BY work.id
    FOR NO KEY UPDATE OF work SKIP LOCKED
),
ended_tasks AS (
    UPDATE work
    SET state = 'failed',
        error = locked_tasks.error,
        lease_token = NULL,
        lease_expires_at = NULL,
        finished_at = coalesce(%(now)s, now())
    FROM locked_tasks
    WHERE work.id = locked_tasks.id
    RETURNING work.id, work.attempt
),
closed_attempts AS (
    UPDATE attempts
    SET finished_at = coalesce(%(now)s, now()),
        outcome = 'timeout',
        error = %(timed_out)s
    FROM ended_tasks
    WHERE attempts.work_id = ended_tasks.id AND attempts.number = ended_tasks.attempt AND attempts.outcome IS NULL
)
SELECT id
FROM ended_tasks
"""


def end_overdue(cursor: Cursor, *, limit: int, now: datetime | None = None) -> list[UUID]:
    """Fail the tasks of runs whose time is up; the runs end with them, as what follows from that has it."""
    cursor.execute(
        END_OVERDUE,
        {
            "limit": limit,
            "now": now,
            "run_timed_out": RUN_TIMED_OUT,
            "run_deserted": RUN_DESERTED,
            "timed_out": TIMED_OUT,
        },
    )
    return [row[0] for row in cursor.fetchall()]
