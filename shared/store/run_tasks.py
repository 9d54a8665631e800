"""Runs that wait for a task: its worker observes, ours compares. A run and its task are born, and end, together.

Whoever changes both takes the task first and the run second, so that no two wait for each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.array import array
from shared.database import Cursor
from shared.domain.json_value import Json, written
from shared.store.work import ClaimedWork, FinishedAttempt

# When a run is due whose task has not brought anything yet. Not HELD_UNTIL: that waits for the run before it.
AWAITED_UNTIL = "9999-12-30T00:00:00Z"
TASK_MAX_ATTEMPTS = 3

# Of a schedule only the run is told: it is its piece of work, the task is how that comes by its observations. The queue
# is the one that the run was made for: that of its checklist may have been changed since.
PUSH = """
INSERT INTO work (
    account_id, kind, queue, run_id, due_at, scheduled_for, trigger, max_attempts, timeout_seconds, spec
)
SELECT runs.account_id, 'task', runs.spec ->> 'queue', runs.id, asked.due_at,
       coalesce(runs.scheduled_for, asked.due_at), runs.trigger, %(max_attempts)s, runs.timeout_seconds,
       jsonb_build_object('payload', jsonb_build_object(
           'run_id', runs.id,
           'checklist_id', checklists.id,
           'name', checklists.name,
           'variables', checklists.variables || coalesce(runs.spec -> 'variables', '{}')
       ))
FROM unnest(%(run_ids)s::uuid[], %(due_at)s::timestamptz[]) AS asked (run_id, due_at)
JOIN work AS runs ON runs.id = asked.run_id
JOIN checklists ON checklists.id = runs.checklist_id
WHERE runs.spec ? 'queue'
ORDER BY runs.id
RETURNING account_id, queue
"""


def push(cursor: Cursor, due_at: Mapping[UUID, datetime | str]) -> set[tuple[int, str]]:
    """Push the tasks of these runs, which have just been made; the accounts and queues to announce after the commit."""
    if not due_at:
        return set()
    cursor.execute(
        PUSH,
        {"run_ids": array(due_at), "due_at": array(due_at.values()), "max_attempts": TASK_MAX_ATTEMPTS},
    )
    return set(cursor.fetchall())


OBSERVED = """
UPDATE work
SET spec = work.spec || jsonb_build_object('observed', brought.observed),
    due_at = now()
FROM unnest(%(run_ids)s::uuid[], %(observed)s::jsonb[]) AS brought (run_id, observed)
WHERE work.id = brought.run_id AND work.kind = 'run' AND work.state = 'pending'
RETURNING work.id
"""


def observed(cursor: Cursor, brought: Mapping[UUID, Json]) -> list[UUID]:
    """Give runs what their tasks have observed: they are due now. The ids to ring for; a run that has ended is none."""
    if not brought:
        return []
    run_ids = sorted(brought)
    cursor.execute(
        OBSERVED, {"run_ids": array(run_ids), "observed": array(written(brought[run_id]) for run_id in run_ids)}
    )
    return [row[0] for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended with its task: what run_finished() tells of it."""

    work: ClaimedWork
    attempt: FinishedAttempt


# The run never had a lease of its own, so it is told of with that of nobody.
END_RUNS = """
UPDATE work AS runs
SET state = tasks.state,
    outcome = CASE tasks.state WHEN 'failed' THEN 'error' END,
    error = CASE tasks.state
        WHEN 'failed' THEN format('its task %%s failed: %%s', tasks.id, tasks.error)
        ELSE format('its task %%s was canceled', tasks.id)
    END,
    finished_at = now()
FROM work AS tasks
WHERE tasks.id = ANY(%(task_ids)s::uuid[])
  AND tasks.kind = 'task'
  AND tasks.state IN ('failed', 'canceled')
  AND runs.id = tasks.run_id
  AND runs.kind = 'run'
  AND runs.state = 'pending'
RETURNING runs.id::text, runs.account_id, runs.kind, runs.lane, runs.attempt, runs.released, runs.max_attempts,
          '00000000-0000-0000-0000-000000000000', runs.timeout_seconds, runs.checklist_id, runs.schedule_id,
          runs.scheduled_for, runs.webhook_id, runs.event_id, runs.inert, runs.error_of, runs.trigger, runs.spec,
          runs.state, runs.outcome, runs.error
"""


def end_runs(cursor: Cursor, task_ids: Sequence[UUID]) -> list[EndedRun]:
    """Let the runs of tasks that failed for good fail, and those of canceled ones be canceled; the runs that ended."""
    if not task_ids:
        return []
    cursor.execute(END_RUNS, {"task_ids": array(task_ids)})
    return [_ended_run(row) for row in cursor.fetchall()]


def _ended_run(row: tuple[Any, ...]) -> EndedRun:
    work = ClaimedWork(*row[:-3])
    state, outcome, error = row[-3:]
    return EndedRun(work, FinishedAttempt(work.id, work.lease_token, state, state, outcome=outcome, error=error))
