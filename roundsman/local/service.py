"""The whole service as children of this process: started in order, watched, stopped in order."""

import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from roundsman.local.access import Access
from roundsman.local.addresses import check_free, free_port, reachable_host, url_of
from roundsman.local.announcement import announcement
from roundsman.local.data_directory import locked, read_key, write_private
from roundsman.local.environment import service_environment
from roundsman.local.failures import CannotStart
from roundsman.local.leftovers import end_leftovers
from roundsman.local.options import Commands, UpOptions
from roundsman.local.postgres import EmbeddedPostgres
from roundsman.local.processes import Process, Program, run_to_end
from roundsman.local.redis import EmbeddedRedis
from roundsman.local.running import forget_servers, tell_servers
from roundsman.local.supervisor import Supervisor
from roundsman.local.waiting import Stopping, wait_until
from roundsman.visible import visible

READY_SECONDS = 60.0
MIGRATE_SECONDS = 300.0
KEY_SECONDS = 30.0
ACCEPTING_SECONDS = 15.0
SECRET_KEY_BYTES = 32
MOST_EARLY_DEATHS = 5
WATCH_SECONDS = 0.1
# Together less than the ten seconds in which it is to be over.
API_STOP_SECONDS = 3.0
WORKERS_STOP_SECONDS = 3.5
REDIS_STOP_SECONDS = 0.5
ALL_STOP_SECONDS = 9.3


