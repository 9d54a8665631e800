"""Many clients that wait for tasks, at a real process of the API: served at once, in turn, and at nobody's expense."""

import http.client
import itertools
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]  # psutil has no types
import psycopg2
import pytest
import redis
import requests

from roundsman.local.redis import EmbeddedRedis
from tests.processes import RunningApi, wait_until
from tests.waiting_pops import waiting_pops

_numbers = itertools.count(1)

STATEMENTS = """
SELECT pid, query_start
FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'roundsman api'
"""


class WaitingClient:
    """A client that has asked for a task and waits for the answer."""

    def __init__(self, api: RunningApi, queue: str, *, wait_seconds: int = 20) -> None:
        self.connection = http.client.HTTPConnection(str(urlsplit(api.url).netloc), timeout=30)
        self.connection.request(
            "POST",
            f"/queues/{queue}/pop",
            json.dumps({"wait_seconds": wait_seconds}),
            {"Authorization": str(api.session.headers["Authorization"]), "Content-Type": "application/json"},
        )

    def answer(self) -> tuple[int, list[Any]]:
        """Status and tasks, once they are there."""
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body)["tasks"] if body else []

    def payload(self) -> Any:
        """The payload of the one task that it must have been given."""
        status, tasks = self.answer()
        assert (status, len(tasks)) == (200, 1)
        return tasks[0]["payload"]

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.fixture
def start_api(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., RunningApi]]:
    """Starts a process of the API of this test alone, with these variables besides the usual."""
    with ExitStack() as stack:

        def start(variables: Mapping[str, str] | None = None) -> RunningApi:
            running = RunningApi(environment=environment | dict(variables or {}), log=tmp_path / "api.log")
            return stack.enter_context(running)

        yield start


