"""Waiting for the end of work that has just been begun: what Prefer: wait asks for."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from flask import request

from api.auth import caller
from api.creating import Answer
from api.errors import TooManyRequests
from api.hang_up import has_hung_up
from api.job_objects import job_with_attempts
from api.objects import run_object
from api.preferences import preferred_wait_seconds
from api.services import services
from api.store import deliveries, jobs, runs, task_logs, tasks, work_states
from api.store.attempts import attempts_of
from api.task_objects import task_with_history
from api.webhook_objects import delivery_with_attempts
from shared.database import Cursor
from shared.errors import DatabaseUnavailable
from shared.store import work

log = structlog.get_logger(__name__)


def wait_for_end(created: Answer) -> Answer:
    """The finished object, if the client prefers to wait and it ends in time; else the answer as it is.

    The answer's Location says what to wait for: a replayed one has nothing else that does. The work is there, whatever
    happens now: when too many wait already, or the database goes away, the client is told where to look.
    """
    seconds = preferred_wait_seconds()
    if seconds is None:
        return created
    _, collection, id = created.headers["Location"].split("/")
    work_id = UUID(id)
    try:
        with services().waiting_requests.taken(caller().account_id):
            wait_until_ended(work_id, seconds)
        finished = _finished(collection, work_id)
    except TooManyRequests:
        return created
    except DatabaseUnavailable as error:
        log.warning("database_away", error=str(error))
        finished = None
    headers = created.headers | {"Preference-Applied": f"wait={seconds}"}
    if finished is None:
        return Answer(created.body, created.status, headers)
    return Answer(finished, 200, headers)


def wait_until_ended(work_id: UUID, seconds: float) -> None:
    """Wait until it has ended, or is gone; no longer than `seconds`, nor than the client does.

    As long as the database is away nothing is known to have ended.
    """
    account_id, environ = caller().account_id, request.environ

    def has_ended() -> bool:
        try:
            with services().database.reading() as cursor:
                state = work_states.state_of(cursor, account_id, work_id)
        except DatabaseUnavailable as error:
            log.warning("database_away", error=str(error))
            return False
        return state is None or state in work.TERMINAL

    services().finished.wait(work_id, has_ended, has_hung_up=lambda: has_hung_up(environ), seconds=seconds)


def _finished(collection: str, work_id: UUID) -> dict[str, Any] | None:
    with services().database.reading() as cursor:
        shown = READERS[collection](cursor, caller().account_id, work_id)
    return shown if shown is not None and shown["state"] in work.TERMINAL else None


def _run(cursor: Cursor, account_id: int, run_id: UUID) -> dict[str, Any] | None:
    run = runs.get(cursor, account_id, run_id)
    return run_object(run) if run else None


def _job(cursor: Cursor, account_id: int, job_id: UUID) -> dict[str, Any] | None:
    job = jobs.get(cursor, account_id, job_id)
    return job_with_attempts(job, attempts_of(cursor, job_id)) if job else None


def _delivery(cursor: Cursor, account_id: int, delivery_id: UUID) -> dict[str, Any] | None:
    delivery = deliveries.get(cursor, account_id, delivery_id)
    return delivery_with_attempts(delivery, attempts_of(cursor, delivery_id)) if delivery else None


def _task(cursor: Cursor, account_id: int, task_id: UUID) -> dict[str, Any] | None:
    task = tasks.get(cursor, account_id, task_id)
    return task_with_history(task, attempts_of(cursor, task_id), task_logs.latest(cursor, task_id)) if task else None


# By the collection in which an object is found: the object as it is now, with its state; None when it is gone.
READERS: dict[str, Callable[[Cursor, int, UUID], dict[str, Any] | None]] = {
    "runs": _run,
    "jobs": _job,
    "deliveries": _delivery,
    "tasks": _task,
}
