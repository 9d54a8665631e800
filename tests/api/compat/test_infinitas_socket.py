"""The WebSocket of infinitas: processors, their jobs and how those end, as its document has it; and without any."""

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from api import task_lines
from api.compat import infinitas_processors, infinitas_socket
from api.compat.infinitas_processors import EXTENSION, Processors
from api.services import Services
from api.sockets import task_socket
from api.sockets.task_socket import Rhythm
from api.store import processors
from api.store.task_leases import PoppedTask
from shared.database import Database, only_row
from shared.errors import DatabaseUnavailable
from tests.api.compat.calling import SystemClient
from tests.api.test_tasks import read
from tests.api_client import ApiClient
from tests.processes import wait_until
from tests.socket_client import UPGRADE, SocketClient, SocketsHere

PREFIX = "/compat/infinitas"
PATH = f"{PREFIX}/socket"
TASK = {"name": "myTaskName", "schedule": "*/15 * * * *", "timeoutMs": 60_000, "enabled": True}
NO_JOB = "00000000-0000-7000-8000-000000000000"
FAST = Rhythm(look=0.02, ping=60, silence=60, key=60)


@pytest.fixture
def sockets() -> Iterator[SocketsHere]:
    here = SocketsHere()
    yield here
    here.join()


@pytest.fixture
def client(fresh: ApiClient) -> SystemClient:
    """A client that has said its task, as each does when it starts."""
    system = SystemClient(fresh, PREFIX)
    save(system)
    return system


