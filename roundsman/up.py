"""`roundsman up`: everything on one machine, with one command and one process to stop."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress

from roundsman.local.failures import CannotStart, StopRequested
from roundsman.local.options import Commands, UpOptions
from roundsman.local.waiting import Stopping
from roundsman.signals import ended_by_signals

__all__ = ["UpOptions", "up"]

MOST_WORKERS = 64


def up(options: UpOptions, *, commands: Commands | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run the service until SIGTERM or Ctrl-C; the exit code.

    Must be called in the main thread: signals arrive there, and children end with the thread they came from.
    """
    stopping = Stopping()
    try:
        with ended_by_signals(lambda _number: stopping.request()):
            _run(options, commands or Commands(), os.environ if environment is None else environment, stopping)
    except CannotStart as error:
        _tell(str(error))
        return 1
    except StopRequested:
        return 0
    return 0


def _run(options: UpOptions, commands: Commands, environment: Mapping[str, str], stopping: Stopping) -> None:
    if not 1 <= options.workers <= MOST_WORKERS:
        raise CannotStart(f"--workers is {options.workers}; it accepts 1 to {MOST_WORKERS}")
    try:
        # Here, because it needs packages that only `roundsman up` needs.
        from roundsman.local.service import Service
    except ModuleNotFoundError as error:
        raise CannotStart(f"the package {error.name} is not installed: pip install 'roundsman[local]'") from error
    Service(options, commands, environment, stopping=stopping, say=_say, tell=_tell).run()


def _say(text: str) -> None:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        # Whoever read the first line and left is no reason to end, now or when the buffer is emptied.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(f"roundsman up: {text}\n")
        sys.stderr.flush()
