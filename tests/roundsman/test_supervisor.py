"""Children that die, and what is known about them."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil has no types
import pytest

from roundsman.local.failures import CannotStart
from roundsman.local.leftovers import Recorded, end_leftovers, read_record, recorded, write_record
from roundsman.local.log_files import keep_bounded, last_lines, open_log
from roundsman.local.processes import Process, Program, run_to_end
from roundsman.local.supervisor import Supervisor
from roundsman.local.waiting import Stopping, wait_until


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def program(script: str, log: Path | None = None) -> Program:
    return Program("child", (sys.executable, "-c", script), dict(os.environ), log)


def ended(process: Process) -> bool:
    return wait_until(lambda: process.exit_code() is not None, seconds=10, stopping=Stopping())


def test_the_delay_doubles_and_a_good_life_clears_it(tmp_path: Path) -> None:
    clock, told = Clock(), list[str]()
    supervisor = Supervisor(tmp_path / "record", tell=told.append, clock=clock)
    process = Process(program("raise SystemExit('my last words')", tmp_path / "child.log"))
    process.start()
    supervisor.adopt(process)
    for life, delay in ((1.0, 0.1), (1.0, 0.2), (1.0, 0.4), (11.0, 0.1)):
        assert ended(process)
        clock.now += life
        assert supervisor.watch_once() == 0
        assert f"(exit code 1) after {life} s and is started again in {delay:g} s" in told[-1]
        assert "\n    my last words" in told[-1]
        clock.now += delay - 0.01
        assert supervisor.watch_once() == 0
        clock.now += 0.02
        assert supervisor.watch_once() == 1
    assert supervisor.early_deaths() == {"child": 0}
    supervisor.stop({"child"}, seconds=5)


def test_one_that_cannot_be_started_again_is_tried_later(tmp_path: Path) -> None:
    clock, told = Clock(), list[str]()
    supervisor = Supervisor(tmp_path / "record", tell=told.append, clock=clock)
    process = Process(program(""))
    process.start()
    supervisor.adopt(process)
    assert ended(process)
    supervisor.watch_once()
    process.program = replace(process.program, command=(str(tmp_path / "gone"),))
    clock.now += 1
    assert supervisor.watch_once() == 0
    assert "gone" in told[-1]
    assert "started again in 0.2 s" in told[-1]
    process.program = program("input()")
    clock.now += 1
    assert supervisor.watch_once() == 1
    supervisor.stop({"child"}, seconds=5)


def test_the_record_names_what_runs(tmp_path: Path) -> None:
    record = tmp_path / "record"
    supervisor = Supervisor(record, tell=print)
    supervisor.start(program("import signal; signal.pause()"))
    (entry,) = read_record(record)
    assert entry.name == "child"
    assert psutil.pid_exists(entry.pid)
    supervisor.stop({"child"}, seconds=5)
    assert read_record(record) == []


def test_a_leftover_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    script = "import subprocess, signal; print(subprocess.Popen(['cat'], stdin=-1).pid, flush=True); signal.pause()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        grandchild = int(parent.stdout.readline())
        entry = recorded("worker", parent.pid, signal.SIGTERM)
        assert entry is not None
        write_record(tmp_path / "record", [entry])
        assert end_leftovers(tmp_path / "record") == ["worker"]
        parent.wait(5)
    assert not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE
    assert not (tmp_path / "record").exists()


def test_a_number_that_now_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=True) as somebody:
        born_at = psutil.Process(somebody.pid).create_time()
        write_record(tmp_path / "record", [Recorded("api", somebody.pid, born_at - 60, signal.SIGKILL)])
        assert end_leftovers(tmp_path / "record") == []
        assert somebody.poll() is None


class Orphan:
    """A process whose parent, the leader of its group and session, is gone."""

    SCRIPT = "import subprocess; print(subprocess.Popen(['sleep', '600'], stdout=-3).pid, flush=True)"

    def __init__(self) -> None:
        command = [sys.executable, "-c", self.SCRIPT]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as leader:
            assert leader.stdout is not None
            self.process = psutil.Process(int(leader.stdout.readline()))
        self.group = leader.pid

    def recorded(self, born_at: float) -> Recorded:
        return Recorded("api", self.group, born_at, signal.SIGKILL)


@pytest.fixture
def orphan() -> Iterator[Orphan]:
    orphan = Orphan()
    yield orphan
    with suppress(psutil.NoSuchProcess):
        orphan.process.kill()


def test_what_a_leftover_started_is_ended_though_it_is_gone_itself(tmp_path: Path, orphan: Orphan) -> None:
    write_record(tmp_path / "record", [orphan.recorded(orphan.process.create_time())])
    assert end_leftovers(tmp_path / "record") == ["api"]
    assert not _runs(orphan.process.pid)


def test_a_group_that_is_older_than_the_leftover_of_its_number_is_left_alone(tmp_path: Path, orphan: Orphan) -> None:
    write_record(tmp_path / "record", [orphan.recorded(orphan.process.create_time() + 60)])
    assert end_leftovers(tmp_path / "record") == []
    assert _runs(orphan.process.pid)


def test_whatever_was_recorded_before_the_machine_was_started_is_nobody_now(tmp_path: Path, orphan: Orphan) -> None:
    write_record(tmp_path / "record", [orphan.recorded(psutil.boot_time() - 60)])
    assert end_leftovers(tmp_path / "record") == []
    assert _runs(orphan.process.pid)


@pytest.mark.parametrize("text", ["", "[", "{}", "[{}]", '[{"name": "x", "pid": "y", "born_at": 1, "stop_signal": 9}]'])
def test_a_record_that_is_no_record_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "record").write_text(text)
    assert end_leftovers(tmp_path / "record") == []


def test_what_a_program_started_ends_with_it() -> None:
    script = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid)"
    pid = int(run_to_end(program(script), seconds=10, stopping=Stopping()))
    assert wait_until(lambda: not _runs(pid), seconds=10, stopping=Stopping())


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    script = "import signal, sys; print('waiting', file=sys.stderr, flush=True); signal.pause()"
    with pytest.raises(CannotStart, match=r"child did not end within 1 s\n    waiting"):
        run_to_end(program(script, tmp_path / "log"), seconds=1.0, stopping=Stopping())


def test_a_log_that_is_too_long_is_moved_and_still_written(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "child.log"
    with open_log(path) as log:
        log.write(b"x" * 100)
        keep_bounded(path, max_bytes=100)
        assert path.stat().st_size == 100
        log.write(b"y")
        keep_bounded(path, max_bytes=100)
        log.write(b"z\n")
    assert path.read_bytes() == b"z\n"
    kept = path.with_name("child.log.1")
    assert kept.stat().st_size == 101
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_log_that_others_could_read_is_no_longer_once_it_is_moved_again(tmp_path: Path) -> None:
    path = tmp_path / "child.log"
    open_log(path).close()
    path.write_bytes(b"x" * 101)
    path.with_name("child.log.1").touch(mode=0o644)
    keep_bounded(path, max_bytes=100)
    assert stat.S_IMODE(path.with_name("child.log.1").stat().st_mode) == 0o600


def test_last_lines_are_few_and_fit_for_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"long ago\n" * 10_000 + b"\x1b[31mred\xff\nlast")
    assert last_lines(path, 2) == ["\\x1b[31mred\ufffd", "last"]
    assert last_lines(tmp_path / "none") == []


def test_last_lines_of_this_life_are_not_those_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("earlier\nnow\n")
    assert last_lines(path, since=len("earlier\n")) == ["now"]
    assert last_lines(path, since=1000) == ["earlier", "now"]


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
