"""Rows as they stand in the database, read back to see what a statement made of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Cursor, only_row

WORK = """
SELECT state, attempt, released, lease_token, lease_expires_at, due_at, started_at, finished_at, outcome, error, result
FROM work
WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class WorkRow:
    state: str
    attempt: int
    released: int
    lease_token: UUID | None
    lease_expires_at: datetime | None
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    error: str | None
    result: Any


def work_row(cursor: Cursor, work_id: UUID | str) -> WorkRow:
    cursor.execute(WORK, {"id": work_id})
    return WorkRow(*only_row(cursor))


ATTEMPTS = """
SELECT number, outcome
FROM attempts
WHERE work_id = %(id)s
ORDER BY number
"""


def attempts(cursor: Cursor, work_id: UUID | str) -> list[tuple[int, str | None]]:
    """Number and outcome of every attempt; the outcome is None for one that has not ended."""
    cursor.execute(ATTEMPTS, {"id": work_id})
    return cursor.fetchall()


INCONSISTENT = """
SELECT work.id, work.state, work.attempt, numbers.count, numbers.highest, numbers.open
FROM work
LEFT JOIN LATERAL (
    SELECT count(*) AS count, coalesce(max(number), 0) AS highest, count(*) FILTER (WHERE outcome IS NULL) AS open,
           count(*) FILTER (WHERE outcome = 'succeeded') AS succeeded
    FROM attempts
    WHERE work_id = work.id
) AS numbers ON true
WHERE numbers.count <> work.attempt
   OR numbers.highest <> work.attempt
   OR numbers.open <> (work.state = 'running')::integer
   OR numbers.succeeded > 1
"""


def inconsistent_work(cursor: Cursor) -> list[tuple[Any, ...]]:
    """Work whose attempts are not numbered 1..n, not all ended, or more than once successful."""
    cursor.execute(INCONSISTENT)
    return cursor.fetchall()


COUNTS = """
SELECT relname
FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname !~ '^_?yoyo'
"""


def row_counts(cursor: Cursor) -> dict[str, int]:
    """How many rows each of our tables has."""
    cursor.execute(COUNTS)
    counts = {}
    for (table,) in sorted(cursor.fetchall()):
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 (the name comes out of the catalogue)
        counts[table] = only_row(cursor)[0]
    return counts
