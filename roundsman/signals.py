"""The signals that end a program that works until it is told to stop."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("roundsman")

LOOK_SECONDS = 1.0
# Windows lacks the last one.
NUMBERS = [number for number in signal.Signals if number.name in ("SIGTERM", "SIGINT", "SIGHUP")]


@contextmanager
def ended_by_signals(end: Callable[[signal.Signals], None], *, second_is_usual: bool = False) -> Iterator[None]:
    """In here SIGTERM, Ctrl-C and the end of the terminal call `end`; only the main thread can be told of signals.

    Each further one calls it again or, with `second_is_usual`, does what it does otherwise.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # One that was set by something else than Python, for which it has None, cannot be put back.
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in NUMBERS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def received(number: int, _frame: object) -> None:
        if second_is_usual:
            restore()
        end(signal.Signals(number))

    for number in NUMBERS:
        # Under nohup the terminal may go away.
        if number.name != "SIGHUP" or before[number] != signal.SIG_IGN:
            signal.signal(number, received)
    try:
        yield
    finally:
        restore()


def work_until_end(threads: list[threading.Thread], stop: Callable[[], None]) -> None:
    """Start the threads and wait until they have ended; a signal calls `stop`, a second one ends the program at once.

    The work is in threads because a signal is dealt with in the main one, in the middle of whatever it does.
    """
    ending = False

    def end(number: signal.Signals) -> None:
        nonlocal ending
        ending = True
        log.warning("%s: ending", number.name)
        stop()

    with ended_by_signals(end, second_is_usual=True):
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(LOOK_SECONDS)
                if ending:
                    stop()  # again: the signal may have come before there was anything to stop
