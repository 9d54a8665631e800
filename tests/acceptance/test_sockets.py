"""Workers at the sockets of a real process of the API: fast, many, rude, gone, and one written for Node."""

import json
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, RunningApi, ServiceProcess, wait_until
from tests.socket_client import SocketClient, connect

_numbers = count(1)
INFINITAS = "/compat/infinitas"


@pytest.fixture(scope="module")
def api(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(environment=environment, log=tmp_path_factory.mktemp("api") / "api.log") as running:
        yield running


@pytest.fixture
def start_api(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., RunningApi]]:
    """Starts a process of the API of this test alone, with these variables besides the usual."""
    with ExitStack() as stack:

        def start(variables: Mapping[str, str] | None = None) -> RunningApi:
            running = RunningApi(environment=environment | dict(variables or {}), log=tmp_path / "api.log")
            return stack.enter_context(running)

        yield start


@pytest.fixture
def queue() -> str:
    """A queue of which nobody has heard."""
    return f"queue-{next(_numbers)}"


@pytest.fixture
def open_socket() -> Iterator[Callable[..., SocketClient]]:
    with ExitStack() as stack:

        def at(api: RunningApi, path: str) -> SocketClient:
            headers = {"Authorization": str(api.session.headers["Authorization"])}
            return stack.enter_context(connect(api.url, path, headers))

        yield at


@pytest.fixture
def worker(open_socket: Callable[..., SocketClient]) -> Callable[..., SocketClient]:
    """Makes a worker of a queue that is ready."""

    def ready(api: RunningApi, queue: str, **terms: Any) -> SocketClient:
        client = open_socket(api, f"/queues/{queue}/socket")
        assert client.status == 101
        assert client.asks(type="ready", **terms)["type"] == "ok"
        return client

    return ready


def push(api: RunningApi, queue: str, payload: Any = None, **fields: Any) -> str:
    return str(api.make(f"/queues/{queue}/tasks", {"payload": payload} | fields)["id"])


def read(api: RunningApi, id: str) -> Any:
    return api.call("GET", f"/tasks/{id}").json()


def done(client: SocketClient, task: Any) -> Any:
    return client.asks(type="done", id=task["id"], lease_token=task["lease_token"], result=task["payload"])


def test_a_task_reaches_its_worker_within_50_ms_of_the_push(
    api: RunningApi, queue: str, worker: Callable[..., SocketClient]
) -> None:
    client = worker(api, queue)
    delays = []
    for number in range(25):
        push(api, queue, number)
        pushed = time.perf_counter()
        task = client.hear()
        delays.append(time.perf_counter() - pushed)
        assert task["payload"] == number
        assert done(client, task)["type"] == "ok"
    median = statistics.median(delays) * 1_000
    sys.stdout.write(f"\nat its worker {median:.1f} ms after the push was answered (median)\n")
    assert median < 50


@pytest.mark.parametrize("key", ["wrong", "rk_a_b"])
def test_a_wrong_key_opens_nothing(api: RunningApi, key: str) -> None:
    for path in ("/queues/q/socket", f"{INFINITAS}/socket"):
        with connect(api.url, path, {"Authorization": f"Bearer {key}"}) as client:
            assert client.status == 401
            assert b"Upgrade:" not in client.head


def test_the_task_of_a_worker_that_dies_is_with_another_at_once(
    api: RunningApi, queue: str, worker: Callable[..., SocketClient]
) -> None:
    dying = worker(api, queue, lease_seconds=43_200)
    id = push(api, queue)
    assert dying.hear()["id"] == id
    other = worker(api, queue)
    # As when its machine resets the connection.
    dying.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    dying.hang_up()
    task = other.hear()
    assert (task["id"], task["attempt"]) == (id, 2)
    assert done(other, task)["type"] == "ok"
    assert [attempt["outcome"] for attempt in read(api, id)["attempts"]] == ["lease_expired", "succeeded"]


