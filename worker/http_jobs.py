"""Jobs: a call to a URL at a time, made again when that may help, and told of at its error_uri when it did not."""

import random
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Final

from shared.database import Cursor
from shared.domain.instants import write_instant
from shared.domain.json_value import written
from shared.event_data import job_ended
from shared.store import error_calls
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork
from worker.calls import Answer, ended_call
from worker.outbound import Outbound, Request, Response
from worker.performer import Ended, Prepared
from worker.retry import backoff, is_worth_retrying

NEVER_BETTER: Final = ("address_not_allowed", "invalid_url")


class JobPerformer:
    """Makes the calls of jobs."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        return [Prepared(item) for item in items]

    def perform(self, piece: Prepared, timeout_seconds: float) -> Awaitable[Ended]:
        work = piece.work

        def delay() -> timedelta:
            jitter = random.uniform(-1, 1)  # noqa: S311 (spreads retries out; nobody gains by guessing it)
            return backoff(work.spec["backoff_seconds"], work.counted_attempt, jitter)

        def ended(answer: Answer) -> Ended:
            return ended_call(work, answer, delay=delay, retries=lambda answer: _may_be_better(work, answer))

        return self._outbound.call(request_of(work), timeout_seconds, ended)

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        error_calls.begin(cursor, [item.work.id for item in ended if item.attempt.state == "failed"])
        return [job_ended(item.work, item.attempt) for item in ended if item.attempt.state in ("succeeded", "failed")]


def request_of(work: ClaimedWork) -> Request:
    """The call of a job: its payload as JSON, and what its receiver needs to tell attempts from jobs."""
    spec = work.spec
    own = [("Idempotency-Key", str(work.id)), ("Roundsman-Attempt", str(work.attempt))]
    if work.scheduled_for is not None:
        own.append(("Roundsman-Scheduled-For", write_instant(work.scheduled_for)))
    headers: dict[str, str] = spec["headers"]
    body = b""
    if "payload" in spec:
        body = written(spec["payload"]).encode()
        if not any(name.lower() == "content-type" for name in headers):
            own.append(("Content-Type", "application/json"))
    return Request(
        spec["method"],
        spec["uri"],
        tuple(headers.items()),
        body,
        own_headers=tuple(own),
        on_fresh_connection=work.attempt > 1,
    )


def _may_be_better(work: ClaimedWork, answer: Answer) -> bool:
    if isinstance(answer, Response):
        is_refused = 400 <= answer.status <= 499
        return is_worth_retrying(answer.status) and not (is_refused and work.spec.get("refusals_are_final", False))
    return answer.reason not in NEVER_BETTER
