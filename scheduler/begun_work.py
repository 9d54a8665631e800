"""The work that schedules begin: what of it has not ended, and new work in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.array import array
from shared.database import Cursor
from shared.store.run_tasks import AWAITED_UNTIL
from shared.store.schedules import HELD_UNTIL
from shared.store.work import RUN_MAX_ATTEMPTS

# A run that waits for a task has begun with it.
UNFINISHED = """
SELECT schedule_id, bool_or(has_begun), bool_or(NOT has_begun)
FROM (
    SELECT schedule_id,
           state = 'running' OR (
               kind = 'run' AND spec ? 'queue'
               AND EXISTS (SELECT 1 FROM work AS tasks WHERE tasks.run_id = work.id AND tasks.state <> 'pending')
           ) AS has_begun
    FROM work
    WHERE schedule_id = ANY(%(schedule_ids)s) AND state IN ('pending', 'running')
) AS unfinished_work
GROUP BY schedule_id
"""


def unfinished(cursor: Cursor, schedule_ids: Sequence[int]) -> dict[int, tuple[bool, bool]]:
    """For each schedule with work that has not ended: whether some of it runs, and whether some of it waits."""
    if not schedule_ids:
        return {}
    cursor.execute(UNFINISHED, {"schedule_ids": list(schedule_ids)})
    return {schedule_id: (running, queued) for schedule_id, running, queued in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class NewWork:
    schedule_id: int
    scheduled_for: datetime
    due_at: datetime | str


class BegunWork(NamedTuple):
    """The work of an instant; `queue` is where its task is pushed, or the one that brings a run its observations."""

    schedule_id: int
    scheduled_for: datetime
    id: UUID
    account_id: int
    kind: str
    queue: str | None


# A run whose checklist observes through a queue waits for its task, which the caller pushes.
INSERT_WORK = """
INSERT INTO work (
    account_id, kind, lane, queue, priority, schedule_id, scheduled_for, checklist_id, trigger, spec, max_attempts,
    timeout_seconds, due_at
)
SELECT schedules.account_id, schedules.kind,
       CASE schedules.kind
           WHEN 'run' THEN 'checklist ' || schedules.checklist_id
           ELSE coalesce(lane_of(schedules.target ->> 'uri'), '')
       END,
       CASE schedules.kind WHEN 'task' THEN schedules.target ->> 'queue' END,
       coalesce((schedules.target ->> 'priority')::integer, 0),
       schedules.id, firing.scheduled_for, schedules.checklist_id, 'schedule',
       CASE schedules.kind
           WHEN 'run' THEN jsonb_strip_nulls(jsonb_build_object(
               'variables', coalesce(schedules.target -> 'variables', '{}'), 'queue', checklists.queue
           ))
           WHEN 'task' THEN jsonb_build_object('payload', schedules.target -> 'payload')
           ELSE schedules.target - ARRAY['timeout_seconds', 'max_attempts']
       END,
       coalesce((schedules.target ->> 'max_attempts')::integer, %(run_max_attempts)s),
       coalesce(checklists.timeout_seconds, (schedules.target ->> 'timeout_seconds')::integer),
       CASE
           WHEN checklists.queue IS NOT NULL AND firing.due_at <> %(held_until)s THEN %(awaited_until)s
           ELSE firing.due_at
       END
FROM unnest(%(schedule_ids)s::bigint[], %(scheduled_for)s::timestamptz[], %(due_at)s::timestamptz[])
    AS firing (schedule_id, scheduled_for, due_at)
JOIN schedules ON schedules.id = firing.schedule_id
LEFT JOIN checklists ON checklists.id = schedules.checklist_id
ORDER BY firing.scheduled_for, schedules.id
ON CONFLICT (schedule_id, scheduled_for) WHERE schedule_id IS NOT NULL DO NOTHING
RETURNING schedule_id, scheduled_for, id, account_id, kind, coalesce(queue, spec ->> 'queue')
"""


def insert_work(cursor: Cursor, items: Sequence[NewWork]) -> list[BegunWork]:
    """Make the work of these instants. An instant that has work already gets no more."""
    if not items:
        return []
    cursor.execute(
        INSERT_WORK,
        {
            "schedule_ids": array(item.schedule_id for item in items),
            "scheduled_for": array(item.scheduled_for for item in items),
            "due_at": array(item.due_at for item in items),
            "run_max_attempts": RUN_MAX_ATTEMPTS,
            "held_until": HELD_UNTIL,
            "awaited_until": AWAITED_UNTIL,
        },
    )
    return [BegunWork._make(row) for row in cursor.fetchall()]
