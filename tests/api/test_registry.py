"""The two routes of the registry, as its workers call them."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from tests.api_client import ApiClient, problem
from tests.processes import wait_until
from tests.waiting_pops import waiting_pops

_numbers = count(1)


@pytest.fixture
def queue() -> str:
    """The name of a worker of which nobody has heard."""
    return f"zoneCheck-{next(_numbers)}"


def put(api: ApiClient, queue: str, payload: Any) -> None:
    """Push a task as the registry's clients do."""
    answer = api.put(f"/api/pushTask/{queue}", payload)
    assert (answer.status_code, answer.json) == (200, {"success": True}), answer.text


def pop(api: ApiClient, queue: str, **query: int) -> TestResponse:
    return api.get(f"/api/popTask/{queue}", query_string={"wait": 0} | query)


def only_task(api: ApiClient, queue: str) -> Any:
    """The one task of the queue, as it is listed."""
    [task] = api.get("/tasks", query_string={"queue": queue}).json["data"]
    return task


def test_what_was_pushed_is_popped_with_its_id(fresh: ApiClient, queue: str) -> None:
    put(fresh, queue, {"args": ["kek"]})
    answer = pop(fresh, queue)
    assert answer.status_code == 200
    task = answer.json["task"]
    assert UUID(task["id"])
    assert answer.json == {"task": {"args": ["kek"], "id": task["id"]}}
    assert fresh.get(f"/tasks/{task['id']}").json["payload"] == {"args": ["kek"]}


def test_without_a_task_the_answer_is_202(fresh: ApiClient, queue: str) -> None:
    answer = pop(fresh, queue)
    assert (answer.status_code, answer.json) == (202, {"error": "No tasks available"})


def test_what_was_popped_is_done(fresh: ApiClient, queue: str) -> None:
    put(fresh, queue, {"domain": "kek"})
    assert pop(fresh, queue).status_code == 200
    assert pop(fresh, queue).status_code == 202
    task = only_task(fresh, queue)
    assert (task["state"], task["attempt_count"], task["result"]) == ("succeeded", 1, None)


def test_an_event_tells_that_it_is_done(fresh: ApiClient, queue: str) -> None:
    put(fresh, queue, 1)
    id = pop(fresh, queue).json["task"]["id"]
    [event] = fresh.get("/events", query_string={"type": "task.succeeded"}).json["data"]
    assert event["data"]["task_id"] == id


def test_with_a_lease_it_is_done_when_its_worker_says_so(fresh: ApiClient, queue: str) -> None:
    put(fresh, queue, {"domain": "kek"})
    task = pop(fresh, queue, lease=60).json["task"]
    assert set(task) == {"domain", "id", "lease_token"}
    assert only_task(fresh, queue)["state"] == "running"
    acked = fresh.post(f"/tasks/{task['id']}/ack", {"lease_token": task["lease_token"], "result": {"a": 1}})
    assert acked.status_code == 200
    assert only_task(fresh, queue)["result"] == {"a": 1}


@pytest.mark.parametrize("payload", [None, True, 0, 1.5, "text", [], [{"a": 1}], {}, {"a": {"b": None}}, {"id": "its"}])
def test_any_json_is_a_payload(fresh: ApiClient, queue: str, payload: Any) -> None:
    answer = fresh.call("PUT", f"/api/pushTask/{queue}", data=json.dumps(payload), content_type="application/json")
    assert answer.status_code == 200
    task = pop(fresh, queue).json["task"]
    id = task["id"]
    assert only_task(fresh, queue)["id"] == id
    assert only_task(fresh, queue)["payload"] == payload
    assert task == ({**payload, "id": id} if isinstance(payload, dict) else {"id": id, "payload": payload})


def test_tasks_come_in_the_order_in_which_they_were_pushed(fresh: ApiClient, queue: str) -> None:
    for number in range(5):
        put(fresh, queue, {"number": number})
    assert [pop(fresh, queue).json["task"]["number"] for _ in range(5)] == [0, 1, 2, 3, 4]


