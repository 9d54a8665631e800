"""Pops that wait, through the API: for a push, for the time of a task, behind others, and no longer than asked for."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any, cast

import pytest
from werkzeug.test import TestResponse

from api import task_lines
from api.services import Services
from shared.queues import Bell
from tests.api_client import ApiClient, problem
from tests.processes import wait_until
from tests.waiting_pops import waiting_pops

_numbers = count(1)


@pytest.fixture
def queue() -> str:
    """A queue of which nobody has heard."""
    return f"queue-{next(_numbers)}"


@pytest.fixture
def pool() -> Any:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def start_waiting(
    pool: ThreadPoolExecutor, api: ApiClient, queue: str, *, headers: dict[str, str] | None = None, **fields: Any
) -> "Future[TestResponse]":
    """A pop of its own client, when it waits."""
    before = waiting_pops(api.get("/metrics").text)
    client = api.for_another_thread()
    waiting = pool.submit(client.post, f"/queues/{queue}/pop", {"wait_seconds": 20} | fields, headers=headers)
    wait_until(lambda: waiting.done() or waiting_pops(api.get("/metrics").text) > before, "it waits")
    return waiting


def services_of(api: ApiClient) -> Services:
    return cast(Services, api.client.application.extensions["roundsman"])


def payloads(answer: TestResponse) -> list[Any]:
    assert answer.status_code == 200, answer.text
    return [task["payload"] for task in answer.json["tasks"]]


def test_a_pop_that_waits_is_answered_by_a_push(fresh: ApiClient, queue: str, pool: ThreadPoolExecutor) -> None:
    waiting = start_waiting(pool, fresh, queue)
    assert not waiting.done()
    fresh.make(f"/queues/{queue}/tasks", {"payload": {"a": 1}})
    assert payloads(waiting.result(10)) == [{"a": 1}]


def test_what_is_there_is_popped_without_waiting(fresh: ApiClient, queue: str) -> None:
    fresh.make(f"/queues/{queue}/tasks", {"payload": 1})
    began = time.monotonic()
    assert payloads(fresh.post(f"/queues/{queue}/pop", {"wait_seconds": 20})) == [1]
    assert time.monotonic() - began < 5


def test_who_waits_in_vain_is_told_so_in_time(fresh: ApiClient, queue: str) -> None:
    began = time.monotonic()
    answer = fresh.post(f"/queues/{queue}/pop", {"wait_seconds": 1})
    assert (answer.status_code, answer.data) == (204, b"")
    assert 0.9 < time.monotonic() - began < 5


def test_clients_are_served_in_the_order_in_which_they_came(
    fresh: ApiClient, queue: str, pool: ThreadPoolExecutor
) -> None:
    waiting = [start_waiting(pool, fresh, queue) for _ in range(4)]
    for number, client in enumerate(waiting):
        fresh.make(f"/queues/{queue}/tasks", {"payload": number})
        assert payloads(client.result(10)) == [number]


def test_a_bulk_push_serves_all_who_wait(fresh: ApiClient, queue: str, pool: ThreadPoolExecutor) -> None:
    waiting = [start_waiting(pool, fresh, queue) for _ in range(4)]
    fresh.make(f"/queues/{queue}/tasks", {"tasks": [{"payload": number} for number in range(4)]})
    assert sorted(payloads(client.result(10))[0] for client in waiting) == [0, 1, 2, 3]


def test_a_pop_of_many_takes_what_there_is(fresh: ApiClient, queue: str, pool: ThreadPoolExecutor) -> None:
    waiting = start_waiting(pool, fresh, queue, max=10)
    fresh.make(f"/queues/{queue}/tasks", {"tasks": [{"payload": number} for number in range(4)]})
    assert payloads(waiting.result(10)) == [0, 1, 2, 3]


def test_a_task_is_popped_when_it_is_due(fresh: ApiClient, queue: str, pool: ThreadPoolExecutor) -> None:
    waiting = start_waiting(pool, fresh, queue)
    began = time.monotonic()
    fresh.make(f"/queues/{queue}/tasks", {"payload": "late", "delay_seconds": 0.4})
    assert payloads(waiting.result(10)) == ["late"]
    assert 0.35 < time.monotonic() - began < 3


def test_a_task_that_was_given_back_goes_to_who_waits(fresh: ApiClient, queue: str, pool: ThreadPoolExecutor) -> None:
    fresh.make(f"/queues/{queue}/tasks", {"payload": 1})
    [task] = fresh.post(f"/queues/{queue}/pop", {}).json["tasks"]
    waiting = start_waiting(pool, fresh, queue)
    fresh.post(f"/tasks/{task['id']}/fail", {"lease_token": task["lease_token"], "error": "not now"})
    [again] = waiting.result(10).json["tasks"]
    assert (again["id"], again["attempt"]) == (task["id"], 2)


def test_a_push_to_the_same_queue_of_another_account_wakes_nobody(
    api: ApiClient, fresh: ApiClient, queue: str, pool: ThreadPoolExecutor
) -> None:
    waiting = start_waiting(pool, fresh, queue, wait_seconds=1)
    api.make(f"/queues/{queue}/tasks", {"payload": "theirs"})
    assert waiting.result(10).status_code == 204


def test_who_repeats_a_pop_gets_the_same_tasks_though_others_wait(
    fresh: ApiClient, queue: str, pool: ThreadPoolExecutor
) -> None:
    headers = {"Idempotency-Key": queue}
    first = start_waiting(pool, fresh, queue, headers=headers)
    waiting = start_waiting(pool, fresh, queue)
    fresh.make(f"/queues/{queue}/tasks", {"payload": 1})
    tasks = first.result(10).json["tasks"]
    repeated = fresh.post(f"/queues/{queue}/pop", {"wait_seconds": 20}, headers=headers)
    assert repeated.json["tasks"] == tasks
    assert not waiting.done()
    fresh.make(f"/queues/{queue}/tasks", {"payload": 2})
    assert payloads(waiting.result(10)) == [2]


def test_a_new_pop_with_a_key_does_not_get_ahead_of_those_who_wait(
    fresh: ApiClient, queue: str, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Bell, "announce_tasks", lambda *_: None)
        patch.setattr(task_lines, "LONGEST_LOOK_SECONDS", 1.5)
        waiting = start_waiting(pool, fresh, queue)
        fresh.make(f"/queues/{queue}/tasks", {"payload": 1})
        later = start_waiting(pool, fresh, queue, headers={"Idempotency-Key": queue})
        assert not waiting.done()
        assert payloads(waiting.result(10)) == [1]
    fresh.make(f"/queues/{queue}/tasks", {"payload": 2})
    assert payloads(later.result(10)) == [2]


def test_another_request_under_a_key_that_was_used_is_refused_at_once_though_others_wait(
    fresh: ApiClient, queue: str, pool: ThreadPoolExecutor
) -> None:
    headers = {"Idempotency-Key": queue}
    fresh.make(f"/queues/{queue}/tasks", {"payload": 1})
    assert payloads(fresh.post(f"/queues/{queue}/pop", {}, headers=headers)) == [1]
    waiting = start_waiting(pool, fresh, queue)
    problem(fresh.post(f"/queues/{queue}/pop", {"wait_seconds": 20}, headers=headers), 422)
    fresh.make(f"/queues/{queue}/tasks", {"payload": 2})
    assert payloads(waiting.result(10)) == [2]


def test_who_stood_in_line_twice_with_one_key_gets_the_same_tasks_twice(
    fresh: ApiClient, queue: str, pool: ThreadPoolExecutor
) -> None:
    headers = {"Idempotency-Key": queue}
    first, again = (start_waiting(pool, fresh, queue, headers=headers, wait_seconds=2) for _ in range(2))
    fresh.make(f"/queues/{queue}/tasks", {"payload": 1})
    assert payloads(first.result(10)) == [1]
    assert again.result(10).json == first.result().json
    assert again.result().headers["Idempotent-Replay"] == "true"


def test_without_redis_a_push_reaches_who_waits_within_about_a_second(
    app_with: Callable[..., ApiClient], queue: str, pool: ThreadPoolExecutor
) -> None:
    alone = app_with(redis_url="unix:///nonexistent").signed_up()
    waiting = start_waiting(pool, alone, queue)
    began = time.monotonic()
    alone.make(f"/queues/{queue}/tasks", {"payload": 1})
    assert payloads(waiting.result(10)) == [1]
    assert time.monotonic() - began < 3


def test_when_too_many_wait_others_are_told_to_come_later(
    fresh: ApiClient, queue: str, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_of(fresh).waiting_requests, "most_of_account", 1)
    waiting = start_waiting(pool, fresh, queue)
    answer = fresh.post(f"/queues/{queue}/pop", {"wait_seconds": 20})
    assert "too many requests wait already" in problem(answer, 429)["detail"]
    assert answer.headers["Retry-After"] == "1"
    assert fresh.post(f"/queues/{queue}/pop", {}).status_code == 204
    fresh.make(f"/queues/{queue}/tasks", {"payload": 1})
    assert payloads(waiting.result(10)) == [1]


def test_those_who_wait_hold_no_connection_to_postgres(
    app_with: Callable[..., ApiClient], queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.application.CONNECTIONS", 2)
    narrow = app_with().signed_up()
    with ThreadPoolExecutor(8) as pool:
        waiting = [start_waiting(pool, narrow, queue) for _ in range(8)]
        assert narrow.get("/checklists").status_code == 200
        narrow.make(f"/queues/{queue}/tasks", {"tasks": [{"payload": number} for number in range(8)]})
        assert sorted(payloads(client.result(10))[0] for client in waiting) == list(range(8))
