"""How one call ends its piece of work: succeeded, failed for good, or to be made again, and when."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

from shared.store.work import ClaimedWork, FinishedAttempt, State
from worker.excerpt import excerpt
from worker.outbound import Answer, Response, Unreachable
from worker.performer import Ended
from worker.retry import honoured, instant_of, retry_after


def ended_call(
    work: ClaimedWork, answer: Answer, *, delay: Callable[[], timedelta | None], retries: Callable[[Answer], bool]
) -> Ended:
    """The end of an attempt that was one call.

    `delay` tells our own wait before the next one, None when there is to be none; `retries` says which answers, other
    than 2xx, may be another one next time.
    """
    state, outcome = _verdict(answer)
    retry_in_seconds = None
    if state == "failed" and not work.is_last_attempt and retries(answer) and (wait := delay()) is not None:
        state = "pending"
        retry_in_seconds = honoured(wait, _asked_for(answer)).total_seconds()
    attempt = FinishedAttempt(
        work.id,
        work.lease_token,
        state,
        outcome,
        error=_error(answer),
        retry_in_seconds=retry_in_seconds,
        status_code=answer.status if isinstance(answer, Response) else None,
        elapsed_ms=answer.elapsed_ms,
        response_excerpt=_excerpt(answer),
    )
    return Ended(work, attempt)


def jitter() -> float:
    """By how much of what it may be moved a wait is moved: from -1 to 1."""
    return random.uniform(-1, 1)  # noqa: S311 (spreads retries out; nobody gains by guessing it)


def _verdict(answer: Answer) -> tuple[State, Literal["succeeded", "failed", "timeout"]]:
    if isinstance(answer, Unreachable):
        return "failed", "timeout" if answer.reason == "timed_out" else "failed"
    return ("succeeded", "succeeded") if 200 <= answer.status <= 299 else ("failed", "failed")


def _error(answer: Answer) -> str | None:
    if isinstance(answer, Unreachable):
        return f"{answer.reason}: {answer.detail}"
    return None if 200 <= answer.status <= 299 else f"answered with status {answer.status}"


def _asked_for(answer: Answer) -> timedelta | None:
    """The wait that the receiver asked for; a date is held against the receiver's own clock if it tells it."""
    if isinstance(answer, Unreachable):
        return None
    headers = dict(answer.headers)
    value = headers.get("retry-after")
    if value is None:
        return None
    return retry_after(value, instant_of(headers.get("date", "")) or datetime.now(UTC))


def _excerpt(answer: Answer) -> str | None:
    if isinstance(answer, Unreachable) or not answer.body:
        return None
    return excerpt(answer.body, dict(answer.headers).get("content-type"))
