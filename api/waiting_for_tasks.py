"""Pops that wait: at once if there is something, else in line for it, as long as the client likes and is there."""

from collections.abc import Callable
from typing import TypeVar

from flask import request

from api.creating import idempotency_key
from api.errors import Problem
from api.hang_up import has_hung_up
from api.services import services
from api.store import task_leases
from api.task_lines import TooManyWaiting

Popped = TypeVar("Popped")


class TooManyRequests(Problem):
    status = 429


def pop_for(
    account_id: int, queue: str, attempt: Callable[[], list[Popped] | None], *, wait_seconds: float
) -> list[Popped]:
    """What an attempt to pop brings, now or within `wait_seconds`; nothing when it brings nothing in time.

    Who may wait does not get ahead of those who wait already; but who repeats a request with its Idempotency-Key is
    given what it got before, whoever waits.
    """
    line, environ = (account_id, queue), request.environ
    if has_hung_up(environ):
        return []
    is_next = wait_seconds == 0 or idempotency_key() is not None or services().task_lines.length(line) == 0
    if is_next and (popped := attempt()):
        return popped
    if wait_seconds == 0:
        return []
    try:
        return services().task_lines.wait(
            line,
            attempt,
            seconds_until_due=lambda: _seconds_until_due(account_id, queue),
            has_hung_up=lambda: has_hung_up(environ),
            seconds=wait_seconds,
        )
    except TooManyWaiting:
        raise TooManyRequests(
            "too many requests wait for tasks already; try again later, or wait with fewer",
            headers={"Retry-After": "1"},
        ) from None


def _seconds_until_due(account_id: int, queue: str) -> float | None:
    with services().database.reading() as cursor:
        return task_leases.seconds_until_due(cursor, account_id, queue)
