"""The Python client's tasks, processors and commands against the real API."""

import doctest
import json
import threading
from collections.abc import Iterator

import pytest

from roundsman import Checklist, Client, JobFailed, LeaseLost, processor, work
from roundsman import client as client_module
from roundsman.errors import Invalid, NotFound
from roundsman.processing import job
from roundsman.resources import queues, tasks
from tests.processes import RunningApi, wait_until
from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.processors import RunningProcessor, running


@pytest.fixture(scope="module")
def api(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(environment=environment, log=tmp_path_factory.mktemp("api") / "log") as running:
        yield running


@pytest.fixture
def api_key(api: RunningApi) -> str:
    """The key of a fresh account."""
    with Client(api.url) as nobody:
        return nobody.keys.create("test")["api_key"]


@pytest.fixture
def client(api: RunningApi, api_key: str) -> Iterator[Client]:
    with Client(api.url, api_key) as client:
        yield client


def test_tasks_are_pushed_once_popped_extended_logged_and_acked(client):
    task = client.queues.push("mail", {"to": "ada"}, priority=3, timeout_seconds=600, idempotency_key="once")
    assert client.queues.push("mail", {"to": "ada"}, priority=3, timeout_seconds=600, idempotency_key="once") == task
    [popped] = client.queues.pop("mail", most=5, worker="me")
    assert (popped["id"], popped["attempt"], popped["payload"]) == (task["id"], 1, {"to": "ada"})
    lease = client.tasks.extend(popped["id"], popped["lease_token"], 300)
    assert lease["lease_expires_at"] > popped["lease_expires_at"]
    client.tasks.log(popped["id"], popped["lease_token"], ["connected", "sent"])
    acked = client.tasks.ack(popped["id"], popped["lease_token"], {"n": 1})
    assert client.tasks.ack(popped["id"], popped["lease_token"], {"n": 1}) == acked
    shown = client.tasks.get(task["id"])
    assert (shown["state"], shown["result"], shown["worker"]) == ("succeeded", {"n": 1}, "me")
    assert [each["message"] for each in shown["logs"]] == ["connected", "sent"]
    assert [each["outcome"] for each in shown["attempts"]] == ["succeeded"]
    assert client.tasks.result(task["id"], seconds=1) == {"n": 1}
    with pytest.raises(LeaseLost):
        client.tasks.extend(popped["id"], popped["lease_token"], 300)


def test_many_are_pushed_popped_and_acked_together(client):
    pushed = client.queues.push_many("mail", [{"payload": number} for number in range(1_050)])
    assert [each["payload"] for each in pushed] == list(range(1_050))
    popped = client.queues.pop("mail", most=100, idempotency_key="once")
    assert client.queues.pop("mail", most=100, idempotency_key="once") == popped
    assert [each["payload"] for each in popped] == list(range(100))
    acks = [{"id": each["id"], "lease_token": each["lease_token"]} for each in popped]
    assert {each["outcome"] for each in client.tasks.ack_many(acks)} == {"acked"}
    assert {each["outcome"] for each in client.tasks.ack_many(acks)} == {"acked_before"}
    queue = client.queues.get("mail")
    assert (queue["pending"], queue["running"]) == (950, 0)
    assert client.queues.pop("nobody-pushed-there") == []


def test_a_task_that_failed_is_retried_alone_and_with_its_queue(client):
    task = client.queues.push("mail", None, max_attempts=1)
    for retried in (lambda: client.tasks.retry(task["id"]), lambda: client.queues.retry_failed("mail")):
        [popped] = client.queues.pop("mail")
        assert client.tasks.fail(popped["id"], popped["lease_token"], "no paper")["state"] == "failed"
        with pytest.raises(JobFailed, match="no paper"):
            client.tasks.result(task["id"], seconds=1)
        retried()
        assert client.tasks.get(task["id"])["state"] == "pending"
    assert client.tasks.cancel(task["id"])["state"] == "canceled"


def test_queues_are_listed_and_set_up(client):
    client.queues.push("mail", 1)
    assert client.queues.configure("print", unattended_after_seconds=9)["unattended_after_seconds"] == 9
    assert [each["name"] for each in client.queues.all()] == ["mail", "print"]
    with pytest.raises(NotFound):
        client.queues.get("fax")
    with pytest.raises(Invalid):
        client.queues.push("a name with spaces", 1)


def test_a_processor_works_off_its_queue(client):
    pushed = client.queues.push_many("sums", [{"payload": [number, 1]} for number in range(50)])
    client.queues.push("sums", "no numbers", max_attempts=2)

    @client.processor("sums", concurrency=8, worker="adder")
    def add(job):
        job.log(f"adding {job.payload}")
        return sum(job.payload)

    with running(add):
        wait_until(lambda: _counts(client, "sums") == (0, 0, 1), "all have ended")
        # It is waiting now: what is pushed next wakes it.
        later = client.queues.push("sums", [20, 22])
        assert client.tasks.result(later["id"], seconds=10) == 42
    assert [client.tasks.result(each["id"], seconds=1) for each in pushed] == list(range(1, 51))
    [failed] = [client.tasks.get(each["id"]) for each in client.tasks.each(queue="sums", state="failed")]
    assert failed["error"].startswith("TypeError: unsupported operand")
    assert (failed["failures"], failed["worker"]) == (2, "adder")
    logged = [each["message"].splitlines()[0] for each in failed["logs"]]
    assert logged == ["adding no numbers", "Traceback (most recent call last):"] * 2


def test_a_task_is_given_back_by_a_processor_that_is_stopped(client):
    task = client.queues.push("mail", 1, max_attempts=1)
    begun, go_on = threading.Event(), threading.Event()

    @client.processor("mail", grace_seconds=0)
    def send(_job):
        begun.set()
        go_on.wait(10)

    with running(send) as run:
        assert begun.wait(10)
        send.stop()
        run.wait()
    [popped] = client.queues.pop("mail")
    assert popped["id"] == task["id"]
    assert client.tasks.get(task["id"])["attempts"][0]["outcome"] == "released"
    go_on.set()


def test_the_last_attempt_is_not_used_up_by_being_given_back(client):
    task = client.queues.push("mail", 1, max_attempts=1)
    for _ in range(3):
        [popped] = client.queues.pop("mail")
        assert client.tasks.release(popped["id"], popped["lease_token"])["state"] == "pending"
        with pytest.raises(LeaseLost):
            client.tasks.release(popped["id"], popped["lease_token"])
    [popped] = client.queues.pop("mail")
    client.tasks.ack(popped["id"], popped["lease_token"])
    assert client.tasks.get(task["id"])["state"] == "succeeded"


def test_a_processor_that_hangs_up_takes_nothing_with_it(client):
    @client.processor("mail")
    def send(_job):
        raise AssertionError("nothing is to come here")

    with running(send):
        wait_until(lambda: _is_popped(client, "mail"), "it waits for tasks")
    task = client.queues.push("mail", 1)
    [popped] = client.queues.pop("mail", wait_seconds=2)
    assert (popped["id"], popped["attempt"]) == (task["id"], 1)


def test_who_cancels_a_task_is_heard_by_its_function(client):
    task = client.queues.push("mail", 1)
    begun = threading.Event()

    @client.processor("mail", lease_seconds=1)
    def send(job):
        begun.set()
        wait_until(lambda: job.cancel_requested, "the job hears of it")
        job.raise_if_ended()

    with running(send):
        assert begun.wait(10)
        client.tasks.cancel(task["id"])
        assert client.tasks.wait(task["id"], seconds=10)["state"] == "canceled"


def test_a_checklist_is_observed_from_its_queue(client):
    checklist = Checklist()

    @checklist.flow("arithmetic")
    def arithmetic(flow):
        flow.check("for", [flow.run_id, flow.variables])
        flow.check("a sum", 1 + 1)

    made = client.checklists.create({"name": "arithmetic", "queue": "checks", "variables": {"user": "ada"}})
    started = client.runs.start(made["id"], variables={"user": "eve"})
    run = RunningProcessor(lambda: work(client, "checks", checklist))
    run.start()
    [task] = client.tasks.each(queue="checks")
    observed = [{"name": "for", "value": [started["id"], {"user": "eve"}]}, {"name": "a sum", "value": 2}]
    assert client.tasks.result(task["id"], seconds=10) == [{"name": "arithmetic", "assertions": observed}]
    client.stop()
    run.wait()
    assert task["run_id"] == started["id"]


def test_what_the_commands_push_they_list_pop_and_show(api, api_key):
    def command(*arguments: str) -> str:
        result = typed(*arguments, environment=environment_of(api.url, api_key))
        assert result.exit_code == 0, result.output
        return result.stdout

    task_id = command("push", "mail", '{"to": "ada"}').removeprefix("pushed: ").strip()
    assert "mail" in command("queues")
    assert task_id in command("tasks", "--queue", "mail", "--state", "pending")
    assert task_id in command("pop", "mail", "--ack")
    assert command("tasks", "show", task_id).startswith("task on mail: succeeded\n")
    other = command("push", "mail", "--dedup-key", "k").removeprefix("pushed: ").strip()
    assert command("push", "mail", "--dedup-key", "k") == f"is there already: {other}\n"
    [popped] = json.loads(command("pop", "mail", "--json"))
    assert command("tasks", "fail", other, popped["lease_token"], "no", "--no-retry") == f"failed: {other}\n"
    assert command("queues", "retry-failed", "mail") == "begun afresh: 1\n"
    assert command("tasks", "cancel", other) == f"canceled: {other}\n"


@pytest.mark.parametrize("module", [client_module, job, processor, queues, tasks], ids=lambda module: module.__name__)
def test_the_examples_are_true(api, api_key, module):
    results = doctest.testmod(module, extraglobs={"url": api.url, "api_key": api_key, "Client": Client})
    assert (results.failed, results.attempted > 0) == (0, True)


def _counts(client: Client, queue: str) -> tuple[int, int, int]:
    found = client.queues.get(queue)
    return found["pending"], found["running"], found["failed"]


def _is_popped(client: Client, queue: str) -> bool:
    try:
        return client.queues.get(queue)["last_popped_at"] is not None
    except NotFound:
        return False
