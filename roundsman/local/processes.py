"""One child process: started, watched and stopped."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from roundsman.local.failures import CannotStart
from roundsman.local.log_files import last_lines, open_log, size
from roundsman.local.parent_death import ask_to_die_with_us
from roundsman.local.unprivileged import User
from roundsman.local.waiting import Stopping, wait_until

KILL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `environment` is all of it; without a `log` the child writes where we write.

    `stop_signal` asks it to end, also when we die without a word. `user` is whom it runs as, if not as us.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path | None
    stop_signal: signal.Signals = signal.SIGTERM
    directory: Path | None = None
    user: User | None = None


class Process:
    """A program as a child of ours; once it has ended, it can be started again."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._popen: subprocess.Popen[bytes] | None = None
        self._is_group_ended = False
        self._log_begin = 0

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group and session."""
        if self._popen is None:
            raise RuntimeError(f"{self.program.name} was not started")
        return self._popen.pid

    def start(self, output: BinaryIO | None = None) -> None:
        """Start it in a session of its own: Ctrl-C in the terminal is ours to handle, in order.

        `output` takes what it writes to standard output. Raises CannotStart.
        """
        program = self.program
        self._is_group_ended = False
        self._log_begin = size(program.log)
        log = open_log(program.log) if program.log is not None else None
        try:
            self._popen = subprocess.Popen(  # noqa: S603 (the commands are ours)
                program.command,
                env=program.environment,
                cwd=program.directory,
                stdin=subprocess.DEVNULL,
                stdout=output if output is not None else log,
                stderr=log,
                start_new_session=True,
                preexec_fn=ask_to_die_with_us(program.stop_signal),
                user=program.user.uid if program.user else None,
                group=program.user.gid if program.user else None,
                extra_groups=[] if program.user else None,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotStart(f"{program.name} cannot be started: {program.command[0]}: {error}") from error
        finally:
            if log is not None:
                log.close()

    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self._popen is None:
            return 0
        if (code := self._popen.poll()) is not None:
            self._end_orphans()
        return code

    def ask_to_stop(self) -> None:
        """Send the signal that asks it to end."""
        if self._popen is not None:
            self._popen.send_signal(self.program.stop_signal)  # which does nothing once it has ended

    def end_by(self, deadline: float) -> None:
        """Wait for its end until `deadline` (monotonic seconds), then take it away with all it started."""
        if self._popen is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(max(0.0, deadline - time.monotonic()))
        self._end_orphans()
        with suppress(subprocess.TimeoutExpired):  # not even SIGKILL ends one that hangs in a system call
            self._popen.wait(KILL_SECONDS)

    def stop(self, seconds: float) -> None:
        """Ask it to end, and see to it that it does."""
        self.ask_to_stop()
        self.end_by(time.monotonic() + seconds)

    def last_lines(self) -> str:
        """What it last wrote to its log in this life, indented."""
        log = self.program.log
        return "".join(f"\n    {line}" for line in last_lines(log, since=self._log_begin)) if log else ""

    def _end_orphans(self) -> None:
        """Kill its group, once: what it started must not outlive it and still hold the port."""
        if not self._is_group_ended:
            self._is_group_ended = True  # the number may soon be somebody else's
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


def run_to_end(program: Program, *, seconds: float, stopping: Stopping) -> str:
    """Run a program that ends by itself; what it wrote to standard output.

    Raises CannotStart if it fails or takes too long, StopRequested if we are to stop.
    """
    process = Process(program)
    with tempfile.TemporaryFile() as output:
        process.start(output)
        try:
            ended = wait_until(lambda: process.exit_code() is not None, seconds=seconds, stopping=stopping)
        finally:
            process.stop(1.0)
        if not ended:
            raise CannotStart(f"{program.name} did not end within {seconds:g} s{process.last_lines()}")
        if code := process.exit_code():
            raise CannotStart(f"{program.name} failed ({describe_exit(code)}){process.last_lines()}")
        output.seek(0)
        return output.read().decode(errors="replace")


def describe_exit(code: int) -> str:
    """How a process ended, in words.

    >>> describe_exit(3), describe_exit(-9)
    ('exit code 3', 'SIGKILL')
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
