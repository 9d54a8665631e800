"""Queues: tasks put in by anybody, and taken out by external workers."""

from typing import Any

from flask import Response

from api.auth import caller
from api.blueprint import IDEMPOTENCY_KEY, PREFER, Blueprint
from api.creating import Answer, create
from api.errors import Conflict, NotFound
from api.paging import page_of, read_name_cursor
from api.popping import Pop
from api.queue_names import is_queue_name, require_queue_name
from api.schemas.answers import NothingSchema, PageQuery
from api.schemas.queues import QueueInput, QueuePage, QueueSchema, RetriedSchema
from api.schemas.task_answers import PoppedTasksSchema, PushedTaskSchema, PushedTasksSchema, TaskWithHistorySchema
from api.schemas.tasks import PopInput, PushInput
from api.services import services
from api.store import pushes, queues, tasks
from api.store.pushes import NewTask, TooLargeTogether
from api.store.queues import Queue
from api.store.tasks import KeyInUse
from api.task_objects import popped_object, pushed_object, queue_object
from api.waiting_for_tasks import pop_for
from api.waiting_for_work import wait_for_end
from shared.database import Cursor, Transaction

blueprint = Blueprint("queues", __name__, description="Tasks put in by anybody, and taken out by external workers.")

NO_QUEUE = "there is no such queue in this account"
POP_KEY = IDEMPOTENCY_KEY | {
    "description": "Repeating the request with the same key and body gives the same tasks again, while they are leased."
}


@blueprint.post("/queues/<queue_name>/tasks")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY, PREFER])
@blueprint.arguments(PushInput, example=PushInput.example)
@blueprint.response(
    201, {"oneOf": [PushedTaskSchema, PushedTasksSchema]}, headers={"Location": {"schema": {"type": "string"}}}
)
@blueprint.alt_response(200, schema=TaskWithHistorySchema, description="The finished task, with Prefer: wait.")
@blueprint.problems(400, 401, 409, 413, 415, 422)
def push_tasks(fields: dict[str, Any], queue_name: str) -> Response:
    """Push a task, or many

    While a task of the queue with the same dedup_key has not ended, it is the answer, and no other is made. Only for a
    single task there is a Location, and a wait. Many with large payloads that are there already are refused together.
    """
    require_queue_name(queue_name)
    many = fields.pop("tasks", None)
    asked = [NewTask(**task) for task in ([fields] if many is None else many)]

    def creation(transaction: Transaction) -> Answer:
        account_id = caller().account_id
        try:
            pushed = pushes.push(transaction.cursor, account_id, queue_name, asked)
        except TooLargeTogether:
            raise Conflict(
                "the tasks that have these dedup_keys already are too large to be answered together; push fewer at once"
            ) from None
        # Also of what is due later: whoever waits learns when that is.
        transaction.after_commit(lambda: services().bell.announce_tasks([(account_id, queue_name)]))
        if many is not None:
            return Answer({"tasks": [pushed_object(item) for item in pushed]}, 201)
        [item] = pushed
        return Answer(pushed_object(item), 201, {"Location": f"/tasks/{item.task.id}"})

    has_keys = any(task.dedup_key is not None for task in asked)
    created = create(creation, writes_once=len(asked) == 1 or not has_keys)
    return (created if many is not None else wait_for_end(created)).response()


@blueprint.post("/queues/<queue_name>/pop")
@blueprint.doc(parameters=[POP_KEY])
@blueprint.arguments(PopInput, example=PopInput.example, required=False)
@blueprint.response(200, PoppedTasksSchema)
@blueprint.alt_response(204, description="There is no task, and there was none within wait_seconds.")
@blueprint.problems(400, 401, 413, 415, 422, 429)
def pop_tasks(fields: dict[str, Any], queue_name: str) -> Response:
    """Pop tasks

    The highest priority comes first, and of one priority what has been due longest. Each task is leased: it comes back
    to the queue if it is not acked, failed or extended before its lease expires. Large payloads come in several pops.
    """
    require_queue_name(queue_name)
    pop = Pop(queue_name, most=fields["max"], lease_seconds=fields["lease_seconds"], worker=fields["worker"])
    popped = pop_for(
        caller().account_id,
        queue_name,
        pop.attempt,
        wait_seconds=fields["wait_seconds"],
        popped_before=pop.popped_before,
    )
    if not popped:
        return Response(status=204)
    replayed = {"Idempotent-Replay": "true"} if pop.is_replay else {}
    return Answer({"tasks": [popped_object(task) for task in popped]}, 200, replayed).response()


@blueprint.post("/queues/<queue_name>/retry-failed")
@blueprint.arguments(NothingSchema, example={}, required=False)
@blueprint.response(200, RetriedSchema)
@blueprint.problems(400, 401, 409, 413, 415, 422)
def retry_failed(_fields: dict[str, Any], queue_name: str) -> Response:
    """Begin the failed tasks of a queue afresh

    At most 10,000 by one request. Left out are tasks of runs, and tasks whose dedup_key another one has that has not
    ended; of several failed ones with the same dedup_key, the newest is begun.
    """
    require_queue_name(queue_name)
    account_id = caller().account_id
    with services().database.transaction() as transaction:
        try:
            retried, has_more = tasks.retry_failed(transaction.cursor, account_id, queue_name)
        except KeyInUse:
            raise Conflict(
                "a dedup_key of these tasks has just come into use; nothing was changed, try again"
            ) from None
        if retried:
            transaction.after_commit(lambda: services().bell.announce_tasks([(account_id, queue_name)]))
    return Answer({"retried": retried, "more": has_more}).response()


@blueprint.get("/queues")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, QueuePage)
@blueprint.problems(401, 422)
def list_queues(page: dict[str, Any]) -> Response:
    """List the queues of the account, by name"""
    after = read_name_cursor(page["cursor"], is_queue_name)
    with services().database.reading() as cursor:
        rows = queues.page(cursor, caller().account_id, after=after, limit=page["limit"] + 1)
    return Answer(page_of(rows, page["limit"], queue_object, lambda queue: queue.name)).response()


@blueprint.get("/queues/<queue_name>")
@blueprint.response(200, QueueSchema)
@blueprint.problems(401, 404)
def get_queue(queue_name: str) -> Response:
    """Read a queue"""
    with services().database.reading() as cursor:
        queue = _existing_queue(cursor, queue_name)
    return Answer(queue_object(queue)).response()


@blueprint.put("/queues/<queue_name>")
@blueprint.arguments(QueueInput, example=QueueInput.example)
@blueprint.response(200, QueueSchema)
@blueprint.problems(400, 401, 413, 415, 422)
def configure_queue(fields: dict[str, Any], queue_name: str) -> Response:
    """Set up a queue; one that is not there is made"""
    require_queue_name(queue_name)
    with services().database.statement() as statement:
        queues.configure(statement.cursor, caller().account_id, queue_name, **fields)
    with services().database.reading() as cursor:
        queue = _existing_queue(cursor, queue_name)
    return Answer(queue_object(queue)).response()


def _existing_queue(cursor: Cursor, name: str) -> Queue:
    queue = queues.get(cursor, caller().account_id, name) if is_queue_name(name) else None
    if queue is None:
        raise NotFound(NO_QUEUE)
    return queue
