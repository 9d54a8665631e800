"""Noting that somebody looks after a queue: of a queue that is popped all the time, once a second."""

import threading
import time
from collections.abc import Callable
from typing import Final

from api.store import queues
from shared.database import Database

NOTED_SECONDS: Final = 1.0
MOST_REMEMBERED: Final = 10_000

Queue = tuple[int, str]  # account, name


class Attendance:
    """What this process has noted; whoever pops need not ask the database whether that is worth noting again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._noted_at: dict[Queue, float] = {}
        self._lock = threading.Lock()

    def note(self, database: Database, queue: Queue) -> None:
        """By itself, as no pop is to wait for another because of that."""
        now = self._clock()
        with self._lock:
            noted_at = self._noted_at.get(queue)
        if noted_at is not None and now - noted_at < NOTED_SECONDS:
            return
        with database.reading() as cursor:
            queues.note_pop(cursor, *queue)
        with self._lock:
            if len(self._noted_at) >= MOST_REMEMBERED:
                self._noted_at.clear()
            self._noted_at[queue] = now
