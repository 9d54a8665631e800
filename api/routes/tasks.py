"""Tasks: what was put into queues, ended by whoever popped it, with attempts and log."""

from typing import Any
from uuid import UUID

from flask import Response

from api.auth import caller
from api.blueprint import IDEMPOTENCY_KEY, Blueprint
from api.creating import Answer, create
from api.errors import Conflict, NotFound
from api.paging import page_with_more, read_uuid_cursor
from api.schemas.answers import NothingSchema
from api.schemas.task_answers import TaskPage, TaskWithHistorySchema
from api.schemas.tasks import TaskQuery
from api.services import services
from api.store import task_logs, tasks
from api.store.attempts import attempts_of
from api.store.tasks import KeyInUse, Task
from api.task_objects import task_object, task_with_history
from shared.database import Cursor, Transaction
from shared.store import work

blueprint = Blueprint("tasks", __name__, description="What was put into queues, and what came of it.")

NO_TASK = "there is no such task in this account"


@blueprint.get("/tasks")
@blueprint.arguments(TaskQuery, location="query")
@blueprint.response(200, TaskPage)
@blueprint.problems(401, 422)
def list_tasks(page: dict[str, Any]) -> Response:
    """List the tasks of the account, newest first

    A page ends early when payloads and results are large: next_cursor says whether there are more.
    """
    before = read_uuid_cursor(page["cursor"])
    filters = {name: page[name] for name in ("queue", "state")}
    with services().database.reading() as cursor:
        rows, has_more = tasks.page(cursor, caller().account_id, before=before, limit=page["limit"], **filters)
    return Answer(page_with_more(rows, has_more, task_object, lambda task: task.id)).response()


@blueprint.get("/tasks/<uuid:task_id>")
@blueprint.response(200, TaskWithHistorySchema)
@blueprint.problems(401, 404)
def get_task(task_id: UUID) -> Response:
    """Read a task with its attempts and its log"""
    with services().database.reading() as cursor:
        shown = _shown(cursor, existing_task(cursor, task_id))
    return Answer(shown).response()


@blueprint.post("/tasks/<uuid:task_id>/cancel")
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(200, TaskWithHistorySchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def cancel_task(_fields: dict[str, Any], task_id: UUID) -> Response:
    """Cancel a task that has not ended

    One that is in the hands of a worker goes on: its worker is asked to stop when it extends its lease or logs, and may
    still ack it. If it does not, it is canceled with the end of its lease.
    """
    with services().database.transaction() as transaction:
        cursor = transaction.cursor
        existing_task(cursor, task_id)
        canceled = work.cancel(cursor, caller().account_id, id=task_id, reason="canceled by its owner")
        task = existing_task(cursor, task_id)
        if task.state in ("succeeded", "failed"):
            raise Conflict(f"the task has {task.state} already")
        shown = _shown(cursor, task)
        transaction.after_commit(lambda: services().bell.announce(canceled))
    return Answer(shown).response()


@blueprint.post("/tasks/<uuid:task_id>/retry")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY])
@blueprint.arguments(NothingSchema, example={}, required=False)
@blueprint.response(200, TaskWithHistorySchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def retry_task(_fields: dict[str, Any], task_id: UUID) -> Response:
    """Begin a failed task afresh

    It is due at once and has all its attempts before it again.
    """

    def retrying(transaction: Transaction) -> Answer:
        cursor, account_id = transaction.cursor, caller().account_id
        try:
            is_retried = tasks.begin_afresh(cursor, account_id, [task_id]) == 1
        except KeyInUse:
            raise Conflict("another task with the same dedup_key has not ended") from None
        task = existing_task(cursor, task_id)
        if not is_retried:
            raise Conflict(_why_not_retried(task))
        transaction.after_commit(lambda: services().bell.announce_tasks([(account_id, task.queue)]))
        return Answer(_shown(cursor, task))

    return create(retrying).response()


def existing_task(cursor: Cursor, task_id: UUID) -> Task:
    """The caller's task of this id; raises NotFound."""
    task = tasks.get(cursor, caller().account_id, task_id)
    if task is None:
        raise NotFound(NO_TASK)
    return task


def _shown(cursor: Cursor, task: Task) -> dict[str, Any]:
    return task_with_history(task, attempts_of(cursor, task.id), task_logs.latest(cursor, task.id))


def _why_not_retried(task: Task) -> str:
    if task.state == "failed":
        return "the run of this task has failed with it; begin another run"
    return f"the task is {task.state}; only one that has failed can be retried"
