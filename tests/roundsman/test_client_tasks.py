"""The Python client's queues and tasks."""

from collections.abc import Iterator

import pytest

from roundsman.client import Client
from roundsman.errors import (
    Conflict,
    Invalid,
    JobFailed,
    JobTimedOut,
    LeaseLost,
    NotEnded,
    NotFound,
    ServerUnreachable,
    UnexpectedAnswer,
)
from tests.roundsman.stub_service import LOST, Answer, StubService, ok, page, problem
from tests.roundsman.task_objects import (
    LEASE_TOKEN,
    TASK_ID,
    a_done_task,
    a_failed_task,
    a_lease,
    a_popped_task,
    a_queue,
    a_task,
)

PUSH, POP = "POST /queues/mail/tasks", "POST /queues/mail/pop"
ACK, FAIL, EXTEND, LOG, RELEASE = (
    f"POST /tasks/{TASK_ID}/{what}" for what in ("ack", "fail", "extend", "log", "release")
)


@pytest.fixture
def service() -> Iterator[StubService]:
    with StubService() as stub:
        yield stub


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(service: StubService, pauses: list[float]) -> Iterator[Client]:
    with Client(service.url, "rk_a_b", pause=pauses.append, clock=lambda: sum(pauses)) as client:
        yield client


def conflict(kind: str) -> Answer:
    return Answer(409, {**problem(409, f"{kind}: no").body, "type": kind})


def test_a_task_is_pushed_with_what_was_given_and_nothing_else(service, client):
    service.on(PUSH, Answer(201, a_task(deduplicated=False)))
    assert client.queues.push("mail", None)["id"] == TASK_ID
    client.queues.push(
        "mail",
        {"to": "ada"},
        delay_seconds=1.5,
        priority=-3,
        max_attempts=2,
        timeout_seconds=9,
        dedup_key="k",
        wait_seconds=3,
    )
    bare, full = service.asked
    assert bare.body == {"payload": None}
    assert full.body == {
        "payload": {"to": "ada"},
        "delay_seconds": 1.5,
        "priority": -3,
        "max_attempts": 2,
        "timeout_seconds": 9,
        "dedup_key": "k",
    }
    assert full.headers["prefer"] == "wait=3"
    assert bare.headers["idempotency-key"] != full.headers["idempotency-key"]


@pytest.mark.parametrize(
    ("route", "answer", "call"),
    [
        (PUSH, Answer(201, a_task()), lambda client: client.queues.push("mail", 1)),
        (PUSH, Answer(201, {"tasks": [a_task()]}), lambda client: client.queues.push_many("mail", [{"payload": 1}])),
        (POP, ok({"tasks": [a_popped_task()]}), lambda client: client.queues.pop("mail")),
        (f"POST /tasks/{TASK_ID}/retry", ok(a_task()), lambda client: client.tasks.retry(TASK_ID)),
    ],
    ids=["push", "push_many", "pop", "retry"],
)
def test_after_a_lost_answer_the_same_is_asked_for_with_the_same_key(service, client, route, answer, call):
    service.on(route, LOST, answer)
    call(client)
    first, second = service.asked_for(route)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body
    call(client)
    assert service.asked[-1].headers["idempotency-key"] != first.headers["idempotency-key"]


def test_many_are_pushed_in_requests_of_a_thousand_with_a_key_each(service, client):
    service.on(PUSH, *[Answer(201, {"tasks": [a_task()] * size}) for size in (1_000, 1_000, 5)])
    tasks = [{"payload": number, "priority": 1} for number in range(2_005)]
    assert len(client.queues.push_many("mail", tasks, idempotency_key="once")) == 2_005
    assert [len(each.body["tasks"]) for each in service.asked] == [1_000, 1_000, 5]
    assert [task for each in service.asked for task in each.body["tasks"]] == tasks
    assert [each.headers["idempotency-key"] for each in service.asked] == ["once/1", "once/2", "once/3"]
    assert client.queues.push_many("mail", []) == []


def test_many_large_ones_are_pushed_in_requests_that_the_service_takes(service, client):
    service.on(PUSH, *[Answer(201, {"tasks": [a_task()] * size}) for size in (2, 1, 1, 1)])
    payloads = ["a" * 499_000, "ж" * 249_000, "c" * 5_000, "b" * 1_100_000, "small"]
    client.queues.push_many("mail", [{"payload": payload} for payload in payloads], idempotency_key="once")
    sent = [[payloads.index(each["payload"]) for each in asked.body["tasks"]] for asked in service.asked]
    assert sent == [[0, 1], [2], [3], [4]]
    assert [int(each.headers["content-length"]) < 1_048_576 for each in service.asked] == [True, True, False, True]
    assert [each.headers["idempotency-key"] for each in service.asked] == ["once/1", "once/2", "once/3", "once/4"]


