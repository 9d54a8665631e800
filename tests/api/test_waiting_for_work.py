"""Prefer: wait on work that nobody here performs: what ends the wait besides the end of the work, and what it costs."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from api.services import Services
from api.store import work_states
from api.waiting_for_work import READERS
from shared.database import Cursor
from shared.errors import DatabaseUnavailable
from tests.api_client import ApiClient, pages, problem
from tests.processes import wait_until

PATH = "/queues/default/tasks"
WAIT = {"Prefer": "wait=20"}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was seen whenever somebody looked for an end."""
    seen: list[Any] = []
    state_of = work_states.state_of

    def look(cursor: Cursor, account_id: int, work_id: Any) -> str | None:
        seen.append(state_of(cursor, account_id, work_id))
        return cast(str | None, seen[-1])

    monkeypatch.setattr(work_states, "state_of", look)
    return seen


def services_of(api: ApiClient) -> Services:
    return cast(Services, api.client.application.extensions["roundsman"])


def start_waiting(pool: ThreadPoolExecutor, api: ApiClient, looks: list[Any], **options: Any) -> "Future[TestResponse]":
    """A push of its own client that waits for the end of its task, when it has looked for it."""
    waiting = pool.submit(api.for_another_thread().post, PATH, {"payload": 1}, headers=WAIT, **options)
    wait_until(lambda: waiting.done() or looks, "it waits")
    return waiting


def test_a_client_that_hung_up_is_waited_with_no_longer(
    fresh: ApiClient, pool: ThreadPoolExecutor, looks: list[Any]
) -> None:
    client, server = socket.socketpair()
    with server:
        waiting = start_waiting(pool, fresh, looks, environ_overrides={"gunicorn.socket": server})
        assert not waiting.done()
        began = time.monotonic()
        client.close()
        assert waiting.result(10).status_code == 201
        assert time.monotonic() - began < 5


def test_without_the_database_nothing_is_known_to_have_ended(
    fresh: ApiClient, pool: ThreadPoolExecutor, looks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = start_waiting(pool, fresh, looks)
    away = []

    def fail(*_: object) -> None:
        away.append(True)
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(work_states, "state_of", fail)
        wait_until(lambda: away, "it has looked in vain")
        assert not waiting.done()
    [task] = fresh.pop_tasks()
    fresh.post(f"/tasks/{task['id']}/ack", {"lease_token": task["lease_token"]})
    answer = waiting.result(10)
    assert (answer.status_code, answer.json["state"]) == (200, "succeeded")


def test_when_the_database_stays_away_the_client_is_told_where_to_look(
    fresh: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(work_states, "state_of", fail)
    monkeypatch.setitem(READERS, "tasks", fail)
    answer = fresh.post(PATH, {"payload": 1}, headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.json["state"]) == (201, "pending")
    assert answer.headers["Preference-Applied"] == "wait=0"
    monkeypatch.undo()
    assert fresh.get(answer.headers["Location"]).status_code == 200


def test_when_too_many_wait_the_work_is_begun_and_not_waited_for(
    fresh: ApiClient, pool: ThreadPoolExecutor, looks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_of(fresh).waiting_requests, "most_of_account", 1)
    waiting = start_waiting(pool, fresh, looks)
    began = time.monotonic()
    answer = fresh.post(PATH, {"payload": 2}, headers=WAIT)
    assert time.monotonic() - began < 5
    assert (answer.status_code, answer.json["state"]) == (201, "pending")
    assert "Preference-Applied" not in answer.headers
    problem(fresh.post("/queues/other/pop", {"wait_seconds": 20}), 429)
    for task in fresh.pop_tasks(max=2):
        fresh.post(f"/tasks/{task['id']}/ack", {"lease_token": task["lease_token"]})
    assert waiting.result(10).status_code == 200


def test_work_that_is_gone_is_waited_for_no_longer(
    fresh: ApiClient, pool: ThreadPoolExecutor, looks: list[Any]
) -> None:
    waiting = start_waiting(pool, fresh, looks)
    began = time.monotonic()
    assert fresh.delete("/api-keys").status_code == 200
    answer = waiting.result(10)
    assert (answer.status_code, looks[-1]) == (201, None)
    assert time.monotonic() - began < 5


def test_who_waits_looks_for_nothing_but_the_state(
    fresh: ApiClient, pool: ThreadPoolExecutor, looks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    read_task = READERS["tasks"]

    def noting(cursor: Cursor, account_id: int, task_id: UUID) -> Any:
        read.append(read_task(cursor, account_id, task_id))
        return read[-1]

    monkeypatch.setitem(READERS, "tasks", noting)
    waiting = start_waiting(pool, fresh, looks)
    wait_until(lambda: len(looks) > 1, "it has looked again")
    assert read == []
    [task] = pages(fresh, "/tasks", 10)
    fresh.post(f"/tasks/{task['id']}/cancel")
    assert waiting.result(10).json == read[0]
    assert len(read) == 1
