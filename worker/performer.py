"""What a kind of work must be able to do: be prepared in bulk, performed, and recorded with its finish."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

from shared.database import Cursor
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork, FinishedAttempt


class Prepared(NamedTuple):
    """A claimed piece of work with all it needs, and what its beginning tells webhooks."""

    work: ClaimedWork
    subject: Any = None
    event: NewEvent | None = None


class Ended(NamedTuple):
    """A piece of work that has been performed: how its attempt ended, and what else is to be recorded with that.

    `result_bytes` is the size of a result that may be large.
    """

    work: ClaimedWork
    attempt: FinishedAttempt
    findings: Any = None
    result_bytes: int = 0


# Called with a function that makes the end of the work, and with what to make it of: what it raises ends the work too.
End = Callable[[Callable[[Any], Ended], Any], None]


class Performer(Protocol):
    """Performs one kind of work on one loop, many pieces at once."""

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        """What these need, read in the transaction of their claim."""

    def perform(self, piece: Prepared, timeout_seconds: float, end: End) -> Callable[[], object]:
        """Begin to perform it, on the loop's thread; over in any case when its time is.

        `end` is called there once, never before this returns. What is returned drops the work: nothing ends then.
        """

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        """Write what else they change, in the transaction of their finish; what webhooks are told."""


def failed(
    work: ClaimedWork, error: str, *, attempt_outcome: Literal["failed", "timeout"] = "failed", **fields: Any
) -> Ended:
    """The end of a piece of work that has failed for good."""
    outcome = "error" if work.kind == "run" else None
    return Ended(
        work,
        FinishedAttempt(work.id, work.lease_token, "failed", attempt_outcome, outcome=outcome, error=error, **fields),
    )


def released(work: ClaimedWork, reason: str) -> Ended:
    """A piece of work given back unharmed: the attempt does not count."""
    return Ended(work, FinishedAttempt(work.id, work.lease_token, "pending", "released", error=reason))


def in_task(coroutine: Coroutine[Any, Any, Ended], end: End) -> Callable[[], object]:
    """Perform with a coroutine, in a task of the running loop; what is returned cancels it."""
    task = asyncio.get_running_loop().create_task(coroutine)
    task.add_done_callback(partial(end, asyncio.Task.result))
    return task.cancel
