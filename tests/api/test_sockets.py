"""The socket of a queue, in this process: tasks in and out, leases kept and given back, and whatever else is sent."""

import base64
import fcntl
import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import pytest
from wsproto.events import BytesMessage, Ping, TextMessage

from api.errors import TooManyRequests
from api.services import Services
from api.sockets import connection, feeding, open_sockets, task_socket
from api.sockets.connection import MOST_BYTES
from api.sockets.task_socket import Rhythm
from scheduler.sweep import expire_leases_of_tasks
from shared.database import Database
from shared.errors import DatabaseUnavailable
from tests.api.bad_bodies import RAW
from tests.api.test_task_leases import begin_earlier, expire
from tests.api.test_tasks import read, seconds_until
from tests.api_client import ApiClient, problem
from tests.processes import wait_until
from tests.recording_bell import RecordingBell
from tests.socket_client import UPGRADE, SocketClient, SocketsHere

MAIL = "/queues/mail/socket"
ABSENT = "00000000-0000-7000-8000-000000000000"
FAST = Rhythm(look=0.02, ping=60, silence=60, key=60)


@pytest.fixture
def sockets() -> Iterator[SocketsHere]:
    here = SocketsHere()
    yield here
    here.join()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets whatever is looked after be so within milliseconds."""

    def patch(**seconds: float) -> None:
        monkeypatch.setattr(task_socket, "RHYTHM", replace(FAST, **seconds))

    patch()
    return patch


def worker(sockets: SocketsHere, api: ApiClient, path: str = MAIL, **ready: Any) -> SocketClient:
    """A worker that has said that it is ready."""
    client = sockets.open(api, path)
    assert client.asks(type="ready", **ready) == {"type": "ok", "of": "ready", "id": None}
    return client


def task_of(client: SocketClient) -> Any:
    """The task that it must be told of next."""
    task = client.hear()
    assert task.pop("type") == "task", task
    return task


def about(task: Any) -> dict[str, Any]:
    return {"id": task["id"], "lease_token": task["lease_token"]}


def refused(client: SocketClient, **message: Any) -> str:
    """The code with which this is refused, of the task that it is about."""
    answer = client.asks(**message)
    assert set(answer) == {"type", "of", "id", "code", "detail"}
    assert (answer["type"], answer["of"], answer["id"]) == ("error", message["type"], message["id"])
    assert answer["detail"]
    return str(answer["code"])


def services_of(api: ApiClient) -> Services:
    return cast(Services, api.client.application.extensions["roundsman"])


def end_waits(api: ApiClient) -> None:
    services_of(api).end_waits()


@contextmanager
def database_away(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def away(_: Database) -> Any:
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "transaction", away)
        yield


def test_a_ready_worker_is_given_what_a_pop_would_give(fresh: ApiClient, sockets: SocketsHere) -> None:
    pushed = fresh.push_task("mail", {"to": "ada"}, timeout_seconds=600)
    client = worker(sockets, fresh, lease_seconds=90, worker="mailer-1")
    task = task_of(client)
    assert task == {
        "id": pushed["id"],
        "queue": "mail",
        "payload": {"to": "ada"},
        "attempt": 1,
        "lease_token": task["lease_token"],
        "lease_expires_at": task["lease_expires_at"],
        "timeout_seconds": 600,
        "scheduled_for": pushed["scheduled_for"],
    }
    assert 60 < seconds_until(task["lease_expires_at"]) <= 90
    shown = read(fresh, task)
    assert (shown["state"], shown["worker"], shown["attempt_count"]) == ("running", "mailer-1", 1)


def test_a_worker_logs_extends_and_ends_its_task(fresh: ApiClient, sockets: SocketsHere) -> None:
    client = worker(sockets, fresh)
    fresh.push_task("mail")
    task = task_of(client)
    logged = client.asks(type="log", **about(task), message="connected")
    assert logged == {"type": "ok", "of": "log", "id": task["id"], "cancel_requested": False}
    assert client.asks(type="log", **about(task), messages=["a", "b"])["type"] == "ok"
    extended = client.asks(type="extend", **about(task), lease_seconds=3_600)
    assert set(extended) == {"type", "of", "id", "lease_expires_at", "cancel_requested"}
    assert seconds_until(extended["lease_expires_at"]) > 3_000
    done = client.asks(type="done", **about(task), result={"message_id": 17})
    assert done == {"type": "ok", "of": "done", "id": task["id"]}
    shown = read(fresh, task)
    assert (shown["state"], shown["result"]) == ("succeeded", {"message_id": 17})
    assert [line["message"] for line in shown["logs"]] == ["connected", "a", "b"]


def test_a_task_reaches_a_waiting_worker_within_50_ms_of_its_push(fresh: ApiClient, sockets: SocketsHere) -> None:
    client = worker(sockets, fresh, max=20)
    delays = []
    for _ in range(11):
        fresh.push_task("mail")
        pushed = time.perf_counter()
        task_of(client)
        delays.append(time.perf_counter() - pushed)
    assert sorted(delays)[5] < 0.05


def test_a_worker_has_no_more_in_hand_than_it_asked_for(fresh: ApiClient, sockets: SocketsHere) -> None:
    for number in range(5):
        fresh.push_task("mail", number)
    client = worker(sockets, fresh, max=2)
    first, second = task_of(client), task_of(client)
    assert (first["payload"], second["payload"]) == (0, 1)
    assert client.hears_nothing(0.3)
    client.say(type="done", **about(first))
    told = [client.hear(), client.hear()]
    assert sorted(message["type"] for message in told) == ["ok", "task"]
    assert client.hears_nothing(0.3)


def test_a_worker_may_ask_for_more_or_for_nothing_any_longer(fresh: ApiClient, sockets: SocketsHere) -> None:
    fresh.push_task("mail", 0)
    client = worker(sockets, fresh, max=1)
    task = task_of(client)
    assert client.asks(type="ready", max=0)["type"] == "ok"
    fresh.push_task("mail", 1)
    assert client.asks(type="done", **about(task))["type"] == "ok"
    assert client.hears_nothing(0.3)
    [other] = fresh.pop_tasks("mail")
    assert other["payload"] == 1
    fresh.push_task("mail", 2)
    assert client.asks(type="ready", max=3)["type"] == "ok"
    assert task_of(client)["payload"] == 2


def test_a_worker_that_wants_no_more_stands_in_nobodys_way(fresh: ApiClient, sockets: SocketsHere) -> None:
    first, second = worker(sockets, fresh), worker(sockets, fresh)
    assert first.asks(type="ready", max=0)["type"] == "ok"
    fresh.push_task("mail")
    assert task_of(second)["attempt"] == 1


def test_the_same_end_again_is_as_good_and_everything_else_too_late(fresh: ApiClient, sockets: SocketsHere) -> None:
    client = worker(sockets, fresh)
    fresh.push_task("mail")
    task = task_of(client)
    for _ in range(2):
        assert client.asks(type="done", **about(task), result=1) == {"type": "ok", "of": "done", "id": task["id"]}
    assert refused(client, type="log", **about(task), message="m") == "job_done"
    assert refused(client, type="fail", **about(task), error="e") == "job_done"
    assert refused(client, type="extend", **about(task), lease_seconds=5) == "job_done"
    assert read(fresh, task)["logs"] == []


def test_what_has_failed_can_be_neither_done_nor_logged_about(fresh: ApiClient, sockets: SocketsHere) -> None:
    client = worker(sockets, fresh)
    fresh.push_task("mail")
    task = task_of(client)
    failed = client.asks(type="fail", **about(task), error="no route to host", retry=False)
    assert failed == {"type": "ok", "of": "fail", "id": task["id"]}
    shown = read(fresh, task)
    assert (shown["state"], shown["error"]) == ("failed", "no route to host")
    assert refused(client, type="done", **about(task)) == "job_failed"
    assert refused(client, type="log", **about(task), message="m") == "job_failed"
    assert refused(client, type="fail", **about(task), error="e") == "job_failed"


def test_what_fails_comes_back_after_its_delay(fresh: ApiClient, sockets: SocketsHere) -> None:
    client = worker(sockets, fresh)
    fresh.push_task("mail")
    first = task_of(client)
    assert client.asks(type="fail", **about(first), error="e", delay_seconds=0.3)["type"] == "ok"
    began = time.monotonic()
    second = task_of(client)
    assert time.monotonic() - began > 0.2
    assert (second["id"], second["attempt"]) == (first["id"], 2)
    assert refused(client, type="done", **about(first)) == "job_failed"
    assert client.asks(type="done", **about(second))["type"] == "ok"


def test_a_task_that_is_unknown_or_somebody_elses_is_refused(
    fresh: ApiClient, sockets: SocketsHere, database: Database
) -> None:
    client = worker(sockets, fresh)
    fresh.push_task("other")
    [task] = fresh.pop_tasks("other")
    assert refused(client, type="done", id=ABSENT, lease_token=task["lease_token"]) == "invalid"
    assert refused(client, type="done", id=task["id"], lease_token=ABSENT) == "lease_lost"
    expire(database, task)
    assert refused(client, type="log", **about(task), message="m") == "lease_lost"


def test_a_worker_is_told_that_its_time_is_over(fresh: ApiClient, sockets: SocketsHere, fast: Any) -> None:
    client = worker(sockets, fresh)
    fresh.push_task("mail", timeout_seconds=1)
    task = task_of(client)
    told = client.hear()
    assert (told["type"], told["of"], told["id"], told["code"]) == ("error", None, task["id"], "job_timed_out")
    assert refused(client, type="done", **about(task)) == "job_timed_out"
    assert refused(client, type="log", **about(task), message="m") == "job_timed_out"


def test_a_task_whose_worker_hangs_up_is_pending_again_at_once(fresh: ApiClient, sockets: SocketsHere) -> None:
    before = fresh.push_task("mail")
    client = worker(sockets, fresh, lease_seconds=43_200)
    task = task_of(client)
    client.hang_up()
    wait_until(lambda: read(fresh, task)["state"] == "pending", "it is back")
    shown = read(fresh, task)
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["lease_expired"]
    assert shown["next_attempt_at"] == before["next_attempt_at"]
    again = task_of(worker(sockets, fresh))
    assert (again["id"], again["attempt"]) == (task["id"], 2)


def test_a_worker_that_says_goodbye_leaves_nothing_in_hand(fresh: ApiClient, sockets: SocketsHere) -> None:
    for number in range(3):
        fresh.push_task("mail", number)
    client = worker(sockets, fresh, max=3)
    tasks = [task_of(client) for _ in range(3)]
    client.goodbye()
    assert client.wait_for_close() == 1000
    wait_until(lambda: all(read(fresh, task)["state"] == "pending" for task in tasks), "they are back")
    assert [task["payload"] for task in fresh.pop_tasks("mail", max=3)] == [0, 1, 2]


def test_a_task_that_ends_the_connections_of_its_workers_fails_in_the_end(
    fresh: ApiClient, sockets: SocketsHere
) -> None:
    webhook = fresh.make("/webhooks", {"url": "http://127.0.0.1:9/", "event_types": ["task.failed"]})
    pushed = fresh.push_task("mail", max_attempts=2)
    for _ in range(2):
        client = worker(sockets, fresh)
        task_of(client)
        client.hang_up()
        wait_until(lambda: read(fresh, pushed)["lease_expires_at"] is None, "it is taken back")
    shown = read(fresh, pushed)
    assert (shown["state"], shown["error"]) == ("failed", "the connection of its worker ended")
    [delivery] = fresh.get(f"/webhooks/{webhook['id']}/deliveries").json["data"]
    assert delivery["event_type"] == "task.failed"


def test_what_its_worker_was_asked_to_cancel_is_canceled_when_it_hangs_up(
    fresh: ApiClient, sockets: SocketsHere, fast: Any
) -> None:
    client = worker(sockets, fresh, lease_seconds=1)
    fresh.push_task("mail")
    task = task_of(client)
    assert fresh.post(f"/tasks/{task['id']}/cancel").status_code == 200
    assert client.hear() == {"type": "cancel_requested", "id": task["id"]}
    assert client.hears_nothing(0.5)
    assert client.asks(type="log", **about(task), message="stopping")["cancel_requested"] is True
    client.hang_up()
    wait_until(lambda: read(fresh, task)["state"] == "canceled", "it is canceled")


def test_the_end_of_the_service_costs_a_task_no_attempt(
    app_with: Callable[..., ApiClient], sockets: SocketsHere, database: Database
) -> None:
    api = app_with().signed_up()
    api.push_task("mail", max_attempts=1)
    client = worker(sockets, api)
    task = task_of(client)
    end_waits(api)
    assert client.wait_for_close() == 1001
    wait_until(lambda: read(api, task)["state"] == "pending", "it is back")
    assert [attempt["outcome"] for attempt in read(api, task)["attempts"]] == ["released"]
    answer = api.call("GET", MAIL, headers=UPGRADE)
    assert "connect again" in problem(answer, 503)["detail"]
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("end", ["service", "key"])
def test_what_is_in_hand_is_given_back_before_a_client_that_does_not_read_is_sent_away(
    app_with: Callable[..., ApiClient],
    sockets: SocketsHere,
    fast: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    fast(key=0.05)
    monkeypatch.setattr(connection, "SEND_SECONDS", 5)
    api = app_with().signed_up()
    other = ApiClient(api.client, api.make("/api-keys", {})["api_key"])
    tasks = [api.push_task("mail", "x" * 900_000) for _ in range(5)]
    client = worker(sockets, other, max=5)
    wait_until(lambda: all(read(api, task)["state"] == "running" for task in tasks), "it was given them all")
    began = time.monotonic()
    if end == "service":
        end_waits(api)
    else:
        assert other.delete("/api-keys").status_code == 200
    outcome = "released" if end == "service" else "lease_expired"

    def is_back(task: Any) -> bool:
        return [attempt["outcome"] for attempt in read(api, task)["attempts"]] == [outcome]

    wait_until(lambda: all(map(is_back, tasks)), "they are back")
    assert time.monotonic() - began < 3
    client.hang_up()


def test_leases_are_kept_while_the_connection_lives(
    fresh: ApiClient, sockets: SocketsHere, fast: Any, database: Database
) -> None:
    client = worker(sockets, fresh, lease_seconds=1, max=2)
    fresh.push_task("mail", 0)
    fresh.push_task("mail", 1, timeout_seconds=600)
    tasks = [task_of(client), task_of(client)]
    wait_until(
        lambda: all(seconds_until(task["lease_expires_at"]) < -0.2 for task in tasks), "the first leases are over"
    )
    expire_leases_of_tasks(database, cast(Any, RecordingBell()), delivery_attempts=1)
    for task in tasks:
        assert client.asks(type="done", **about(task))["type"] == "ok"


def test_leases_are_left_to_a_worker_that_wants_to_keep_them_itself(
    fresh: ApiClient, sockets: SocketsHere, fast: Any, database: Database
) -> None:
    client = worker(sockets, fresh, lease_seconds=1, extend_leases=False)
    fresh.push_task("mail")
    task = task_of(client)

    def sweep() -> bool:
        expire_leases_of_tasks(database, cast(Any, RecordingBell()), delivery_attempts=1)
        return bool(read(fresh, task)["state"] == "pending" or read(fresh, task)["attempt_count"] == 2)

    wait_until(sweep, "the lease is over")
    told = [client.hear(), client.hear()]
    lost = next(message for message in told if message["type"] == "error")
    assert (lost["of"], lost["id"], lost["code"]) == (None, task["id"], "lease_lost")
    assert next(message for message in told if message["type"] == "task")["attempt"] == 2


def test_no_lease_is_kept_beyond_the_time_of_its_attempt(
    fresh: ApiClient, sockets: SocketsHere, fast: Any, database: Database
) -> None:
    client = worker(sockets, fresh, lease_seconds=1)
    fresh.push_task("mail", timeout_seconds=600)
    task = task_of(client)
    begin_earlier(database, task, 601)
    told = client.hear()
    assert (told["id"], told["code"]) == (task["id"], "job_timed_out")


def test_a_worker_is_told_that_it_has_lost_a_task_and_has_room_again(
    fresh: ApiClient, sockets: SocketsHere, fast: Any, database: Database
) -> None:
    client = worker(sockets, fresh, lease_seconds=1)
    fresh.push_task("mail")
    task = task_of(client)
    expire(database, task)
    told = client.hear()
    assert (told["type"], told["of"], told["id"], told["code"]) == ("error", None, task["id"], "lease_lost")
    assert task_of(client)["attempt"] == 2


def test_what_was_ended_over_http_makes_room_without_a_word(fresh: ApiClient, sockets: SocketsHere, fast: Any) -> None:
    client = worker(sockets, fresh, lease_seconds=1)
    fresh.push_task("mail", 1)
    task = task_of(client)
    assert fresh.post(f"/tasks/{task['id']}/ack", {"lease_token": task["lease_token"]}).status_code == 200
    fresh.push_task("mail", 2)
    assert task_of(client)["payload"] == 2


@pytest.mark.parametrize("name", list(RAW))
def test_a_message_that_is_no_such_object_is_refused_and_changes_nothing(
    api: ApiClient, sockets: SocketsHere, name: str
) -> None:
    client = sockets.open(api, MAIL)
    try:
        text = RAW[name].decode()
    except UnicodeDecodeError:
        client.send_raw(frame(0x1, RAW[name]))
        assert client.wait_for_close() == 1007
        return
    client.send_text(text)
    answer = client.hear()
    assert (answer["type"], answer["of"], answer["id"], answer["code"]) == ("error", None, None, "invalid")
    assert 0 < len(answer["detail"]) < 1_000
    assert client.asks(type="ready", max=0)["type"] == "ok"


LOG = {"type": "log", "id": ABSENT, "lease_token": ABSENT, "message": "m"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"type": "listen"}, "ready, log, done, fail, extend"),
        ({"type": 1}, "type must be one of"),
        ({"type": ["ready"]}, "type must be one of"),
        ({"type": "ready", "max": 101}, "/max must be a whole number from 0 to 100"),
        ({"type": "ready", "max": -1}, "/max"),
        ({"type": "ready", "max": True}, "/max"),
        ({"type": "ready", "lease_seconds": 0}, "/lease_seconds"),
        ({"type": "ready", "lease_seconds": 43_201}, "/lease_seconds"),
        ({"type": "ready", "worker": "w" * 201}, "/worker"),
        ({"type": "ready", "extend_leases": 1}, "/extend_leases must be true or false"),
        ({"type": "ready", "surprise": 1}, "/surprise is no field"),
        (LOG | {"id": "x"}, "/id must be a UUID"),
        (LOG | {"lease_token": None}, "/lease_token"),
        (LOG | {"message": "m" * 10_001}, "/message"),
        (LOG | {"messages": ["m"]}, "exactly one of message and messages"),
        ({"type": "done", "id": ABSENT}, "/lease_token"),
        ({"type": "fail", "id": ABSENT, "lease_token": ABSENT}, "/error"),
        ({"type": "extend", "id": ABSENT, "lease_token": ABSENT, "lease_seconds": "5"}, "/lease_seconds"),
    ],
    ids=str,
)
def test_a_message_of_the_wrong_form_is_refused_with_what_was_expected(
    api: ApiClient, sockets: SocketsHere, message: dict[str, Any], expected: str
) -> None:
    client = sockets.open(api, MAIL)
    answer = client.asks(**message)
    assert (answer["type"], answer["code"], answer["id"]) == ("error", "invalid", message.get("id"))
    assert expected in answer["detail"]
    assert client.asks(type="ready", max=0)["type"] == "ok"


def test_a_binary_message_is_refused(api: ApiClient, sockets: SocketsHere) -> None:
    client = sockets.open(api, MAIL)
    client.send_event(BytesMessage(data=b'{"type": "ready"}'))
    assert "text" in client.hear()["detail"]
    assert client.asks(type="ready", max=0)["type"] == "ok"


def test_a_message_in_pieces_is_one_message(api: ApiClient, sockets: SocketsHere) -> None:
    client = sockets.open(api, MAIL)
    for piece in '{"type": "ready", "wor':
        client.send_event(TextMessage(data=piece, message_finished=False))
    client.send_event(Ping(payload=b"between"))
    client.send_event(TextMessage(data='ker": "ö", "max": 0}', message_finished=True))
    assert client.hear() == {"type": "ok", "of": "ready", "id": None}


def test_a_message_may_have_a_mebibyte_and_no_byte_more(fresh: ApiClient, sockets: SocketsHere) -> None:
    client = worker(sockets, fresh)
    fresh.push_task("mail")
    task = task_of(client)
    client.send_text(f'{{"type":"x"}}{" " * (MOST_BYTES - 12)}')
    assert client.hear()["code"] == "invalid"
    client.send_text(" " * (MOST_BYTES + 1))
    assert client.wait_for_close() == 1009
    wait_until(lambda: read(fresh, task)["state"] == "pending", "its task is back")


def test_a_message_of_very_many_frames_is_refused_also_if_they_are_empty(
    api: ApiClient, sockets: SocketsHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MOST_FRAMES", 50)
    client = sockets.open(api, MAIL)
    for _ in range(3):  # of many short messages each has its own
        client.send_raw(frame(0x1, b"{", is_last=False) + frame(0x0, b"", is_last=False) * 40 + frame(0x0, b"}"))
        assert client.hear()["code"] == "invalid"
    client.send_raw(frame(0x1, b"", is_last=False) + frame(0x0, b"", is_last=False) * 50)
    assert client.wait_for_close() == 1009


def test_empty_frames_of_a_message_are_not_kept() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        receiving = connection.Connection(theirs)
        ours.sendall(frame(0x1, b"a", is_last=False) + frame(0x0, b"", is_last=False) * 90)
        assert receiving.receive(0.05) is None
        assert receiving._pieces == ["a"]
        ours.sendall(frame(0x0, b"b"))
        assert receiving.receive(1) == "ab"


def test_a_socket_is_waited_for_whatever_the_number_of_its_file() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1_100:
        pytest.skip("no process may have so many files open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1_100), hard))
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(fileno=fcntl.fcntl(theirs, fcntl.F_DUPFD, 1_050)) as high:
        receiving = connection.Connection(high)
        assert receiving.receive(0.01) is None
        ours.sendall(frame(0x1, b"heard"))
        assert receiving.receive(1) == "heard"
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("kind", [0x1, 0x2])
def test_ten_megabytes_are_cut_short(api: ApiClient, sockets: SocketsHere, kind: int) -> None:
    client = sockets.open(api, MAIL)

    def send() -> None:
        with suppress(OSError):  # the other side does not read all of it
            client.send_raw(frame(kind, b"a" * 10_000_000))

    sending = threading.Thread(target=send)
    sending.start()
    assert client.wait_for_close() == 1009
    client.hang_up()
    sending.join(10)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff" * 100, 1002),  # reserved bits, and an unknown kind
        (b"\x81\x02{}", 1002),  # a client masks what it sends
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
        (b"\x00" * 100, 1002),  # the rest of nothing
        (b"\x89\xfe\xff\xff" + b"\x00" * 70_000, 1002),  # a ping of 64 KiB
    ],
    ids=range(5),
)
def test_who_breaks_the_protocol_is_told_so_and_let_go(
    fresh: ApiClient, sockets: SocketsHere, data: bytes, code: int
) -> None:
    client = worker(sockets, fresh)
    fresh.push_task("mail")
    task = task_of(client)
    client.send_raw(data)
    assert client.wait_for_close() == code
    wait_until(lambda: read(fresh, task)["state"] == "pending", "its task is back")


def frame(kind: int, data: bytes, *, is_last: bool = True) -> bytes:
    """One masked frame, with nothing looked at."""
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xff" + len(data).to_bytes(8, "big")
    return bytes([0x80 * is_last | kind]) + length + b"\0\0\0\0" + data


def test_both_sides_are_pinged(api: ApiClient, sockets: SocketsHere, fast: Callable[..., None]) -> None:
    fast(ping=0.05)
    client = sockets.open(api, MAIL)
    client.send_event(Ping(payload=b"?"))
    client.heard_pings(3)
    assert client.asks(type="ready", max=0)["type"] == "ok"


def test_who_is_silent_is_taken_for_gone(fresh: ApiClient, sockets: SocketsHere, fast: Callable[..., None]) -> None:
    fast(ping=0.1, silence=0.5)
    client = worker(sockets, fresh)
    fresh.push_task("mail")
    task = task_of(client)
    client.answers_pings = False
    assert client.wait_for_close() == 1011
    wait_until(lambda: read(fresh, task)["state"] == "pending", "its task is back")


def test_who_does_not_read_is_let_go_and_leaves_nothing_in_hand(
    fresh: ApiClient, sockets: SocketsHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SEND_SECONDS", 0.3)
    tasks = [fresh.push_task("mail", "x" * 900_000) for _ in range(5)]
    client = worker(sockets, fresh, max=5)

    def is_back(task: Any) -> bool:
        shown = read(fresh, task)
        return [attempt["outcome"] for attempt in shown["attempts"]] == ["lease_expired"]

    wait_until(lambda: all(map(is_back, tasks)), "they are back")
    assert client.wait_for_close() is None


def test_a_worker_whose_key_is_revoked_is_let_go(
    fresh: ApiClient, sockets: SocketsHere, fast: Callable[..., None]
) -> None:
    fast(key=0.05)
    other = ApiClient(fresh.client, fresh.make("/api-keys", {})["api_key"])
    client = worker(sockets, other)
    fresh.push_task("mail")
    task = task_of(client)
    assert other.delete("/api-keys").status_code == 200
    assert client.wait_for_close() == 1008
    wait_until(lambda: read(fresh, task)["state"] == "pending", "its task is back")


def test_without_the_database_a_worker_is_told_so_and_may_try_again(
    fresh: ApiClient, sockets: SocketsHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = worker(sockets, fresh)
    fresh.push_task("mail")
    task = task_of(client)
    with database_away(fresh, monkeypatch):
        assert refused(client, type="done", **about(task)) == "unavailable"
    assert client.asks(type="done", **about(task))["type"] == "ok"


def test_the_task_of_a_run_needs_a_result_that_a_run_can_use(fresh: ApiClient, sockets: SocketsHere) -> None:
    run = fresh.start_run(fresh.make_checklist(queue="mail")["id"])
    client = worker(sockets, fresh)
    task = task_of(client)
    assert task["payload"]["run_id"] == run["id"]
    assert refused(client, type="done", **about(task), result="nothing") == "invalid"
    again = task_of(client)
    result = [{"name": "f", "assertions": [{"name": "c", "value": 1}]}]
    assert client.asks(type="done", **about(again), result=result)["type"] == "ok"


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [
        ("done", "result", '{"a": 1, "a": 2}'),
        ("done", "result", "1e999"),
        ("done", "result", "NaN"),
        ("done", "result", '"\\u0000"'),
        ("done", "result", "[" * 40 + "]" * 40),
        ("fail", "error", '"\\ud800"'),
        ("fail", "error", "1"),
        ("log", "message", '"\\u0000"'),
        ("log", "message", f'"{"m" * 10_001}"'),
    ],
    ids=range(9),
)
def test_a_value_that_is_refused_is_told_with_what_it_is_of(
    fresh: ApiClient, sockets: SocketsHere, kind: str, member: str, value: str
) -> None:
    client = worker(sockets, fresh)
    fresh.push_task("mail")
    task = task_of(client)
    said = json.dumps({"type": kind, **about(task)})
    client.send_text(f'{said[:-1]}, "{member}": {value}}}')
    answer = client.hear()
    assert answer["detail"]
    assert answer == {"type": "error", "of": kind, "id": task["id"], "code": "invalid", "detail": answer["detail"]}
    assert client.asks(type="fail", **about(task), error="no result")["type"] == "ok"  # it has the task as before


@pytest.mark.parametrize(
    "text",
    [
        f'{{"type": "nothing", "id": "{ABSENT}"}}',
        f'{{"type": ["done"], "id": "{ABSENT}"}}',
        '{"type": "done", "id": "\\ud800", "result": 1e999}',
        '{"type": "done", "id": {"a": 1}}',
        f'{{"type": "done", "id": "{"x" * 101}"}}',
        "[" * 100_000,
    ],
    ids=range(6),
)
def test_what_cannot_be_told_is_not_told(api: ApiClient, sockets: SocketsHere, text: str) -> None:
    client = sockets.open(api, MAIL)
    client.send_text(text)
    answer = client.hear()
    assert (answer["of"] in (None, "done"), answer["id"], answer["code"]) == (True, None, "invalid")
    assert client.asks(type="ready", max=0)["type"] == "ok"


def test_a_worker_that_may_not_wait_tries_again_ever_later_and_says_so_once(
    fresh: ApiClient, sockets: SocketsHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = services_of(fresh).waiting_feeders
    tried: list[float] = []
    told: list[str] = []

    @contextmanager
    def full(_: int) -> Iterator[None]:
        tried.append(time.monotonic())
        raise TooManyRequests("full", retry_after_seconds=1)
        yield

    with monkeypatch.context() as patch:
        patch.setattr(feeding, "PAUSE_SECONDS", 0.05)
        patch.setattr(feeding.log, "warning", lambda event, **_: told.append(event))
        patch.setattr(places, "taken", full)
        client = worker(sockets, fresh)
        wait_until(lambda: len(tried) == 4, "it has tried four times")
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert [pause > least for pause, least in zip(pauses, (0.04, 0.09, 0.19), strict=True)] == [True] * 3
    assert told == ["socket_cannot_pop"]
    fresh.push_task("mail")
    assert task_of(client)["attempt"] == 1


@pytest.mark.parametrize("key", [None, "", "rk_a_b", "x" * 10_000, "ключ"])
def test_without_a_valid_key_nothing_is_opened(api: ApiClient, key: str | None) -> None:
    headers = UPGRADE if key is None else UPGRADE | {"Authorization": f"Bearer {key}".encode().decode("latin-1")}
    answer = api.without_key().call("GET", MAIL, headers=headers)
    problem(answer, 401)
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({"Sec-WebSocket-Version": "8"}, 426, "version 13"),
        ({"Sec-WebSocket-Key": ""}, 400, "Sec-WebSocket-Key"),
        ({"Sec-WebSocket-Key": "short"}, 400, "Sec-WebSocket-Key"),
        ({"Sec-WebSocket-Key": "\xff" * 24}, 400, "Sec-WebSocket-Key"),
        ({"Origin": "https://elsewhere.example"}, 403, "origin"),
        ({"Origin": "null"}, 403, "origin"),
        ({"Origin": "http://["}, 403, "origin"),
        ({}, 501, "cannot change"),  # the test client is no server
        ({"Origin": "http://localhost"}, 501, "cannot change"),
    ],
    ids=str,
)
def test_an_opening_that_is_not_as_it_should_be_is_refused(
    api: ApiClient, headers: dict[str, str], status: int, expected: str
) -> None:
    answer = api.call("GET", MAIL, headers=UPGRADE | headers)
    assert expected in problem(answer, status)["detail"]
    assert answer.headers.get("Sec-WebSocket-Version") == ("13" if status == 426 else None)


def test_a_name_that_no_queue_can_have_opens_nothing(api: ApiClient) -> None:
    problem(api.call("GET", "/queues/e mails/socket", headers=UPGRADE), 422)


def test_a_socket_is_opened_by_an_upgrade_and_nothing_else_is(api: ApiClient) -> None:
    answer = api.get(MAIL)
    assert "WebSocket" in problem(answer, 426)["detail"]
    assert answer.headers["Upgrade"] == "websocket"
    assert "no WebSocket" in problem(api.call("GET", "/queues", headers=UPGRADE), 400)["detail"]


def test_as_many_sockets_as_there_may_be_are_opened(
    api: ApiClient, fresh: ApiClient, sockets: SocketsHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_sockets, "MOST_OPEN", 3)
    monkeypatch.setattr(open_sockets, "MOST_OPEN_OF_ACCOUNT", 2)
    opened = [sockets.open(fresh, MAIL) for _ in range(2)]
    answer = fresh.call("GET", MAIL, headers=UPGRADE)
    problem(answer, 429)
    assert answer.headers["Retry-After"]
    sockets.open(api, MAIL)
    problem(api.call("GET", MAIL, headers=UPGRADE), 429)
    opened[0].hang_up()
    wait_until(lambda: fresh.call("GET", MAIL, headers=UPGRADE).status_code == 501, "there is room again")


def test_open_sockets_are_counted_also_without_other_processes(api: ApiClient, sockets: SocketsHere) -> None:
    client = sockets.open(api, MAIL)
    assert client.asks(type="ready", max=0)["type"] == "ok"
    [line] = [line for line in api.get("/metrics").text.splitlines() if line.startswith("roundsman_open_sockets ")]
    assert float(line.split()[1]) >= 1


def test_the_key_may_be_the_user_name(fresh: ApiClient, sockets: SocketsHere) -> None:
    user = base64.b64encode(f"{fresh.key}:".encode()).decode()
    client = sockets.open(fresh.without_key(), MAIL, {"Authorization": f"Basic {user}"})
    fresh.push_task("mail")
    assert client.asks(type="ready")["type"] == "ok"
    assert task_of(client)["queue"] == "mail"


def test_two_accounts_are_apart(api: ApiClient, fresh: ApiClient, sockets: SocketsHere) -> None:
    owner, stranger = worker(sockets, fresh), worker(sockets, api)
    fresh.push_task("mail", "mine")
    task = task_of(owner)
    assert stranger.hears_nothing(0.3)
    for message in (
        {"type": "done"},
        {"type": "fail", "error": "e"},
        {"type": "log", "message": "m"},
        {"type": "extend", "lease_seconds": 5},
    ):
        foreign = stranger.asks(**message, **about(task))
        absent = stranger.asks(**message, **(about(task) | {"id": ABSENT}))
        assert foreign == absent | {"id": task["id"]}
        assert foreign["code"] == "invalid"
    shown = read(fresh, task)
    assert (shown["state"], shown["logs"]) == ("running", [])
    assert owner.asks(type="done", **about(task))["type"] == "ok"


def test_every_socket_of_the_service_is_tested_for_that(api: ApiClient) -> None:
    rules = {rule.rule for rule in api.client.application.url_map.iter_rules() if rule.websocket}
    assert rules == {"/queues/<queue_name>/socket", "/compat/infinitas/socket"}
