"""One real Postgres and one real Redis for the session; a fresh database from a template for every module."""

import ipaddress
import itertools
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pycurl
import pytest
import redis
import structlog

from api import create_app
from roundsman.local.postgres import EmbeddedPostgres
from roundsman.local.redis import EmbeddedRedis
from shared.database import Database
from shared.migrate import migrate
from shared.settings import Settings, read_settings
from tests.api_client import ApiClient
from worker.outbound import transfer as outbound_transfer
from worker.outbound.transfer import Transfer

# Until a process configures its own: through logging, which pytest keeps out of what a test prints.
structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())

TEMPLATE = "roundsman"
_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _no_packet_leaves_this_machine() -> Iterator[None]:
    """Any connect or look-up of the test process that needs another machine fails the test that made it."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
    known_names = {"", "localhost", socket.gethostname()}

    def judge(family: int, address: Any) -> None:
        if family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(address[0]).is_loopback:
            raise AssertionError(f"a test tried to connect to {address[0]}")

    def guarded(self: socket.socket, address: Any) -> None:
        judge(self.family, address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        judge(self.family, address)
        return connect_ex(self, address)

    def looked_up(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host or ""
        if name not in known_names and re.fullmatch(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", name) is None:
            raise AssertionError(f"a test tried to look up {name}")
        return getaddrinfo(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket.socket, "connect_ex", guarded_ex)
        patch.setattr(socket, "getaddrinfo", looked_up)
        yield


@pytest.fixture(scope="session")
def escapes_of_libcurl() -> Iterator[list[str]]:
    """Where libcurl, whose sockets Python does not see, was let out to; it gets no socket for it here.

    Names it looks up with a name server on this machine that does not exist: every name is unknown.
    """
    escapes: list[str] = []
    open_socket = Transfer._on_connect

    def guarded(transfer: Transfer, purpose: int, address: Any) -> Any:
        opened = open_socket(transfer, purpose, address)
        if opened != pycurl.SOCKET_BAD and not ipaddress.ip_address(address.addr[0]).is_loopback:
            escapes.append(address.addr[0])
            return pycurl.SOCKET_BAD
        return opened

    no_name_server = (pycurl.DOH_URL, "https://127.0.0.1:1/dns-query")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transfer, "_on_connect", guarded)
        patch.setattr(outbound_transfer, "FIXED_OPTIONS", (*outbound_transfer.FIXED_OPTIONS, no_name_server))
        yield escapes


@pytest.fixture(autouse=True)
def _libcurl_stays_on_this_machine(escapes_of_libcurl: list[str]) -> Iterator[None]:
    """A call that the product would have let out fails the test that made it, before anything is sent."""
    yield
    escaped, escapes_of_libcurl[:] = list(escapes_of_libcurl), []
    assert escaped == [], f"libcurl was about to connect to {escaped}"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedPostgres, EmbeddedRedis]]:
    directory: Path = tmp_path_factory.mktemp("servers")
    with EmbeddedPostgres(directory, fsync=False) as postgres, EmbeddedRedis(directory) as redis_server:
        migrate(postgres.url)
        yield postgres, redis_server


@pytest.fixture(scope="module")
def database_url(servers: tuple[EmbeddedPostgres, EmbeddedRedis]) -> Iterator[str]:
    """A fresh database with the newest schema."""
    template_url = servers[0].url
    name = f"test_{next(_numbers)}"
    server_url = template_url.replace(f"/{TEMPLATE}?", "/postgres?")
    _execute(server_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield template_url.replace(f"/{TEMPLATE}?", f"/{name}?")
    _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def redis_url(servers: tuple[EmbeddedPostgres, EmbeddedRedis]) -> str:
    """An empty Redis."""
    url = servers[1].url
    with closing(redis.Redis.from_url(url)) as client:
        client.flushall()
    return url


@pytest.fixture(scope="module")
def environment(database_url: str, redis_url: str) -> dict[str, str]:
    """The environment of a process under test, with times short enough for tests."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ROUNDSMAN_SIGNUP": "open",
        "ROUNDSMAN_SECRET_KEY": "a key for tests alone",
        "ROUNDSMAN_EGRESS_ALLOW": "127.0.0.0/8",
        "ROUNDSMAN_SWEEP_SECONDS": "0.3",
        "ROUNDSMAN_LEASE_MARGIN_SECONDS": "0.5",
        "ROUNDSMAN_GRACE_SECONDS": "1",
        "ROUNDSMAN_API_PROCESSES": "1",
        "ROUNDSMAN_LOG_FORMAT": "json",
    }


@pytest.fixture(scope="module")
def settings(environment: dict[str, str]) -> Settings:
    return read_settings(environment)


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    pool = Database(database_url, size=4, name="test")
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[ApiClient]:
    """The API in this process, called with the key of a fresh account."""
    app = create_app(settings)
    yield ApiClient(app.test_client()).signed_up()
    app.extensions["roundsman"].finished.close()
    app.extensions["roundsman"].database.close()


def _execute(url: str, statement: str) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
