"""Runs as lists of them show them: without what they observed, which may be large, and with the names around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a line; `match`, `miss` and `new` are None until it has ended, `seconds` until it has begun."""

    id: UUID
    checklist_id: int | None
    checklist_name: str | None
    schedule_id: int | None
    schedule_name: str | None
    trigger: str
    state: str
    outcome: str | None
    error: str | None
    match: int | None
    miss: int | None
    new: int | None
    created_at: datetime
    started_at: datetime | None
    seconds: float | None

    @property
    def word(self) -> str:
        """What it found, or how far it is."""
        return self.outcome or self.state


# The account is given as an array, and is part of the order: so the planner walks the runs by work_of_account. With a
# plain value it walks all work by its primary key, past however many tasks have been pushed since the last run.
LIST = """
WITH listed_runs AS (
    SELECT id, account_id, checklist_id, schedule_id, trigger, state, outcome, left(error, 300) AS error,
           result -> 'summary' AS summary, created_at, started_at, finished_at
    FROM work
    WHERE account_id = ANY(ARRAY[%(account_id)s])
      AND kind = 'run'
      AND (%(before)s::uuid IS NULL OR id < %(before)s)
      AND (%(checklist_id)s IS NULL OR checklist_id = %(checklist_id)s)
      AND (%(schedule_id)s IS NULL OR schedule_id = %(schedule_id)s)
      AND (%(state)s IS NULL OR state = %(state)s)
      AND (%(outcome)s IS NULL OR outcome = %(outcome)s)
    ORDER BY account_id, id DESC
    LIMIT %(limit)s
)
SELECT runs.id, runs.checklist_id, checklists.name, runs.schedule_id, schedules.name, runs.trigger, runs.state,
       runs.outcome, runs.error, (runs.summary ->> 'match')::integer, (runs.summary ->> 'miss')::integer,
       (runs.summary ->> 'new')::integer, runs.created_at, runs.started_at,
       extract(epoch FROM coalesce(runs.finished_at, now()) - runs.started_at)::float8
FROM listed_runs AS runs
LEFT JOIN checklists ON checklists.account_id = runs.account_id AND checklists.id = runs.checklist_id
LEFT JOIN schedules ON schedules.account_id = runs.account_id AND schedules.id = runs.schedule_id
ORDER BY runs.id DESC
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
) -> list[ListedRun]:
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
    return [ListedRun(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class LatestRun:
    """One of the last runs of a checklist."""

    checklist_id: int
    id: UUID
    state: str
    outcome: str | None
    at: datetime

    @property
    def word(self) -> str:
        """What it found, or how far it is."""
        return self.outcome or self.state


# The ids alone, newest first, stand in the index: a checklist with a hundred thousand runs costs as much as any other.
# With more columns the planner would gather all its runs to sort them. What names a checklist is a run of its account.
LATEST = """
SELECT checklists.id, runs.id, runs.state, runs.outcome, coalesce(runs.started_at, runs.created_at)
FROM checklists
CROSS JOIN LATERAL (
    SELECT work.id
    FROM work
    WHERE work.checklist_id = checklists.id
    ORDER BY work.id DESC
    LIMIT %(each)s
) AS latest_runs
JOIN work AS runs ON runs.id = latest_runs.id
WHERE checklists.account_id = %(account_id)s AND checklists.id = ANY(%(checklist_ids)s::bigint[])
ORDER BY checklists.id, runs.id DESC
"""


def latest(cursor: Cursor, account_id: int, checklist_ids: Sequence[int], *, each: int) -> dict[int, list[LatestRun]]:
    """The last runs of each of these checklists, at most `each`, newest first; an empty list where there are none."""
    cursor.execute(LATEST, {"account_id": account_id, "checklist_ids": list(checklist_ids), "each": each})
    found: dict[int, list[LatestRun]] = {checklist_id: [] for checklist_id in checklist_ids}
    for row in cursor.fetchall():
        found[row[0]].append(LatestRun(*row))
    return found