@pytest.fixture
def look(fresh: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Looks after the jobs without a processor, as every process of the API does each second."""
    monkeypatch.setattr(infinitas_processors, "RETRY_DELAYS_SECONDS", (0.05, 0.1, 0.15))
    monkeypatch.setattr(infinitas_processors, "ABSENT_AFTER_SECONDS", 0.3)
    monkeypatch.setattr(infinitas_processors, "STEADY_AFTER_SECONDS", 0)
    return cast(Processors, fresh.client.application.extensions[EXTENSION]).run_once


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_socket, "RHYTHM", FAST)


def save(client: SystemClient, **fields: Any) -> None:
    assert client.call("POST", "/api/task", TASK | fields).status_code in (200, 201)


def trigger(client: SystemClient, name: str = "myTaskName") -> Any:
    answer = client.call("POST", f"/api/task/trigger/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json


def processor(sockets: SocketsHere, client: SystemClient, *names: str, **fields: Any) -> SocketClient:
    """A connected client with these processors."""
    connected = sockets.open(client.api, PATH)
    for name in names or ("myTaskName",):
        assert connected.asks(type="processor", name=name, **fields) == {"type": "ok", "of": "processor", "name": name}
    return connected


def job_of(connected: SocketClient) -> Any:
    """The job that it must be told of next."""
    job = connected.hear()
    assert job.pop("type") == "job", job
    return job


def code(connected: SocketClient, **message: Any) -> str:
    """With which this is refused."""
    answer = connected.asks(**message)
    assert set(answer) == {"type", "of", "id", "code", "message"}
    assert (answer["type"], answer["of"], answer["id"]) == ("error", message["type"], message["id"])
    assert answer["message"]
    return str(answer["code"])


def shown(client: SystemClient, job: Any) -> Any:
    return client.get(f"/api/job/{job['id']}")


def test_the_quick_start_works_as_it_is_documented(client: SystemClient, sockets: SocketsHere) -> None:
    connected = processor(sockets, client)
    triggered = trigger(client)
    job = job_of(connected)
    assert job == {
        "id": triggered["id"],
        "attempt": 1,
        "name": "myTaskName",
        "date": triggered["date"],
        "timeout": 60_000,
        "payload": None,
    }
    logged = connected.asks(type="log", id=job["id"], message="A Fox once saw a Crow...")
    assert logged == {"type": "ok", "of": "log", "id": job["id"]}
    assert connected.asks(type="done", id=job["id"]) == {"type": "ok", "of": "done", "id": job["id"]}
    seen = shown(client, job)
    assert seen["status"] == "succeeded"
    assert [line["message"] for line in seen["logs"]] == ["A Fox once saw a Crow..."]
    task = client.get("/api/task/myTaskName")
    assert task["lastJob"]["id"] == task["lastSuccess"]["id"] == job["id"]
    assert task["lastFailure"] is None


def test_done_after_done_and_after_fail_have_the_documented_codes(client: SystemClient, sockets: SocketsHere) -> None:
    connected = processor(sockets, client)
    trigger(client)
    job = job_of(connected)
    assert connected.asks(type="done", id=job["id"])["type"] == "ok"
    assert code(connected, type="done", id=job["id"]) == "job_done"
    assert code(connected, type="fail", id=job["id"]) == "job_done"
    trigger(client)
    job = job_of(connected)
    assert connected.asks(type="fail", id=job["id"], error="no crow")["type"] == "ok"
    assert code(connected, type="fail", id=job["id"]) == "job_failed"
    assert code(connected, type="done", id=job["id"]) == "job_failed"
    seen = shown(client, job)
    assert (seen["status"], seen["error"]) == ("failed", "no crow")
    assert client.get("/api/task/myTaskName")["lastFailure"]["id"] == job["id"]


@pytest.mark.parametrize(("end", "expected"), [("done", "job_done"), ("fail", "job_failed")])
def test_a_log_after_the_end_is_an_error_and_changes_nothing(
    client: SystemClient, sockets: SocketsHere, end: str, expected: str
) -> None:
    connected = processor(sockets, client)
    trigger(client)
    job = job_of(connected)
    assert connected.asks(type=end, id=job["id"])["type"] == "ok"
    assert code(connected, type="log", id=job["id"], message="A Fox once saw a Crow...") == expected
    assert shown(client, job)["logs"] == []


def test_a_job_that_took_too_long_is_told_so_and_goes_on_logging(
    client: SystemClient, sockets: SocketsHere, fast: None
) -> None:
    save(client, timeoutMs=1_000)
    connected = processor(sockets, client)
    trigger(client)
    job = job_of(connected)
    assert connected.hear() == {"type": "timeout", "id": job["id"], "attempt": 1, "timeout": 1_000}
    assert connected.asks(type="log", id=job["id"], message="still here")["type"] == "ok"
    assert code(connected, type="done", id=job["id"]) == "job_timed_out"
    assert code(connected, type="fail", id=job["id"]) == "job_timed_out"
    assert [line["message"] for line in shown(client, job)["logs"]] == ["still here"]


@pytest.fixture
def in_line(client: SystemClient, database: Database) -> Callable[[int], None]:
    """Waits until so many stand in line for the jobs of the task."""
    with database.reading() as cursor:
        cursor.execute("SELECT max(id) FROM accounts")
        account_id = only_row(cursor)[0]
    lines = services_of(client).task_lines

    def wait(count: int) -> None:
        wait_until(lambda: lines.length((account_id, "myTaskName")) == count, "they stand in line")

    return wait


def test_jobs_go_round_the_processors_of_their_name(
    client: SystemClient, sockets: SocketsHere, in_line: Callable[[int], None]
) -> None:
    clients = []
    for count in (1, 2, 3):
        clients.append(processor(sockets, client))
        in_line(count)
    processor(sockets, client, "another")
    for connected in clients * 2:
        job = trigger(client)
        assert job_of(connected)["id"] == job["id"]
        assert connected.asks(type="done", id=job["id"])["type"] == "ok"
        in_line(3)


def test_a_client_has_processors_of_many_names(client: SystemClient, sockets: SocketsHere) -> None:
    names = [f"task-{number}" for number in range(20)]
    for name in names:
        save(client, name=name)
    connected = processor(sockets, client, *names)
    for name in names:
        trigger(client, name)
        assert job_of(connected)["name"] == name
    refused = connected.asks(type="processor", name="one-more")
    assert (refused["type"], refused["code"]) == ("error", "invalid")
    assert "20" in refused["message"]


def test_a_processor_has_no_more_jobs_than_it_wants(client: SystemClient, sockets: SocketsHere) -> None:
    connected = processor(sockets, client, max=1)
    for _ in range(2):
        trigger(client)
    first = job_of(connected)
    assert connected.hears_nothing(0.3)
    assert connected.asks(type="processor", name="myTaskName", max=2)["type"] == "ok"
    assert job_of(connected)["id"] != first["id"]


def test_a_job_whose_client_hangs_up_goes_to_the_next(
    client: SystemClient, sockets: SocketsHere, in_line: Callable[[int], None]
) -> None:
    connected = processor(sockets, client)
    trigger(client)
    job = job_of(connected)
    in_line(1)  # while it asks for more it might be given the same again, and give it back
    connected.hang_up()
    other = processor(sockets, client)
    again = job_of(other)
    assert (again["id"], again["attempt"]) == (job["id"], 2)
    assert code(other, type="done", id=job["id"], attempt=1) == "invalid"
    assert other.asks(type="done", id=job["id"], attempt=2)["type"] == "ok"


def test_a_job_that_was_lost_is_told_so(
    client: SystemClient, sockets: SocketsHere, fast: None, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infinitas_socket, "LEASE_SECONDS", 1)
    connected = processor(sockets, client, max=1)
    trigger(client)
    job = job_of(connected)
    with database.reading() as cursor:
        cursor.execute(
            "WITH taken AS (UPDATE work SET state = 'pending', lease_token = NULL, lease_expires_at = NULL"
            " WHERE id = %(id)s) UPDATE attempts SET finished_at = now(), outcome = 'lease_expired'"
            " WHERE work_id = %(id)s",
            {"id": job["id"]},
        )
    lost = connected.hear()
    assert lost.pop("message")
    assert lost == {"type": "lost", "id": job["id"], "attempt": 1, "code": "lease_lost"}
    assert job_of(connected)["attempt"] == 2
    assert code(connected, type="done", id=job["id"], attempt=1) == "lease_lost"
    assert connected.asks(type="done", id=job["id"])["type"] == "ok"


def test_a_client_is_told_that_a_job_is_to_be_canceled(
    client: SystemClient, sockets: SocketsHere, fast: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infinitas_socket, "LEASE_SECONDS", 1)
    connected = processor(sockets, client)
    trigger(client)
    job = job_of(connected)
    assert client.api.post(f"/tasks/{job['id']}/cancel").status_code == 200
    assert connected.hear() == {"type": "cancel_requested", "id": job["id"], "attempt": 1}


def test_what_is_pushed_natively_reaches_a_processor_and_the_other_way_round(
    client: SystemClient, sockets: SocketsHere
) -> None:
    connected = processor(sockets, client)
    task = client.api.push_task("myTaskName", {"a": [1]})
    job = job_of(connected)
    assert (job["id"], job["payload"], job["timeout"]) == (task["id"], {"a": [1]}, None)
    assert connected.asks(type="done", id=job["id"], result={"b": 2})["type"] == "ok"
    native = read(client.api, task)
    assert (native["state"], native["result"], native["worker"]) == ("succeeded", {"b": 2}, "infinitas")
    connected.hang_up()
    triggered = trigger(client)
    wait_until(lambda: native_pop(client, triggered), "a native worker pops it")


def native_pop(client: SystemClient, job: Any) -> bool:
    return [task["id"] for task in client.api.pop_tasks("myTaskName")] == [job["id"]]


def test_without_a_processor_a_job_is_tried_again_three_times_and_then_fails(
    client: SystemClient, look: Callable[[], int]
) -> None:
    webhook = client.api.make("/webhooks", {"url": "http://127.0.0.1:9/", "event_types": ["task.failed"]})
    job = trigger(client)
    seen: list[tuple[str, int]] = []

    def failed() -> bool:
        look()
        task = read(client.api, job)
        if (now := (task["state"], task["attempt_count"])) not in seen:
            seen.append(now)
        return bool(task["state"] == "failed")

    wait_until(failed, "it has failed")
    assert seen == [("pending", 1), ("pending", 2), ("pending", 3), ("failed", 4)]
    task = read(client.api, job)
    assert task["error"] == "no processor was connected"
    for attempt in task["attempts"]:
        assert (attempt["outcome"], attempt["worker"]) == ("failed", "no processor")
        assert attempt["error"] == "no processor was connected"
        assert attempt["finished_at"] is not None
    assert shown(client, job)["status"] == "failed"
    assert client.get("/api/task/myTaskName")["lastFailure"]["id"] == job["id"]
    [delivery] = client.api.get(f"/webhooks/{webhook['id']}/deliveries").json["data"]
    assert delivery["event_type"] == "task.failed"


def test_the_waits_without_a_processor_are_1_10_and_30_seconds(client: SystemClient, database: Database) -> None:
    assert infinitas_processors.RETRY_DELAYS_SECONDS == (1, 10, 30)
    job = trigger(client)
    waits = []
    for _ in range(4):
        with database.transaction() as transaction:
            [missed] = [
                missed
                for missed in processors.fail_unattended(
                    transaction.cursor,
                    delays_seconds=infinitas_processors.RETRY_DELAYS_SECONDS,
                    absent_after_seconds=0.3,
                    limit=100,
                )
                if str(missed.id) == job["id"]
            ]
            transaction.cursor.execute(
                "SELECT round(extract(epoch FROM due_at - now())) FROM work WHERE id = %s", (missed.id,)
            )
            waits.append((missed.state, int(only_row(transaction.cursor)[0])))
            transaction.cursor.execute("UPDATE work SET due_at = now() WHERE id = %s", (missed.id,))
    assert [state for state, _ in waits] == ["pending", "pending", "pending", "failed"]
    assert [seconds for _, seconds in waits[:3]] == [1, 10, 30]


def test_a_processor_that_comes_in_time_gets_the_job(
    client: SystemClient, sockets: SocketsHere, look: Callable[[], int]
) -> None:
    triggered = trigger(client)
    look()
    connected = processor(sockets, client)
    job = job_of(connected)
    assert (job["id"], job["attempt"]) == (triggered["id"], 2)
    assert connected.asks(type="done", id=job["id"])["type"] == "ok"
    assert shown(client, job)["status"] == "succeeded"


def test_a_job_waits_for_a_processor_that_is_connected_but_busy(
    client: SystemClient, sockets: SocketsHere, look: Callable[[], int], database: Database
) -> None:
    connected = processor(sockets, client, max=1)
    trigger(client)
    job_of(connected)
    waiting = trigger(client)
    forget_pops(database)
    look()
    assert read(client.api, waiting)["attempt_count"] == 0
    connected.hang_up()
    wait_until(lambda: not attended(client), "the processor is counted off")
    forget_pops(database)
    look()
    assert read(client.api, waiting)["attempt_count"] == 1


def attended(client: SystemClient) -> bool:
    return bool(services_of(client).sockets.attended())


def services_of(client: SystemClient) -> Services:
    return cast(Services, client.api.client.application.extensions["roundsman"])


def forget_pops(database: Database) -> None:
    with database.reading() as cursor:
        cursor.execute("UPDATE queues SET last_popped_at = now() - interval '1 minute'")


def test_a_job_waits_for_a_native_worker_that_is_connected_but_busy(
    client: SystemClient, sockets: SocketsHere, look: Callable[[], int], database: Database
) -> None:
    worker = sockets.open(client.api, "/queues/myTaskName/socket")
    assert worker.asks(type="ready", max=1)["type"] == "ok"
    trigger(client)
    task = worker.hear()
    waiting = trigger(client)
    forget_pops(database)
    with database.reading() as cursor:
        # It is the connection that counts, also when its leases could not be extended in time.
        cursor.execute("UPDATE work SET lease_expires_at = now() WHERE id = %s", (task["id"],))
    look()
    assert read(client.api, waiting)["attempt_count"] == 0
    assert worker.asks(type="ready", max=0)["type"] == "ok"
    forget_pops(database)
    look()
    assert read(client.api, waiting)["attempt_count"] == 1


def test_a_job_waits_for_a_pop_that_waits(
    client: SystemClient, look: Callable[[], int], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_lines, "LONGEST_LOOK_SECONDS", 10)
    lines = services_of(client).task_lines
    other = client.for_another_thread()
    with ThreadPoolExecutor(1) as pool:
        popping = pool.submit(other.api.post, "/queues/myTaskName/pop", {"wait_seconds": 5})
        wait_until(lambda: "myTaskName" in {name for _, name in lines.attended()}, "it waits")
        forget_pops(database)
        with database.reading() as cursor:
            cursor.execute(
                "INSERT INTO work (account_id, kind, queue, max_attempts) SELECT max(id), 'task', 'myTaskName', 4"
                " FROM accounts RETURNING id"
            )
            unannounced = {"id": str(only_row(cursor)[0])}
        look()
        assert read(client.api, unannounced)["error"] is None
        triggered = trigger(client)
        [task] = popping.result(10).json["tasks"]
    assert task["id"] in (unannounced["id"], triggered["id"])


def test_a_job_waits_while_somebody_has_another_of_its_queue_in_hand(
    client: SystemClient, look: Callable[[], int], database: Database
) -> None:
    for _ in range(2):
        trigger(client)
    [task] = client.api.pop_tasks("myTaskName")
    forget_pops(database)
    [waiting] = client.api.get("/tasks?queue=myTaskName&state=pending").json["data"]
    look()
    assert read(client.api, waiting)["attempt_count"] == 0
    assert client.api.post(f"/tasks/{task['id']}/ack", {"lease_token": task["lease_token"]}).status_code == 200
    look()
    assert read(client.api, waiting)["attempt_count"] == 1


def test_a_process_that_begins_gives_clients_the_time_to_come_back(
    client: SystemClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert infinitas_processors.STEADY_AFTER_SECONDS == 13
    job = trigger(client)
    begun = Processors(services_of(client))
    for second in range(100, 113):
        assert begun.run_once(second) == 0
    assert read(client.api, job)["attempt_count"] == 0
    begun.run_once(113)
    assert read(client.api, job)["attempt_count"] == 1


@pytest.mark.parametrize("gap", ["away", "frozen"])
def test_while_postgres_is_away_nobody_is_absent(
    client: SystemClient, monkeypatch: pytest.MonkeyPatch, gap: str
) -> None:
    steady = Processors(services_of(client))
    for second in range(100, 114):
        steady.run_once(second)
    job = trigger(client)
    if gap == "away":
        with monkeypatch.context() as patch:

            def away(_: Database) -> Any:
                raise DatabaseUnavailable("away")

            patch.setattr(Database, "reading", away)
            with pytest.raises(DatabaseUnavailable):
                steady.run_once(114)
    first = 115 if gap == "away" else 118
    for second in range(first, first + 13):
        assert steady.run_once(second) == 0
    assert read(client.api, job)["attempt_count"] == 0
    steady.run_once(first + 13)
    assert read(client.api, job)["attempt_count"] == 1


def delete_here(client: SystemClient, path: str) -> None:
    assert client.call("DELETE", "/api/task/myTaskName").status_code == 200


def delete_natively(client: SystemClient, path: str) -> None:
    assert client.api.delete(path).status_code == 204


def rename_natively(client: SystemClient, path: str) -> None:
    definition = {"name": "another", "queue": "myTaskName", "cron": "@daily"}
    assert client.api.put(path, definition).status_code == 200


@pytest.mark.parametrize("end", [delete_here, delete_natively, rename_natively])
def test_a_queue_whose_task_is_gone_needs_no_processor_any_more(
    client: SystemClient, look: Callable[[], int], end: Callable[[SystemClient, str], None]
) -> None:
    job = trigger(client)
    [schedule] = client.api.get("/schedules").json["data"]
    end(client, f"/schedules/{schedule['id']}")
    if end is not rename_natively:
        client.api.make("/schedules", {"name": "myTaskName", "queue": "myTaskName", "cron": "@daily"})
    look()
    assert read(client.api, job)["attempt_count"] == 0
    if end is rename_natively:
        return
    save(client)
    look()
    assert read(client.api, job)["attempt_count"] == 1


def test_of_the_jobs_that_a_client_was_given_no_payloads_are_kept(client: SystemClient, sockets: SocketsHere) -> None:
    marker = "a payload that nobody else has"
    connected = processor(sockets, client)
    client.api.push_task("myTaskName", marker)
    assert job_of(connected)["payload"] == marker

    def kept() -> list[PoppedTask]:
        return [each for each in gc.get_objects() if isinstance(each, PoppedTask) and each.payload == marker]

    wait_until(lambda: not kept(), "it is forgotten")


def test_a_queue_that_is_no_task_of_infinitas_waits_for_ever(fresh: ApiClient, look: Callable[[], int]) -> None:
    task = fresh.push_task("native")
    look()
    assert read(fresh, task)["attempt_count"] == 0


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"type": "job"}, "processor, log, done, fail"),
        ({"type": "processor"}, "/name"),
        ({"type": "processor", "name": "no name"}, "/name"),
        ({"type": "processor", "name": 1}, "/name"),
        ({"type": "processor", "name": "n", "max": 0}, "/max"),
        ({"type": "log", "id": NO_JOB}, "/message"),
        ({"type": "log", "id": "1", "message": "m"}, "/id"),
        ({"type": "done", "id": NO_JOB, "attempt": "1"}, "/attempt"),
        ({"type": "done", "id": NO_JOB, "surprise": 1}, "/surprise"),
        ({"type": "fail", "id": NO_JOB, "error": 1}, "/error"),
        ({"type": "done", "id": NO_JOB}, "no such job was delivered"),
    ],
    ids=str,
)
def test_a_message_that_is_not_as_it_should_be_is_refused(
    api: ApiClient, sockets: SocketsHere, message: dict[str, Any], expected: str
) -> None:
    connected = sockets.open(api, PATH)
    answer = connected.asks(**message)
    assert (answer["type"], answer["code"]) == ("error", "invalid")
    assert expected in answer["message"]
    assert connected.asks(type="processor", name="n")["type"] == "ok"


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        (UPGRADE | {"Authorization": "Bearer wrong"}, 401, "unauthorized"),
        (UPGRADE | {"Sec-WebSocket-Key": "x"}, 400, "invalid"),
        ({}, 426, "upgrade_required"),
        (UPGRADE | {"Origin": "https://elsewhere.example"}, 403, "forbidden"),
    ],
    ids=["wrong key", "wrong opening", "no upgrade", "another origin"],
)
def test_what_opens_no_socket_is_answered_in_the_words_of_infinitas(
    api: ApiClient, headers: dict[str, str], status: int, expected: str
) -> None:
    answer = api.call("GET", PATH, headers=headers)
    assert (answer.status_code, answer.content_type) == (status, "application/json")
    assert set(answer.json) == {"error"}
    assert answer.json["error"]["code"] == expected


def test_two_accounts_with_a_task_of_the_same_name_are_apart(
    client: SystemClient, api: ApiClient, sockets: SocketsHere
) -> None:
    other = SystemClient(api, PREFIX)
    save(other)
    theirs, ours = processor(sockets, other), processor(sockets, client)
    trigger(client)
    job = job_of(ours)
    assert theirs.hears_nothing(0.3)
    for kind in ("done", "fail"):
        assert code(theirs, type=kind, id=job["id"]) == "invalid"
    assert code(theirs, type="log", id=job["id"], message="m") == "invalid"
    assert ours.asks(type="done", id=job["id"])["type"] == "ok"
