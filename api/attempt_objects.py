"""Attempts as clients see them."""

from typing import Any

from api.schemas.fields import write_timestamp
from api.store.attempts import Attempt


def attempt_object(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_at": write_timestamp(attempt.started_at),
        "finished_at": write_timestamp(attempt.finished_at),
        "outcome": attempt.outcome,
        "status_code": attempt.status_code,
        "error": attempt.error,
        "elapsed_ms": attempt.elapsed_ms,
        "response_excerpt": attempt.response_excerpt,
    }
