"""dsw: URLs that are called at a time with a POST. A 4xx answer is final there, also one that ours would try again."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, Response
from marshmallow import post_load

from api.auth import caller, public
from api.compat import listing
from api.compat.input import Lenient, read_input, with_one_name
from api.compat.own_errors import Failure, tell_errors_as
from api.creating import Answer, create
from api.routes.jobs import wake_for
from api.schedule_targets import stored_target
from api.schemas.fields import Instant, Json, Url, write_timestamp
from api.services import services
from api.store import dsw_jobs, jobs
from api.store.dsw_jobs import DswJob
from api.store.jobs import Job
from shared.database import Transaction

PREFIX = "/compat/dsw"
blueprint = Blueprint("dsw", __name__, url_prefix=PREFIX)


class JobInput(Lenient):
    uri = Url(required=True)
    execute_at = Instant(required=True)
    payload = Json()
    error_uri = Url(allow_none=True)
    error_url = Url(allow_none=True)  # as its document calls it elsewhere

    @post_load
    def take_both_names(self, fields: dict[str, Any], **_: Any) -> dict[str, Any]:
        return with_one_name(fields, "error_uri", "error_url")


def register(app: Flask) -> None:
    app.register_blueprint(blueprint)
    tell_errors_as(app, PREFIX, _failure, bad_input=(413, 415, 422))


@blueprint.get("/")
@public
def index() -> Response:
    return health()


@blueprint.get("/health")
@public
def health() -> Response:
    return _answer({"message": "I'm healthy"})


@blueprint.get("/jobs")
def list_jobs() -> Response:
    """The newest that have not been pruned, a thousand or 4 MiB of them; calls of error_uris are no jobs there."""
    account_id = caller().account_id

    def read(last: DswJob | None, most_characters: int) -> list[DswJob]:
        before = last.id if last else None
        return dsw_jobs.page(
            cursor, account_id, before=before, limit=listing.ROWS_AT_ONCE, most_characters=most_characters
        )

    with services().database.reading() as cursor:
        shown = listing.objects_of(read, lambda job: None if job.spec is None else _object(job, job.spec))
    return _answer(shown)


@blueprint.post("/jobs")
def create_job() -> Response:
    given = read_input(JobInput())
    execute_at = given.pop("execute_at")
    _, call = stored_target(given)

    def creation(transaction: Transaction) -> Answer:
        job = jobs.create(
            transaction.cursor,
            caller().account_id,
            call | {"refusals_are_final": True},
            trigger="api",
            execute_at=execute_at,
        )
        wake_for(transaction, job)
        return Answer({"meta": {}, "response": _object(job, job.spec)}, 201)

    return create(creation).response()


def _object(job: Job | DswJob, spec: Mapping[str, Any]) -> dict[str, Any]:
    times = (job.created_at, job.started_at, job.finished_at)
    return {
        "id": str(job.id),
        "error_uri": spec["error_uri"],
        "execute_at": write_timestamp(job.scheduled_for or job.created_at),
        "payload": spec.get("payload"),
        "uri": spec["uri"],
        "created_at": write_timestamp(job.created_at),
        "updated_at": write_timestamp(max(time for time in times if time is not None)),
    }


def _answer(response: Any) -> Response:
    return Answer({"meta": {}, "response": response}).response()


def _failure(failure: Failure) -> dict[str, Any]:
    return {"meta": {"error": failure.message}, "response": None}
