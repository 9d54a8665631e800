"""What is to happen when something takes too long."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# The thread ends when there is nothing to look after for so long.
IDLE_SECONDS = 60.0


@dataclass(eq=False, slots=True)
class _Deadline:
    at: float
    act: Callable[[], None]


class Deadlines:
    """Acts when what is done within a block takes longer than it may; one object serves any number of threads.

    One thread looks after it all: one for each block would cost a third of a request.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pending: set[_Deadline] = set()
        self._thread: threading.Thread | None = None
        self._looks_at = 0.0

    @contextmanager
    def within(self, seconds: float, act: Callable[[], None]) -> Iterator[None]:
        """Call `act`, in another thread, if the block has not ended by then; never after its end."""
        deadline = _Deadline(time.monotonic() + seconds, act)
        with self._changed:
            self._pending.add(deadline)
            if self._thread is None or not self._thread.is_alive():  # a process that was forked has lost it
                self._thread = threading.Thread(target=self._look, name="roundsman-deadlines", daemon=True)
                self._thread.start()
            elif deadline.at < self._looks_at:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._pending.discard(deadline)

    def _look(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for each in [each for each in self._pending if each.at <= now]:
                    self._pending.discard(each)
                    each.act()
                was_idle = not self._pending
                self._looks_at = min((each.at for each in self._pending), default=now + IDLE_SECONDS)
                if not self._changed.wait(self._looks_at - now) and was_idle and not self._pending:
                    self._thread = None
                    return
