"""Waiting for something outside, within a bound and only as long as nobody asks us to stop."""

import time
from collections.abc import Callable

from roundsman.local.failures import StopRequested

PAUSE_SECONDS = 0.02


class Stopping:
    """Whether we were asked to stop.

    A signal handler sets it. A threading.Event would not do: its lock may be held by the very thread that
    the handler interrupts, and then nothing stops us any more.
    """

    def __init__(self) -> None:
        self.is_requested = False

    def request(self) -> None:
        """Ask us to stop."""
        self.is_requested = True

    def pause(self, seconds: float) -> bool:
        """Sleep, for moments only: a signal does not cut it short. Whether we were asked to stop."""
        if not self.is_requested:
            time.sleep(seconds)
        return self.is_requested


def wait_until(condition: Callable[[], bool], *, seconds: float, stopping: Stopping) -> bool:
    """Whether the condition came true in time.

    Raises StopRequested as soon as we are asked to stop.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        if stopping.pause(PAUSE_SECONDS):
            raise StopRequested
    return True
