"""The scheduler's interface: entries that say a minute, and become tasks on the queue `scheduler`.

An entry is a schedule of ours that says a minute and pushes into that queue, whoever made it. A minute that is not in
the future pushes its task at once, with the answer; what recurs goes on from its next minute.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Flask, Response

from api.auth import caller
from api.compat import listing
from api.compat.definitions import changed_definition
from api.compat.input import Lenient, read_input
from api.compat.job_ids import job_id_of, schedule_id_in
from api.compat.own_errors import Failure, tell_errors_as
from api.creating import Answer, create
from api.errors import NotFound
from api.routes.schedule_actions import BEGINNINGS
from api.scheduling import definition_of
from api.schemas.fields import Integer, Json, Word
from api.schemas.schedules import A_YEAR, ScheduleInput
from api.services import services
from api.store import pushing_schedules, schedules
from api.store.pushing_schedules import PushingSchedule
from shared.database import Transaction
from shared.domain.snapshot import equal
from shared.domain.when import MAX_MINUTE, MinuteWhen, next_instant
from shared.store.schedules import Schedule

PREFIX = "/compat/scheduler"
QUEUE = "scheduler"

blueprint = Blueprint("scheduler", __name__, url_prefix=PREFIX)


class EntryInput(Lenient):
    """What a client says of an entry; also the jobId of one that it has read may be there, and counts for nothing."""

    payload = Json(required=True)
    minute = Integer(least=0, most=MAX_MINUTE, required=True)
    recurring = Word("none", "daily", "weekly", load_default="none")


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)
    tell_errors_as(app, PREFIX, _error)


def _error(failure: Failure) -> dict[str, Any]:
    return {"message": failure.message}


@blueprint.get("/schedules")
def list_entries() -> Response:
    """A bare array, by id; of more than 1,000, or 4 MiB, those that are still to fire come before those that have."""
    with services().database.reading() as cursor:
        ids = pushing_schedules.by_minute(cursor, caller().account_id, QUEUE, limit=listing.MOST_OBJECTS)
        batches = (ids[place : place + listing.ROWS_AT_ONCE] for place in range(0, len(ids), listing.ROWS_AT_ONCE))

        def read(last: PushingSchedule | None, most_characters: int) -> list[PushingSchedule]:
            batch = next(batches, [])
            return pushing_schedules.read(cursor, batch, most_characters=most_characters, at_least_one=last is None)

        rows = listing.objects_of(read, lambda row: row)
    return Answer([_entry(row, row.payload) for row in sorted(rows, key=lambda row: row.id)]).response()


@blueprint.get("/schedules/<uuid:job_id>")
def get_entry(job_id: UUID) -> Response:
    with services().database.reading() as cursor:
        schedule = _existing(job_id, schedules.get(cursor, caller().account_id, schedule_id_in(job_id)))
    return Answer(_entry(schedule, _payload(schedule))).response()


@blueprint.post("/schedules")
def create_entry() -> Response:
    fields = read_input(EntryInput())
    definition = definition_of(
        ScheduleInput().load({**fields, "queue": QUEUE, "overlap": "allow", "catchup_window_seconds": A_YEAR})
    )

    def creation(transaction: Transaction) -> Answer:
        cursor = transaction.cursor
        now = schedules.now(cursor)
        schedule = schedules.create(
            cursor, caller().account_id, definition, anchor=now, next_run_at=_next_run_at(fields, now)
        )
        schedules.tell_schedulers(cursor)
        _push_if_due(transaction, schedule, now)
        return Answer(_entry(schedule, _payload(schedule)), 201)

    return create(creation).response()


@blueprint.put("/schedules/<uuid:job_id>")
def replace_entry(job_id: UUID) -> Response:
    """Replace an entry; the same once more changes nothing, and one that recurs as before goes on as it was."""
    fields = read_input(EntryInput())
    with services().database.transaction() as transaction:
        cursor, account_id = transaction.cursor, caller().account_id
        before = _existing(job_id, schedules.lock(cursor, account_id, schedule_id_in(job_id)))
        after = before if _says_the_same(fields, before) else _replaced(transaction, before, fields)
    return Answer(_entry(after, _payload(after))).response()


@blueprint.delete("/schedules/<uuid:job_id>")
def delete_entry(job_id: UUID) -> Response:
    """Delete an entry; the tasks that it has become stay."""
    with services().database.transaction() as transaction:
        cursor, account_id = transaction.cursor, caller().account_id
        schedule = _existing(job_id, schedules.lock(cursor, account_id, schedule_id_in(job_id)))
        schedules.delete(cursor, account_id, schedule.id)
        schedules.tell_schedulers(cursor)
    return Answer({}).response()


def _existing(job_id: UUID, schedule: Schedule | None) -> Schedule:
    """The schedule, if it is an entry and has this id; raises NotFound."""
    if schedule is None or schedule.minute is None or schedule.target.get("queue") != QUEUE:
        raise NotFound(f"there is no schedule with the jobId {job_id}")
    if job_id_of(schedule.id, schedule.created_at) != job_id:
        raise NotFound(f"there is no schedule with the jobId {job_id}")
    return schedule


def _payload(schedule: Schedule) -> Any:
    return schedule.target.get("payload")


def _entry(schedule: Schedule | PushingSchedule, payload: Any) -> dict[str, Any]:
    return {
        "jobId": str(job_id_of(schedule.id, schedule.created_at)),
        "payload": payload,
        "minute": schedule.minute,
        "recurring": schedule.recurring,
    }


def _says_the_same(fields: dict[str, Any], schedule: Schedule) -> bool:
    return _recurs_alike(fields, schedule) and equal(fields["payload"], _payload(schedule))


def _recurs_alike(fields: dict[str, Any], schedule: Schedule) -> bool:
    return (fields["minute"], fields["recurring"]) == (schedule.minute, schedule.recurring)


def _replaced(transaction: Transaction, before: Schedule, fields: dict[str, Any]) -> Schedule:
    cursor = transaction.cursor
    now = schedules.now(cursor)
    goes_on = _recurs_alike(fields, before) and before.recurring != "none"
    definition = changed_definition(
        before,
        minute=fields["minute"],
        recurring=fields["recurring"],
        target=before.target | {"payload": fields["payload"]},
    )
    after = schedules.replace(
        cursor,
        before.account_id,
        before.id,
        definition,
        anchor=before.anchor,
        next_run_at=before.next_run_at if goes_on else _next_run_at(fields, now, sleeps=definition.paused),
    )
    schedules.tell_schedulers(cursor)
    if not goes_on and not definition.paused:
        _push_if_due(transaction, after, now)
    return after


def _next_run_at(fields: dict[str, Any], now: datetime, *, sleeps: bool = False) -> datetime | None:
    """When the scheduler is to look after it: not for what is pushed now.

    Of one that sleeps nothing is: if its only minute has begun, the scheduler records that it slept through that.
    """
    when = MinuteWhen(fields["minute"], fields["recurring"])
    return when.at if sleeps and when.recurring == "none" else next_instant(when, now)


def _push_if_due(transaction: Transaction, schedule: Schedule, now: datetime) -> None:
    """Push the task now if the minute has begun, and record that as one time that the schedule has fired."""
    if schedule.minute is None or MinuteWhen(schedule.minute).at > now or _has_fired_enough(schedule):
        return
    _, begun = BEGINNINGS["task"](transaction, schedule)
    pushing_schedules.fired_at_once(transaction.cursor, UUID(begun["id"]))


def _has_fired_enough(schedule: Schedule) -> bool:
    return schedule.max_occurrences is not None and schedule.fired >= schedule.max_occurrences
