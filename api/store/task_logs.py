"""Lines that external workers log while they have a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.store.held_tasks import HeldTask
from api.store.task_leases import PoppedTask
from shared.array import array
from shared.database import Cursor

MOST_LINES = 10_000  # of one task, all its attempts taken together
MOST_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class LogLine:
    attempt: int
    message: str
    logged_at: datetime


ADD = """
INSERT INTO task_logs (work_id, attempt, message)
SELECT %(task_id)s, %(attempt)s, message
FROM unnest(%(messages)s::text[]) WITH ORDINALITY AS lines (message, place)
WHERE (SELECT count(*) FROM task_logs WHERE work_id = %(task_id)s) + %(count)s <= %(most)s
ORDER BY place
"""


def add(cursor: Cursor, task: HeldTask | PoppedTask, messages: Sequence[str], *, most: int = MOST_LINES) -> bool:
    """Add these lines to the log of a task, which its lock guards; False and none of them when it would be too long."""
    values = {"task_id": task.id, "attempt": task.attempt, "messages": array(messages), "count": len(messages)}
    cursor.execute(ADD, {**values, "most": most})
    return cursor.rowcount == len(messages)


LATEST = """
SELECT attempt, message, logged_at
FROM (
    SELECT id, attempt, message, logged_at
    FROM task_logs
    WHERE work_id = %(task_id)s
    ORDER BY id DESC
    LIMIT %(limit)s
) AS latest_lines
ORDER BY id
"""


def latest(cursor: Cursor, task_id: UUID) -> list[LogLine]:
    """The last 1,000 lines in their order; the caller knows whose task it is."""
    cursor.execute(LATEST, {"task_id": task_id, "limit": MOST_SHOWN})
    return [LogLine(*row) for row in cursor.fetchall()]