def test_a_hundred_workers_share_a_thousand_tasks_and_keep_nobody_else_waiting(
    api: RunningApi, queue: str, worker: Callable[..., SocketClient], open_socket: Callable[..., SocketClient]
) -> None:
    clients = [worker(api, queue, max=5) for _ in range(100)]
    assert open_socket(api, f"/queues/{queue}/socket").status == 429
    began = time.monotonic()
    assert api.call("GET", "/health").elapsed.total_seconds() < 1
    api.make(f"/queues/{queue}/tasks", {"tasks": [{"payload": number} for number in range(1_000)]})
    seen: list[int] = []

    def work(client: SocketClient) -> None:
        client.socket.settimeout(20)
        while len(seen) < 1_000:
            if client.hears_nothing(0.2):
                continue
            message = client.hear()
            if message["type"] == "task":
                seen.append(message["payload"])
                client.say(type="done", id=message["id"], lease_token=message["lease_token"])

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    sys.stdout.write(f"\n1,000 tasks through 100 sockets in {time.monotonic() - began:.2f} s\n")
    assert sorted(seen) == list(range(1_000))
    wait_until(lambda: counts(api, queue) == (0, 0), "all of them have ended")


def counts(api: RunningApi, queue: str) -> tuple[int, int]:
    shown = api.call("GET", f"/queues/{queue}").json()
    return shown["pending"], shown["running"]


def test_a_client_that_talks_without_a_pause_keeps_nobody_else_from_answers(
    api: RunningApi, queue: str, worker: Callable[..., SocketClient]
) -> None:
    rude = worker(api, queue)
    is_over = threading.Event()

    def talk() -> None:
        # Frames with nothing in them that are pongs nobody asked for: each costs work, and none an answer.
        pongs = b"\x8a\x80\0\0\0\0" * 5_000
        with suppress(OSError):
            while not is_over.is_set():
                rude.send_raw(pongs)

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        slowest = max(api.call("GET", "/health").elapsed.total_seconds() for _ in range(20))
        sys.stdout.write(f"\nbeside one that floods: {slowest * 1_000:.0f} ms for the slowest of 20 requests\n")
        assert slowest < 0.5
        polite = worker(api, f"{queue}-other")
        push(api, f"{queue}-other")
        assert done(polite, polite.hear())["type"] == "ok"
    finally:
        is_over.set()
        talking.join(10)


def test_the_end_of_the_process_is_told_and_costs_no_attempt(
    start_api: Callable[..., RunningApi], queue: str, worker: Callable[..., SocketClient], api: RunningApi
) -> None:
    ending = start_api()
    ids = [push(ending, queue, number, max_attempts=1) for number in range(20)]
    clients = [worker(ending, queue) for _ in range(20)]
    assert sorted(client.hear()["id"] for client in clients) == sorted(ids)
    began = time.monotonic()
    ending.signal(signal.SIGTERM)
    assert [client.wait_for_close() for client in clients] == [1001] * 20
    assert ending.process.wait(10) == 0
    assert time.monotonic() - began < 5
    api_key = {"Authorization": str(ending.session.headers["Authorization"])}
    for id in ids:
        task = api.call("GET", f"/tasks/{id}", headers=api_key).json()
        assert (task["state"], [attempt["outcome"] for attempt in task["attempts"]]) == ("pending", ["released"])


