"""The receiver at the desk: what it shows of what arrives, and that nothing that arrives ends it."""

import io
import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from queue import Queue
from typing import Any

import pytest
import requests
from rich.console import Console
from standardwebhooks import Webhook

from roundsman.arrival_rendering import arrival_as_json, print_arrival
from roundsman.arrivals import Arrival
from roundsman.listener import Listener
from roundsman.posts import MAX_BODY_BYTES
from tests.roundsman.outbound_objects import SECRET

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT = {"type": "run.finished", "timestamp": "2026-03-01T12:00:00Z", "data": {"outcome": "changed"}}
BODY = json.dumps(EVENT).encode()


class Listening:
    """A listener with what it has shown."""

    def __init__(self, *, status: int = 204, request_seconds: float = 10, host: str = "127.0.0.1") -> None:
        self.shown: Queue[Arrival] = Queue()
        self.listener = Listener(
            host, 0, status=status, show=self.shown.put, request_seconds=request_seconds, clock=lambda: NOW
        )
        self.listener.start(SECRET)
        self.port = int(self.listener.url.rstrip("/").rsplit(":", 1)[1])

    def send(self, body: bytes = BODY, **headers: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            given = {"webhook-id": "msg_1", **{name.replace("_", "-"): value for name, value in headers.items()}}
            return session.post(self.listener.url, data=body, headers=given, timeout=10)

    def send_signed(self, body: bytes = BODY) -> requests.Response:
        signature = Webhook(SECRET).sign(msg_id="msg_1", timestamp=NOW, data=body.decode())
        return self.send(body, webhook_timestamp=str(int(NOW.timestamp())), webhook_signature=signature)

    def send_bytes(self, sent: bytes, *, then_end: bool = True) -> bytes:
        """All that is answered to these bytes."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=10)) as connection:
            answered = b""
            with suppress(OSError):  # hung up on
                connection.sendall(sent)
                if then_end:
                    connection.shutdown(socket.SHUT_WR)
                while chunk := connection.recv(65_536):
                    answered += chunk
            return answered

    def next_shown(self) -> Arrival:
        return self.shown.get(timeout=10)


@pytest.fixture
def listening() -> Iterator[Listening]:
    listening = Listening()
    yield listening
    listening.listener.close()


def test_what_the_secret_has_signed_is_verified_and_answered_as_told(listening):
    response = listening.send_signed()
    assert (response.status_code, response.content, response.headers["Connection"]) == (204, b"", "close")
    assert listening.next_shown() == Arrival(NOW, "msg_1", None, BODY, 204)


@pytest.mark.parametrize("status", [200, 410, 500, 599])
def test_any_status_can_be_answered(status):
    listening = Listening(status=status)
    assert listening.send_signed().status_code == status
    assert listening.next_shown().status == status
    listening.listener.close()


def test_what_is_not_verified_is_shown_with_the_reason_and_answered_with_401(listening):
    response = listening.send()
    reason = "there is no webhook-timestamp header"
    assert (response.status_code, response.text) == (401, f"{reason}\n")
    assert listening.next_shown() == Arrival(NOW, "msg_1", reason, BODY, 401)


def test_what_was_answered_was_shown_before(listening):
    listening.send_signed()
    assert listening.shown.qsize() == 1


def test_a_request_of_another_method_is_told_how_deliveries_come(listening):
    assert b"405" in listening.send_bytes(b"GET /favicon.ico HTTP/1.1\r\n\r\n").split(b"\r\n")[0]
    assert listening.next_shown().problem == "GET is no delivery: those come by POST"


@pytest.mark.parametrize(
    ("headers", "status", "problem"),
    [
        (b"", 411, "how long its body is"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", 411, "how long its body is"),
        (b"Content-Length: -1\r\n", 411, "how long its body is"),
        (b"Content-Length: 1_0\r\n", 411, "how long its body is"),
        (b"Content-Length: " + b"9" * 5_000 + b"\r\n", 411, "how long its body is"),
        (f"Content-Length: {MAX_BODY_BYTES + 1}\r\n".encode(), 413, "larger than 1048576 bytes"),
        (b"Content-Length: 10\r\n", 400, "ended after 4 of 10 bytes"),
    ],
)
def test_a_body_that_cannot_be_read_to_its_end_is_refused(listening, headers, status, problem):
    answered = listening.send_bytes(b"POST / HTTP/1.1\r\n" + headers + b"\r\n1234")
    assert answered.startswith(f"HTTP/1.1 {status} ".encode())
    assert problem in listening.next_shown().problem


def test_who_sends_too_much_is_told_so_rather_than_cut_off(listening):
    assert listening.send(b"a" * (MAX_BODY_BYTES + 1)).status_code == 413


def test_a_body_of_the_largest_size_is_taken(listening):
    body = json.dumps({"type": "x", "data": "a" * (MAX_BODY_BYTES - 30)}).encode()
    assert MAX_BODY_BYTES - 30 < len(body) <= MAX_BODY_BYTES
    assert listening.send_signed(body).status_code == 204


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 4,
        b"POST\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 500 + b"\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\n: \x00\r\n\xff\xfe\r\n\r\n{}",
        b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nwebhook-id: " + b"a" * 100_000 + b"\r\n\r\n",
        b"\x1b]0;x\x07 / HTTP/1.1\r\n\r\n",
    ],
)
def test_garbage_ends_nothing_and_stays_off_the_terminal(listening, garbage, capsys):
    listening.send_bytes(garbage)
    assert listening.send_signed().status_code == 204
    shown = [listening.next_shown() for _ in range(listening.shown.qsize())]
    assert shown[-1].problem is None
    for arrival in shown:
        assert not set(printed(arrival)) & set(map(chr, [*range(10), *range(11, 32), *range(127, 160)]))
        json.loads(arrival_as_json(arrival))
    assert capsys.readouterr() == ("", "")


def test_a_request_that_does_not_come_to_its_end_is_given_up_on():
    listening = Listening(request_seconds=0.2)
    begun = b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n123"
    assert listening.send_bytes(begun, then_end=False).startswith(b"HTTP/1.1 408 ")
    assert listening.next_shown().problem == "it did not come to its end within 0.2 s"
    assert listening.send_bytes(b"POST / HT", then_end=False) == b""
    listening.listener.close()


def test_a_sender_that_trickles_has_no_more_time_than_any_other():
    listening = Listening(request_seconds=0.3)
    with closing(socket.create_connection(("127.0.0.1", listening.port), timeout=10)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        connection.settimeout(0.02)
        answered = b""
        for _ in range(500):  # a byte every 0.02 s would last for 10 s
            with suppress(TimeoutError):
                answered = connection.recv(1_000)
                break
            connection.sendall(b"a")
    assert answered.startswith(b"HTTP/1.1 408 ")
    listening.listener.close()


def test_beyond_so_many_at_once_it_hangs_up(monkeypatch):
    monkeypatch.setattr("roundsman.listener.MOST_AT_ONCE", 1)
    listening = Listening()
    with closing(socket.create_connection(("127.0.0.1", listening.port), timeout=10)) as first:
        first.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert first.recv(1_000).startswith(b"HTTP/1.1 100 ")
        assert listening.send_bytes(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n") == b""
        first.sendall(b"{}")
        assert first.recv(1_000).startswith(b"HTTP/1.1 401 ")
    listening.listener.close()


def test_a_sender_that_hangs_up_before_the_answer_is_no_accident(listening, capfd):
    with closing(socket.create_connection(("127.0.0.1", listening.port), timeout=10)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # closing resets it
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n123")
    assert listening.send_signed().status_code == 204
    assert capfd.readouterr().err == ""


def test_it_listens_on_ipv6_too():
    listening = Listening(host="::1")
    assert listening.listener.url == f"http://[::1]:{listening.port}/"
    assert listening.send_signed().status_code == 204
    listening.listener.close()


def test_a_taken_port_is_an_os_error(listening):
    with pytest.raises(OSError, match="in use"):
        Listener("127.0.0.1", listening.port, status=204, show=listening.shown.put)


def test_one_that_was_never_started_can_be_closed():
    Listener("127.0.0.1", 0, status=204, show=lambda _: None).close()


def printed(arrival: Arrival) -> str:
    text = io.StringIO()
    print_arrival(arrival, Console(file=text, highlight=False, markup=False, emoji=False, width=100))
    return text.getvalue()


def arrived(body: bytes = BODY, **fields: Any) -> Arrival:
    return Arrival(**{"at": NOW, "id": "msg_1", "problem": None, "body": body, "status": 204, **fields})


def test_an_arrival_is_printed_with_its_data():
    assert printed(arrived()).splitlines() == [
        "12:00:00Z  run.finished  verified  msg_1  → 204",
        "    {",
        '      "outcome": "changed"',
        "    }",
    ]


def test_what_is_not_verified_is_printed_whole_with_the_reason():
    first, *rest = printed(arrived(problem="there is no webhook-id header", id=None, status=401)).splitlines()
    assert first == "12:00:00Z  run.finished  not verified: there is no webhook-id header  no id  → 401"
    assert json.loads("\n".join(rest)) == EVENT


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", None),
        (b"not JSON \x1b[31m\xff", r"    not JSON \x1b[31m\xff"),
        (b'"\\u001b[2J\\u202e"', r'    "\u001b[2J\u202e"'),
        (b"NaN", "    NaN"),
        (b"\x00", r"    \x00"),
    ],
)
def test_whatever_came_is_printed_as_text_that_acts_on_nothing(body, line):
    lines = printed(arrived(body, problem="no", status=401)).splitlines()
    assert lines[0].startswith("12:00:00Z  no event  not verified: no")
    assert lines[1:] == ([] if line is None else [line])


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"1," * 100_000 + b"1]",
        b"[" * 300 + b"1," * 100_000 + b"1" + b"]" * 300,
        b'"' + b"a" * 1_000_000 + b'"',
        b"[" * 900 + b"]" * 900,
        b"[" * 1_000_000,
        b"\n" * 1_000_000,
    ],
    ids=["long", "deep and long", "one string", "deep", "endless", "empty lines"],
)
def test_however_much_came_only_so_much_is_printed(body):
    text = printed(arrived(body, problem="no"))
    assert len(text) < 100_000
    assert len(text.splitlines()) <= 202
    assert json.loads(arrival_as_json(arrived(body)))["status"] == 204


def test_an_arrival_is_one_line_of_json_when_asked_for():
    line = arrival_as_json(arrived())
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line) == {
        "at": "2026-03-01T12:00:00Z",
        "id": "msg_1",
        "verified": True,
        "problem": None,
        "status": 204,
        "body": EVENT,
    }
    garbage = json.loads(arrival_as_json(arrived(b"\xff\n", problem="it is garbage", id=None)))
    assert garbage["text"] == "\\xff\n"
    assert (garbage["verified"], garbage["problem"]) == (False, "it is garbage")
