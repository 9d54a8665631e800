"""Runs: the pieces of work that perform a checklist."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.extras import Json

from api.store.answers import MOST_BYTES
from shared.array import array
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
WHERE account_id = %(account_id)s AND kind = 'run' AND id = ANY(%(ids)s::uuid[])
"""


def get_all(cursor: Cursor, account_id: int, run_ids: Sequence[UUID]) -> dict[UUID, Run]:
    """Those of these runs that the account has, by their ids."""
    cursor.execute(GET, {"account_id": account_id, "ids": array(run_ids)})
    return {row[0]: Run(*row) for row in cursor.fetchall()}


def get(cursor: Cursor, account_id: int, run_id: UUID) -> Run | None:
    return get_all(cursor, account_id, [run_id]).get(run_id)


# The account as an array, and in the order: see the list of jobs. `#> '{}'` is a result as it is, not compressed. The
# first run fits always.
LIST = """
WITH listed_runs AS (
    SELECT id, result
    FROM work
    WHERE account_id = ANY(ARRAY[%(account_id)s])
      AND kind = 'run'
      AND (%(before)s::uuid IS NULL OR id < %(before)s)
      AND (%(checklist_id)s IS NULL OR checklist_id = %(checklist_id)s)
      AND (%(schedule_id)s IS NULL OR schedule_id = %(schedule_id)s)
      AND (%(state)s IS NULL OR state = %(state)s)
      AND (%(outcome)s IS NULL OR outcome = %(outcome)s)
    ORDER BY account_id, id DESC
    LIMIT %(limit)s + 1
),
measured_runs AS (
    SELECT id,
           row_number() OVER newest_first AS place,
           sum(coalesce(pg_column_size(result #> '{}'), 0)) OVER newest_first AS bytes
    FROM listed_runs
    WINDOW newest_first AS (ORDER BY id DESC)
)
SELECT id, place = 1 OR (place <= %(limit)s AND bytes <= %(most_bytes)s)
FROM measured_runs
ORDER BY id DESC
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
    most_bytes: int = MOST_BYTES,
) -> tuple[list[Run], bool]:
    """The account's runs, newest first, from behind `before`, and whether there are more.

    Together their results have about `most_bytes` at most, but for a single run that has more.
    """
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
            "most_bytes": most_bytes,
        },
    )
    rows = cursor.fetchall()
    ids = [id for id, fits in rows if fits]
    found = get_all(cursor, account_id, ids)
    return [found[id] for id in ids if id in found], len(ids) < len(rows)
