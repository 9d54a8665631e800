"""The infinitas interface over HTTP: tasks with a cron, and the jobs they become.

A task there is a schedule of ours whose name is also that of the queue it pushes into; a job there is a task of that
queue, with our id. Its WebSocket takes jobs from the same queues.
"""

from typing import Any
from uuid import UUID

from flask import Blueprint, Flask, Response, request
from marshmallow import post_load

from api.auth import caller
from api.compat.definitions import changed_definition
from api.compat.infinitas_objects import error_body, in_seconds, is_task, job_object, job_with_logs, task_object
from api.compat.input import Lenient, read_input, with_one_name
from api.compat.listing import MOST_OBJECTS
from api.compat.own_errors import tell_errors_as
from api.creating import Answer, create
from api.errors import Conflict, NotFound
from api.queue_names import is_queue_name
from api.routes.schedule_actions import BEGINNINGS
from api.routes.schedules import tell_if_paused
from api.scheduling import definition_of, replaced_start, rhythm_of
from api.schemas.checks import check_cron, check_queue_name
from api.schemas.fields import Boolean, Integer, Text
from api.schemas.schedules import ScheduleInput
from api.services import services
from api.store import infinitas_jobs, infinitas_tasks, schedules, task_logs
from api.store.infinitas_tasks import InfinitasTask
from api.store.schedule_history import last_work
from api.store.schedules import NameTaken
from shared.database import Cursor, Transaction
from shared.store import queues
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
    timeout = Integer(
        least=1, most=LONGEST_TIMEOUT_MS, load_default=None, allow_none=True
    )  # as its quick start calls it
    enabled = Boolean(load_default=True)

    @post_load
    def take_both_names(self, fields: dict[str, Any], **_: Any) -> dict[str, Any]:
        return with_one_name(fields, "timeoutMs", "timeout")


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
        infinitas_tasks.save(cursor, after.id, fields["timeoutMs"])
        queues.make_known(cursor, [(account_id, fields["name"])])
        schedules.tell_schedulers(cursor)
        [task] = infinitas_tasks.page(cursor, account_id, limit=1, name=fields["name"])
        return Answer(task_object(task, last_work(cursor, [after.id])), 201 if before is None else 200)

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
        rows = infinitas_tasks.page(cursor, caller().account_id, limit=MOST_OBJECTS)
        work = last_work(cursor, [row.schedule_id for row in rows])
    return Answer([task_object(row, work) for row in rows]).response()


@blueprint.get("/api/task/<name>")
def get_task(name: str) -> Response:
    with services().database.reading() as cursor:
        task = _existing(cursor, name)
        jobs = infinitas_jobs.newest(cursor, caller().account_id, name, limit=MOST_JOBS)
        shown = task_object(task, last_work(cursor, [task.schedule_id]))
    return Answer(shown | {"jobs": [job_object(job) for job in jobs]}).response()


@blueprint.delete("/api/task/<name>")
def delete_task(name: str) -> Response:
    """Delete a task; the jobs that it has become stay, and end."""
    with services().database.transaction() as transaction:
        cursor = transaction.cursor
        if not schedules.delete(cursor, caller().account_id, _existing(cursor, name).schedule_id):
            raise _no_task(name)
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
        cursor, account_id = transaction.cursor, caller().account_id
        schedule = schedules.get(cursor, account_id, _existing(cursor, name).schedule_id)
        if schedule is None:
            raise _no_task(name)
        _, begun = BEGINNINGS["task"](transaction, schedule)
        job = infinitas_jobs.get(cursor, account_id, UUID(begun["id"]))
        return Answer(job and job_object(job))

    return create(creation).response()


@blueprint.get("/api/job/<uuid:job_id>")
def get_job(job_id: UUID) -> Response:
    with services().database.reading() as cursor:
        job = infinitas_jobs.get(cursor, caller().account_id, job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        shown = job_with_logs(job, task_logs.latest(cursor, job_id))
    return Answer(shown).response()


def _named(cursor: Cursor, name: str) -> Schedule | None:
    found = schedules.page(cursor, caller().account_id, after=0, limit=1, name=name) if is_queue_name(name) else []
    return found[0] if found else None


def _existing(cursor: Cursor, name: str) -> InfinitasTask:
    """The task of this name; raises NotFound."""
    found = infinitas_tasks.page(cursor, caller().account_id, limit=1, name=name) if is_queue_name(name) else []
    if not found:
        raise _no_task(name)
    return found[0]


def _no_task(name: str) -> NotFound:
    return NotFound(f"there is no task {name[:100]!r}")


def _created(cursor: Cursor, account_id: int, fields: dict[str, Any]) -> Schedule:
    """Raises NameTaken."""
    timeout = {} if fields["timeoutMs"] is None else {"timeout_seconds": in_seconds(fields["timeoutMs"])}
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
            target=before.target | {"timeout_seconds": None if timeout_ms is None else in_seconds(timeout_ms)},
            paused=not fields["enabled"],
        ),
        anchor=start.anchor,
        next_run_at=start.next_run_at,
    )
    tell_if_paused(transaction, before, after)
    return after
