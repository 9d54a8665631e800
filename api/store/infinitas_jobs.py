"""Jobs of infinitas: tasks of a queue, read without the payloads and results that its clients are not shown."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class InfinitasJob:
    """A job as its clients see it; `queue` is also the name of its task."""

    id: UUID
    queue: str
    state: str
    scheduled_for: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


GET = """
SELECT id, queue, state, coalesce(scheduled_for, created_at), started_at, finished_at, error
FROM work
WHERE account_id = %(account_id)s AND kind = 'task' AND id = %(id)s
"""


def get(cursor: Cursor, account_id: int, job_id: UUID) -> InfinitasJob | None:
    cursor.execute(GET, {"account_id": account_id, "id": job_id})
    row = cursor.fetchone()
    return InfinitasJob(*row) if row else None


NEWEST = """
SELECT id, queue, state, coalesce(scheduled_for, created_at), started_at, finished_at, error
FROM work
WHERE account_id = %(account_id)s AND kind = 'task' AND queue = %(queue)s
ORDER BY id DESC
LIMIT %(limit)s
"""


def newest(cursor: Cursor, account_id: int, queue: str, *, limit: int) -> list[InfinitasJob]:
    """The newest jobs of a task, the newest first."""
    cursor.execute(NEWEST, {"account_id": account_id, "queue": queue, "limit": limit})
    return [InfinitasJob(*row) for row in cursor.fetchall()]
