"""Schedules: when work is to begin, and which."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Response

from api.auth import caller
from api.blueprint import IDEMPOTENCY_KEY, Blueprint
from api.creating import Answer, create
from api.errors import Conflict, FieldProblem, NotFound
from api.paging import page_of, read_instant_cursor, read_integer_cursor
from api.routes.checklists import NO_CHECKLIST
from api.schedule_objects import occurrence_object, schedule_objects
from api.scheduling import definition_of, replaced_start, rhythm_of
from api.schemas.schedule_answers import OccurrencePage, SchedulePage, ScheduleSchema
from api.schemas.schedules import OccurrenceQuery, ScheduleInput, ScheduleQuery
from api.services import services
from api.store import schedule_history, schedules
from api.store.schedules import NameTaken, NoSuchChecklist
from shared.database import Cursor, Transaction
from shared.event_data import schedule_paused
from shared.store import events
from shared.store.schedules import Schedule

blueprint = Blueprint("schedules", __name__, description="When work is to begin, and which.")

NO_SCHEDULE = "there is no such schedule in this account"


@blueprint.post("/schedules")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY])
@blueprint.arguments(ScheduleInput, example=ScheduleInput.example)
@blueprint.response(201, ScheduleSchema, headers={"Location": {"schema": {"type": "string"}}})
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def create_schedule(fields: dict[str, Any]) -> Response:
    """Create a schedule

    One whose only instant is past fires at once, or is recorded as missed if that is longer ago than its catch-up
    window. One that has no instant at all is finished from the beginning.
    """

    def creation(transaction: Transaction) -> Answer:
        cursor = transaction.cursor
        _, start = rhythm_of(fields, schedules.now(cursor))
        with told_refusals():
            schedule = schedules.create(
                cursor,
                caller().account_id,
                definition_of(fields),
                anchor=start.anchor,
                next_run_at=start.next_run_at,
            )
        schedules.tell_schedulers(cursor)
        return Answer(schedule_object(cursor, schedule), 201, {"Location": f"/schedules/{schedule.id}"})

    return create(creation).response()


@blueprint.get("/schedules")
@blueprint.arguments(ScheduleQuery, location="query")
@blueprint.response(200, SchedulePage)
@blueprint.problems(401, 422)
def list_schedules(page: dict[str, Any]) -> Response:
    """List the schedules of the account"""
    after = read_integer_cursor(page["cursor"])
    filters = {name: page[name] for name in ("name", "checklist_id", "state")}
    with services().database.reading() as cursor:
        rows = schedules.page(cursor, caller().account_id, after=after, limit=page["limit"] + 1, **filters)
        objects = schedule_objects(cursor, rows)
    return Answer(page_of(rows, page["limit"], lambda row: objects[row.id], lambda row: row.id)).response()


@blueprint.get("/schedules/<id:schedule_id>")
@blueprint.response(200, ScheduleSchema)
@blueprint.problems(401, 404)
def get_schedule(schedule_id: int) -> Response:
    """Read a schedule"""
    with services().database.reading() as cursor:
        shown = schedule_object(cursor, existing_schedule(cursor, schedule_id))
    return Answer(shown).response()


@blueprint.put("/schedules/<id:schedule_id>")
@blueprint.arguments(ScheduleInput, example=ScheduleInput.example)
@blueprint.response(200, ScheduleSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def replace_schedule(fields: dict[str, Any], schedule_id: int) -> Response:
    """Replace a schedule; its counters and occurrences stay

    Another cron, zone, interval or time begins now; with the same ones it goes on as it was. It sleeps afterwards if
    `paused` says so, whether it slept before or not.
    """
    with services().database.transaction() as transaction:
        cursor = transaction.cursor
        account_id = caller().account_id
        before = schedules.lock(cursor, account_id, schedule_id)
        if before is None:
            raise NotFound(NO_SCHEDULE)
        start = replaced_start(fields, before, schedules.now(cursor))
        with told_refusals():
            schedule = schedules.replace(
                cursor,
                account_id,
                schedule_id,
                definition_of(fields),
                anchor=start.anchor,
                next_run_at=start.next_run_at,
            )
        tell_if_paused(transaction, before, schedule)
        schedules.tell_schedulers(cursor)
        shown = schedule_object(cursor, schedule)
    return Answer(shown).response()


@blueprint.delete("/schedules/<id:schedule_id>")
@blueprint.response(204)
@blueprint.problems(401, 404)
def delete_schedule(schedule_id: int) -> Response:
    """Delete a schedule with its occurrences; the runs it has begun stay, and end"""
    with services().database.transaction() as transaction:
        if not schedules.delete(transaction.cursor, caller().account_id, schedule_id):
            raise NotFound(NO_SCHEDULE)
        schedules.tell_schedulers(transaction.cursor)
    return Response(status=204)


@blueprint.get("/schedules/<id:schedule_id>/occurrences")
@blueprint.arguments(OccurrenceQuery, location="query")
@blueprint.response(200, OccurrencePage)
@blueprint.problems(401, 404, 422)
def list_occurrences(page: dict[str, Any], schedule_id: int) -> Response:
    """List every instant that was due, newest first, and what became of it"""
    before = read_instant_cursor(page["cursor"])
    with services().database.reading() as cursor:
        existing_schedule(cursor, schedule_id)
        rows = schedule_history.occurrences(
            cursor,
            caller().account_id,
            schedule_id,
            before=before,
            limit=page["limit"] + 1,
            outcome=page["outcome"],
        )
    return Answer(page_of(rows, page["limit"], occurrence_object, lambda row: row.scheduled_for)).response()


def existing_schedule(cursor: Cursor, schedule_id: int) -> Schedule:
    """The caller's schedule of this id. Raises NotFound."""
    schedule = schedules.get(cursor, caller().account_id, schedule_id)
    if schedule is None:
        raise NotFound(NO_SCHEDULE)
    return schedule


def schedule_object(cursor: Cursor, schedule: Schedule) -> dict[str, Any]:
    """One schedule as clients see it."""
    return schedule_objects(cursor, [schedule])[schedule.id]


def tell_if_paused(transaction: Transaction, before: Schedule, after: Schedule) -> None:
    """An event for the webhooks, if the schedule was active and sleeps now."""
    if (before.state, after.state) != ("active", "paused"):
        return
    paused = schedule_paused(after.account_id, after.id, after.name, after.note)
    due = events.record(transaction.cursor, [paused], delivery_attempts=services().settings.delivery_attempts)
    if due:
        transaction.after_commit(lambda: services().bell.ring(due))


@contextmanager
def told_refusals() -> Iterator[None]:
    """What the database refuses, as a client is told of it."""
    try:
        yield
    except NameTaken:
        raise Conflict("the account has another schedule of this name") from None
    except NoSuchChecklist:
        raise NotFound(NO_CHECKLIST, errors=[FieldProblem("/checklist_id", NO_CHECKLIST)]) from None
