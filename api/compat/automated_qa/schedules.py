"""Schedules of checklists by a cron in UTC; those of other rhythms and work it has no words for, and does not see."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response

from api.auth import caller
from api.compat import listing
from api.compat.automated_qa.checklists import existing_checklist
from api.compat.automated_qa.keys import DELETED
from api.compat.definitions import changed_definition
from api.compat.input import Lenient, read_input
from api.creating import Answer, create
from api.errors import InvalidInput, NotFound
from api.routes.schedules import NO_SCHEDULE, told_refusals
from api.scheduling import definition_of, replaced_start, rhythm_of
from api.schemas.checks import check_cron
from api.schemas.fields import MOST_ID, Integer, Text
from api.schemas.schedules import ScheduleInput as OwnInput
from api.services import services
from api.store import automated_qa, schedules
from api.store.automated_qa import ListedSchedule
from shared.database import Transaction
from shared.store.schedules import Schedule

blueprint = Blueprint("schedules", __name__)


class ScheduleUpdate(Lenient):
    checklist_id = Integer(least=-MOST_ID, most=MOST_ID, data_key="checklistId")  # below 1 it is nobody's: not found
    cron = Text(most=200, validate=check_cron)


class ScheduleInput(Lenient):
    checklist_id = Integer(least=-MOST_ID, most=MOST_ID, required=True, data_key="checklistId")
    cron = Text(most=200, required=True, validate=check_cron)


@blueprint.get("/schedules")
def list_schedules() -> Response:
    with services().database.reading() as cursor:
        rows = automated_qa.schedules(cursor, caller().account_id, limit=listing.MOST_OBJECTS)
    shown = [_object(row) for row in rows]
    return Answer({"data": {"schedules": shown}}).response()


@blueprint.post("/schedules")
def create_schedule() -> Response:
    given = read_input(ScheduleInput())

    def creation(transaction: Transaction) -> Answer:
        cursor = transaction.cursor
        existing_checklist(cursor, given["checklist_id"])
        own = OwnInput().load(given)
        _, start = rhythm_of(own, schedules.now(cursor))
        with told_refusals():
            schedule = schedules.create(
                cursor, caller().account_id, definition_of(own), anchor=start.anchor, next_run_at=start.next_run_at
            )
        schedules.tell_schedulers(cursor)
        return Answer({"data": {"schedule": _object(schedule)}}, 201)

    return create(creation).response()


@blueprint.put("/schedules/<id:schedule_id>")
def update_schedule(schedule_id: int) -> Response:
    """Another cron, another checklist, or both; what is not said, and what this client cannot say, stays as it is."""
    changes = read_input(ScheduleUpdate())
    with services().database.transaction() as transaction:
        cursor = transaction.cursor
        before = schedules.lock(cursor, caller().account_id, schedule_id)
        if before is None or not _is_shown(before):
            raise NotFound(NO_SCHEDULE)
        if not changes:
            raise InvalidInput("checklistId or cron must be given")
        if "checklist_id" in changes:
            existing_checklist(cursor, changes["checklist_id"])
        definition = changed_definition(before, **changes)
        said = {name: value for name, value in asdict(definition).items() if value is not None}
        start = replaced_start(said, before, schedules.now(cursor))
        with told_refusals():
            after = schedules.replace(
                cursor,
                caller().account_id,
                schedule_id,
                definition,
                anchor=start.anchor,
                next_run_at=start.next_run_at,
            )
        schedules.tell_schedulers(cursor)
    return Answer({"data": {"schedule": _object(after)}}).response()


@blueprint.delete("/schedules/<id:schedule_id>")
def delete_schedule(schedule_id: int) -> Response:
    with services().database.transaction() as transaction:
        found = schedules.lock(transaction.cursor, caller().account_id, schedule_id)
        if found is None or not _is_shown(found):
            raise NotFound(NO_SCHEDULE)
        schedules.delete(transaction.cursor, caller().account_id, schedule_id)
        schedules.tell_schedulers(transaction.cursor)
    return Answer(DELETED).response()


def _is_shown(schedule: Schedule) -> bool:
    return schedule.kind == "run" and schedule.cron is not None and schedule.timezone == "UTC"


def _object(schedule: Schedule | ListedSchedule) -> dict[str, Any]:
    return {"id": schedule.id, "checklistId": schedule.checklist_id, "cron": schedule.cron}
