"""Keeps children alive: one that ends by itself is started again, a little later each time."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from roundsman.local.failures import CannotStart
from roundsman.local.leftovers import Recorded, recorded, write_record
from roundsman.local.log_files import keep_bounded
from roundsman.local.processes import Process, Program, describe_exit

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
GOOD_LIFE_SECONDS = 10.0


def restart_delay(previous_seconds: float, lived_seconds: float) -> float:
    """How long to wait before the next start; a good life clears the record.

    >>> restart_delay(0.0, 0.5), restart_delay(0.1, 0.5), restart_delay(4.0, 0.5), restart_delay(4.0, 11.0)
    (0.1, 0.2, 5.0, 0.1)
    """
    if previous_seconds == 0 or lived_seconds >= GOOD_LIFE_SECONDS:
        return FIRST_DELAY_SECONDS
    return min(previous_seconds * 2, LONGEST_DELAY_SECONDS)


@dataclass(slots=True)
class _Child:
    process: Process
    started_at: float
    entry: Recorded | None
    delay_seconds: float = 0.0
    restart_at: float | None = None
    early_deaths: int = 0


class Supervisor:
    """Watches children on the one thread that starts them; `record` is the file that remembers them.

    `tell` is given a sentence for everything that happens by itself; `clock` is monotonic, in seconds.
    """

    def __init__(
        self, record: Path, *, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._record = record
        self._tell = tell
        self._clock = clock
        self._children: dict[str, _Child] = {}

    def start(self, program: Program) -> None:
        """Start a program and keep it running. Raises CannotStart."""
        process = Process(program)
        process.start()
        self.adopt(process)

    def adopt(self, process: Process) -> None:
        """Keep a process running that was started elsewhere."""
        self._children[process.program.name] = _Child(process, self._clock(), self._entry(process))
        self._write_record()

    def watch_once(self) -> int:
        """Look after every child once; how many were started again."""
        started = 0
        for name, child in self._children.items():
            if child.process.program.log is not None:
                keep_bounded(child.process.program.log)
            if child.restart_at is not None:
                started += self._start_again(name, child)
            elif (code := child.process.exit_code()) is not None:
                self._died(name, child, describe_exit(code))
        return started

    def early_deaths(self) -> dict[str, int]:
        """How often in a row each child has ended before it had a good life."""
        return {name: child.early_deaths for name, child in self._children.items()}

    def last_lines(self, name: str) -> str:
        """What this child last wrote to its log, indented."""
        return self._children[name].process.last_lines()

    def stop(self, names: Collection[str], *, seconds: float) -> None:
        """Ask these children to end, all at once, and see to it that they do."""
        ending = [self._children.pop(name).process for name in list(self._children) if name in names]
        for process in ending:
            process.ask_to_stop()
        deadline = time.monotonic() + seconds
        for process in ending:
            process.end_by(deadline)
        self._write_record()

    def _died(self, name: str, child: _Child, how: str) -> None:
        lived = self._clock() - child.started_at
        child.early_deaths = 0 if lived >= GOOD_LIFE_SECONDS else child.early_deaths + 1
        child.delay_seconds = restart_delay(child.delay_seconds, lived)
        child.restart_at = self._clock() + child.delay_seconds
        self._tell(
            f"{name} ended ({how}) after {lived:.1f} s and is started again in {child.delay_seconds:g} s"
            f"{child.process.last_lines()}"
        )

    def _start_again(self, name: str, child: _Child) -> int:
        if child.restart_at is None or self._clock() < child.restart_at:
            return 0
        child.started_at = self._clock()
        child.restart_at = None
        try:
            child.process.start()
        except CannotStart as error:
            # The machine may be short of memory or processes for now; a service is not given up for that.
            self._died(name, child, str(error))
            return 0
        child.entry = self._entry(child.process)
        self._write_record()
        return 1

    def _entry(self, process: Process) -> Recorded | None:
        return recorded(process.program.name, process.pid, process.program.stop_signal)

    def _write_record(self) -> None:
        try:
            write_record(self._record, [child.entry for child in self._children.values() if child.entry])
        except OSError as error:
            self._tell(f"cannot write {self._record}: {error}; a kill -9 of this process may leave others behind")
