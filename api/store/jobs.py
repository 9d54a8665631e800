"""Jobs: the pieces of work that call a URL at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.extras import Json

from api.store.answers import MOST_BYTES
from shared.database import Cursor, only_row
from shared.store.schedules import HELD_UNTIL

COLUMNS_OF_CALL = ("timeout_seconds", "max_attempts")  # the rest of a call is kept together as its spec


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its owner sees it; `spec` is what it calls and how.

    `due_at` is None while it waits for the work before it, as the overlap `queue_one` of a schedule has it.
    """

    id: UUID
    spec: dict[str, Any]
    timeout_seconds: int
    max_attempts: int
    schedule_id: int | None
    scheduled_for: datetime | None
    trigger: str
    state: str
    error: str | None
    error_of: UUID | None
    error_job_id: UUID | None
    due_at: datetime | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


# What was to be done in the past is due now: nobody gets ahead of others by asking for the year 2000.
# A job that a schedule begins by hand has no instant of it: those are the schedule's own, each there once. Its requests
# tell when it was asked for.
CREATE = """
WITH asked AS (
    SELECT coalesce(%(execute_at)s::timestamptz, now() + make_interval(secs => %(delay_seconds)s)) AS execute_at
)
INSERT INTO work (
    account_id, kind, lane, schedule_id, scheduled_for, due_at, trigger, spec, timeout_seconds, max_attempts
)
SELECT %(account_id)s, 'job', lane_of(%(uri)s), %(schedule_id)s,
       CASE WHEN %(schedule_id)s::bigint IS NULL THEN asked.execute_at END,
       greatest(asked.execute_at, now()), %(trigger)s,
       CASE
           WHEN %(schedule_id)s::bigint IS NULL THEN %(spec)s::jsonb
           ELSE jsonb_set(%(spec)s::jsonb, '{asked_at}', to_jsonb(instant_text(asked.execute_at)))
       END,
       %(timeout_seconds)s, %(max_attempts)s
FROM asked
RETURNING id, spec, timeout_seconds, max_attempts, schedule_id, scheduled_for, trigger, state, error, error_of,
          NULL::uuid AS error_job_id, due_at, attempt, created_at, started_at, finished_at
"""


def create(
    cursor: Cursor,
    account_id: int,
    call: Mapping[str, Any],
    *,
    trigger: str,
    execute_at: datetime | None = None,
    delay_seconds: float = 0,
    schedule_id: int | None = None,
) -> Job:
    """A job that makes this call, all of whose fields are given, at a time or after a delay."""
    cursor.execute(
        CREATE,
        {
            "account_id": account_id,
            "uri": call["uri"],
            "schedule_id": schedule_id,
            "execute_at": execute_at,
            "delay_seconds": delay_seconds,
            "trigger": trigger,
            "spec": Json({name: value for name, value in call.items() if name not in COLUMNS_OF_CALL}),
            **{name: call[name] for name in COLUMNS_OF_CALL},
        },
    )
    return Job(*only_row(cursor))


GET = """
SELECT id, spec, timeout_seconds, max_attempts, schedule_id, scheduled_for, trigger, state, error, error_of,
       (SELECT telling_job.id FROM work AS telling_job WHERE telling_job.error_of = work.id) AS error_job_id,
       nullif(due_at, %(held_until)s), attempt, created_at, started_at, finished_at
FROM work
WHERE account_id = %(account_id)s AND kind = 'job' AND id = %(id)s
"""


def get(cursor: Cursor, account_id: int, job_id: UUID) -> Job | None:
    cursor.execute(GET, {"account_id": account_id, "id": job_id, "held_until": HELD_UNTIL})
    row = cursor.fetchone()
    return Job(*row) if row else None


# The account as an array, and in the order: so the planner walks the jobs by work_of_account. With a plain value it
# goes through all work by its primary key, past however many tasks have been pushed since the last job.
# `#> '{}'` is a call as it is, not compressed. The first job fits always.
LIST = """
WITH listed_jobs AS (
    SELECT id, spec, timeout_seconds, max_attempts, schedule_id, scheduled_for, trigger, state, error, error_of,
           due_at, attempt, created_at, started_at, finished_at
    FROM work
    WHERE account_id = ANY(ARRAY[%(account_id)s])
      AND kind = 'job'
      AND (%(before)s::uuid IS NULL OR id < %(before)s)
      AND (%(state)s IS NULL OR state = %(state)s)
      AND (%(schedule_id)s IS NULL OR schedule_id = %(schedule_id)s)
    ORDER BY account_id, id DESC
    LIMIT %(limit)s + 1
),
measured_jobs AS (
    SELECT id, spec, timeout_seconds, max_attempts, schedule_id, scheduled_for, trigger, state, error, error_of,
           due_at, attempt, created_at, started_at, finished_at,
           row_number() OVER newest_first AS place,
           sum(pg_column_size(spec #> '{}')) OVER newest_first AS bytes,
           count(*) OVER () AS listed
    FROM listed_jobs
    WINDOW newest_first AS (ORDER BY id DESC)
)
SELECT id, spec, timeout_seconds, max_attempts, schedule_id, scheduled_for, trigger, state, error, error_of,
       (SELECT telling_job.id FROM work AS telling_job WHERE telling_job.error_of = measured_jobs.id) AS error_job_id,
       nullif(due_at, %(held_until)s), attempt, created_at, started_at, finished_at, listed
FROM measured_jobs
WHERE place = 1 OR (place <= %(limit)s AND bytes <= %(most_bytes)s)
ORDER BY id DESC
"""


def page(
    cursor: Cursor,
    account_id: int,
    *,
    before: UUID | None,
    limit: int,
    state: str | None = None,
    schedule_id: int | None = None,
    most_bytes: int = MOST_BYTES,
) -> tuple[list[Job], bool]:
    """The account's jobs, newest first, from behind `before`, and whether there are more; fewer when they are large."""
    cursor.execute(
        LIST,
        {
            "account_id": account_id,
            "before": before,
            "limit": limit,
            "state": state,
            "schedule_id": schedule_id,
            "most_bytes": most_bytes,
            "held_until": HELD_UNTIL,
        },
    )
    rows = cursor.fetchall()
    return [Job(*row[:-1]) for row in rows], bool(rows) and rows[0][-1] > len(rows)


# The attempts stay as they were; released, they do not count against those that are to come.
RETRY = """
UPDATE work
SET state = 'pending',
    due_at = now(),
    released = attempt,
    outcome = NULL,
    result = NULL,
    error = NULL,
    finished_at = NULL
WHERE account_id = %(account_id)s AND kind = 'job' AND id = %(id)s AND state = 'failed'
"""


def retry(cursor: Cursor, account_id: int, job_id: UUID) -> bool:
    """Begin a failed job afresh, due now, with all its attempts before it; whether it had failed."""
    cursor.execute(RETRY, {"account_id": account_id, "id": job_id})
    return cursor.rowcount == 1


# Whoever runs it finds its lease gone with it.
DELETE = """
DELETE FROM work
WHERE account_id = %(account_id)s AND kind = 'job' AND id = %(id)s
"""


def delete(cursor: Cursor, account_id: int, job_id: UUID) -> bool:
    """Remove the job with its attempts, in whatever state; whether it was there."""
    cursor.execute(DELETE, {"account_id": account_id, "id": job_id})
    return cursor.rowcount == 1
