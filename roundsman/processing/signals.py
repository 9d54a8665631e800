"""The signals that end a program that works until it is told to stop."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("roundsman")

LOOK_SECONDS = 1.0


def wait_for_end(threads: list[threading.Thread], stop: Callable[[], None]) -> None:
    """Wait until the threads have ended; SIGTERM and Ctrl-C stop them, if this is the main thread.

    The work is in threads because a signal is dealt with in the main one, in the middle of whatever it does.
    """
    with _stopped_by_signals(stop):
        for thread in threads:
            while thread.is_alive():
                thread.join(LOOK_SECONDS)


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first one stops it in order; a second one does what it does otherwise."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGTERM, signal.SIGINT)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(number: int, _frame: object) -> None:
        restore()
        log.warning("%s: ending", signal.Signals(number).name)
        stop()

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        restore()
