"""Tasks that have ended for good, as everybody else is told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.array import array
from shared.database import Cursor
from shared.store.work import TERMINAL


@dataclass(frozen=True, slots=True)
class EndedTask:
    """A task in a terminal state; `attempts` counts those that count against its limit."""

    id: UUID
    account_id: int
    queue: str
    state: str
    attempts: int
    error: str | None
    schedule_id: int | None
    scheduled_for: datetime | None
    run_id: UUID | None


ENDED = """
SELECT id, account_id, queue, state, attempt - released, error, schedule_id, scheduled_for, run_id
FROM work
WHERE id = ANY(%(ids)s::uuid[]) AND kind = 'task' AND state = ANY(%(terminal)s::text[])
ORDER BY id
"""


def ended_tasks(cursor: Cursor, ids: Sequence[UUID]) -> list[EndedTask]:
    """Those of these tasks that have ended; in the transaction that ended them, that is news."""
    if not ids:
        return []
    cursor.execute(ENDED, {"ids": array(ids), "terminal": array(TERMINAL)})
    return [EndedTask(*row) for row in cursor.fetchall()]
