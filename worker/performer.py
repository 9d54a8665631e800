"""What a kind of work must be able to do: be prepared in bulk, performed, and recorded with its finish."""

from collections.abc import Awaitable, Sequence
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
    """A piece of work that has been performed: how its attempt ended, and what else is to be recorded with that."""

    work: ClaimedWork
    attempt: FinishedAttempt
    findings: Any = None


class Performer(Protocol):
    """Performs one kind of work, as coroutines of one loop, many at once."""

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        """What these need, read in the transaction of their claim."""

    def perform(self, piece: Prepared, timeout_seconds: float) -> Awaitable[Ended]:
        """Begin to perform it, on the loop's thread; over in any case, and without raising, when its time is."""

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