def test_a_pop_waits_longer_than_the_service_does(service, client, monkeypatch):
    service.on(POP, ok({"tasks": [a_popped_task()]}), Answer(204))
    timeouts = []
    request = client._session.request
    monkeypatch.setattr(
        client._session,
        "request",
        lambda *a, timeout, **o: timeouts.append(timeout) or request(*a, timeout=timeout, **o),
    )
    popped = client.queues.pop("mail", most=5, lease_seconds=30, wait_seconds=20, worker="me")
    assert popped == [a_popped_task()]
    assert client.queues.pop("mail") == []
    assert service.asked[0].body == {"max": 5, "lease_seconds": 30, "wait_seconds": 20, "worker": "me"}
    assert timeouts == [(5.0, 35.0), (5.0, 15.0)]
    assert "prefer" not in service.asked[0].headers


def test_an_answer_to_a_pop_that_is_none_is_noticed(service, client):
    without_token = {name: value for name, value in a_popped_task().items() if name != "lease_token"}
    service.on(POP, ok({"tasks": {}}), ok([]), ok({"tasks": [without_token]}))
    for expected in ("no list", "lacks tasks", "lacks lease_token"):
        with pytest.raises(UnexpectedAnswer, match=expected):
            client.queues.pop("mail")


def test_what_became_of_a_task_is_told_with_its_lease(service, client):
    service.on(ACK, LOST, ok(a_done_task(result={"n": 1})))
    service.on(FAIL, ok(a_failed_task()))
    service.on(EXTEND, ok(a_lease(cancel_requested=True)))
    service.on(LOG, ok(a_lease()))
    service.on(RELEASE, LOST, ok(a_task()))
    assert client.tasks.ack(TASK_ID, LEASE_TOKEN, {"n": 1})["result"] == {"n": 1}
    assert client.tasks.fail(TASK_ID, LEASE_TOKEN, "no", retry=False, delay_seconds=2)["state"] == "failed"
    assert client.tasks.extend(TASK_ID, LEASE_TOKEN, 90)["cancel_requested"] is True
    assert client.tasks.log(TASK_ID, LEASE_TOKEN, "one line")["cancel_requested"] is False
    client.tasks.log(TASK_ID, LEASE_TOKEN, ["two", "lines"])
    assert client.tasks.release(TASK_ID, LEASE_TOKEN)["state"] == "pending"
    token = {"lease_token": LEASE_TOKEN}
    assert [each.body for each in service.asked[1:]] == [
        {**token, "result": {"n": 1}},
        {**token, "error": "no", "retry": False, "delay_seconds": 2},
        {**token, "lease_seconds": 90},
        {**token, "messages": ["one line"]},
        {**token, "messages": ["two", "lines"]},
        token,
        token,
    ]


def test_lines_of_log_are_not_sent_twice(service, client):
    service.on(LOG, LOST)
    with pytest.raises(ServerUnreachable):
        client.tasks.log(TASK_ID, LEASE_TOKEN, "x")
    assert len(service.asked) == 1


def test_a_lost_lease_and_a_time_out_are_errors_of_their_own(service, client):
    service.on(ACK, conflict("lease_lost"), conflict("job_timed_out"), conflict("about:blank"), conflict("other"))
    for kind, code in ((LeaseLost, "lease_lost"), (JobTimedOut, "job_timed_out"), (Conflict, "conflict")):
        with pytest.raises(Conflict) as raised:
            client.tasks.ack(TASK_ID, LEASE_TOKEN)
        assert type(raised.value) is kind
        assert raised.value.code == code


def test_many_are_acked_in_requests_of_a_thousand(service, client):
    result = {"id": TASK_ID, "outcome": "acked"}
    service.on("POST /tasks/ack", *[ok({"results": [result] * size}) for size in (1_000, 2)])
    acks = [{"id": TASK_ID, "lease_token": LEASE_TOKEN}] * 1_002
    assert client.tasks.ack_many(acks) == [result] * 1_002
    assert [len(each.body["acks"]) for each in service.asked] == [1_000, 2]
    assert client.tasks.ack_many([]) == []


