"""Schedules as they are stored: when, what, and how the two have come along until now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.array import array
from shared.database import Cursor
from shared.store.run_tasks import AWAITED_UNTIL

# Work that waits for the work before it, as overlap `queue_one` has it: due only when that has ended.
HELD_UNTIL = "9999-12-31T00:00:00Z"

# What the API tells a sleeping scheduler: something is due earlier than it thinks.
CHANGED_CHANNEL = "roundsman_schedules"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A row of the table; exactly one of cron, interval_seconds, run_at and minute is given."""

    id: int
    account_id: int
    name: str | None
    cron: str | None
    timezone: str
    interval_seconds: int | None
    run_at: datetime | None
    minute: int | None
    recurring: str | None
    kind: str
    checklist_id: int | None
    target: dict[str, Any]
    starts_at: datetime | None
    ends_at: datetime | None
    max_occurrences: int | None
    jitter_seconds: int
    overlap: str
    catchup_window_seconds: int
    coalesce: str
    pause_on_failure: bool
    pause_on_change: bool
    state: str
    note: str | None
    paused_at: datetime | None
    resumed_at: datetime | None
    skip_next: bool
    anchor: datetime
    next_run_at: datetime | None
    last_run_at: datetime | None
    fired: int
    skipped: int
    missed: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PausedSchedule:
    """A schedule that has just been paused, and why."""

    id: int
    account_id: int
    name: str | None
    note: str | None


# The schedule of a piece of work that has failed, or found a change, sleeps until a person has looked.
PAUSE_AFTER = """
UPDATE schedules
SET state = 'paused',
    paused_at = now(),
    updated_at = now(),
    note = CASE
        WHEN ended_work.state = 'failed' THEN format('paused because %%s %%s failed', ended_work.kind, ended_work.id)
        ELSE format('paused because run %%s found a change', ended_work.id)
    END
FROM (
    SELECT DISTINCT ON (schedule_id) schedule_id, id, kind, state, outcome
    FROM work
    WHERE id = ANY(%(work_ids)s::uuid[]) AND (state = 'failed' OR outcome = 'changed')
    ORDER BY schedule_id, id
) AS ended_work
WHERE schedules.id = ended_work.schedule_id
  AND schedules.state = 'active'
  AND (
      (schedules.pause_on_failure AND ended_work.state = 'failed')
      OR (schedules.pause_on_change AND ended_work.outcome = 'changed')
  )
RETURNING schedules.id, schedules.account_id, schedules.name, schedules.note
"""


def pause_after(cursor: Cursor, work_ids: Sequence[UUID | str]) -> list[PausedSchedule]:
    """Pause the schedules that asked for it when work of theirs has just ended like this."""
    cursor.execute(PAUSE_AFTER, {"work_ids": array(work_ids)})
    return [PausedSchedule(*row) for row in cursor.fetchall()]


class Released(NamedTuple):
    """A piece of work that is held no longer; `queue` is that of a task."""

    id: UUID
    account_id: int
    queue: str | None


# A run that waits for a task goes on waiting, now for that alone: the task is held with it, and released with it. By
# itself it is never released: it has no schedule that could have work before it.
RELEASE_HELD = """
WITH released_work AS (
    UPDATE work
    SET due_at = CASE WHEN kind = 'run' AND spec ? 'queue' THEN %(awaited_until)s ELSE now() END
    WHERE state = 'pending'
      AND due_at = %(held_until)s
      AND run_id IS NULL
      AND (%(schedule_ids)s::bigint[] IS NULL OR schedule_id = ANY(%(schedule_ids)s::bigint[]))
      AND NOT EXISTS (
          SELECT 1
          FROM work AS before
          WHERE before.schedule_id = work.schedule_id
            AND before.state IN ('pending', 'running')
            AND before.id < work.id
      )
    RETURNING id, account_id, queue
),
released_tasks AS (
    UPDATE work
    SET due_at = now()
    FROM released_work
    WHERE work.run_id = released_work.id AND work.state = 'pending'
    RETURNING work.id, work.account_id, work.queue
)
SELECT id, account_id, queue
FROM released_work
UNION ALL
SELECT id, account_id, queue
FROM released_tasks
"""


def release_held(cursor: Cursor, schedule_ids: Sequence[int] | None) -> list[Released]:
    """Make due what waited for work that has ended; of these schedules, or of all. What that is."""
    cursor.execute(
        RELEASE_HELD,
        {
            "held_until": HELD_UNTIL,
            "awaited_until": AWAITED_UNTIL,
            "schedule_ids": None if schedule_ids is None else list(schedule_ids),
        },
    )
    return [Released._make(row) for row in cursor.fetchall()]
