"""What a killed predecessor left running, found by process id and time of birth."""

import json
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil has no types

END_SECONDS = 3.0
# A process's time of birth is computed from the clock, which may be set in the meantime.
BIRTH_TOLERANCE_SECONDS = 1.0
MAX_RECORD_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """A child as the record knows it; `born_at` in seconds since the epoch."""

    name: str
    pid: int
    born_at: float
    stop_signal: int


def recorded(name: str, pid: int, stop_signal: int) -> Recorded | None:
    """The entry for a child that was just started; None if it is gone already."""
    try:
        return Recorded(name, pid, psutil.Process(pid).create_time(), stop_signal)
    except psutil.NoSuchProcess:
        return None


def write_record(path: Path, children: Iterable[Recorded]) -> None:
    """Replace the record, all or nothing."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_text(json.dumps([asdict(child) for child in children]))
    unfinished.replace(path)


def read_record(path: Path) -> list[Recorded]:
    """What the record says; nothing if there is none or it is not readable as one."""
    try:
        entries = json.loads(path.read_bytes()[:MAX_RECORD_BYTES])
        return [
            Recorded(str(entry["name"]), int(entry["pid"]), float(entry["born_at"]), int(entry["stop_signal"]))
            for entry in entries
        ]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def end_leftovers(path: Path) -> list[str]:
    """End every process of the record that still runs, with all it started; the names of those that did."""
    found: list[tuple[Recorded, list[psutil.Process]]] = []
    for child in read_record(path):
        if processes := _processes_of(child):
            found.append((child, processes))
            _signal(processes[0], child.stop_signal)
    _take_away([process for _, processes in found for process in processes])
    path.unlink(missing_ok=True)
    return [child.name for child, _ in found]


def end_server_in(directory: Path) -> None:
    """End a Postgres that still runs on this directory, and remove its process id file.

    The file alone proves nothing: after a restart of the machine or the container the number may be
    anybody's, and Postgres would refuse to start because of it.
    """
    file = directory / "postmaster.pid"
    try:
        process = psutil.Process(int(file.read_text().split("\n", 1)[0]))
        if process.name() == "postgres" and Path(process.cwd()) == directory:
            _signal(process, signal.SIGINT)
            _take_away([process])
    except FileNotFoundError:
        return
    except (OSError, ValueError, psutil.Error):
        pass  # nobody's, or not one that we could have started
    with suppress(OSError):
        file.unlink()


def _processes_of(child: Recorded) -> list[psutil.Process]:
    """The child, if it is still the one recorded, and its group; the group alone if the child is gone.

    Since the machine was started again every number may be anybody's, and the group of one that is gone may be: of ours
    is only who is in a session of that number, too, and is not older than the child.
    """
    if child.born_at < psutil.boot_time() - BIRTH_TOLERANCE_SECONDS:
        return []
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(child.pid)
        if abs(process.create_time() - child.born_at) > BIRTH_TOLERANCE_SECONDS:
            return []
    members = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            is_of_group = os.getpgid(process.pid) == os.getsid(process.pid) == child.pid
            if is_of_group and process.create_time() >= child.born_at - BIRTH_TOLERANCE_SECONDS and _runs(process):
                members.append(process)
    return sorted(members, key=lambda member: member.pid != child.pid)


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)


def _take_away(processes: list[psutil.Process]) -> None:
    """Wait for their end, then insist."""
    if not _ended_within(processes, END_SECONDS):
        for process in processes:
            _signal(process, signal.SIGKILL)
        _ended_within(processes, END_SECONDS)


def _ended_within(processes: list[psutil.Process], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(_runs, processes)):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _runs(process: psutil.Process) -> bool:
    # A container may have nobody who collects the dead: a zombie is as good as gone.
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
