"""The infinitas interface over HTTP: tasks with a cron, and the jobs they become.

A task there is a schedule of ours whose name is also that of the queue it pushes into; a job there is a task of that
queue, with our id. Its WebSocket takes jobs from the same queues.
"""

import math
from typing import Any
from uuid import UUID

from flask import Blueprint, Flask, Response, request

from api.auth import caller
from api.compat.definitions import changed_definition
from api.compat.infinitas_objects import error_body, is_task, job_object, job_with_logs, task_object
from api.compat.input import Lenient, read_input
from api.compat.listing import MOST_OBJECTS
from api.compat.own_errors import tell_errors_as
from api.creating import Answer, create
from api.errors import Conflict, NotFound
from api.queue_names import is_queue_name
from api.routes.schedule_actions import BEGINNINGS
from api.routes.schedules import tell_if_paused
from api.scheduling import definition_of, replaced_start, rhythm_of
from api.schemas.fields import Boolean, Integer, Text, check_cron, check_queue_name
from api.schemas.schedules import ScheduleInput
from api.services import services
from api.store import processors, pushing_schedules, schedules, task_logs, tasks
from api.store.schedule_history import last_work
from api.store.schedules import NameTaken
from shared.database import Cursor, Transaction
from shared.store.schedules import Schedule

PREFIX = "/compat/infinitas"
MOST_JOBS = 50  # of one task, the newest
LONGEST_TIMEOUT_MS = 43_200_000
ROUNDS = 3  # of several that make one task at the same moment, one comes first

blueprint = Blueprint("infinitas", __name__, url_prefix=PREFIX)


class TaskInput(Lenient):
    """What a client says of a task; what it has read of one besides may be there, and counts for nothing."""

    name = Text(most=100, required=True, validate=check_queue_name)
    schedule = Text(most=200, required=True, validate=check_cron)
    timeoutMs = Integer(least=1, most=LONGEST_TIMEOUT_MS, load_default=None, allow_none=True)  # noqa: N815 (as they call it)
    enabled = Boolean(load_default=True)


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)
    tell_errors_as(app, PREFIX, error_body)


@blueprint.post("/api/task")
def save_task() -> Response:
    """Make a task, or change the one of this name: a client says its tasks again whenever it starts."""
    fields = read_input(TaskInput())

    def saving(transaction: Transaction) -> Answer:
        cursor, account_id = transaction.cursor, caller().account_id
        found = _named(cursor, fields["name"])
        before = found and schedules.lock(cursor, account_id, found.id)
        if before is None:
            after = _created(cursor, account_id, fields)
        elif is_task(before):
            after = _replaced(transaction, before, fields)
        else:
            raise Conflict("a schedule that is no task of infinitas has this name")
        processors.need(cursor, account_id, fields["name"])
        schedules.tell_schedulers(cursor)
        return Answer(task_object(after, last_work(cursor, [after.id])), 201 if before is None else 200)

    for _ in range(ROUNDS):
        try:
            return create(saving).response()
        except NameTaken:
            continue
    raise Conflict("others make a task of this name all the time; try again")


@blueprint.get("/api/tasks")
def list_tasks() -> Response:
    """A bare array, by name, of at most 1,000."""
    with services().database.reading() as cursor:
        rows = pushing_schedules.by_cron(cursor, caller().account_id, limit=MOST_OBJECTS)
        work = last_work(cursor, [row.id for row in rows])
    return Answer([task_object(row, work) for row in rows]).response()


@blueprint.get("/api/task/<name>")
def get_task(name: str) -> Response:
    with services().database.reading() as cursor:
        schedule = _existing(cursor, name)
        jobs = tasks.page(cursor, schedule.account_id, before=None, limit=MOST_JOBS, queue=name)
        task = task_object(schedule, last_work(cursor, [schedule.id]))
    return Answer(task | {"jobs": [job_object(job) for job in jobs]}).response()


@blueprint.delete("/api/task/<name>")
def delete_task(name: str) -> Response:
    """Delete a task; the jobs that it has become stay, and end."""
    with services().database.transaction() as transaction:
        cursor = transaction.cursor
        schedules.delete(cursor, caller().account_id, _existing(cursor, name).id)
        schedules.tell_schedulers(cursor)
    return Answer({}).response()


@blueprint.route("/api/task/trigger/<name>", methods=["GET", "POST"])
def trigger_task(name: str) -> Response:
    """Make a job now, whether the task is enabled or not; HEAD tells only whether there is such a task."""
    if request.method == "HEAD":
        with services().database.reading() as cursor:
            _existing(cursor, name)
        return Answer({}).response()

    def creation(transaction: Transaction) -> Answer:
        cursor = transaction.cursor
        _, begun = BEGINNINGS["task"](transaction, _existing(cursor, name))
        job = tasks.get(cursor, caller().account_id, UUID(begun["id"]))
        return Answer(job and job_object(job))

    return create(creation).response()


@blueprint.get("/api/job/<uuid:job_id>")
def get_job(job_id: UUID) -> Response:
    with services().database.reading() as cursor:
        job = tasks.get(cursor, caller().account_id, job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        shown = job_with_logs(job, task_logs.latest(cursor, job_id))
    return Answer(shown).response()


def _named(cursor: Cursor, name: str) -> Schedule | None:
    found = schedules.page(cursor, caller().account_id, after=0, limit=1, name=name) if is_queue_name(name) else []
    return found[0] if found else None


def _existing(cursor: Cursor, name: str) -> Schedule:
    """The schedule that is the task of this name; raises NotFound."""
    schedule = _named(cursor, name)
    if schedule is None or not is_task(schedule):
        raise NotFound(f"there is no task {name[:100]!r}")
    return schedule


def _created(cursor: Cursor, account_id: int, fields: dict[str, Any]) -> Schedule:
    """Raises NameTaken."""
    timeout = {} if fields["timeoutMs"] is None else {"timeout_seconds": _seconds(fields["timeoutMs"])}
    native = ScheduleInput().load(
        {
            "name": fields["name"],
            "cron": fields["schedule"],
            "queue": fields["name"],
            "paused": not fields["enabled"],
            "overlap": "allow",
            **timeout,
        }
    )
    _, start = rhythm_of(native, schedules.now(cursor))
    return schedules.create(
        cursor, account_id, definition_of(native), anchor=start.anchor, next_run_at=start.next_run_at
    )


def _replaced(transaction: Transaction, before: Schedule, fields: dict[str, Any]) -> Schedule:
    cursor = transaction.cursor
    rhythm = {
        "cron": fields["schedule"],
        "timezone": before.timezone,
        "starts_at": before.starts_at,
        "ends_at": before.ends_at,
        "max_occurrences": before.max_occurrences,
    }
    start = replaced_start(rhythm, before, schedules.now(cursor))
    timeout_ms = fields["timeoutMs"]
    after = schedules.replace(
        cursor,
        before.account_id,
        before.id,
        changed_definition(
            before,
            cron=fields["schedule"],
            target=before.target | {"timeout_seconds": None if timeout_ms is None else _seconds(timeout_ms)},
            paused=not fields["enabled"],
        ),
        anchor=start.anchor,
        next_run_at=start.next_run_at,
    )
    tell_if_paused(transaction, before, after)
    return after


def _seconds(milliseconds: int) -> int:
    return math.ceil(milliseconds / 1_000)