@pytest.fixture(scope="module")
def api(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(environment=environment, log=tmp_path_factory.mktemp("api") / "api.log") as running:
        yield running


@pytest.fixture
def queue() -> str:
    """A queue of which nobody has heard."""
    return f"queue-{next(_numbers)}"


def waiting(api: RunningApi) -> int:
    """How many requests wait in the process."""
    return waiting_pops(api.call("GET", "/metrics").text)


def push(api: RunningApi, queue: str, payload: Any) -> str:
    return str(api.make(f"/queues/{queue}/tasks", {"payload": payload})["id"])


def test_who_waits_is_answered_within_50_ms_of_the_push(api: RunningApi, queue: str) -> None:
    delays = []
    for number in range(25):
        with WaitingClient(api, queue) as client:
            wait_until(lambda: waiting(api) == 1, "it waits")
            began = time.perf_counter()
            push(api, queue, number)
            pushed = time.perf_counter()
            assert client.payload() == number
            delays.append((time.perf_counter() - pushed, pushed - began))
    after, for_push = (statistics.median(column) * 1_000 for column in zip(*delays, strict=True))
    sys.stdout.write(f"\nanswered {after:.1f} ms after the push was, which itself took {for_push:.1f} ms (medians)\n")
    assert after < 50


def test_500_waiting_clients_are_served_in_turn_and_cost_nobody_anything(
    api: RunningApi, queue: str, database_url: str
) -> None:
    with ExitStack() as stack:
        clients = []
        for _ in range(10):
            clients.append(stack.enter_context(WaitingClient(api, queue)))
            wait_until(lambda: waiting(api) == len(clients), "it waits")
        clients += [stack.enter_context(WaitingClient(api, queue)) for _ in range(490)]
        wait_until(lambda: waiting(api) == 500, "all of them wait")

        began = time.monotonic()
        assert api.call("GET", "/health").elapsed.total_seconds() < 1
        assert api.call("GET", "/checklists").elapsed.total_seconds() < 1
        sys.stdout.write(f"\nwith 500 waiting: two requests in {(time.monotonic() - began) * 1_000:.1f} ms")
        statements = statements_within(3, database_url)
        sys.stdout.write(f", {statements} statements in 3 s\n")
        assert statements <= 8

        for number, client in enumerate(clients[:10]):
            push(api, queue, number)
            assert client.payload() == number
        began = time.monotonic()
        tasks = [{"payload": number} for number in range(490)]
        assert api.call("POST", f"/queues/{queue}/tasks", json={"tasks": tasks}).status_code == 201
        served = [client.payload() for client in clients[10:]]
        sys.stdout.write(f"490 tasks reached 490 clients in {time.monotonic() - began:.2f} s\n")
        assert sorted(served) == list(range(490))


def test_a_delayed_task_reaches_who_waits_when_it_is_due(api: RunningApi, queue: str) -> None:
    with WaitingClient(api, queue) as client:
        wait_until(lambda: waiting(api) == 1, "it waits")
        pushed = time.monotonic()
        api.make(f"/queues/{queue}/tasks", {"payload": "late", "delay_seconds": 1.5})
        assert client.payload() == "late"
        assert 1.4 < time.monotonic() - pushed < 2.3


def test_who_has_hung_up_gets_nothing_and_the_next_does(api: RunningApi, queue: str) -> None:
    with WaitingClient(api, queue) as client:
        wait_until(lambda: waiting(api) == 1, "it is the first in line")
        for gone in [WaitingClient(api, queue) for _ in range(5)]:
            gone.close()
        with WaitingClient(api, queue) as last:
            wait_until(lambda: waiting(api) >= 2, "they wait")
            ids = [push(api, queue, number) for number in range(2)]
            assert [client.payload(), last.payload()] == [0, 1]
    for id in ids:
        task = api.call("GET", f"/tasks/{id}").json()
        assert (task["attempt_count"], task["state"]) == (1, "running")
    wait_until(lambda: waiting(api) == 0, "those who are gone have left the line")


def test_a_request_whose_client_is_gone_before_it_is_read_takes_nothing(api: RunningApi, queue: str) -> None:
    id = push(api, queue, 1)
    [process] = psutil.Process(api.process.pid).children()
    process.suspend()
    try:
        WaitingClient(api, queue, wait_seconds=0).close()
    finally:
        process.resume()
    wait_until(lambda: f"/queues/{queue}/pop" in api.log.read_text(), "the request is answered")
    assert api.call("GET", f"/tasks/{id}").json()["attempt_count"] == 0


def test_emptying_redis_is_not_noticed_by_who_waits(api: RunningApi, queue: str, redis_url: str) -> None:
    with WaitingClient(api, queue) as client:
        wait_until(lambda: waiting(api) == 1, "it waits")
        with closing(redis.Redis.from_url(redis_url)) as connection:
            connection.flushall()
        pushed = time.monotonic()
        push(api, queue, "after")
        assert client.payload() == "after"
        assert time.monotonic() - pushed < 1


def test_without_redis_who_waits_is_served_within_about_a_second(
    start_api: Callable[..., RunningApi], queue: str, tmp_path: Path
) -> None:
    with EmbeddedRedis(tmp_path) as own_redis:
        api = start_api({"REDIS_URL": own_redis.url})
        with WaitingClient(api, queue) as before:
            wait_until(lambda: waiting(api) == 1, "it waits")
            own_redis.stop()
            push(api, queue, "one")
            pushed = time.monotonic()
            assert before.payload() == "one"
            assert time.monotonic() - pushed < 2
        with WaitingClient(api, queue) as later:
            wait_until(lambda: waiting(api) == 1, "it waits")
            push(api, queue, "two")
            assert later.payload() == "two"


def test_waits_end_soon_after_the_process_was_told_to_end(start_api: Callable[..., RunningApi], queue: str) -> None:
    api = start_api()
    with ExitStack() as stack:
        clients = [stack.enter_context(WaitingClient(api, queue)) for _ in range(20)]
        wait_until(lambda: waiting(api) == 20, "they wait")
        began = time.monotonic()
        api.signal(signal.SIGTERM)
        assert [client.answer() for client in clients] == [(204, [])] * 20
        assert time.monotonic() - began < 1.5
    assert api.process.wait(10) == 0


def test_no_task_is_lost_when_the_process_ends_while_tasks_come_and_clients_wait(
    start_api: Callable[..., RunningApi], queue: str, database_url: str
) -> None:
    api = start_api()

    def push_until_it_ends() -> list[str]:
        ids: list[str] = []
        while True:
            try:
                ids.append(push(api, queue, len(ids)))
            except requests.RequestException:
                return ids
            if len(ids) == 10:
                api.signal(signal.SIGTERM)

    def pop_until_it_ends() -> list[str]:
        ids: list[str] = []
        while True:
            try:
                with WaitingClient(api, queue) as client:
                    ids += [task["id"] for task in client.answer()[1]]
            except (OSError, http.client.HTTPException):
                return ids

    with ThreadPoolExecutor(9) as pool:
        popping = [pool.submit(pop_until_it_ends) for _ in range(8)]
        wait_until(lambda: waiting(api) == 8, "they wait")
        pushed = pool.submit(push_until_it_ends).result(20)
        popped = [id for client in popping for id in client.result(20)]
    assert len(set(popped)) == len(popped)
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id::text, state FROM work WHERE kind = 'task' AND queue = %s", (queue,))
        states = dict(cursor.fetchall())
    assert set(pushed) <= set(states)
    assert {id for id, state in states.items() if state == "running"} == set(popped)


def statements_within(seconds: float, database_url: str) -> int:
    """How many statements the API was seen to begin."""
    seen = set()
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(STATEMENTS)
        before = set(cursor.fetchall())
        until = time.monotonic() + seconds

        def is_over() -> bool:
            cursor.execute(STATEMENTS)
            seen.update(cursor.fetchall())
            return time.monotonic() > until

        wait_until(is_over, "the time is over", seconds=seconds + 5)
    return len(seen - before)
