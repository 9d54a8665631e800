"""Schedules that say a minute, by the queue that they push tasks into."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.array import array
from shared.database import Cursor

# Those that are finished are the first to be left out, then the oldest.
OF_QUEUE = """
SELECT id
FROM schedules
WHERE account_id = %(account_id)s
  AND kind = 'task'
  AND minute IS NOT NULL
  AND target ->> 'queue' = %(queue)s
ORDER BY (state = 'finished'), id DESC
LIMIT %(limit)s
"""


def by_minute(cursor: Cursor, account_id: int, queue: str, *, limit: int) -> list[int]:
    """The ids of those that say a minute and push into this queue; if there are more, the most important ones."""
    cursor.execute(OF_QUEUE, {"account_id": account_id, "queue": queue, "limit": limit})
    return [row[0] for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class PushingSchedule:
    """What a schedule pushes, and when."""

    id: int
    created_at: datetime
    minute: int
    recurring: str
    payload: Any
    characters: int


# Payloads are measured here, so that no more of them are sent than asked for; the first one if that must be.
READ = """
WITH measured AS (
    SELECT schedules.id, created_at, minute, recurring, target -> 'payload' AS payload,
           length(target::text) AS characters, asked.place
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS asked (id, place)
    JOIN schedules ON schedules.id = asked.id
),
added_up AS (
    SELECT id, created_at, minute, recurring, payload, characters, place,
           sum(characters) OVER (ORDER BY place) AS characters_so_far
    FROM measured
)
SELECT id, created_at, minute, recurring, payload, characters
FROM added_up
WHERE characters_so_far <= %(most_characters)s OR (place = 1 AND %(at_least_one)s)
ORDER BY place
"""


def read(
    cursor: Cursor, schedule_ids: Sequence[int], *, most_characters: int, at_least_one: bool
) -> list[PushingSchedule]:
    """These schedules in this order, or the first of them that have so many characters together."""
    cursor.execute(READ, {"ids": array(schedule_ids), "most_characters": most_characters, "at_least_one": at_least_one})
    return [PushingSchedule(*row) for row in cursor.fetchall()]


# Its instant is the moment at which it was pushed, as that of its task is. Counted with the row, so that both agree.
FIRED_AT_ONCE = """
WITH recorded AS (
    INSERT INTO occurrences (schedule_id, scheduled_for, outcome, work_id)
    SELECT schedule_id, created_at, 'fired', id
    FROM work
    WHERE id = %(task_id)s
    ON CONFLICT (schedule_id, scheduled_for) DO NOTHING
    RETURNING schedule_id, scheduled_for
)
UPDATE schedules
SET fired = fired + 1,
    last_run_at = recorded.scheduled_for,
    next_run_at = CASE WHEN fired + 1 >= max_occurrences THEN NULL ELSE next_run_at END,
    state = CASE WHEN fired + 1 >= max_occurrences THEN 'finished' ELSE state END
FROM recorded
WHERE schedules.id = recorded.schedule_id
"""


def fired_at_once(cursor: Cursor, task_id: UUID) -> None:
    """Record that a schedule has pushed this task without its scheduler, just now."""
    cursor.execute(FIRED_AT_ONCE, {"task_id": task_id})