class Service:
    """Runs from run() until `stopping`; `say` is given what belongs on standard output, `tell` the rest."""

    def __init__(
        self,
        options: UpOptions,
        commands: Commands,
        environment: Mapping[str, str],
        *,
        stopping: Stopping,
        say: Callable[[str], None],
        tell: Callable[[str], None],
    ) -> None:
        self._options = options
        self._commands = commands
        self._environment = environment
        self._stopping = stopping
        self._say = say
        self._tell = tell
        self._directory = options.data_dir.expanduser().resolve()
        self._key_file = self._directory / "api-key"
        self._secret_key_file = self._directory / "secret-key"
        self._temporary = self._directory / "tmp"
        self._url = url_of(reachable_host(options.host), options.port)
        self._supervisor = Supervisor(self._directory / "processes.json", tell=tell)
        self._access = Access(self._url)
        self._postgres: EmbeddedPostgres | None = None
        self._redis: EmbeddedRedis | None = None
        self._story: Process | None = None
        self._todos_url = ""

    def run(self) -> None:
        """Start everything, then keep it running until we are asked to stop.

        Raises CannotStart or StopRequested; in any case nothing of it runs afterwards.
        """
        with locked(self._directory):
            for name in end_leftovers(self._directory / "processes.json"):
                self._tell(f"ended {visible(name)}, which was left over from a start that was killed")
            check_free(self._options.host, self._options.port)
            self._empty_temporary()
            forget_servers(self._directory)
            try:
                self._start_servers()
                key = self._key()
                self._start_processes()
                self._wait_until_ready()
                key = self._working_key(key)
                self._announce(key)
                while not self._stopping.pause(WATCH_SECONDS):
                    self._watch()
            finally:
                forget_servers(self._directory)
                self._stop()
                self._empty_temporary()

    def _start_servers(self) -> None:
        if not self._environment.get("DATABASE_URL"):
            postgres = EmbeddedPostgres(self._directory, stopping=self._stopping)
            postgres.start()
            self._postgres = postgres
            self._supervisor.adopt(postgres.process)
        if not self._environment.get("REDIS_URL"):
            redis = EmbeddedRedis(self._directory, stopping=self._stopping)
            redis.start()
            self._redis = redis
            self._supervisor.adopt(redis.process)
        self._environment = service_environment(
            self._environment,
            self._options,
            database_url=self._postgres.url if self._postgres else self._environment["DATABASE_URL"],
            redis_url=self._redis.url if self._redis else self._environment["REDIS_URL"],
            secret_key=self._secret_key(),
            temporary=self._temporary,
        )
        self._run_to_end("migrate", self._commands.migrate, MIGRATE_SECONDS)
        tell_servers(self._directory, self._environment)

    def _secret_key(self) -> str:
        """What secrets are sealed with: the environment's, or our own of the first start."""
        if given := self._environment.get("ROUNDSMAN_SECRET_KEY"):
            return given
        if kept := read_key(self._secret_key_file):
            return kept
        key = secrets.token_urlsafe(SECRET_KEY_BYTES)
        write_private(self._secret_key_file, key)
        return key

    def _start_processes(self) -> None:
        self._supervisor.start(self._program("api", self._commands.api))
        self._supervisor.start(self._program("scheduler", self._commands.scheduler))
        for number in range(1, self._options.workers + 1):
            self._supervisor.start(self._program(f"worker-{number}", self._commands.worker))
        if self._options.demo:
            port = free_port()
            self._todos_url = url_of("127.0.0.1", port)
            self._supervisor.start(self._program("demo", (*self._commands.demo, "--port", str(port))))

    def _wait_until_ready(self) -> None:
        def is_ready() -> bool:
            self._watch()
            for name, deaths in self._supervisor.early_deaths().items():
                if deaths >= MOST_EARLY_DEATHS:
                    raise CannotStart(
                        f"{name} ended {deaths} times in a row; its log is {self._log(name)}"
                        f"{self._supervisor.last_lines(name)}"
                    )
            return self._access.is_ready()

        if not wait_until(is_ready, seconds=READY_SECONDS, stopping=self._stopping):
            raise CannotStart(
                f"{self._url}/ready was not 200 within {READY_SECONDS:g} s, but "
                f"{visible(self._access.last_answer)}; the logs are in {self._directory / 'logs'}"
            )

    def _key(self) -> str:
        """The key of the first start."""
        return read_key(self._key_file) or self._new_key()

    def _working_key(self, key: str) -> str:
        """A key that the service accepts: this one, or a new one should it have been revoked."""
        if self._is_accepted(key):
            return key
        if self._access.last_status == 401:
            self._tell(f"the service does not know the key in {self._key_file}; it is replaced by a new one")
            key = self._new_key()
            if self._is_accepted(key):
                return key
        raise CannotStart(
            f"the key in {self._key_file} does not work: {visible(self._access.last_answer)}; "
            f"the logs are in {self._directory / 'logs'}"
        )

    def _is_accepted(self, key: str) -> bool:
        """Whether the key opens the door; what the service says of itself (busy, away) is given time to pass."""

        def is_judged() -> bool:
            self._watch()
            return self._access.accepts(key) or self._access.last_status == 401

        is_judged_in_time = wait_until(is_judged, seconds=ACCEPTING_SECONDS, stopping=self._stopping)
        return is_judged_in_time and self._access.last_status == 200

    def _new_key(self) -> str:
        key = self._run_to_end("create-key", self._commands.create_key, KEY_SECONDS).strip()
        if not key.startswith("rk_") or not key.isprintable() or " " in key:
            raise CannotStart(f"creating a key printed {visible(key, limit=40)!r} where a key was expected")
        write_private(self._key_file, key)
        return key

    def _announce(self, key: str) -> None:
        listening_url = url_of(self._options.host, self._options.port)
        self._say(
            announcement(
                listening_url, self._url, self._key_file, self._access.login_link(key), with_demo=self._options.demo
            )
        )
        if self._options.demo:
            environment = {**self._environment, "ROUNDSMAN_URL": self._url, "ROUNDSMAN_API_KEY": key}
            command = (*self._commands.story, self._todos_url)
            self._story = Process(Program("story", command, environment, log=None))
            self._story.start()

    def _watch(self) -> None:
        self._supervisor.watch_once()
        if self._story is not None:
            self._story.exit_code()

    def _stop(self) -> None:
        """The order matters: nobody is left without what it works with."""
        deadline = time.monotonic() + ALL_STOP_SECONDS
        self._access.close()
        if self._story is not None:
            self._story.stop(0.0)
        self._supervisor.stop({"api"}, seconds=API_STOP_SECONDS)
        workers = {f"worker-{number}" for number in range(1, self._options.workers + 1)}
        self._supervisor.stop({"scheduler", "demo", *workers}, seconds=WORKERS_STOP_SECONDS)
        if self._redis is not None:
            self._supervisor.stop({"redis"}, seconds=REDIS_STOP_SECONDS)
            self._redis.stop()
        if self._postgres is not None:
            # Being cut short costs it nothing but time at the next start.
            self._supervisor.stop({"postgres"}, seconds=deadline - time.monotonic())
            self._postgres.stop()

    def _empty_temporary(self) -> None:
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(mode=0o700, exist_ok=True)

    def _run_to_end(self, name: str, command: tuple[str, ...], seconds: float) -> str:
        return run_to_end(self._program(name, command), seconds=seconds, stopping=self._stopping)

    def _program(self, name: str, command: tuple[str, ...]) -> Program:
        return Program(name, command, self._environment, log=self._log(name))

    def _log(self, name: str) -> Path:
        return self._directory / "logs" / f"{name}.log"
