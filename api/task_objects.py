"""Tasks and queues as clients see them."""

from collections.abc import Sequence
from typing import Any

from api.schemas.fields import write_timestamp
from api.store.attempts import Attempt
from api.store.pushes import Pushed
from api.store.queues import Queue
from api.store.task_leases import PoppedTask
from api.store.task_logs import LogLine
from api.store.tasks import Task


def task_object(task: Task) -> dict[str, Any]:
    """A task as lists show it. Its lease token is its worker's alone."""
    return {
        "id": str(task.id),
        "queue": task.queue,
        "payload": task.spec.get("payload"),
        "state": task.state,
        "priority": task.priority,
        "attempt_count": task.attempt,
        "failures": task.failures,
        "expirations": task.expirations,
        "max_attempts": task.max_attempts,
        "timeout_seconds": task.timeout_seconds,
        "dedup_key": task.dedup_key,
        "worker": task.worker,
        "lease_expires_at": write_timestamp(task.lease_expires_at),
        "cancel_requested": task.cancel_requested,
        "error": task.error,
        "result": task.result,
        "schedule_id": task.schedule_id,
        "scheduled_for": write_timestamp(task.scheduled_for),
        "run_id": str(task.run_id) if task.run_id else None,
        "next_attempt_at": write_timestamp(task.due_at) if task.state == "pending" else None,
        "created_at": write_timestamp(task.created_at),
        "started_at": write_timestamp(task.started_at),
        "finished_at": write_timestamp(task.finished_at),
    }


def task_with_history(task: Task, attempts: Sequence[Attempt], logs: Sequence[LogLine]) -> dict[str, Any]:
    """A task as it is shown by itself."""
    return task_object(task) | {
        "attempts": [_attempt_object(attempt) for attempt in attempts],
        "logs": [
            {"attempt": line.attempt, "message": line.message, "logged_at": write_timestamp(line.logged_at)}
            for line in logs
        ],
    }


def pushed_object(pushed: Pushed) -> dict[str, Any]:
    """A task as the answer to its push shows it."""
    return task_object(pushed.task) | {"deduplicated": pushed.deduplicated}


def popped_object(task: PoppedTask) -> dict[str, Any]:
    """A task as it is handed to whoever popped it."""
    return {
        "id": str(task.id),
        "queue": task.queue,
        "payload": task.payload,
        "attempt": task.attempt,
        "lease_token": str(task.lease_token),
        "lease_expires_at": write_timestamp(task.lease_expires_at),
        "timeout_seconds": task.timeout_seconds,
        "scheduled_for": write_timestamp(task.scheduled_for),
    }


def queue_object(queue: Queue) -> dict[str, Any]:
    oldest = queue.oldest_pending_seconds
    return {
        "name": queue.name,
        "pending": queue.pending,
        "running": queue.running,
        "failed": queue.failed,
        "oldest_pending_seconds": None if oldest is None else round(oldest, 3),
        "last_popped_at": write_timestamp(queue.last_popped_at),
        "unattended_after_seconds": queue.unattended_after_seconds,
        "unattended_since": write_timestamp(queue.unattended_since),
        "created_at": write_timestamp(queue.created_at),
    }


def _attempt_object(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "worker": attempt.worker or None,
        "started_at": write_timestamp(attempt.started_at),
        "finished_at": write_timestamp(attempt.finished_at),
        "outcome": attempt.outcome,
        "error": attempt.error,
        "elapsed_ms": attempt.elapsed_ms,
    }
