"""Tasks in the hands of a worker: ended, kept for longer, and logged about, with the lease token that pop gave."""

from typing import Any
from uuid import UUID

from flask import Response

from api.auth import caller
from api.blueprint import Blueprint
from api.creating import Answer
from api.ending_tasks import Ack, AckOutcome, ResultRefused, ack_tasks, fail_task, release_task
from api.errors import Conflict, FieldProblem, InvalidInput, JobTimedOut, LeaseLost, NotFound, Problem
from api.routes.tasks import NO_TASK, existing_task
from api.schemas.fields import write_timestamp
from api.schemas.task_answers import AckResultsSchema, LeaseSchema, TaskSchema
from api.schemas.tasks import AckInput, AcksInput, ExtendInput, FailInput, LogInput, ReleaseInput
from api.services import services
from api.store import held_tasks, task_logs
from api.store.held_tasks import HeldTask, NotHeld
from api.task_objects import task_object
from shared.database import Cursor

blueprint = Blueprint("task leases", __name__, description="Tasks in the hands of a worker.")


@blueprint.post("/tasks/<uuid:task_id>/ack")
@blueprint.arguments(AckInput, example=AckInput.example)
@blueprint.response(200, TaskSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def ack_task(fields: dict[str, Any], task_id: UUID) -> Response:
    """End a task well

    The same ack again is answered in the same way. What the task of a run brings as its result must be what a
    worker_url answers with; anything else ends the attempt badly.
    """
    with services().database.transaction() as transaction:
        [outcome] = ack_tasks(transaction, [Ack(task_id, **fields)]).values()
        shown = task_object(existing_task(transaction.cursor, task_id))
    if outcome not in ("acked", "acked_before"):
        raise _problem(outcome)
    return Answer(shown).response()


@blueprint.post("/tasks/ack")
@blueprint.arguments(AcksInput, example=AcksInput.example)
@blueprint.response(200, AckResultsSchema)
@blueprint.problems(400, 401, 413, 415, 422)
def ack_many_tasks(fields: dict[str, Any]) -> Response:
    """End many tasks well

    Each is answered for by itself, in the order in which they were given.
    """
    acks = [Ack(**ack) for ack in fields["acks"]]
    with services().database.transaction() as transaction:
        outcomes = ack_tasks(transaction, acks)
    return Answer({"results": [_ack_result(ack.id, outcomes[ack.id]) for ack in acks]}).response()


@blueprint.post("/tasks/<uuid:task_id>/fail")
@blueprint.arguments(FailInput, example=FailInput.example)
@blueprint.response(200, TaskSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def end_badly(fields: dict[str, Any], task_id: UUID) -> Response:
    """End an attempt badly

    The task can be popped again after the delay, if it is to be tried again and has an attempt left.
    """
    with services().database.transaction() as transaction:
        outcome = fail_task(transaction, task_id, **fields)
        if outcome != "failed":
            raise _problem(outcome)
        shown = task_object(existing_task(transaction.cursor, task_id))
    return Answer(shown).response()


@blueprint.post("/tasks/<uuid:task_id>/release")
@blueprint.arguments(ReleaseInput, example=ReleaseInput.example)
@blueprint.response(200, TaskSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def release_lease(fields: dict[str, Any], task_id: UUID) -> Response:
    """Give a task back

    As a worker does that is to stop: the attempt does not count, and the task is back in its old place in the queue.
    """
    with services().database.transaction() as transaction:
        outcome = release_task(transaction, task_id, **fields)
        if outcome != "released":
            raise _problem(outcome)
        shown = task_object(existing_task(transaction.cursor, task_id))
    return Answer(shown).response()


@blueprint.post("/tasks/<uuid:task_id>/extend")
@blueprint.arguments(ExtendInput, example=ExtendInput.example)
@blueprint.response(200, LeaseSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def extend_lease(fields: dict[str, Any], task_id: UUID) -> Response:
    """Keep a task for longer

    The lease ends so many seconds from now, but never later than the timeout_seconds of the attempt.
    """
    with services().database.transaction() as transaction:
        task = _held(transaction.cursor, task_id, fields["lease_token"])
        lease_expires_at = held_tasks.extend(transaction.cursor, task, fields["lease_seconds"])
    shown = {"lease_expires_at": write_timestamp(lease_expires_at), "cancel_requested": task.cancel_requested}
    return Answer(shown).response()


@blueprint.post("/tasks/<uuid:task_id>/log")
@blueprint.arguments(LogInput, example=LogInput.example)
@blueprint.response(200, LeaseSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def log_lines(fields: dict[str, Any], task_id: UUID) -> Response:
    """Add to the log of a task; at most 10,000 lines in all"""
    messages = fields["messages"] if "messages" in fields else [fields["message"]]
    with services().database.transaction() as transaction:
        task = _held(transaction.cursor, task_id, fields["lease_token"])
        if not task_logs.add(transaction.cursor, task, messages):
            raise Conflict(f"the log of a task has at most {task_logs.MOST_LINES} lines")
    shown = {"lease_expires_at": write_timestamp(task.lease_expires_at), "cancel_requested": task.cancel_requested}
    return Answer(shown).response()


def _held(cursor: Cursor, task_id: UUID, lease_token: UUID) -> HeldTask:
    [task] = held_tasks.held(cursor, caller().account_id, {task_id: lease_token}).values()
    if not isinstance(task, HeldTask):
        raise _problem(task)
    return task


def _problem(outcome: AckOutcome | NotHeld) -> Problem:
    """Why a worker does not get what it asks for."""
    match outcome:
        case ResultRefused(reason):
            return InvalidInput("the result is not what the run needs", errors=[FieldProblem("/result", reason)])
        case "unknown":
            return NotFound(NO_TASK)
        case "job_timed_out":
            return JobTimedOut()
        case _:
            return LeaseLost()


def _ack_result(task_id: UUID, outcome: AckOutcome) -> dict[str, Any]:
    word = "result_refused" if isinstance(outcome, ResultRefused) else outcome
    shown: dict[str, Any] = {"id": str(task_id), "outcome": word}
    return shown if word in ("acked", "acked_before") else shown | {"detail": _detail(outcome)}


def _detail(outcome: AckOutcome) -> str:
    return outcome.reason if isinstance(outcome, ResultRefused) else _problem(outcome).detail
