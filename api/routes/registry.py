"""The registry's two routes, for its workers as they are: a task goes in, and comes out once."""

from typing import Any

from flask import Response, request

from api.auth import caller
from api.blueprint import IDEMPOTENCY_KEY, Blueprint
from api.creating import Answer, create
from api.ending_tasks import Ack, ack_tasks
from api.json_body import json_body
from api.queue_names import require_queue_name
from api.schemas.registry import NoTaskSchema, PopTaskQuery, PushedSchema, RegistryTaskSchema
from api.services import services
from api.store import pushes, task_leases
from api.store.pushes import NewTask
from api.store.task_leases import PoppedTask
from api.waiting_for_tasks import pop_for
from shared.database import Transaction

blueprint = Blueprint("registry", __name__, description="The registry's interface: tasks by the name of their worker.")

WORKER = "popTask"
MOMENTARY_LEASE_SECONDS = 60  # it ends with the transaction that begins it
ANY_JSON: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": {}, "example": {"args": ["example.com"]}}},
}


@blueprint.put("/api/pushTask/<queue_name>")
@blueprint.doc(requestBody=ANY_JSON, parameters=[IDEMPOTENCY_KEY])
@blueprint.response(200, PushedSchema)
@blueprint.problems(400, 401, 413, 415, 422)
def push_task(queue_name: str) -> Response:
    """Push a task whose payload is the body, any JSON"""
    require_queue_name(queue_name)
    payload = json_body()

    def pushing(transaction: Transaction) -> Answer:
        account_id = caller().account_id
        pushes.push(transaction.cursor, account_id, queue_name, [NewTask(payload)])
        transaction.after_commit(lambda: services().bell.announce_tasks([(account_id, queue_name)]))
        return Answer({"success": True})

    return create(pushing, writes_once=True).response()


@blueprint.get("/api/popTask/<queue_name>")
@blueprint.arguments(PopTaskQuery, location="query")
@blueprint.response(200, RegistryTaskSchema)
@blueprint.alt_response(202, schema=NoTaskSchema, description="There was no task, or none in time.")
@blueprint.problems(401, 422, 429)
def pop_task(query: dict[str, Any], queue_name: str) -> Response:
    """Pop a task, which is done with that unless it is leased

    What a checklist asks of a queue needs an answer: lease it, and ack it with what was observed. HEAD takes nothing
    and does not wait: it tells by 200 or 202 whether there is a task.
    """
    require_queue_name(queue_name)
    account_id, lease_seconds = caller().account_id, query["lease"]
    if request.method == "HEAD":
        return Response(status=200 if _is_due(account_id, queue_name) else 202, mimetype="application/json")
    tasks = pop_for(
        account_id, queue_name, lambda: _pop(account_id, queue_name, lease_seconds), wait_seconds=query["wait"]
    )
    if not tasks:
        return Answer({"error": "No tasks available"}, 202).response()
    return Answer({"task": _shown(tasks[0], is_leased=lease_seconds is not None)}).response()


def _pop(account_id: int, queue_name: str, lease_seconds: int | None) -> list[PoppedTask]:
    with services().database.transaction() as transaction:
        tasks = task_leases.pop(
            transaction.cursor,
            account_id,
            queue_name,
            most=1,
            lease_seconds=lease_seconds or MOMENTARY_LEASE_SECONDS,
            worker=WORKER,
        )
        if tasks and lease_seconds is None:
            ack_tasks(transaction, [Ack(task.id, task.lease_token) for task in tasks])
    return tasks


def _is_due(account_id: int, queue_name: str) -> bool:
    with services().database.reading() as cursor:
        seconds = task_leases.seconds_until_due(cursor, account_id, queue_name)
    return seconds is not None and seconds <= 0


def _shown(task: PoppedTask, *, is_leased: bool) -> dict[str, Any]:
    payload = task.payload if isinstance(task.payload, dict) else {"payload": task.payload}
    lease = {"lease_token": str(task.lease_token)} if is_leased else {}
    return payload | {"id": str(task.id)} | lease