def test_many_large_results_are_acked_in_requests_that_the_service_takes(service, client):
    result = {"id": TASK_ID, "outcome": "acked"}
    service.on("POST /tasks/ack", *[ok({"results": [result] * size}) for size in (3, 1)])
    acks = [{"id": TASK_ID, "lease_token": LEASE_TOKEN, "result": "a" * 300_000}] * 4
    assert client.tasks.ack_many(acks) == [result] * 4
    assert [len(each.body["acks"]) for each in service.asked] == [3, 1]


def test_the_result_of_a_task_is_waited_for(service, client, pauses):
    service.on(f"GET /tasks/{TASK_ID}", ok(a_task()), ok(a_task(state="running")), ok(a_done_task(result=[1])))
    assert client.tasks.result(TASK_ID, seconds=60) == [1]
    assert len(pauses) == 2


def test_waiting_for_a_task_that_failed_says_why(service, client):
    service.on(f"GET /tasks/{TASK_ID}", ok(a_failed_task()), ok(a_done_task(state="canceled")))
    with pytest.raises(JobFailed, match=f"the task {TASK_ID} has failed: out of paper"):
        client.tasks.result(TASK_ID, seconds=60)
    with pytest.raises(JobFailed, match="was canceled"):
        client.tasks.result(TASK_ID, seconds=60)


def test_waiting_for_a_result_has_an_end(service, client, pauses):
    service.on(f"GET /tasks/{TASK_ID}", ok(a_task()))
    with pytest.raises(NotEnded, match="still pending after 7 s"):
        client.tasks.result(TASK_ID, seconds=7)
    assert sum(pauses) == pytest.approx(7)
    assert client.tasks.wait(TASK_ID, seconds=1)["state"] == "pending"


def test_lists_are_asked_for_with_their_filters(service, client):
    service.on("GET /tasks", page(a_task()))
    service.on("GET /queues", page(a_queue(), next_cursor="c"), page(a_queue(name="print")))
    assert [each["id"] for each in client.tasks.each(queue="mail", state="failed")] == [TASK_ID]
    assert client.tasks.page(limit=3, cursor="c")["data"] == [a_task()]
    assert [each["name"] for each in client.queues.all()] == ["mail", "print"]
    assert [f"{each.path}?{each.query}" for each in service.asked] == [
        "/tasks?limit=50&queue=mail&state=failed",
        "/tasks?limit=3&cursor=c",
        "/queues?limit=200",
        "/queues?limit=200&cursor=c",
    ]


def test_single_ones_are_read_set_up_and_canceled(service, client):
    service.on(f"GET /tasks/{TASK_ID}", ok(a_failed_task()))
    service.on(f"POST /tasks/{TASK_ID}/cancel", ok(a_task(state="canceled")))
    service.on("GET /queues/mail", ok(a_queue()))
    service.on("PUT /queues/mail", ok(a_queue(unattended_after_seconds=9)))
    service.on("POST /queues/mail/retry-failed", ok({"retried": 2, "more": False}))
    assert client.tasks.get(TASK_ID)["logs"][0]["attempt"] == 2
    assert client.tasks.cancel(TASK_ID)["state"] == "canceled"
    assert client.queues.get("mail")["pending"] == 3
    assert client.queues.configure("mail", unattended_after_seconds=9)["unattended_after_seconds"] == 9
    assert client.queues.retry_failed("mail") == {"retried": 2, "more": False}
    assert service.asked_for("PUT /queues/mail")[0].body == {"unattended_after_seconds": 9}


def test_a_name_stays_within_its_place_in_the_path(service, client):
    for call in (client.queues.get, client.queues.pop, client.tasks.get):
        with pytest.raises(NotFound):
            call("../api-keys?x=1")
    assert all("..%2Fapi-keys%3Fx%3D1" in each.path for each in service.asked)


def test_what_is_not_accepted_is_said(service, client):
    service.on(PUSH, problem(422, "no", ("/priority", "too high")))
    with pytest.raises(Invalid, match="/priority: too high"):
        client.queues.push("mail", 1, priority=1_000)


def test_a_request_can_be_hung_up_on_from_another_thread(service, client):
    other = client.sibling()
    other.hang_up()
    service.on("GET /queues/mail", ok(a_queue()))
    with pytest.raises(ServerUnreachable):
        other.queues.pop("mail", patience_seconds=0)
    assert client.queues.get("mail")["name"] == "mail"
    other.close()
