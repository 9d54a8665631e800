"""Tasks, jobs and errors as the clients of infinitas see them."""

from collections.abc import Sequence
from typing import Any

from api.compat.own_errors import Failure
from api.schemas.fields import write_timestamp
from api.store.schedule_history import LastWork
from api.store.task_logs import LogLine
from api.store.tasks import Task
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
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "invalid",
    503: "unavailable",
}


def is_task(schedule: Schedule) -> bool:
    """Whether it is one that infinitas has words for."""
    return schedule.kind == "task" and schedule.cron is not None and schedule.target.get("queue") == schedule.name


def task_object(schedule: Schedule, work: Sequence[LastWork]) -> dict[str, Any]:
    """A task, with what is known of the jobs that its schedule or a trigger made; the other work is left out."""
    own = {item.which: _last_job(item) for item in work if item.schedule_id == schedule.id}
    timeout_seconds = schedule.target.get("timeout_seconds")
    is_enabled = schedule.state == "active"
    return {
        "name": schedule.name,
        "schedule": schedule.cron,
        "timeoutMs": None if timeout_seconds is None else timeout_seconds * 1_000,
        "enabled": is_enabled,
        "nextJobDate": write_timestamp(schedule.next_run_at) if is_enabled else None,
        **{name: own.get(which) for name, which in LAST.items()},
    }


def _last_job(work: LastWork) -> dict[str, Any]:
    return {"id": str(work.id), "date": write_timestamp(work.at), "status": STATUSES[work.state]}


def job_object(job: Task) -> dict[str, Any]:
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


def job_with_logs(job: Task, lines: Sequence[LogLine]) -> dict[str, Any]:
    """A job as it is shown by itself."""
    logs = [{"date": write_timestamp(line.logged_at), "message": line.message} for line in lines]
    return job_object(job) | {"logs": logs}


def error_body(failure: Failure) -> dict[str, Any]:
    """An error as their callbacks have it: with a code."""
    return {"error": {"code": CODES.get(failure.status, "failed"), "message": failure.message}}
