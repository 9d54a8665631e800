"""What follows when tasks have ended, whoever ended them: events, the ends of their runs, what their schedules do."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.database import Cursor
from shared.event_data import run_finished, schedule_paused, task_ended
from shared.store import events, run_tasks, schedules
from shared.store.ended_tasks import EndedTask, ended_tasks


@dataclass(frozen=True, slots=True)
class Consequences:
    """What is left to do after the commit: work to ring for, ended work to announce, queues with tasks to announce."""

    to_ring: tuple[UUID, ...] = ()
    ended: tuple[UUID, ...] = ()
    queues: frozenset[tuple[int, str]] = frozenset()


def follow(cursor: Cursor, task_ids: Sequence[UUID], *, delivery_attempts: int) -> Consequences:
    """Do what follows, in the transaction that ended these tasks; those of them that have not ended are passed over.

    Webhooks are told of success and of failure, but not of a cancellation, which somebody asked for.
    """
    return follow_ends(cursor, ended_tasks(cursor, task_ids), delivery_attempts=delivery_attempts)


def follow_ends(cursor: Cursor, tasks: Sequence[EndedTask], *, delivery_attempts: int) -> Consequences:
    """As `follow`, of tasks that the caller knows to have ended; in the order of their ids."""
    if not tasks:
        return Consequences()
    happened = [task_ended(task) for task in tasks if task.state != "canceled"]
    runs = run_tasks.end_runs(cursor, [task.id for task in tasks if task.run_id is not None])
    happened += [run_finished(run.work, run.attempt) for run in runs if run.attempt.state == "failed"]
    ended = {task.id: task.schedule_id for task in tasks}
    ended |= {UUID(run.work.id): run.work.schedule_id for run in runs}
    of_schedules = {id: schedule_id for id, schedule_id in ended.items() if schedule_id is not None}
    released = []
    if of_schedules:
        released = schedules.release_held(cursor, sorted(set(of_schedules.values())))
        paused = schedules.pause_after(cursor, list(of_schedules))
        happened += [schedule_paused(each.account_id, each.id, each.name, each.note) for each in paused]
    deliveries = events.record(cursor, happened, delivery_attempts=delivery_attempts)
    return Consequences(
        to_ring=(*deliveries, *(item.id for item in released if item.queue is None)),
        ended=tuple(ended),
        queues=frozenset((item.account_id, item.queue) for item in released if item.queue is not None),
    )
