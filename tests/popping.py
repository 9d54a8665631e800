"""Tasks pushed and popped by the test itself, in the place of those who push and of external workers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from api.store import pushes, task_leases
from api.store.pushes import NewTask
from api.store.task_leases import PoppedTask
from shared.database import Cursor
from shared.store import work
from shared.store.work import FinishedAttempt
from tests.factories import an_account


def a_task(cursor: Cursor, account_id: int | None = None, queue: str = "default", **fields: Any) -> UUID:
    """A pending task, due now unless `fields` say otherwise."""
    [pushed] = pushes.push(cursor, account_id or an_account(cursor), queue, [NewTask(**({"payload": None} | fields))])
    return pushed.task.id


def pop(
    cursor: Cursor, account_id: int, queue: str = "default", *, lease_seconds: int = 60, now: datetime | None = None
) -> PoppedTask:
    """The task that is next in the queue, leased."""
    [task] = task_leases.pop(cursor, account_id, queue, most=1, lease_seconds=lease_seconds, worker="theirs", now=now)
    return task


def a_popped_task(
    cursor: Cursor, account_id: int | None = None, queue: str = "default", *, lease_seconds: int = 60, **fields: Any
) -> PoppedTask:
    """A task that an external worker has just begun; nothing else is due in its queue."""
    account_id = account_id or an_account(cursor)
    a_task(cursor, account_id, queue, **fields)
    return pop(cursor, account_id, queue, lease_seconds=lease_seconds)


def end(cursor: Cursor, task: PoppedTask, state: work.State = "succeeded", **fields: Any) -> None:
    """End the attempt like this; the lease must still be held."""
    outcome: Any = "succeeded" if state == "succeeded" else "failed"
    ended = FinishedAttempt(str(task.id), str(task.lease_token), state, outcome, **fields)
    assert work.finish(cursor, [ended]) == {ended.id}
