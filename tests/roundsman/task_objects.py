"""Queues and tasks as the service answers them."""

from typing import Any

TASK_ID = "0196b0a3-5f6e-7c2d-9a41-0000000000b1"
LEASE_TOKEN = "7e57ab1e-0000-4000-8000-000000000001"


def a_task(**fields: Any) -> dict[str, Any]:
    """A task that nobody has popped, if not told otherwise."""
    return {
        "id": TASK_ID,
        "queue": "mail",
        "payload": {"to": "ada"},
        "state": "pending",
        "priority": 0,
        "attempt_count": 0,
        "failures": 0,
        "expirations": 0,
        "max_attempts": 4,
        "timeout_seconds": None,
        "dedup_key": None,
        "worker": None,
        "lease_expires_at": None,
        "cancel_requested": False,
        "error": None,
        "result": None,
        "schedule_id": None,
        "scheduled_for": "2026-03-01T12:00:00Z",
        "run_id": None,
        "next_attempt_at": "2026-03-01T12:00:00Z",
        "created_at": "2026-03-01T12:00:00Z",
        "started_at": None,
        "finished_at": None,
        **fields,
    }


def a_done_task(**fields: Any) -> dict[str, Any]:
    ended = {"state": "succeeded", "attempt_count": 1, "next_attempt_at": None, "worker": "mailer-1"}
    return a_task(**{**ended, "started_at": "2026-03-01T12:00:01Z", "finished_at": "2026-03-01T12:00:02Z", **fields})


def a_failed_task(**fields: Any) -> dict[str, Any]:
    """One attempt whose lease expired, and one that failed and said why."""
    attempts = [
        a_task_attempt(1, outcome="lease_expired", error="the lease expired", elapsed_ms=60_000),
        a_task_attempt(2, outcome="failed", error="out of paper"),
    ]
    logs = [{"attempt": 2, "message": "connected\nsending", "logged_at": "2026-03-01T12:01:00Z"}]
    failed = {"state": "failed", "attempt_count": 2, "max_attempts": 2, "failures": 1, "expirations": 1}
    return a_done_task(**{**failed, "error": "out of paper", "attempts": attempts, "logs": logs, **fields})


def a_task_attempt(number: int = 1, **fields: Any) -> dict[str, Any]:
    usual = {
        "worker": "mailer-1",
        "started_at": "2026-03-01T12:00:00Z",
        "finished_at": "2026-03-01T12:00:00.035000Z",
        "outcome": "succeeded",
        "error": None,
        "elapsed_ms": 35,
    }
    return {"number": number, **usual, **fields}


def a_popped_task(**fields: Any) -> dict[str, Any]:
    usual = {
        "queue": "mail",
        "payload": {"to": "ada"},
        "attempt": 1,
        "lease_token": LEASE_TOKEN,
        "lease_expires_at": "2026-03-01T12:01:00Z",
        "timeout_seconds": None,
        "scheduled_for": "2026-03-01T12:00:00Z",
    }
    return {"id": TASK_ID, **usual, **fields}


def a_lease(**fields: Any) -> dict[str, Any]:
    return {"lease_expires_at": "2026-03-01T12:01:00Z", "cancel_requested": False, **fields}


def a_queue(**fields: Any) -> dict[str, Any]:
    return {
        "name": "mail",
        "pending": 3,
        "running": 1,
        "failed": 0,
        "oldest_pending_seconds": 9.5,
        "last_popped_at": "2026-03-01T12:00:00Z",
        "unattended_after_seconds": None,
        "unattended_since": None,
        "created_at": "2026-03-01T12:00:00Z",
        **fields,
    }
