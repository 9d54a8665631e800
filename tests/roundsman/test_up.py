"""`roundsman up` as a person meets it, with small programs in the place of the service's own."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil has no types
import psycopg2
import pytest

from roundsman.local.addresses import free_port
from roundsman.local.running import servers_of
from roundsman.local.waiting import Stopping, wait_until

RUN_UP = Path(__file__).with_name("run_up.py")


class Started:
    """One process of `up`; what it writes goes to files, which never fill up as a pipe does."""

    def __init__(self, command: list[str], environment: dict[str, str], files: Path) -> None:
        self._output = files.with_suffix(".output")
        self._errors = files.with_suffix(".errors")
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=errors, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def wait(self, seconds: float = 15.0) -> int:
        return self.process.wait(seconds)

    def end(self) -> int:
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.wait()


class Up:
    """One data directory, and the processes of `up` that were started on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data with spaces"
        self.port = free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ROUNDSMAN_")},
            "FAKE_DIRECTORY": str(directory),
            "DATABASE_URL": "postgresql://nobody.invalid/x",
            "REDIS_URL": "redis://nobody.invalid",
        }
        self.started: list[Started] = []

    def start(self, *, workers: int = 1) -> Started:
        command = [sys.executable, str(RUN_UP), str(self.port), str(self.data), str(workers)]
        started = Started(command, self.environment, self.directory / f"up-{len(self.started)}")
        self.started.append(started)
        return started

    def start_until_ready(self, *, workers: int = 1) -> Started:
        started = self.start(workers=workers)
        until(lambda: "\n" in started.output or started.process.poll() is not None, seconds=20)
        assert started.output.startswith(f"ready: http://127.0.0.1:{self.port}\n"), started.errors
        return started

    def events(self) -> list[str]:
        """What happened, without process ids."""
        with suppress(FileNotFoundError):
            return [line.rsplit(" ", 1)[0] for line in (self.directory / "events").read_text().splitlines()]
        return []

    def pids(self, event: str) -> list[int]:
        lines = (self.directory / "events").read_text().splitlines()
        return [int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{event} ")]

    def environment_of_migrate(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.directory / "environment").read_text())
        return found

    def touch(self, name: str) -> None:
        (self.directory / name).touch()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Up]:
    service = Up(tmp_path)
    yield service
    for started in service.started:
        started.kill()
    if (tmp_path / "events").exists():
        for pid in {pid for role in ("api", "scheduler", "worker") for pid in service.pids(f"{role} started")}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    assert wait_until(condition, seconds=seconds, stopping=Stopping()), "it did not come true"


def runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_it_says_that_it_is_ready_and_what_to_try(service: Up) -> None:
    up = service.start_until_ready(workers=2)
    until(lambda: service.events().count("worker started") == 2)
    assert up.end() == 0
    assert up.errors == ""
    assert f"export ROUNDSMAN_URL=http://127.0.0.1:{service.port}\n" in up.output
    assert f"cat '{service.data}/api-key'" in up.output
    assert f"See it in the browser: http://127.0.0.1:{service.port}/ui/login?token=once\n" in up.output


def test_the_key_is_written_once_for_its_owner_only(service: Up) -> None:
    service.start_until_ready().end()
    file = service.data / "api-key"
    key = file.read_text()
    assert key.startswith("rk_made_")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    service.start_until_ready().end()
    assert file.read_text() == key


def test_a_key_that_no_longer_works_is_replaced(service: Up) -> None:
    service.start_until_ready().end()
    (service.directory / "known-key").write_text("rk_somebody_elses")
    up = service.start_until_ready()
    assert "does not know the key" in up.errors
    assert (service.data / "api-key").read_text().strip() == (service.directory / "known-key").read_text()


@pytest.mark.parametrize("status", [503, 429])
def test_a_service_that_is_busy_for_a_moment_is_asked_again_for_its_key(service: Up, status: int) -> None:
    (service.directory / "busy-once").write_text(str(status))
    up = service.start_until_ready()
    assert not (service.directory / "busy-once").exists()
    assert up.end() == 0
    assert up.errors == ""