def test_after_a_kill_the_leases_end_by_themselves(
    start_api: Callable[..., RunningApi],
    queue: str,
    worker: Callable[..., SocketClient],
    api: RunningApi,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    killed = start_api()
    id = push(killed, queue)
    client = worker(killed, queue, lease_seconds=1)
    assert client.hear()["id"] == id
    for process in children(killed):
        process.kill()
    killed.kill()
    key = {"Authorization": str(killed.session.headers["Authorization"])}
    with ServiceProcess("scheduler", environment=environment, log=tmp_path / "scheduler.log"):
        wait_until(
            lambda: api.call("GET", f"/tasks/{id}", headers=key).json()["state"] == "pending", "the lease is over"
        )


def children(api: RunningApi) -> list[Any]:
    import psutil  # type: ignore[import-untyped]  # psutil has no types

    return list(psutil.Process(api.process.pid).children())


def test_processors_at_several_processes_share_the_jobs(
    start_api: Callable[..., RunningApi], open_socket: Callable[..., SocketClient]
) -> None:
    api = start_api({"ROUNDSMAN_API_PROCESSES": "2"})
    assert api.call("POST", f"{INFINITAS}/api/task", json={"name": "t", "schedule": "@daily"}).status_code == 201
    clients = []
    for _ in range(6):
        client = open_socket(api, f"{INFINITAS}/socket")
        assert client.asks(type="processor", name="t", max=1) == {"type": "ok", "of": "processor", "name": "t"}
        clients.append(client)
    jobs = {str(api.call("POST", f"{INFINITAS}/api/task/trigger/t").json()["id"]) for _ in range(6)}
    assert {client.hear()["id"] for client in clients} == jobs


def test_a_job_without_a_processor_is_tried_again_by_the_process_itself(
    api: RunningApi, queue: str, open_socket: Callable[..., SocketClient]
) -> None:
    task = {"name": queue, "schedule": "@daily"}
    assert api.call("POST", f"{INFINITAS}/api/task", json=task).status_code == 201
    id = str(api.call("GET", f"{INFINITAS}/api/task/trigger/{queue}").json()["id"])
    wait_until(lambda: read(api, id)["attempt_count"] == 2, "it was tried again after a second", seconds=30)
    attempts = read(api, id)["attempts"]
    assert {attempt["error"] for attempt in attempts} == {"no processor was connected"}
    assert api.call("POST", f"/tasks/{id}/cancel").status_code == 200
    client = open_socket(api, f"{INFINITAS}/socket")
    assert client.asks(type="processor", name=queue)["type"] == "ok"
    again = str(api.call("POST", f"{INFINITAS}/api/task/trigger/{queue}").json()["id"])
    job = client.hear()
    assert (job["id"], job["attempt"]) == (again, 1)
    assert client.asks(type="done", id=again)["type"] == "ok"


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which Node finds the package ws."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("the example for Node is NOT tested: node or npm is not there (Debian: nodejs npm)")
    directory = tmp_path_factory.mktemp("node")
    installed = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(directory), "ws@8"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if installed.returncode != 0:
        pytest.skip(f"the example for Node is NOT tested: npm cannot install ws: {installed.stderr[-500:]}")
    return directory


def test_the_example_for_node_works_through_a_queue(
    api: RunningApi, queue: str, node_modules: Path, tmp_path: Path
) -> None:
    script = node_modules / "processor.js"
    shutil.copy(ROOT / "docs" / "processor.js", script)
    key = str(api.session.headers["Authorization"]).removeprefix("Bearer ")
    url = api.url.replace("http://", f"ws://{key}@")
    with (tmp_path / "node.log").open("wb") as output:
        node = subprocess.Popen(["node", str(script), f"{url}/queues/{queue}/socket"], stdout=output, stderr=output)
    try:
        ids = [push(api, queue, {"number": number}) for number in range(10)]
        wait_until(lambda: all(read(api, id)["state"] == "succeeded" for id in ids), "node has done them")
        deep: Any = 1
        for _ in range(31):
            deep = [deep]
        refused = push(api, queue, deep, max_attempts=1)
        wait_until(lambda: read(api, refused)["state"] == "failed", "node has said that its result was refused")
        assert "nested" in read(api, refused)["error"]
    finally:
        node.kill()
        node.wait(10)
    for number, id in enumerate(ids):
        task = read(api, id)
        assert task["result"] == {"seen": {"number": number}}
        assert task["worker"].startswith("node ")
        assert [line["message"] for line in task["logs"]] == [
            f"working on {json.dumps(task['payload'], separators=(',', ':'))}"
        ]
