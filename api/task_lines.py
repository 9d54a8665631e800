"""Those who wait for tasks stand in line: one line a queue in this process, in which only the foremost look."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from prometheus_client import Gauge

from api.announcements import Announcements
from shared.queues import TASKS_CHANNEL

WAITING = Gauge("roundsman_waiting_pops", "Requests and sockets that wait for tasks.", multiprocess_mode="livesum")

Popped = TypeVar("Popped")
Queue = tuple[int, str]  # account, name

# When nothing is told, the foremost looks for itself this often: Redis may be away.
LONGEST_LOOK_SECONDS: Final = 1.0
# A task that is due and still not to be had is in other hands, which may put it back.
SHORTEST_LOOK_SECONDS: Final = 0.05
# In a flood of tasks several of a line look at once, lest each wait for the commit of the one before: one more for so
# many who were served without one in between who found nothing. Until then they are served strictly in turn.
SERVED_PER_PLACE: Final = 8
MOST_PLACES: Final = 8


@dataclass(eq=False, slots=True)
class _Waiter:
    event: threading.Event = field(default_factory=threading.Event)
    is_looking: bool = False  # or waits for the next look; it is not told to look at once


@dataclass(slots=True)
class _Line:
    """Those who wait for one queue, in the order in which they came."""

    waiters: deque[_Waiter] = field(default_factory=deque)
    served_on_end: int = 0

    def foremost(self) -> list[_Waiter]:
        places = min(1 + self.served_on_end // SERVED_PER_PLACE, MOST_PLACES)
        return list(islice(self.waiters, places))


class TaskLines:
    """The lines of this process. Whoever waits in one holds no connection to Postgres meanwhile."""

    def __init__(self, announcements: Announcements) -> None:
        self._announcements = announcements
        self._lines: dict[str, _Line] = {}  # by the word that tells of tasks in their queue
        self._lock = threading.Lock()
        self._is_closed = False
        announcements.pass_on(TASKS_CHANNEL, self._heard)

    def length(self, queue: Queue) -> int:
        """How many wait for the tasks of this queue."""
        with self._lock:
            line = self._lines.get(_word(queue))
            return len(line.waiters) if line else 0

    def attended(self) -> set[Queue]:
        """The queues for whose tasks somebody waits."""
        with self._lock:
            words = [word.split("/") for word in self._lines]
        return {(int(account_id), name) for account_id, name in words}

    def wait(
        self,
        queue: Queue,
        attempt: Callable[[], list[Popped]],
        *,
        seconds_until_due: Callable[[], float | None],
        has_hung_up: Callable[[], bool],
        seconds: float,
    ) -> list[Popped]:
        """What an attempt brings as soon as one brings anything; nothing when `seconds` are over before.

        `seconds_until_due` is asked when the next task of the queue is due. Raises what they raise. How many may wait
        is for others to say: api.waiting_places.
        """
        deadline = time.monotonic() + seconds
        waiter = _Waiter()
        line = self._enter(queue, waiter)
        is_due = False  # something, as it was told, or as it was to be expected
        try:
            while True:
                waiter.event.clear()
                pause, is_due_then = seconds, False  # of one who may not look: somebody ahead will wake it
                if self._may_look(line, waiter):
                    if has_hung_up():
                        return []
                    due_in = 0.0 if is_due else seconds_until_due()
                    if due_in is not None and due_in <= 0:
                        if popped := attempt():
                            self._found(line)
                            return popped
                        due_in = seconds_until_due()
                    self._found_nothing(line, waiter)
                    pause = LONGEST_LOOK_SECONDS
                    if due_in is not None and due_in < pause:
                        pause, is_due_then = due_in if due_in > 0 else SHORTEST_LOOK_SECONDS, True
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._is_closed:
                    return []
                is_told = waiter.event.wait(min(pause, remaining))
                is_due = is_told or is_due_then
        finally:
            self._leave(queue, line, waiter)

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._is_closed = True
        self._announcements.close()
        with self._lock:
            for waiter in [waiter for line in self._lines.values() for waiter in line.waiters]:
                waiter.event.set()

    def _enter(self, queue: Queue, waiter: _Waiter) -> _Line:
        with self._lock:
            line = self._lines.setdefault(_word(queue), _Line())
            line.waiters.append(waiter)
        WAITING.inc()
        self._announcements.listen()
        return line

    def _leave(self, queue: Queue, line: _Line, waiter: _Waiter) -> None:
        WAITING.dec()
        with self._lock:
            was_first = line.waiters[0] is waiter
            line.waiters.remove(waiter)
            if not line.waiters:
                del self._lines[_word(queue)]
            for place, next_waiter in enumerate(line.foremost()):
                # What was told to the first, and served it no more, concerns the one behind it.
                if not next_waiter.is_looking or (was_first and place == 0):
                    next_waiter.event.set()

    def _may_look(self, line: _Line, waiter: _Waiter) -> bool:
        with self._lock:
            waiter.is_looking = waiter in line.foremost()
            return waiter.is_looking

    def _found(self, line: _Line) -> None:
        with self._lock:
            line.served_on_end += 1

    def _found_nothing(self, line: _Line, waiter: _Waiter) -> None:
        with self._lock:
            line.served_on_end = 0
            waiter.is_looking = waiter in line.foremost()

    def _heard(self, text: str) -> None:
        for word in text.split():
            with self._lock:
                line = self._lines.get(word)
                if line is not None:
                    line.waiters[0].event.set()


def _word(queue: Queue) -> str:
    account_id, name = queue
    return f"{account_id}/{name}"
