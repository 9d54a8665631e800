"""What a kind of work must be able to do: be prepared in bulk, begun, and recorded with its finish."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.database import Cursor
from shared.store.work import ClaimedWork, FinishedAttempt


@dataclass(frozen=True, slots=True)
class Prepared:
    """A claimed piece of work with all it needs, and the monotonic instant at which its allowance is over."""

    work: ClaimedWork
    deadline: float
    subject: Any


@dataclass(frozen=True, slots=True)
class Ended:
    """A piece of work that has been performed: how its attempt ended, and what else is to be recorded with that."""

    kind: str
    attempt: FinishedAttempt
    schedule_id: int | None = None
    findings: Any = None


class Performer(Protocol):
    """Performs one kind of work. `begin` must not block; it reports each end exactly once, from any thread."""

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork], claimed_at: float) -> list[Prepared]: ...

    def begin(self, piece: Prepared, report: Callable[[Ended], None]) -> None: ...

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> None: ...

    def cancel_all(self) -> None: ...
