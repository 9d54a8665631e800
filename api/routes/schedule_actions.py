"""What a person does with a schedule: let it sleep, wake it, leave one out, begin one now, look ahead."""

from collections.abc import Callable
from typing import Any

from flask import Response

from api.auth import caller
from api.blueprint import IDEMPOTENCY_KEY, PREFER, Blueprint
from api.creating import Answer, create
from api.errors import Conflict, NotFound
from api.job_objects import job_with_attempts
from api.objects import run_object
from api.routes.runs import ring_for
from api.routes.schedules import NO_SCHEDULE, existing_schedule, schedule_object, tell_if_paused
from api.schedule_objects import preview_object
from api.scheduling import first_instants, rhythm_of
from api.schemas.answers import NothingSchema
from api.schemas.jobs import JobWithAttemptsSchema
from api.schemas.runs import RunSchema
from api.schemas.schedule_answers import PreviewSchema, ScheduleSchema
from api.schemas.schedules import PauseInput, ScheduleInput, SchedulePreviewInput
from api.schemas.task_answers import TaskWithHistorySchema
from api.services import services
from api.store import jobs, pushes, runs, schedules
from api.store.pushes import NewTask
from api.task_objects import task_with_history
from api.waiting_for_work import wait_for_end
from shared.database import Transaction
from shared.store.schedules import Schedule

blueprint = Blueprint("schedule-actions", __name__, description="Pausing, resuming, triggering and previewing.")


