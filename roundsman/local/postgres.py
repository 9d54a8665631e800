"""A Postgres of our own: a real one, reachable through a private socket only."""

import os
import signal
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg2

from roundsman.local.failures import CannotStart
from roundsman.local.leftovers import end_server_in
from roundsman.local.postgres_cluster import Cluster, find_cluster, initialise
from roundsman.local.processes import Process, Program, describe_exit
from roundsman.local.sockets import SocketDirectory
from roundsman.local.unprivileged import user_for
from roundsman.local.waiting import Stopping, wait_until

# After a crash it may have a lot to read back.
START_SECONDS = 60.0
STOP_SECONDS = 5.0
DATABASE = "roundsman"

DATABASE_EXISTS = """
SELECT 1
FROM pg_database
WHERE datname = %(name)s
"""

CREATE_DATABASE = "CREATE DATABASE roundsman"


class EmbeddedPostgres:
    """Its files are in `data_dir`/postgres; `fsync=False` is for tests, which may lose them.

    Start it in the main thread: it ends with the thread that started it. `url` is there from start() on,
    with the database `roundsman` in it.
    """

    url: str
    process: Process

    def __init__(self, data_dir: Path, *, fsync: bool = True, stopping: Stopping | None = None) -> None:
        self._data_dir = data_dir.resolve()
        self._fsync = fsync
        self._stopping = stopping or Stopping()
        self._sockets = SocketDirectory(self._data_dir / "postgres-socket-directory")
        self._log = self._data_dir / "logs" / "postgres.log"
        self._is_started = False

    def start(self) -> None:
        """Start it, making its files first if there are none, and wait until it answers.

        Raises CannotStart or StopRequested.
        """
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = self._data_dir / "postgres"
        user = user_for(directory)
        end_server_in(directory)
        sockets = self._sockets.create(user)
        try:
            cluster = find_cluster(directory, user, sockets)
            initialise(cluster, self._log, fsync=self._fsync, stopping=self._stopping)
            self.process = Process(self._program(cluster, sockets))
            self._is_started = True
            self.process.start()
            self._wait_until_it_answers(_url(sockets, "postgres"))
            self.url = _url(sockets, DATABASE)
        except BaseException:
            self.stop()
            self._sockets.remove()
            raise

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it: what was committed is on disk, whoever is connected is cut off."""
        if not self._is_started:
            return
        self._is_started = False
        self.process.stop(seconds)
        self._sockets.remove()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _program(self, cluster: Cluster, sockets: Path) -> Program:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(sockets),
            "cluster_name": "roundsman",
            "max_connections": "200",
            "shared_buffers": "256MB",
            # Short statements by index; and parallel ones want more of /dev/shm than a container has.
            "max_parallel_workers_per_gather": "0",
            "fsync": "on" if self._fsync else "off",
            "full_page_writes": "on" if self._fsync else "off",
            # Its log is what it writes to standard error, whatever its configuration file says.
            "logging_collector": "off",
            "log_destination": "stderr",
        }
        return Program(
            name="postgres",
            command=(
                str(cluster.programs / "postgres"),
                *("-D", cluster.directory_argument),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ),
            environment=dict(os.environ),
            log=self._log,
            stop_signal=signal.SIGINT,  # fast: SIGTERM would wait for every client to leave
            directory=cluster.directory,
            user=cluster.user,
        )

    def _wait_until_it_answers(self, url: str) -> None:
        def answers() -> bool:
            if (code := self.process.exit_code()) is not None:
                raise CannotStart(f"Postgres ended at once ({describe_exit(code)}){self.process.last_lines()}")
            try:
                _create_database(url)
            except psycopg2.OperationalError:
                return False
            return True

        if not wait_until(answers, seconds=START_SECONDS, stopping=self._stopping):
            raise CannotStart(f"Postgres did not answer within {START_SECONDS:g} s{self.process.last_lines()}")


def _create_database(url: str) -> None:
    """Create the database if there is none."""
    with closing(psycopg2.connect(url, connect_timeout=3)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(DATABASE_EXISTS, {"name": DATABASE})
            if cursor.fetchone() is None:
                cursor.execute(CREATE_DATABASE)


def _url(sockets: Path, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={quote(str(sockets))}"
