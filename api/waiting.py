"""Waiting for work to end, without a query per waiter: what is announced wakes those who wait for it."""

import threading
import time
from collections.abc import Callable
from uuid import UUID

from api.announcements import Announcements
from shared.queues import FINISHED_CHANNEL

# Without Redis, or when an announcement is lost, a waiter still looks for itself, ever less often.
FIRST_LOOK_SECONDS = 0.25
LONGEST_LOOK_SECONDS = 1.0


class Finished:
    """Hears what has ended and wakes the waiters of this process."""

    def __init__(self, announcements: Announcements) -> None:
        self._announcements = announcements
        self._waiters: dict[str, list[threading.Event]] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        announcements.pass_on(FINISHED_CHANNEL, self._heard)

    def wait(
        self, work_id: UUID, has_ended: Callable[[], bool], *, has_hung_up: Callable[[], bool], seconds: float
    ) -> None:
        """Return as soon as it has ended, or nobody is behind the request any longer, or `seconds` are over."""
        deadline = time.monotonic() + seconds
        event = threading.Event()
        self._enter(str(work_id), event)
        try:
            pause = FIRST_LOOK_SECONDS
            while True:
                event.clear()
                if has_hung_up() or has_ended():
                    return
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._is_closed:
                    return
                event.wait(min(pause, remaining))
                pause = min(pause * 2, LONGEST_LOOK_SECONDS)
        finally:
            self._leave(str(work_id), event)

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._is_closed = True
        self._announcements.close()
        with self._lock:
            for event in [event for waiting in self._waiters.values() for event in waiting]:
                event.set()

    def _enter(self, work_id: str, event: threading.Event) -> None:
        with self._lock:
            self._waiters.setdefault(work_id, []).append(event)
        self._announcements.listen()

    def _leave(self, work_id: str, event: threading.Event) -> None:
        with self._lock:
            waiting = self._waiters[work_id]
            waiting.remove(event)
            if not waiting:
                del self._waiters[work_id]

    def _heard(self, text: str) -> None:
        for work_id in text.split():
            with self._lock:
                waiting = list(self._waiters.get(work_id, ()))
            for event in waiting:
                event.set()