@blueprint.post("/schedules/<id:schedule_id>/pause")
@blueprint.arguments(PauseInput, example={"note": "the shop is being moved"}, required=False)
@blueprint.response(200, ScheduleSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def pause_schedule(fields: dict[str, Any], schedule_id: int) -> Response:
    """Pause a schedule

    Its instants are recorded as skipped until it is resumed. Pausing again changes at most the note.
    """
    with services().database.transaction() as transaction:
        cursor = transaction.cursor
        before = schedules.lock(cursor, caller().account_id, schedule_id)
        if before is None:
            raise NotFound(NO_SCHEDULE)
        if not schedules.pause(cursor, caller().account_id, schedule_id, fields.get("note")):
            raise Conflict(f"the schedule is {before.state}; only one that is active can be paused")
        schedule = existing_schedule(cursor, schedule_id)
        tell_if_paused(transaction, before, schedule)
        schedules.tell_schedulers(cursor)
        shown = schedule_object(cursor, schedule)
    return Answer(shown).response()


@blueprint.post("/schedules/<id:schedule_id>/resume")
@blueprint.arguments(NothingSchema, example={}, required=False)
@blueprint.response(200, ScheduleSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def resume_schedule(_fields: dict[str, Any], schedule_id: int) -> Response:
    """Resume a schedule

    It never fires for the time it slept. Resuming one that is active changes nothing.
    """
    with services().database.transaction() as transaction:
        cursor = transaction.cursor
        schedules.resume(cursor, caller().account_id, schedule_id)
        schedule = existing_schedule(cursor, schedule_id)
        if schedule.state != "active":
            raise Conflict(f"the schedule is {schedule.state}; only one that is paused can be resumed")
        schedules.tell_schedulers(cursor)
        shown = schedule_object(cursor, schedule)
    return Answer(shown).response()


@blueprint.post("/schedules/<id:schedule_id>/skip-next")
@blueprint.arguments(NothingSchema, example={}, required=False)
@blueprint.response(200, ScheduleSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def skip_next_occurrence(_fields: dict[str, Any], schedule_id: int) -> Response:
    """Leave out the next occurrence

    It is recorded as skipped. Asking again before that still leaves out one.
    """
    with services().database.transaction() as transaction:
        cursor = transaction.cursor
        skipped = schedules.skip_next(cursor, caller().account_id, schedule_id)
        schedule = existing_schedule(cursor, schedule_id)
        if not skipped:
            raise Conflict(f"the schedule is {schedule.state}; only one that is active has a next occurrence to skip")
        schedules.tell_schedulers(cursor)
        shown = schedule_object(cursor, schedule)
    return Answer(shown).response()


@blueprint.post("/schedules/<id:schedule_id>/trigger")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY, PREFER])
@blueprint.arguments(NothingSchema, example={}, required=False)
@blueprint.response(
    202,
    {"oneOf": [RunSchema, JobWithAttemptsSchema, TaskWithHistorySchema]},
    headers={"Location": {"schema": {"type": "string"}}},
)
@blueprint.alt_response(
    200,
    schema={"oneOf": [RunSchema, JobWithAttemptsSchema, TaskWithHistorySchema]},
    description="The finished run, job or task, with Prefer: wait.",
)
@blueprint.problems(400, 401, 404, 413, 415, 422)
def trigger_schedule(_fields: dict[str, Any], schedule_id: int) -> Response:
    """Begin now what the schedule begins

    Whatever its state; its rhythm and its counters stay as they are.
    """

    def creation(transaction: Transaction) -> Answer:
        schedule = existing_schedule(transaction.cursor, schedule_id)
        location, begun = BEGINNINGS[schedule.kind](transaction, schedule)
        return Answer(begun, 202, {"Location": location})

    return wait_for_end(create(creation)).response()


@blueprint.post("/schedules/preview")
@blueprint.arguments(SchedulePreviewInput, example=ScheduleInput.example)
@blueprint.response(200, PreviewSchema)
@blueprint.problems(400, 401, 413, 415, 422)
def preview_schedule(fields: dict[str, Any]) -> Response:
    """Tell when a schedule would be due, and store nothing

    The body is that of creating one; what it is to begin may be left out.
    """
    with services().database.reading() as cursor:
        when, start = rhythm_of(fields, schedules.now(cursor))
    return Answer(preview_object(when, first_instants(when, start, fields))).response()


def _begin_run(transaction: Transaction, schedule: Schedule) -> tuple[str, dict[str, Any]]:
    run = schedule.checklist_id and runs.create(
        transaction.cursor,
        schedule.account_id,
        schedule.checklist_id,
        trigger="manual",
        variables=schedule.target.get("variables", {}),
        schedule_id=schedule.id,
    )
    if not run:
        raise NotFound(NO_SCHEDULE)  # deleted with its checklist a moment ago
    begun = run
    transaction.after_commit(lambda: ring_for(begun))
    return f"/runs/{run.id}", run_object(run)


def _begin_job(transaction: Transaction, schedule: Schedule) -> tuple[str, dict[str, Any]]:
    job = jobs.create(
        transaction.cursor, schedule.account_id, schedule.target, trigger="manual", schedule_id=schedule.id
    )
    transaction.after_commit(lambda: services().bell.ring([job.id]))
    return f"/jobs/{job.id}", job_with_attempts(job, [])


def _begin_task(transaction: Transaction, schedule: Schedule) -> tuple[str, dict[str, Any]]:
    target = schedule.target
    [pushed] = pushes.push(
        transaction.cursor,
        schedule.account_id,
        target["queue"],
        [
            NewTask(
                payload=target.get("payload"),
                priority=target["priority"],
                max_attempts=target["max_attempts"],
                timeout_seconds=target["timeout_seconds"],
            )
        ],
        trigger="manual",
        schedule_id=schedule.id,
    )
    transaction.after_commit(lambda: services().bell.announce_tasks([(schedule.account_id, target["queue"])]))
    return f"/tasks/{pushed.task.id}", task_with_history(pushed.task, [], [])


# By what the schedule begins: how that is begun by hand; where it is, and the object.
BEGINNINGS: dict[str, Callable[[Transaction, Schedule], tuple[str, dict[str, Any]]]] = {
    "run": _begin_run,
    "job": _begin_job,
    "task": _begin_task,
}
