"""Claimed pieces of work without a database, for what is decided and done between the claim and the finish."""

from typing import Any
from uuid import uuid4

from shared.store.work import ClaimedWork, FinishedAttempt
from worker.performer import Prepared


def a_claimed(**fields: Any) -> ClaimedWork:
    """The first of four attempts of a job that somebody asked for, unless `fields` say otherwise."""
    defaults: dict[str, Any] = {
        "id": str(uuid4()),
        "account_id": 1,
        "kind": "job",
        "lane": "127.0.0.1:9",
        "attempt": 1,
        "released": 0,
        "max_attempts": 4,
        "lease_token": str(uuid4()),
        "timeout_seconds": 30,
        "checklist_id": None,
        "schedule_id": None,
        "scheduled_for": None,
        "webhook_id": None,
        "event_id": None,
        "inert": False,
        "error_of": None,
        "trigger": "api",
        "spec": {},
    }
    return ClaimedWork(**(defaults | fields))


def some_pieces(count: int, lane: str, **fields: Any) -> list[Prepared]:
    """So many pieces of work of one lane, prepared."""
    return [Prepared(a_claimed(lane=lane, **fields)) for _ in range(count)]


def an_end(claimed: ClaimedWork, attempt_outcome: Any = "succeeded", **fields: Any) -> FinishedAttempt:
    """An attempt that was the last: it succeeded, failed or timed out."""
    state: Any = "succeeded" if attempt_outcome == "succeeded" else "failed"
    return FinishedAttempt(claimed.id, claimed.lease_token, state, attempt_outcome, **fields)
