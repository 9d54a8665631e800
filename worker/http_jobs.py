"""Jobs: a call to a URL at a time, made again when that may help, and told of at its error_uri when it did not."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from shared.database import Cursor
from shared.domain.instants import write_instant
from shared.store import error_calls, events
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork
from worker.calls import ended_call, jitter
from worker.outbound import Answer, Outbound, Request, Response
from worker.performer import End, Ended, Prepared
from worker.retry import backoff, is_worth_retrying

NEVER_BETTER: Final = ("address_not_allowed", "invalid_url")


class JobPerformer:
    """Makes the calls of jobs; `delivery_attempts` is how often webhooks will be tried to be told how they ended."""

    def __init__(self, outbound: Outbound, *, delivery_attempts: int) -> None:
        self._outbound = outbound
        self._delivery_attempts = delivery_attempts

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        return [Prepared(item) for item in items]

    def perform(self, piece: Prepared, timeout_seconds: float, end: End) -> Callable[[], object]:
        return self._outbound.call(request_of(piece.work), timeout_seconds, partial(end, partial(_ended, piece.work)))

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        error_calls.begin(cursor, [item.work.id for item in ended if item.attempt.state == "failed"])
        ids = [item.work.id for item in ended if item.attempt.state in ("succeeded", "failed")]
        events.record_ended_jobs(cursor, ids, delivery_attempts=self._delivery_attempts)
        return []


def request_of(work: ClaimedWork) -> Request:
    """The call of a job: its payload as JSON, and what its receiver needs to tell attempts from jobs."""
    spec = work.spec
    own = [("Idempotency-Key", work.id), ("Roundsman-Attempt", str(work.attempt))]
    if work.scheduled_for is not None:
        own.append(("Roundsman-Scheduled-For", write_instant(work.scheduled_for)))
    elif "asked_at" in spec:  # of a schedule that was triggered by hand
        own.append(("Roundsman-Scheduled-For", spec["asked_at"]))
    headers: dict[str, str] = spec["headers"]
    body = b""
    if work.payload is not None:
        body = work.payload.encode()
        if not headers or not any(name.lower() == "content-type" for name in headers):
            own.append(("Content-Type", "application/json"))
    return Request(
        spec["method"],
        spec["uri"],
        tuple(headers.items()),
        body,
        own_headers=tuple(own),
        on_fresh_connection=work.attempt > 1,
    )


def _ended(work: ClaimedWork, answer: Answer) -> Ended:
    return ended_call(work, answer, delay=partial(_delay, work), retries=partial(_may_be_better, work))


def _delay(work: ClaimedWork) -> timedelta:
    return backoff(work.spec["backoff_seconds"], work.counted_attempt, jitter())


def _may_be_better(work: ClaimedWork, answer: Answer) -> bool:
    if isinstance(answer, Response):
        is_refused = 400 <= answer.status <= 499
        return is_worth_retrying(answer.status) and not (is_refused and work.spec.get("refusals_are_final", False))
    return answer.reason not in NEVER_BETTER
