"""Tasks of infinitas: schedules that say a cron and push into the queue that is called as they are."""

from dataclasses import dataclass
from datetime import datetime

from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class InfinitasTask:
    """A task as its clients see it; the payload that a schedule of ours may have is not read.

    `timeout_ms` is what a client said last, `timeout_seconds` what holds.
    """

    schedule_id: int
    name: str
    cron: str
    timeout_seconds: int | None
    timeout_ms: int | None
    state: str
    next_run_at: datetime | None


SAVE = """
INSERT INTO infinitas_tasks (schedule_id, timeout_ms)
VALUES (%(schedule_id)s, %(timeout_ms)s)
ON CONFLICT (schedule_id) DO UPDATE
SET timeout_ms = excluded.timeout_ms
"""


def save(cursor: Cursor, schedule_id: int, timeout_ms: int | None) -> None:
    """Note that a client of infinitas has said this task: from now on its jobs fail while no processor is there."""
    cursor.execute(SAVE, {"schedule_id": schedule_id, "timeout_ms": timeout_ms})


LIST = """
SELECT schedules.id, name, cron, (target ->> 'timeout_seconds')::integer, infinitas_tasks.timeout_ms, state,
       next_run_at
FROM schedules
LEFT JOIN infinitas_tasks ON infinitas_tasks.schedule_id = schedules.id
WHERE account_id = %(account_id)s
  AND (%(name)s IS NULL OR name = %(name)s)
  AND kind = 'task'
  AND cron IS NOT NULL
  AND target ->> 'queue' = name
ORDER BY name
LIMIT %(limit)s
"""


def page(cursor: Cursor, account_id: int, *, limit: int, name: str | None = None) -> list[InfinitasTask]:
    """The account's tasks by name, also those that no client of infinitas has made; only that of this name, if any."""
    cursor.execute(LIST, {"account_id": account_id, "name": name, "limit": limit})
    return [InfinitasTask(*row) for row in cursor.fetchall()]
