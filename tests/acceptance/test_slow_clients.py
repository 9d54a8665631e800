"""Clients that do not send what they began, and clients that do not read: they hold no place for long."""

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil has no types
import pytest

from api.server import worker_connections
from tests.impatient_api import PATIENCE_SECONDS
from tests.processes import RunningApi, wait_until

UNSENT = "Content-Length: 9\r\n"


@pytest.fixture(scope="module")
def impatient(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    log = tmp_path_factory.mktemp("api") / "api.log"
    with RunningApi(environment=environment, log=log, module="tests.impatient_api") as running:
        yield running


@pytest.fixture(scope="module")
def api(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(environment=environment, log=tmp_path_factory.mktemp("api") / "api.log") as running:
        yield running


def connected(api: RunningApi) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(api.url.rsplit(":", 1)[1])), timeout=15)


def request(api: RunningApi, method: str, path: str, headers: str = "") -> bytes:
    key = api.session.headers["Authorization"]
    return f"{method} {path} HTTP/1.1\r\nHost: here\r\nAuthorization: {key}\r\n{headers}\r\n".encode()


def whole_answer(client: socket.socket) -> bytes:
    """What comes until the other side ends the connection."""
    answer = b""
    while data := client.recv(65_536):
        answer += data
    return answer


@pytest.mark.parametrize(
    ("headers", "begun"),
    [
        (UNSENT, b""),
        (UNSENT, b"{"),
        ("Transfer-Encoding: chunked\r\n", b""),
        ("Transfer-Encoding: chunked\r\n", b"9\r\n{"),
    ],
    ids=["nothing", "a part", "no chunk", "a part of a chunk"],
)
def test_a_body_that_does_not_come_is_waited_for_only_so_long(
    impatient: RunningApi, headers: str, begun: bytes
) -> None:
    with connected(impatient) as client:
        client.sendall(request(impatient, "POST", "/api-keys", f"Content-Type: application/json\r\n{headers}") + begun)
        answer = whole_answer(client)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert f"the body has not come within {PATIENCE_SECONDS:g} seconds".encode() in answer


def test_a_form_that_does_not_come_is_waited_for_only_so_long(impatient: RunningApi) -> None:
    with connected(impatient) as client:
        headers = f"Content-Type: application/x-www-form-urlencoded\r\n{UNSENT}"
        client.sendall(request(impatient, "POST", "/ui/login", headers) + b"key=")
        assert whole_answer(client).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_trickles_in_has_no_longer_than_one_that_does_not_come(impatient: RunningApi) -> None:
    is_over = threading.Event()
    with connected(impatient) as client:
        headers = "Content-Type: application/json\r\nContent-Length: 1000\r\n"
        client.sendall(request(impatient, "POST", "/api-keys", headers))

        def trickle() -> None:
            with suppress(OSError):
                while not is_over.wait(0.05):
                    client.sendall(b" ")

        trickling = threading.Thread(target=trickle)
        trickling.start()
        try:
            assert client.recv(65_536).startswith(b"HTTP/1.1 408 ")
        finally:
            is_over.set()
            trickling.join(10)


def test_who_does_not_read_its_answers_is_let_go(impatient: RunningApi) -> None:
    [process] = psutil.Process(impatient.process.pid).children()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    with client:
        client.connect(("127.0.0.1", int(impatient.url.rsplit(":", 1)[1])))
        port = client.getsockname()[1]
        client.sendall(request(impatient, "GET", "/openapi.json") * 100)

        def is_held() -> bool:
            return any(each.raddr and each.raddr.port == port for each in process.net_connections("tcp"))

        wait_until(is_held, "it is served")
        wait_until(lambda: not is_held(), "it is let go")
    assert "Traceback" not in impatient.log.read_text()
    assert impatient.answers()


def test_clients_that_send_no_body_for_their_idempotency_key_hold_no_connection_to_postgres(api: RunningApi) -> None:
    task = {"name": "slow", "schedule": "@daily"}
    assert api.call("POST", "/compat/infinitas/api/task", json=task).status_code == 201
    with ExitStack() as stack:
        for number in range(20):
            client = stack.enter_context(connected(api))
            headers = f"Idempotency-Key: k{number}\r\n{UNSENT}"
            client.sendall(request(api, "POST", "/compat/infinitas/api/task/trigger/slow", headers))
        assert max(api.call("GET", "/checklists").elapsed.total_seconds() for _ in range(5)) < 1


def test_a_process_may_have_as_many_files_open_as_it_lets_connections_in(
    environment: dict[str, str], tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1_024), hard))
    try:
        api = RunningApi(environment=environment, log=tmp_path / "api.log")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with api:
        [process] = psutil.Process(api.process.pid).children()
        assert process.rlimit(psutil.RLIMIT_NOFILE)[0] > min(worker_connections, hard - 1)
