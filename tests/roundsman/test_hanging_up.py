"""A request that waits for its answer is ended from another thread, and the service hears of it."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from roundsman import transport
from roundsman.client import Client
from roundsman.errors import ServerUnreachable
from roundsman.transport import Request
from tests.certificate import ca_file, server_context
from tests.roundsman.task_objects import a_queue
from tests.target import Target


class Silent:
    """A server that reads and never answers; `read` is set at the first bytes, `hung_up` at the end of them."""

    def __init__(self, scheme: str) -> None:
        self.read, self.hung_up = threading.Event(), threading.Event()
        self._scheme = scheme
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(10)
        self.url = f"{scheme}://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:  # the test is over already
            return
        connection.settimeout(10)
        with connection, suppress(ConnectionError, ssl.SSLError):  # an abrupt end is one, too
            if self._scheme == "https":
                connection = server_context().wrap_socket(connection, server_side=True)
            with connection:
                while connection.recv(65_536):
                    self.read.set()
        self.hung_up.set()


@pytest.fixture(params=["http", "https"])
def silent(request: pytest.FixtureRequest) -> Iterator[Silent]:
    server = Silent(request.param)
    yield server
    server.close()


def test_who_waits_is_let_go_at_once_and_the_service_hears_of_it(silent):
    with Client(silent.url, "rk_a_b") as client:
        client._session.verify = ca_file()
        failures: list[Exception] = []

        def pop() -> None:
            try:
                client.queues.pop("mail", wait_seconds=20, patience_seconds=0)
            except ServerUnreachable as error:
                failures.append(error)

        popping = threading.Thread(target=pop, daemon=True)
        popping.start()
        assert silent.read.wait(10)
        client.hang_up()
        popping.join(3)
        assert len(failures) == 1
        assert silent.hung_up.wait(3)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("mode", ["trickled-body", "trickled-header", "endless-1xx"])
def test_an_answer_that_trickles_has_no_more_time_than_any_other(monkeypatch, mode, tls):
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.3)
    with Target(tls=tls) as target, Client(target.url(""), "rk_a_b") as client:
        client._session.verify = ca_file()
        target.on("/queues/mail/pop", f"{mode}/0.01")
        target.answers["/queues/mail"] = a_queue()
        began = time.monotonic()
        with pytest.raises(ServerUnreachable, match="its answer does not come to an end"):
            client.queues._transport.send(Request("POST", "/queues/mail/pop", {}, answer_seconds=0.2))
        assert 0.4 < time.monotonic() - began < 10
        # That was the one answer; the client goes on.
        assert client.queues.get("mail")["name"] == "mail"


def test_nothing_can_be_sent_after_that(silent):
    with Client(silent.url, "rk_a_b") as client:
        client._session.verify = ca_file()
        client.hang_up()
        with pytest.raises(ServerUnreachable):
            client.queues.pop("mail", patience_seconds=0)


def test_a_connection_that_is_given_up_is_not_kept_open_for_this(silent, monkeypatch):
    monkeypatch.setattr("roundsman.resources.queues.ANSWER_SECONDS", 0.2)
    with Client(silent.url, "rk_a_b") as client:
        client._session.verify = ca_file()
        with pytest.raises(ServerUnreachable, match=r"no answer within 0\.2 s"):
            client.queues.pop("mail", patience_seconds=0)
        assert silent.hung_up.wait(3)
