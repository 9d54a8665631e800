"""Pops that wait: at once if there is something, else in line for it, as long as the client likes and is there."""

from collections.abc import Callable
from typing import TypeVar

from flask import request

from api.hang_up import has_hung_up
from api.services import services
from api.store import task_leases

Popped = TypeVar("Popped")


def pop_for(
    account_id: int,
    queue: str,
    attempt: Callable[[], list[Popped]],
    *,
    wait_seconds: float,
    popped_before: Callable[[], list[Popped]] | None = None,
) -> list[Popped]:
    """What an attempt to pop brings, now or within `wait_seconds`; nothing when it brings nothing in time.

    Who may wait does not get ahead of those who wait already; but who repeats a request is given what it got before,
    whoever waits, if `popped_before` finds it. Raises TooManyRequests, and what attempts raise.
    """
    line, environ = (account_id, queue), request.environ
    if has_hung_up(environ):
        return []
    services().attendance.note(services().database, line)
    is_next = wait_seconds == 0 or services().task_lines.length(line) == 0
    if is_next and (popped := attempt()):
        return popped
    if wait_seconds == 0:
        return []
    if not is_next and popped_before is not None and (popped := popped_before()):
        return popped
    with services().waiting_requests.taken(account_id):
        popped = services().task_lines.wait(
            line,
            attempt,
            seconds_until_due=lambda: _seconds_until_due(account_id, queue),
            has_hung_up=lambda: has_hung_up(environ),
            seconds=wait_seconds,
        )
    # Somebody who sent the same request may have stood in line before this one, and been given something.
    return popped or (popped_before() if popped_before is not None else [])


def _seconds_until_due(account_id: int, queue: str) -> float | None:
    with services().database.reading() as cursor:
        return task_leases.seconds_until_due(cursor, account_id, queue)
