"""Jobs as clients see them."""

from collections.abc import Sequence
from typing import Any

from api.attempt_objects import attempt_object
from api.schemas.fields import write_timestamp
from api.store.attempts import Attempt
from api.store.jobs import Job


def job_object(job: Job) -> dict[str, Any]:
    """A job as lists show it; `payload` is there only when one was given."""
    payload = {"payload": job.spec["payload"]} if "payload" in job.spec else {}
    return {
        "id": str(job.id),
        "uri": job.spec["uri"],
        "method": job.spec["method"],
        "headers": job.spec["headers"],
        **payload,
        "error_uri": job.spec["error_uri"],
        "execute_at": write_timestamp(job.scheduled_for or job.created_at),
        "timeout_seconds": job.timeout_seconds,
        "max_attempts": job.max_attempts,
        "backoff_seconds": job.spec["backoff_seconds"],
        "schedule_id": job.schedule_id,
        "scheduled_for": write_timestamp(job.scheduled_for),
        "trigger": job.trigger,
        "state": job.state,
        "error": job.error,
        "error_of": str(job.error_of) if job.error_of else None,
        "error_job_id": str(job.error_job_id) if job.error_job_id else None,
        "next_attempt_at": write_timestamp(job.due_at) if job.state == "pending" else None,
        "attempt_count": job.attempt,
        "created_at": write_timestamp(job.created_at),
        "started_at": write_timestamp(job.started_at),
        "finished_at": write_timestamp(job.finished_at),
    }


def job_with_attempts(job: Job, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """A job as it is shown by itself."""
    return job_object(job) | {"attempts": [attempt_object(attempt) for attempt in attempts]}
