"""Jobs: URLs that are called at a time, with their attempts."""

from typing import Any
from uuid import UUID

from flask import Response

from api.auth import caller
from api.blueprint import IDEMPOTENCY_KEY, PREFER, Blueprint
from api.creating import Answer, create
from api.errors import Conflict, NotFound
from api.job_objects import job_object, job_with_attempts
from api.paging import page_with_more, read_uuid_cursor
from api.schedule_targets import stored_target
from api.schemas.answers import NothingSchema
from api.schemas.jobs import JobInput, JobPage, JobQuery, JobWithAttemptsSchema
from api.services import services
from api.store import jobs, schedules
from api.store.attempts import attempts_of
from api.store.jobs import Job
from api.waiting_for_work import wait_for_end
from shared.database import Cursor, Transaction
from shared.store import work

blueprint = Blueprint("jobs", __name__, description="URLs called at a time, and what came of it.")

NO_JOB = "there is no such job in this account"


@blueprint.post("/jobs")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY, PREFER])
@blueprint.arguments(JobInput, example=JobInput.example)
@blueprint.response(201, JobWithAttemptsSchema, headers={"Location": {"schema": {"type": "string"}}})
@blueprint.alt_response(200, schema=JobWithAttemptsSchema, description="The finished job, with Prefer: wait.")
@blueprint.problems(400, 401, 413, 415, 422)
def create_job(fields: dict[str, Any]) -> Response:
    """Call a URL at a time

    A 2xx answer is success. 408, 425, 429, 5xx and calls that find no answer in time are tried again, ever later;
    anything else fails at once.
    """
    _, call = stored_target(fields)

    def creation(transaction: Transaction) -> Answer:
        job = jobs.create(
            transaction.cursor,
            caller().account_id,
            call,
            trigger="api",
            execute_at=fields.get("execute_at"),
            delay_seconds=fields.get("delay_seconds", 0),
        )
        wake_for(transaction, job)
        return Answer(job_with_attempts(job, []), 201, {"Location": f"/jobs/{job.id}"})

    return wait_for_end(create(creation)).response()


@blueprint.get("/jobs")
@blueprint.arguments(JobQuery, location="query")
@blueprint.response(200, JobPage)
@blueprint.problems(401, 422)
def list_jobs(page: dict[str, Any]) -> Response:
    """List the jobs of the account, newest first

    A page ends early when payloads are large: next_cursor says whether there are more.
    """
    before = read_uuid_cursor(page["cursor"])
    filters = {name: page[name] for name in ("state", "schedule_id")}
    with services().database.reading() as cursor:
        rows, has_more = jobs.page(cursor, caller().account_id, before=before, limit=page["limit"], **filters)
    return Answer(page_with_more(rows, has_more, job_object, lambda job: job.id)).response()


@blueprint.get("/jobs/<uuid:job_id>")
@blueprint.response(200, JobWithAttemptsSchema)
@blueprint.problems(401, 404)
def get_job(job_id: UUID) -> Response:
    """Read a job with its attempts"""
    with services().database.reading() as cursor:
        shown = _shown(cursor, _existing_job(cursor, job_id))
    return Answer(shown).response()


@blueprint.post("/jobs/<uuid:job_id>/cancel")
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(200, JobWithAttemptsSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def cancel_job(_fields: dict[str, Any], job_id: UUID) -> Response:
    """Cancel a job that has not ended"""
    with services().database.transaction() as transaction:
        cursor = transaction.cursor
        _existing_job(cursor, job_id)
        work.cancel(cursor, caller().account_id, id=job_id, reason="canceled by its owner")
        job = _existing_job(cursor, job_id)
        if job.state != "canceled":
            raise Conflict(f"the job has {job.state} already")
        shown = _shown(cursor, job)
        transaction.after_commit(lambda: services().bell.announce([job_id]))
    return Answer(shown).response()


@blueprint.post("/jobs/<uuid:job_id>/retry")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY])
@blueprint.arguments(NothingSchema, example={}, required=False)
@blueprint.response(200, JobWithAttemptsSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def retry_job(_fields: dict[str, Any], job_id: UUID) -> Response:
    """Begin a failed job afresh

    It is due at once and has all its attempts before it again. If it fails once more, its error_uri is not told twice.
    """

    def retrying(transaction: Transaction) -> Answer:
        cursor = transaction.cursor
        is_retried = jobs.retry(cursor, caller().account_id, job_id)
        job = _existing_job(cursor, job_id)
        if not is_retried:
            raise Conflict(f"the job is {job.state}; only one that has failed can be retried")
        transaction.after_commit(lambda: services().bell.ring([job_id]))
        return Answer(_shown(cursor, job))

    return create(retrying).response()


@blueprint.delete("/jobs/<uuid:job_id>")
@blueprint.response(204)
@blueprint.problems(401, 404)
def delete_job(job_id: UUID) -> Response:
    """Delete a job with its attempts; one that has not ended is canceled by that"""
    with services().database.transaction() as transaction:
        if not jobs.delete(transaction.cursor, caller().account_id, job_id):
            raise NotFound(NO_JOB)
    return Response(status=204)


def wake_for(transaction: Transaction, job: Job) -> None:
    """Wake whoever is next to do something about a job that has just been made: a worker, or a scheduler in time."""
    if job.due_at == job.created_at:
        transaction.after_commit(lambda: services().bell.ring([job.id]))
    else:
        schedules.tell_schedulers(transaction.cursor)


def _existing_job(cursor: Cursor, job_id: UUID) -> Job:
    job = jobs.get(cursor, caller().account_id, job_id)
    if job is None:
        raise NotFound(NO_JOB)
    return job


def _shown(cursor: Cursor, job: Job) -> dict[str, Any]:
    return job_with_attempts(job, attempts_of(cursor, job.id))