def test_the_same_queue_is_there_under_both_interfaces(fresh: ApiClient, queue: str) -> None:
    fresh.make(f"/queues/{queue}/tasks", {"payload": {"a": 1}, "priority": 5})
    put(fresh, queue, {"a": 2})
    assert pop(fresh, queue).json["task"]["a"] == 1
    [task] = fresh.post(f"/queues/{queue}/pop", {}).json["tasks"]
    assert task["payload"] == {"a": 2}


def test_a_pop_waits_for_a_push(fresh: ApiClient, queue: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fresh.for_another_thread().get, f"/api/popTask/{queue}?wait=20")
        wait_until(lambda: waiting_pops(fresh.get("/metrics").text) == 1, "it waits")
        put(fresh, queue, {"domain": "kek"})
        assert waiting.result(10).json["task"]["domain"] == "kek"


def test_it_waits_10_seconds_unless_it_is_told_otherwise(
    fresh: ApiClient, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def wait(_queue: Any, _attempt: Callable[[], Any], *, seconds: float, **_: Any) -> list[Any]:
        asked.append(seconds)
        return []

    monkeypatch.setattr(
        "api.task_lines.TaskLines.wait", lambda _lines, *arguments, **options: wait(*arguments, **options)
    )
    assert fresh.get(f"/api/popTask/{queue}").status_code == 202
    assert fresh.get(f"/api/popTask/{queue}?wait=20").status_code == 202
    assert fresh.get(f"/api/popTask/{queue}?wait=0").status_code == 202
    assert asked == [10, 20]


def test_asking_with_head_takes_nothing(fresh: ApiClient, queue: str) -> None:
    path = f"/api/popTask/{queue}"
    assert fresh.call("HEAD", path).status_code == 202
    put(fresh, queue, {"domain": "kek"})
    answer = fresh.call("HEAD", path)
    assert (answer.status_code, answer.data) == (200, b"")
    assert only_task(fresh, queue)["state"] == "pending"
    assert pop(fresh, queue).status_code == 200


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("wait=-1", "/wait"),
        ("wait=21", "/wait"),
        ("wait=x", "/wait"),
        ("wait=1.5", "/wait"),
        ("wait=0&lease=0", "/lease"),
        ("wait=0&lease=43201", "/lease"),
        ("wait=0&lease=", "/lease"),
        ("wait=0&surprise=1", "/surprise"),
        ("wait=0&wait=1", "/wait"),
    ],
)
def test_a_query_that_says_nothing_sensible_is_refused(fresh: ApiClient, queue: str, query: str, pointer: str) -> None:
    put(fresh, queue, 1)
    for method in ("GET", "HEAD"):
        answer = fresh.call(method, f"/api/popTask/{queue}?{query}")
        assert answer.status_code == 422
    assert pointer in {error["pointer"] for error in problem(fresh.get(f"/api/popTask/{queue}?{query}"), 422)["errors"]}
    assert only_task(fresh, queue)["state"] == "pending"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (b'"\\u0000"', "application/json", 400),
        (b"[" * 40 + b"]" * 40, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'"' + b"x" * 1_048_577 + b'"', "application/json", 413),
    ],
    ids=range(7),
)
def test_a_payload_that_is_no_json_of_ours_is_refused(
    fresh: ApiClient, queue: str, body: bytes, content_type: str, status: int
) -> None:
    problem(fresh.call("PUT", f"/api/pushTask/{queue}", data=body, content_type=content_type), status)
    assert pop(fresh, queue).status_code == 202


def test_a_push_repeated_with_its_idempotency_key_is_one_task(fresh: ApiClient, queue: str) -> None:
    for _ in range(2):
        answer = fresh.put(f"/api/pushTask/{queue}", {"a": 1}, headers={"Idempotency-Key": queue})
        assert (answer.status_code, answer.json) == (200, {"success": True})
    assert answer.headers["Idempotent-Replay"] == "true"
    only_task(fresh, queue)


def test_queues_of_other_accounts_are_other_queues(api: ApiClient, fresh: ApiClient, queue: str) -> None:
    put(api, queue, {"theirs": 1})
    assert pop(fresh, queue).status_code == 202
    problem(pop(api.without_key(), queue), 401)
    problem(api.without_key().put(f"/api/pushTask/{queue}", 1), 401)
    assert pop(api, queue).status_code == 200
