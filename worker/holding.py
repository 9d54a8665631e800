"""What a worker holds leases on, from the claim until its end is recorded, or the lease is somebody else's."""

import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

import structlog

from shared.queues import Bell
from shared.store.work import ClaimedWork
from worker.finishing import Finishing
from worker.performer import Ended, Prepared, released

log = structlog.get_logger(__name__)

FINISH_AT_ONCE = 500
FINISH_BYTES = 16 * 1_048_576  # of results, as JSON


@dataclass(slots=True)
class Held:
    work: ClaimedWork
    lease_ends: float  # by this process's monotonic clock, never later than by the database's


class Holding:
    """Only `ended` may be called from any thread; everything else belongs to the one that makes the rounds."""

    def __init__(self, finishing: Finishing, bell: Bell, counters: Counter[str], *, margin_seconds: float) -> None:
        self._finishing = finishing
        self._bell = bell
        self._counters = counters
        self._margin_seconds = margin_seconds
        self._held: dict[str, Held] = {}
        self._ended: deque[Ended] = deque()

    def __len__(self) -> int:
        return len(self._held)

    def took(self, pieces: Iterable[Prepared], claimed_at: float) -> None:
        """These have just been claimed."""
        for piece in pieces:
            lease_ends = claimed_at + piece.work.timeout_seconds + self._margin_seconds
            self._held[piece.work.id] = Held(piece.work, lease_ends)

    def ended(self, result: Ended) -> None:
        """This piece of work has ended; it is recorded with the next finish."""
        self._ended.append(result)

    def finish(self) -> int:
        """Record what has ended until now, and tell of it; how much that was. What cannot be recorded now is kept."""
        finished = 0
        # Under load more ends meanwhile, and would go on to until nothing is left: then the worker stands still while
        # the next claim is made.
        ended = len(self._ended)
        while finished < ended and (batch := self._next_batch()):
            left = deque(batch)
            try:
                for part, held in self._finishing.finish_batch(batch):
                    for _ in part:
                        left.popleft()
                    self._let_go(part, held)
            except Exception:  # whatever it was: ended work that is forgotten would take up room for ever
                self._keep_while_leased(left)
                raise
            finished += len(batch)
        return finished

    def give_back(self, reason: str) -> None:
        """End all that has not ended as given back."""
        ended = {item.work.id for item in list(self._ended)}
        self._ended.extend(released(held.work, reason) for held in self._held.values() if held.work.id not in ended)

    def _next_batch(self) -> list[Ended]:
        batch: list[Ended] = []
        result_bytes = 0
        while self._ended and len(batch) < FINISH_AT_ONCE and result_bytes < FINISH_BYTES:
            item = self._ended.popleft()
            result_bytes += item.result_bytes
            batch.append(item)
        return batch

    def _let_go(self, batch: Sequence[Ended], recorded: Set[str]) -> None:
        for item in batch:
            self._held.pop(item.work.id, None)
            if item.work.id not in recorded:
                self._lost(item)
        self._counters["finished"] += len(recorded)
        given_back = {item.work.id for item in batch if item.attempt.attempt_outcome == "released"} & recorded
        self._bell.announce(recorded - given_back if given_back else recorded)
        if given_back:
            self._bell.ring(given_back)  # somebody else may begin it sooner

    def _keep_while_leased(self, batch: Iterable[Ended]) -> None:
        """Try again to finish these, but only until their leases end: then they are somebody else's."""
        for item in batch:
            held = self._held.get(item.work.id)
            if held and time.monotonic() < held.lease_ends:
                self._ended.append(item)
            else:
                self._held.pop(item.work.id, None)
                self._lost(item, reason="the database stayed away")

    def _lost(self, item: Ended, **why: str) -> None:
        self._counters["leases_lost"] += 1
        log.warning("lease_lost", work_id=item.work.id, **why)