def test_where_its_servers_are_is_known_as_long_as_it_runs(service: Up) -> None:
    up = service.start_until_ready()
    file = service.data / "servers.json"
    told = {name: service.environment[name] for name in ("DATABASE_URL", "REDIS_URL")}
    assert servers_of(service.data) == told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    up.kill()
    assert file.exists()
    assert servers_of(service.data) is None
    assert service.start_until_ready().end() == 0
    assert not file.exists()


def test_the_key_that_seals_secrets_is_made_once_for_its_owner_only(service: Up) -> None:
    service.start_until_ready().end()
    file = service.data / "secret-key"
    key = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(key.strip()) >= 43  # 32 bytes
    assert service.environment_of_migrate()["ROUNDSMAN_SECRET_KEY"] == key.strip()
    service.start_until_ready().end()
    assert file.read_text() == key
    assert service.environment_of_migrate()["ROUNDSMAN_SECRET_KEY"] == key.strip()


def test_a_key_of_the_environment_seals_instead(service: Up) -> None:
    service.environment["ROUNDSMAN_SECRET_KEY"] = "given in the environment"
    service.start_until_ready().end()
    assert service.environment_of_migrate()["ROUNDSMAN_SECRET_KEY"] == "given in the environment"
    assert not (service.data / "secret-key").exists()


def test_ctrl_c_reaches_the_children_as_an_orderly_stop(service: Up) -> None:
    up = service.start_until_ready()
    until(lambda: {"scheduler started", "worker started"} <= set(service.events()))
    os.killpg(up.process.pid, signal.SIGINT)
    assert up.wait() == 0
    ends = [event for event in service.events() if "SIG" in event]
    assert ends[0] == "api SIGTERM"
    assert sorted(ends[1:]) == ["scheduler SIGTERM", "worker SIGTERM"]


def test_a_signal_during_the_start_ends_it_too(service: Up) -> None:
    service.touch("not-ready")
    up = service.start()
    until(lambda: "worker started" in service.events())
    assert up.end() == 0
    assert up.output == ""
    assert not any(runs(pid) for role in ("api", "worker") for pid in service.pids(f"{role} started"))


def test_a_second_one_on_the_same_directory_is_refused(service: Up) -> None:
    first = service.start_until_ready()
    second = service.start()
    assert second.wait() == 1
    assert second.output == ""
    assert f"already runs on {service.data} (process {first.process.pid})" in second.errors
    assert "--data-dir" in second.errors
    assert first.end() == 0


def test_a_taken_port_is_named_before_anything_is_started(service: Up) -> None:
    with socket.create_server(("127.0.0.1", service.port)):
        up = service.start()
        assert up.wait() == 1
    assert f"cannot listen on port {service.port} of 127.0.0.1" in up.errors
    assert "--port" in up.errors
    assert not (service.data / "logs").exists()


def test_a_data_directory_that_cannot_be_written_is_named(service: Up) -> None:
    service.data.write_text("a file")
    up = service.start()
    assert up.wait() == 1
    assert f"cannot use {service.data} as the data directory" in up.errors
    assert "--data-dir" in up.errors


def test_a_missing_package_is_named_with_the_way_to_get_it(service: Up) -> None:
    (service.directory / "psutil.py").write_text("raise ModuleNotFoundError('no', name='psutil')")
    service.environment["PYTHONPATH"] = str(service.directory)
    up = service.start()
    assert up.wait() == 1
    assert "the package psutil is not installed: pip install 'roundsman[local]'" in up.errors


def test_a_worker_that_dies_is_started_again(service: Up) -> None:
    up = service.start_until_ready()
    until(lambda: "worker started" in service.events())
    os.kill(service.pids("worker started")[0], signal.SIGKILL)
    until(lambda: service.events().count("worker started") == 2)
    assert up.end() == 0
    assert "worker-1 ended (SIGKILL)" in up.errors
    assert "started again in 0.1 s" in up.errors


