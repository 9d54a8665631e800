"""Jobs, webhooks, deliveries and events as the service answers them."""

from typing import Any

JOB_ID = "0196b0a3-5f6e-7c2d-9a41-0000000000a1"
DELIVERY_ID = "0196b0a3-5f6e-7c2d-9a41-0000000000d1"
EVENT_ID = "0196b0a3-5f6e-7c2d-9a41-0000000000e1"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def an_attempt(number: int = 1, **fields: Any) -> dict[str, Any]:
    """One that succeeded after 35 ms, if not told otherwise."""
    usual = {
        "started_at": "2026-03-01T12:00:00Z",
        "finished_at": "2026-03-01T12:00:00.035000Z",
        "outcome": "succeeded",
        "status_code": 200,
        "error": None,
        "elapsed_ms": 35,
        "response_excerpt": "thanks",
    }
    return {"number": number, **usual, **fields}


def a_job(**fields: Any) -> dict[str, Any]:
    """A job that succeeded at once, if not told otherwise."""
    return {
        "id": JOB_ID,
        "uri": "http://127.0.0.1:9/remind",
        "method": "POST",
        "headers": {},
        "payload": {"who": "ada"},
        "error_uri": None,
        "execute_at": "2026-03-01T12:00:00Z",
        "timeout_seconds": 30,
        "max_attempts": 4,
        "backoff_seconds": 10,
        "schedule_id": None,
        "scheduled_for": "2026-03-01T12:00:00Z",
        "trigger": "api",
        "state": "succeeded",
        "error": None,
        "error_of": None,
        "error_job_id": None,
        "next_attempt_at": None,
        "attempt_count": 1,
        "attempts": [an_attempt()],
        "created_at": "2026-03-01T12:00:00Z",
        "started_at": "2026-03-01T12:00:00Z",
        "finished_at": "2026-03-01T12:00:00.035000Z",
        **fields,
    }


def a_pending_job(**fields: Any) -> dict[str, Any]:
    unfinished = {"state": "pending", "attempts": [], "attempt_count": 0, "started_at": None, "finished_at": None}
    return a_job(**{**unfinished, "next_attempt_at": "2026-03-01T12:00:00Z", **fields})


def a_failed_job(**fields: Any) -> dict[str, Any]:
    """Two attempts, with a pause of ten seconds between them."""
    second = {"started_at": "2026-03-01T12:00:10.035000Z", "finished_at": "2026-03-01T12:00:12Z", "elapsed_ms": 1_965}
    refused = {"outcome": "failed", "status_code": 503, "error": "503 Service Unavailable"}
    attempts = [an_attempt(1, **refused), an_attempt(2, **refused, **second)]
    return a_job(
        **{"state": "failed", "error": "503 Service Unavailable", "attempt_count": 2, "attempts": attempts, **fields}
    )


def a_webhook(**fields: Any) -> dict[str, Any]:
    """One that is enabled and is told everything, if not told otherwise."""
    return {
        "id": 5,
        "url": "http://127.0.0.1:9/hook",
        "event_types": ["*"],
        "description": None,
        "enabled": True,
        "failing_since": None,
        "disabled_at": None,
        "disabled_reason": None,
        "previous_secret_until": None,
        "created_at": "2026-03-01T12:00:00Z",
        "updated_at": "2026-03-01T12:00:00Z",
        **fields,
    }


def a_delivery(**fields: Any) -> dict[str, Any]:
    """One that succeeded, if not told otherwise."""
    return {
        "id": DELIVERY_ID,
        "webhook_id": 5,
        "event_id": EVENT_ID,
        "event_type": "run.finished",
        "state": "succeeded",
        "error": None,
        "attempt_count": 1,
        "max_attempts": 8,
        "inert": False,
        "replay_of": None,
        "next_attempt_at": None,
        "attempts": [an_attempt()],
        "created_at": "2026-03-01T12:00:00Z",
        "started_at": "2026-03-01T12:00:00Z",
        "finished_at": "2026-03-01T12:00:00.035000Z",
        **fields,
    }


def an_event(**fields: Any) -> dict[str, Any]:
    usual = {"type": "run.finished", "timestamp": "2026-03-01T12:00:00.123456Z", "data": {"outcome": "changed"}}
    return {"id": EVENT_ID, **usual, **fields}
