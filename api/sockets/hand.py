"""The tasks that a client of a socket has in hand, and room for more."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from api.store.task_leases import PoppedTask

MOST_IN_HAND = 100


@dataclass(slots=True)
class InHand:
    """A task as the socket remembers it; `deadline` is when its allowance is over, by this process's steady clock."""

    id: UUID
    queue: str
    lease_token: UUID
    attempt: int
    deadline: float | None
    told_to_cancel: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What a client asks for: at most so many tasks at once, and how they are leased to it."""

    most: int = 0
    lease_seconds: int = 60
    worker: str | None = None
    extends_leases: bool = True


class Hand:
    """Filled by the thread that pops, emptied by the one that receives; closed, it takes no more."""

    def __init__(self) -> None:
        self._tasks: dict[UUID, InHand] = {}  # by lease token: an attempt is known by it
        self._changed = threading.Condition()
        self.terms = Terms()
        self.kept_at = time.monotonic()  # when its leases were kept in force
        self.is_closed = False

    def agree(self, terms: Terms) -> None:
        """From now on as many as these terms say; what is in hand beyond that stays."""
        with self._changed:
            self.terms = terms
            self._changed.notify_all()

    def agree_to_no_more(self, terms: Terms) -> None:
        """As these terms say, but not more than before: the client is to hear first that they hold."""
        self.agree(replace(terms, most=min(terms.most, self.terms.most)))

    def room(self) -> int:
        with self._changed:
            return self._room()

    def wait_for_room(self, seconds: float) -> int:
        """How many more there may be; none if there is no room within `seconds`, or ever again."""
        with self._changed:
            self._changed.wait_for(lambda: self._room() or self.is_closed, seconds)
            return self._room()

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_closed, seconds)

    def take(self, popped: Sequence[PoppedTask]) -> bool:
        """Take these in hand; False, and none of them, when it is closed."""
        now = time.monotonic()
        with self._changed:
            if self.is_closed:
                return False
            for task in popped:
                deadline = None if task.timeout_seconds is None else now + task.timeout_seconds
                self._tasks[task.lease_token] = InHand(task.id, task.queue, task.lease_token, task.attempt, deadline)
            return True

    def put_down(self, lease_token: UUID) -> None:
        """It has ended, or is somebody else's; unknown tokens are passed over."""
        with self._changed:
            if self._tasks.pop(lease_token, None) is not None:
                self._changed.notify_all()

    def tasks(self) -> list[InHand]:
        with self._changed:
            return list(self._tasks.values())

    def close(self) -> list[InHand]:
        """Take no more; what is still in hand."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()
            left = list(self._tasks.values())
            self._tasks.clear()
            return left

    def _room(self) -> int:
        return 0 if self.is_closed else max(0, self.terms.most - len(self._tasks))
