"""What runs, jobs and deliveries have in common: they come to an end, and that can be waited for."""

from collections.abc import Callable, Mapping
from typing import Any

from roundsman.resources.collection import Collection, Item
from roundsman.transport import Request

ENDED_STATES = frozenset({"succeeded", "failed", "canceled"})
FIRST_LOOK_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 1.0
# A service that is being restarted is back sooner; a wait should outlive that.
WAITING_PATIENCE_SECONDS = 30.0


def has_ended(work: Mapping[str, Any]) -> bool:
    """Whether nothing more will happen to it."""
    return work["state"] in ENDED_STATES


class Work(Collection[Item]):
    """Objects with a `state` that ends as succeeded, failed or canceled."""

    def _begin(
        self, path: str, body: dict[str, Any], *, wait_seconds: int = 0, idempotency_key: str | None = None
    ) -> Item:
        """The work that this POST begins, as it is after at most `wait_seconds`; one, however often it is sent."""
        answer = self._create(path, body, idempotency_key=idempotency_key, wait_seconds=wait_seconds)
        return self._checked(answer, path)

    def _wait(self, path: str, *, seconds: float, watch: Callable[[Item], None] | None) -> Item:
        """The object as soon as it has ended, or as it is when `seconds` are over; `watch` is shown every look."""
        request = Request("GET", path, repeatable=True)
        deadline = self._transport.clock() + seconds
        pause = FIRST_LOOK_SECONDS
        while True:
            found = self._checked(self._transport.send(request, patience_seconds=WAITING_PATIENCE_SECONDS), path)
            if watch is not None:
                watch(found)
            left = deadline - self._transport.clock()
            if has_ended(found) or left <= 0:
                return found
            self._transport.pause(min(pause, left))
            pause = min(pause * 1.5, LONGEST_LOOK_SECONDS)
