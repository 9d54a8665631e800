"""Attempts: every execution of a piece of work that was ever begun."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Cursor

MOST_ATTEMPTS = 200  # work can be retried by hand for ever


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution; what it found is None until it has ended, and where there is nothing to tell.

    `worker` is who held the lease, as it calls itself; empty when it gave no name.
    """

    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    status_code: int | None
    error: str | None
    elapsed_ms: int | None
    response_excerpt: str | None
    worker: str


ATTEMPTS_OF = """
SELECT number, started_at, finished_at, outcome, status_code, error, elapsed_ms, response_excerpt, worker
FROM (
    SELECT number, started_at, finished_at, outcome, status_code, error, elapsed_ms, response_excerpt, worker
    FROM attempts
    WHERE work_id = %(work_id)s
    ORDER BY number DESC
    LIMIT %(limit)s
) AS last_attempts
ORDER BY number
"""


def attempts_of(cursor: Cursor, work_id: UUID) -> list[Attempt]:
    """The attempts of a piece of work in their order, of very many the last 200; the caller knows whose work it is."""
    cursor.execute(ATTEMPTS_OF, {"work_id": work_id, "limit": MOST_ATTEMPTS})
    return [Attempt(*row) for row in cursor.fetchall()]
