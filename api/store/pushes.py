"""Pushing tasks, in bulk. A dedup_key that a task of the queue has which has not ended makes no second one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.store import tasks
from api.store.answers import MOST_BYTES
from api.store.tasks import Task
from shared.array import array
from shared.database import Cursor
from shared.domain.json_value import written
from shared.errors import DatabaseBusy

# A task whose key is in use may end before it is read. That often in a row, something else is wrong.
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class NewTask:
    """What is asked for."""

    payload: Any
    delay_seconds: float = 0
    priority: int = 0
    max_attempts: int = 4
    timeout_seconds: int | None = None
    dedup_key: str | None = None


class TooLargeTogether(Exception):
    """the tasks that have these dedup_keys already are too large to be answered together"""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A task that was asked for, or the one that has its dedup_key already."""

    task: Task
    deduplicated: bool


# The ids are sorted before they are given away: within a priority, tasks that are due at once come out as they were
# put in. Keys are written in their order, so that two who push the same ones do not wait for each other. What a
# schedule pushes by hand has no instant: those are the schedule's own, each there once.
PUSH = """
WITH known_queue AS (
    INSERT INTO queues (account_id, name)
    VALUES (%(account_id)s, %(queue)s)
    ON CONFLICT (account_id, name) DO NOTHING
),
asked AS (
    SELECT *
    FROM unnest(
        %(specs)s::jsonb[], %(delays)s::float8[], %(priorities)s::integer[], %(max_attempts)s::integer[],
        %(timeouts)s::integer[], %(dedup_keys)s::text[]
    ) WITH ORDINALITY AS asked (spec, delay_seconds, priority, max_attempts, timeout_seconds, dedup_key, place)
),
new_ids AS (
    SELECT id, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT uuid_v7() AS id FROM asked) AS made_ids
)
INSERT INTO work (
    id, account_id, kind, queue, priority, due_at, scheduled_for, trigger, schedule_id, spec, max_attempts,
    timeout_seconds, dedup_key
)
SELECT new_ids.id, %(account_id)s, 'task', %(queue)s, asked.priority,
       now() + make_interval(secs => asked.delay_seconds),
       CASE WHEN %(schedule_id)s::bigint IS NULL THEN now() + make_interval(secs => asked.delay_seconds) END,
       %(trigger)s, %(schedule_id)s, asked.spec, asked.max_attempts, asked.timeout_seconds, asked.dedup_key
FROM asked
JOIN new_ids ON new_ids.place = asked.place
ORDER BY asked.dedup_key, asked.place
ON CONFLICT (account_id, queue, dedup_key) WHERE dedup_key IS NOT NULL AND state IN ('pending', 'running') DO NOTHING
RETURNING id, queue, spec, state, priority, attempt, 0, 0, max_attempts, timeout_seconds, dedup_key, NULL,
          lease_expires_at, cancel_requested, error, result, schedule_id, coalesce(scheduled_for, created_at), run_id,
          due_at, created_at, started_at, finished_at
"""

# A statement of its own: PUSH does not see the tasks that it has waited for. `#> '{}'` is a payload as it is, not
# compressed.
KEYS_IN_USE = """
SELECT dedup_key, id, pg_column_size(spec #> '{}')
FROM work
WHERE account_id = %(account_id)s AND queue = %(queue)s AND dedup_key = ANY(%(dedup_keys)s::text[])
  AND dedup_key IS NOT NULL AND state IN ('pending', 'running')
"""


def push(
    cursor: Cursor,
    account_id: int,
    queue: str,
    asked: Sequence[NewTask],
    *,
    trigger: str = "api",
    schedule_id: int | None = None,
) -> list[Pushed]:
    """The tasks that were asked for, in their order, due after their delays. No dedup_key may be there twice.

    One statement, unless there are dedup_keys: of several tasks with such keys either all are made or none, if the
    cursor is a transaction's. Raises TooLargeTogether.
    """
    origin = {"account_id": account_id, "queue": queue, "trigger": trigger, "schedule_id": schedule_id}
    pushed: dict[int, Pushed] = {}
    for _ in range(ROUNDS):
        missing = [place for place in range(len(asked)) if place not in pushed]
        if not missing:
            return [pushed[place] for place in range(len(asked))]
        pushed |= _push_once(cursor, {place: asked[place] for place in missing}, origin)
    raise DatabaseBusy("tasks with these dedup_keys come and go too fast")


def _push_once(cursor: Cursor, asked: Mapping[int, NewTask], origin: dict[str, Any]) -> dict[int, Pushed]:
    """What has come of the tasks at these places; a place is missing when the task with its key has just ended."""
    cursor.execute(
        PUSH,
        {
            "specs": array(written({"payload": task.payload}) for task in asked.values()),
            "delays": array(task.delay_seconds for task in asked.values()),
            "priorities": array(task.priority for task in asked.values()),
            "max_attempts": array(task.max_attempts for task in asked.values()),
            "timeouts": array(task.timeout_seconds for task in asked.values()),
            "dedup_keys": array(task.dedup_key for task in asked.values()),
            **origin,
        },
    )
    made = sorted((Task(*row) for row in cursor.fetchall()), key=lambda task: task.id)
    without_key = iter([task for task in made if task.dedup_key is None])
    by_key = {task.dedup_key: task for task in made if task.dedup_key is not None}
    pushed: dict[int, Pushed] = {}
    repeated: dict[int, str] = {}
    for place, task in asked.items():
        if task.dedup_key is None:
            pushed[place] = Pushed(next(without_key), deduplicated=False)
        elif task.dedup_key in by_key:
            pushed[place] = Pushed(by_key[task.dedup_key], deduplicated=False)
        else:
            repeated[place] = task.dedup_key
    in_use = _tasks_with_keys(cursor, origin, list(repeated.values()))
    return pushed | {place: Pushed(in_use[key], deduplicated=True) for place, key in repeated.items() if key in in_use}


def _tasks_with_keys(cursor: Cursor, origin: dict[str, Any], keys: Sequence[str]) -> dict[str, Task]:
    if not keys:
        return {}
    cursor.execute(KEYS_IN_USE, {"dedup_keys": array(keys), **origin})
    rows = cursor.fetchall()
    if len(rows) > 1 and sum(size for _, _, size in rows) > MOST_BYTES:
        raise TooLargeTogether
    ids: dict[str, UUID] = {key: id for key, id, _ in rows}
    found = tasks.get_all(cursor, origin["account_id"], list(ids.values()))
    return {key: found[id] for key, id in ids.items() if id in found}
