"""Runs: the pieces of work that perform a checklist."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.extras import Json

from shared.database import Cursor
from shared.store import queues, run_tasks
from shared.store.work import RUN_MAX_ATTEMPTS


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its owner sees it; `result` holds flows and summary once it has ended, and texts if it keeps them.

    `queue` is where the task was pushed that brings its observations, if not our workers fetch them.
    """

    id: UUID
    checklist_id: int | None
    schedule_id: int | None
    scheduled_for: datetime | None
    trigger: str
    state: str
    outcome: str | None
    result: dict[str, Any] | None
    error: str | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    queue: str | None


CREATE = """
INSERT INTO work (
    account_id, kind, lane, checklist_id, schedule_id, trigger, spec, max_attempts, timeout_seconds, due_at
)
SELECT account_id, 'run', 'checklist ' || id, id, %(schedule_id)s, %(trigger)s,
       jsonb_strip_nulls(
           jsonb_build_object(
               'variables', %(variables)s::jsonb, 'queue', queue, 'keeps_texts', nullif(%(keeps_texts)s, false)
           )
       ),
       %(max_attempts)s, timeout_seconds,
       CASE WHEN queue IS NULL THEN now() ELSE %(awaited_until)s::timestamptz END
FROM checklists
WHERE account_id = %(account_id)s AND id = %(checklist_id)s
RETURNING id, checklist_id, schedule_id, scheduled_for, trigger, state, outcome, result, error, attempt,
       created_at, started_at, finished_at, spec ->> 'queue'
"""


def create(
    cursor: Cursor,
    account_id: int,
    checklist_id: int,
    *,
    trigger: str,
    variables: dict[str, str],
    schedule_id: int | None = None,
    keeps_texts: bool = False,
) -> Run | None:
    """A run of this checklist, due at once, with the task that it waits for if it observes through a queue.

    With `keeps_texts` its result holds the values also as they were written. None when the account has no such
    checklist.
    """
    cursor.execute(
        CREATE,
        {
            "account_id": account_id,
            "checklist_id": checklist_id,
            "schedule_id": schedule_id,
            "trigger": trigger,
            "variables": Json(variables),
            "keeps_texts": keeps_texts,
            "max_attempts": RUN_MAX_ATTEMPTS,
            "awaited_until": run_tasks.AWAITED_UNTIL,
        },
    )
    row = cursor.fetchone()
    if row is None:
        return None
    run = Run(*row)
    if run.queue is not None:
        queues.make_known(cursor, [(account_id, run.queue)])
        run_tasks.push(cursor, {run.id: run.created_at})
    return run


GET = """
SELECT id, checklist_id, schedule_id, scheduled_for, trigger, state, outcome, result, error, attempt,
       created_at, started_at, finished_at, spec ->> 'queue'
FROM work
WHERE account_id = %(account_id)s AND kind = 'run' AND id = %(id)s
"""


def get(cursor: Cursor, account_id: int, run_id: UUID) -> Run | None:
    cursor.execute(GET, {"account_id": account_id, "id": run_id})
    row = cursor.fetchone()
    return Run(*row) if row else None


LIST = """
SELECT id, checklist_id, schedule_id, scheduled_for, trigger, state, outcome, result, error, attempt,
       created_at, started_at, finished_at, spec ->> 'queue'
FROM work
WHERE account_id = %(account_id)s
  AND kind = 'run'
  AND (%(before)s::uuid IS NULL OR id < %(before)s)
  AND (%(checklist_id)s IS NULL OR checklist_id = %(checklist_id)s)
  AND (%(schedule_id)s IS NULL OR schedule_id = %(schedule_id)s)
  AND (%(state)s IS NULL OR state = %(state)s)
  AND (%(outcome)s IS NULL OR outcome = %(outcome)s)
ORDER BY id DESC
LIMIT %(limit)s
"""


def page(
    cursor: Cursor,
    account_id: int,
    *,
    before: UUID | None,
    limit: int,
    checklist_id: int | None = None,
    schedule_id: int | None = None,
    state: str | None = None,
    outcome: str | None = None,
) -> list[Run]:
    """The account's runs, newest first, from behind `before`."""
    cursor.execute(
        LIST,
        {
            "account_id": account_id,
            "before": before,
            "limit": limit,
            "checklist_id": checklist_id,
            "schedule_id": schedule_id,
            "state": state,
            "outcome": outcome,
        },
    )
    return [Run(*row) for row in cursor.fetchall()]
