"""Chores: what a scheduler also does again and again, in threads of their own, as it may take its time."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from shared.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

LONGEST_WAIT_AFTER_FAILURE_SECONDS = 60.0
STOP_SECONDS = 2.0  # what is not done by then is broken off with the process, and Postgres undoes the batch


@dataclass(frozen=True, slots=True)
class Done:
    """How much a turn did, and whether there is more to do at once."""

    count: int
    there_is_more: bool = False


class Chore:
    """Takes its turn every so many seconds until it is stopped; `counter` is what its `total` counts."""

    def __init__(self, counter: str, take_turn: Callable[[], Done], *, every_seconds: float) -> None:
        self.counter = counter
        self.total = 0
        self._take_turn = take_turn
        self._every_seconds = every_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=counter, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def run_once(self) -> float:
        """One turn; how long to wait before the next, 0 when there is more to do."""
        try:
            done = self._take_turn()
        except DatabaseUnavailable as error:
            log.warning("database_away", chore=self.counter, error=str(error))
        except Exception:
            # A chore that lives and does nothing would be worse than one that logs and goes on.
            log.exception("chore_broke", chore=self.counter)
        else:
            self.total += done.count
            return 0.0 if done.there_is_more else self._every_seconds
        return min(self._every_seconds, LONGEST_WAIT_AFTER_FAILURE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self.run_once())

    def tell_to_stop(self) -> None:
        """Begin no further turn."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until it has stopped, for a moment."""
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            log.warning("chore_broken_off", chore=self.counter)


def stop_all(chores: Sequence[Chore]) -> None:
    """End them all, at once rather than one after the other."""
    for chore in chores:
        chore.tell_to_stop()
    for chore in chores:
        chore.join()