def test_an_api_that_keeps_failing_ends_it_with_its_last_words(service: Up) -> None:
    service.touch("api-fails")
    up = service.start()
    assert up.wait(20) == 1
    assert up.output == ""
    assert "api ended 5 times in a row" in up.errors
    assert "    api fails as it was told to" in up.errors
    assert "started again in 0.8 s" in up.errors
    assert not runs(service.pids("scheduler started")[0])


def test_a_failing_migration_ends_it_with_its_last_words(service: Up) -> None:
    service.touch("migrate-fails")
    up = service.start()
    assert up.wait() == 1
    assert "migrate failed (exit code 1)" in up.errors
    assert "migrate fails as it was told to" in up.errors


def test_on_a_loopback_address_sign_up_is_open_and_loopback_may_be_called(service: Up) -> None:
    service.start_until_ready()
    environment = service.environment_of_migrate()
    assert environment["ROUNDSMAN_SIGNUP"] == "open"
    assert environment["ROUNDSMAN_EGRESS_ALLOW"] == "127.0.0.0/8,::1/128"
    assert environment["DATABASE_URL"] == "postgresql://nobody.invalid/x"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent died")
def test_children_do_not_outlive_a_killed_parent(service: Up) -> None:
    up = service.start_until_ready()
    until(lambda: {"scheduler started", "worker started"} <= set(service.events()))
    up.kill()
    pids = [service.pids(f"{role} started")[0] for role in ("api", "scheduler", "worker")]
    until(lambda: not any(map(runs, pids)))
    assert service.start_until_ready().end() == 0


def test_what_outlives_a_killed_parent_is_ended_by_the_next_start(service: Up) -> None:
    service.touch("stubborn")
    first = service.start_until_ready()
    until(lambda: "worker started" in service.events())
    first.kill()
    survivor = service.pids("worker started")[0]
    until(lambda: "worker SIGTERM" in service.events())
    assert runs(survivor)
    second = service.start_until_ready()
    assert not runs(survivor)
    assert "ended worker-1, which was left over" in second.errors


def test_it_ends_in_time_even_if_a_worker_does_not(service: Up) -> None:
    service.touch("stubborn")
    up = service.start_until_ready()
    until(lambda: "worker started" in service.events())
    begin = time.monotonic()
    assert up.end() == 0
    assert time.monotonic() - begin < 10
    assert not runs(service.pids("worker started")[0])


def test_with_its_own_servers_it_survives_being_killed(service: Up) -> None:
    del service.environment["DATABASE_URL"], service.environment["REDIS_URL"]
    service.start_until_ready().kill()
    second = service.start_until_ready()
    environment = service.environment_of_migrate()
    socket_directory = Path(environment["REDIS_URL"].removeprefix("unix://")).parent
    assert socket_directory.is_dir()
    assert environment["DATABASE_URL"].startswith("postgresql://postgres@/roundsman?host=/")
    servers = servers_of(service.data)
    assert servers is not None
    with closing(psycopg2.connect(servers["DATABASE_URL"])) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == ("roundsman",)
    assert second.end() == 0
    assert not socket_directory.exists()
    assert not (service.data / "postgres" / "postmaster.pid").exists()


def test_a_postgres_that_dies_is_started_again(service: Up) -> None:
    del service.environment["DATABASE_URL"]
    up = service.start_until_ready()
    file = service.data / "postgres" / "postmaster.pid"
    pid = file.read_text().split("\n")[0]
    os.kill(int(pid), signal.SIGKILL)

    def another_is_ready() -> bool:
        text = file.read_text() if file.exists() else ""
        return "ready" in text and text.split("\n")[0] != pid

    until(another_is_ready)
    assert up.end() == 0
    assert "postgres ended (SIGKILL)" in up.errors
