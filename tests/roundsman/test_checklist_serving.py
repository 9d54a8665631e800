"""A checklist as the service's `worker_url` asks for it: what is refused, and what happens when many ask at once."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
import requests

from roundsman.checking import serving
from roundsman.checking.flow_run import Occasion
from roundsman.checking.serving import ChecklistServer

ASKED = {"run_id": "a run", "checklist_id": 7}
OBSERVED = [{"name": "a to-do", "assertions": [{"name": "title", "value": "полить цветы"}]}]


def send(method: str, url: str, body: bytes | None = None) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, data=body, timeout=10)


class Serving:
    """A server, and whom it has observed for; it does not go on while `go_on` is not set."""

    def __init__(self) -> None:
        self.observing, self.go_on = threading.Event(), threading.Event()
        self.observed: list[str] = []
        self.answers: list[int] = []
        self.asking: list[threading.Thread] = []
        self.server = ChecklistServer(self.observe, "127.0.0.1", 0)
        self.url = self.server.url
        self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])

    def observe(self, occasion: Occasion) -> list[Any]:
        self.observed.append(occasion.run_id)
        self.observing.set()
        self.go_on.wait(10)
        return OBSERVED

    def ask(self, run_id: str) -> threading.Thread:
        """Ask, in a thread: `answers` has the status."""
        asked = json.dumps({**ASKED, "run_id": run_id}).encode()

        def asks() -> None:
            with suppress(requests.ConnectionError):  # it was hung up on
                self.answers.append(send("POST", self.url, asked).status_code)

        asking = threading.Thread(target=asks, daemon=True)
        asking.start()
        self.asking.append(asking)
        return asking


@pytest.fixture
def served() -> Iterator[Serving]:
    served = Serving()
    served.go_on.set()
    with served.server:
        served.server.start()
        yield served


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """One with a single place, which is taken by the run `first`."""
    monkeypatch.setattr(serving, "MOST_AT_ONCE", 1)
    busy = Serving()
    with busy.server:
        busy.server.start()
        busy.ask("first")
        assert busy.observing.wait(10)
        yield busy
        busy.go_on.set()


def test_what_was_observed_is_answered_in_utf_8(served):
    answer = send("POST", served.url, json.dumps(ASKED).encode())
    assert (answer.status_code, answer.json()) == (200, OBSERVED)
    assert answer.headers["Content-Type"] == "application/json"
    assert "полить цветы".encode() in answer.content


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b"[" * 60_000, b'{"run_id": 7, "checklist_id": 7}', b'{"run_id": "r"}', b"\xff"]
)
def test_what_is_no_question_of_the_service_is_refused(served, body):
    assert send("POST", served.url, body).status_code == 422
    assert served.observed == []


def test_there_is_one_route_only(served):
    assert send("POST", f"{served.url}other", json.dumps(ASKED).encode()).status_code == 404
    answer = send("GET", served.url)
    assert (answer.status_code, answer.text) == (405, "GET is not taken here: only POST is\n")


def test_a_body_without_an_end_or_beyond_the_limit_is_refused(served):
    with closing(socket.create_connection(("127.0.0.1", served.port), timeout=10)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 413 ")


def test_who_comes_when_all_places_are_taken_waits_for_one(busy):
    for number in range(40):
        busy.ask(f"run {number}")
    busy.go_on.set()
    for each in busy.asking:
        each.join(10)
    assert len(busy.observed) == 41
    assert busy.answers == [200] * 41


def test_what_waited_until_nobody_waits_for_its_answer_is_not_observed(busy):
    body = json.dumps({**ASKED, "run_id": "given up"}).encode()
    with closing(socket.create_connection(("127.0.0.1", busy.port), timeout=10)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    last = busy.ask("last")
    busy.go_on.set()
    last.join(10)
    assert busy.observed == ["first", "last"]


def test_it_ends_although_somebody_waits_for_a_place(busy):
    busy.ask("second")
    busy.server.stop()
    busy.server.thread.join(5)
    assert not busy.server.thread.is_alive()
