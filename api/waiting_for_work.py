"""Prefer: wait on what has just begun a piece of work."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from api.auth import caller
from api.creating import Answer
from api.job_objects import job_with_attempts
from api.objects import run_object
from api.preferences import preferred_wait_seconds
from api.services import services
from api.store import deliveries, jobs, runs, task_logs, tasks
from api.store.attempts import attempts_of
from api.task_objects import task_with_history
from api.webhook_objects import delivery_with_attempts
from shared.database import Cursor
from shared.store import work


def wait_for_end(created: Answer) -> Answer:
    """The finished object, if the client prefers to wait and it ends in time; else the answer as it is.

    The answer's Location says what to wait for: a replayed one has nothing else that does.
    """
    seconds = preferred_wait_seconds()
    if seconds is None:
        return created
    _, collection, id = created.headers["Location"].split("/")
    account_id, work_id = caller().account_id, UUID(id)

    def look() -> dict[str, Any] | None:
        with services().database.reading() as cursor:
            shown = READERS[collection](cursor, account_id, work_id)
        return shown if shown is not None and shown["state"] in work.TERMINAL else None

    finished = services().finished.wait(work_id, look, seconds)
    headers = created.headers | {"Preference-Applied": f"wait={seconds}"}
    if finished is None:
        return Answer(created.body, created.status, headers)
    return Answer(finished, 200, headers)


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
