"""Tasks, jobs and errors as the clients of infinitas see them."""

import math
from collections.abc import Sequence
from typing import Any

from api.compat.own_errors import Failure
from api.schemas.fields import write_timestamp
from api.store.infinitas_jobs import InfinitasJob
from api.store.infinitas_tasks import InfinitasTask
from api.store.schedule_history import LastWork
from api.store.task_logs import LogLine
from shared.store.schedules import Schedule

# They know no job that waits, and none that was canceled.
STATUSES = {
    "pending": "running",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
LAST = {"lastJob": "last", "lastSuccess": "last_success", "lastFailure": "last_failure"}
CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "conflict",
    413: "too_large",
    415: "invalid",
    426: "upgrade_required",
    429: "too_many",
    503: "unavailable",
}


def is_task(schedule: Schedule) -> bool:
    """Whether it is one that infinitas has words for."""
    return schedule.kind == "task" and schedule.cron is not None and schedule.target.get("queue") == schedule.name


def task_object(task: InfinitasTask, work: Sequence[LastWork]) -> dict[str, Any]:
    """A task, with what is known of the jobs that its schedule or a trigger made; the other work is left out."""
    own = {item.which: _last_job(item) for item in work if item.schedule_id == task.schedule_id}
    is_enabled = task.state == "active"
    return {
        "name": task.name,
        "schedule": task.cron,
        "timeoutMs": _timeout_ms(task),
        "enabled": is_enabled,
        "nextJobDate": write_timestamp(task.next_run_at) if is_enabled else None,
        **{name: own.get(which) for name, which in LAST.items()},
    }


def _timeout_ms(task: InfinitasTask) -> int | None:
    """As a client said it, unless somebody has said something else since, in our words."""
    if task.timeout_seconds is None:
        return None
    if task.timeout_ms is not None and in_seconds(task.timeout_ms) == task.timeout_seconds:
        return task.timeout_ms
    return task.timeout_seconds * 1_000


def in_seconds(milliseconds: int) -> int:
    """Ours are whole seconds: no less than asked for.

    >>> in_seconds(1), in_seconds(1_000), in_seconds(1_001)
    (1, 1, 2)
    """
    return math.ceil(milliseconds / 1_000)


def _last_job(work: LastWork) -> dict[str, Any]:
    return {"id": str(work.id), "date": write_timestamp(work.at), "status": STATUSES[work.state]}


def job_object(job: InfinitasJob) -> dict[str, Any]:
    """A job as lists show it; `task` is the name of the task, and of our queue."""
    return {
        "id": str(job.id),
        "task": job.queue,
        "date": write_timestamp(job.scheduled_for),
        "status": STATUSES[job.state],
        "startedDate": write_timestamp(job.started_at),
        "endedDate": write_timestamp(job.finished_at),
        "error": job.error,
    }


def job_with_logs(job: InfinitasJob, lines: Sequence[LogLine]) -> dict[str, Any]:
    """A job as it is shown by itself."""
    logs = [{"date": write_timestamp(line.logged_at), "message": line.message} for line in lines]
    return job_object(job) | {"logs": logs}


def error_body(failure: Failure) -> dict[str, Any]:
    """An error as their callbacks have it: with a code."""
    return {"error": {"code": CODES.get(failure.status, "failed"), "message": failure.message}}
