"""A task in hand: what it takes from its function, and what it tells the service."""

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest

from roundsman.client import Client
from roundsman.errors import (
    Invalid,
    JobCanceled,
    JobDone,
    JobFailed,
    JobTimedOut,
    LeaseLost,
    RoundsmanError,
    ServerUnreachable,
)
from roundsman.processing.job import Job
from tests.roundsman.stub_service import LOST, Answer, StubService, ok, problem
from tests.roundsman.task_objects import (
    LEASE_TOKEN,
    TASK_ID,
    a_done_task,
    a_failed_task,
    a_lease,
    a_popped_task,
    a_task,
)
from tests.roundsman.test_client_tasks import ACK, EXTEND, FAIL, LOG, RELEASE, conflict


@pytest.fixture
def service() -> Iterator[StubService]:
    answers = {
        ACK: ok(a_done_task()),
        FAIL: ok(a_failed_task()),
        EXTEND: ok(a_lease()),
        LOG: ok(a_lease()),
        RELEASE: ok(a_task()),
    }
    with StubService(answers) as stub:
        yield stub


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(service: StubService, pauses: list[float]) -> Iterator[Client]:
    with Client(service.url, "rk_a_b", pause=pauses.append, clock=lambda: sum(pauses)) as client:
        yield client


@pytest.fixture
def job(client: Client, pauses: list[float]) -> Job:
    return Job(a_popped_task(attempt=3, timeout_seconds=9), client.tasks, 60, clock=lambda: sum(pauses))


def test_it_shows_what_was_popped(job):
    assert (job.id, job.queue, job.payload, job.attempt, job.timeout_seconds) == (TASK_ID, "mail", {"to": "ada"}, 3, 9)
    assert not job.has_ended
    job.raise_if_ended()


def test_it_is_done_with_a_result(service, job):
    job.done({"n": 1})
    assert service.asked[0].body == {"lease_token": LEASE_TOKEN, "result": {"n": 1}}
    assert job.has_ended


def test_it_fails_with_a_reason(service, job):
    job.fail(ValueError("no such address"), retry=False, delay_seconds=5)
    assert service.asked[0].body == {
        "lease_token": LEASE_TOKEN,
        "error": "no such address",
        "retry": False,
        "delay_seconds": 5,
    }


@pytest.mark.parametrize("say", [lambda job: job.done(), lambda job: job.fail("x"), lambda job: job.log("x")])
def test_after_its_end_it_takes_nothing_more(service, client, say):
    for end, expected in ((lambda job: job.done(), JobDone), (lambda job: job.fail("no paper"), JobFailed)):
        job = Job(a_popped_task(), client.tasks, 60)
        end(job)
        told = len(service.asked)
        with pytest.raises(expected):
            say(job)
        with pytest.raises(expected):
            job.raise_if_ended()
        assert len(service.asked) == told


def test_one_end_only_is_told_when_two_threads_come_at_once(service, job):
    refused: list[str] = []
    barrier = threading.Barrier(8, timeout=10)

    def end() -> None:
        barrier.wait()
        try:
            job.done()
        except JobDone as error:
            refused.append(error.code)

    threads = [threading.Thread(target=end) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(service.asked_for(ACK)) == 1
    assert refused == ["job_done"] * 7


def test_lines_are_logged_a_hundred_at_a_time(service, job):
    job.log("one")
    job.log(*[str(number) for number in range(205)])
    assert [len(each.body["messages"]) for each in service.asked] == [1, 100, 100, 5]


def test_what_the_service_could_not_store_is_made_fit_for_it(service, job):
    job.log("a\0b\ud800" + "x" * 20_000)
    job.fail("")
    assert service.asked[0].body["messages"][0].startswith("a\ufffdb?x")
    assert len(service.asked[0].body["messages"][0]) == 10_000
    assert service.asked[1].body["error"] == "it failed and did not say why"


@pytest.mark.parametrize("result", [{1, 2}, float("nan"), object(), [b"x"]])
def test_a_result_that_is_no_json_is_refused_before_anything_is_told(service, job, result):
    with pytest.raises(TypeError, match="the result of a task must be JSON"):
        job.done(result)
    assert service.asked == []
    job.done("something else")
    assert len(service.asked) == 1


@pytest.mark.parametrize("delay_seconds", [Decimal("1.5"), float("nan")])
def test_after_an_end_that_could_not_even_be_sent_it_can_still_fail(service, job, delay_seconds):
    with pytest.raises((TypeError, ValueError)):
        job.fail("no paper", delay_seconds=delay_seconds)
    assert not job.has_ended
    job.fail("no paper", delay_seconds=1.5)
    assert service.asked[0].body["delay_seconds"] == 1.5


def test_after_a_result_that_the_service_refuses_it_can_still_fail(service, job):
    service.on(ACK, problem(422, "nested too deep"))
    with pytest.raises(Invalid):
        job.done([])
    job.fail("its result is nested too deep")
    assert len(service.asked_for(FAIL)) == 1


def test_a_service_that_is_away_is_told_again_as_long_as_the_lease_is_in_force(service, job, pauses):
    service.on(ACK, *[LOST] * 12, ok(a_done_task()))
    job.done()
    assert len(service.asked_for(ACK)) == 13
    assert 10 < sum(pauses) < 60


def test_when_the_lease_is_over_it_is_given_up(service, job, pauses):
    service.on(ACK, Answer(503, {}))
    with pytest.raises(RoundsmanError):
        job.done()
    assert 50 < sum(pauses) <= 60


def test_a_time_out_and_a_lost_lease_that_the_service_tells_of_are_remembered(service, client):
    for answer, ended in ((conflict("job_timed_out"), JobTimedOut), (conflict("lease_lost"), LeaseLost)):
        service.on(LOG, answer)
        job = Job(a_popped_task(), client.tasks, 60)
        with pytest.raises(ended):
            job.log("still here")
        with pytest.raises(ended):
            job.raise_if_ended()
    assert job.lease_lost
    assert not job.timed_out.is_set()


def test_a_task_that_is_gone_is_lost(service, client, job):
    service.on(EXTEND, problem(404, "there is no such task"))
    with pytest.raises(RoundsmanError):
        job.extend(client.tasks, answer_seconds=5)
    assert job.lease_lost


def test_that_it_was_canceled_is_heard_when_it_logs_and_when_it_is_leased_anew(service, client):
    for route, tell in (
        (LOG, lambda job: job.log("x")),
        (EXTEND, lambda job: job.extend(client.tasks, answer_seconds=5)),
    ):
        service.on(route, ok(a_lease(cancel_requested=True)), ok(a_lease()))
        job = Job(a_popped_task(), client.tasks, 60)
        tell(job)
        assert job.cancel_requested
        with pytest.raises(JobCanceled):
            job.raise_if_ended()
        job.done("it was done all the same")


def test_given_back_it_is_no_longer_its_functions(service, client, job):
    job.give_back(client.tasks)
    assert [each.body for each in service.asked_for(RELEASE)] == [{"lease_token": LEASE_TOKEN}]
    with pytest.raises(LeaseLost, match="given back"):
        job.done()
    with pytest.raises(LeaseLost):
        job.give_back(client.tasks)
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        LOST,
        Answer(503, {"detail": "the database is away"}),
        problem(409, "the log of a task has at most 10000 lines"),
        problem(413, "the body is too large"),
        Answer(200, b"<h1>Sign in</h1>"),
    ],
    ids=["lost", "away", "full", "too large", "no answer of ours"],
)
def test_lines_that_the_service_does_not_take_end_no_attempt_and_are_told_of_once(service, job, caplog, answer):
    service.on(LOG, answer)
    job.log("x")
    job.log("y")
    job.raise_if_ended()
    job.done()
    assert caplog.text.count(f"task {TASK_ID} of queue mail: lines of its log are missing: ") == 1


def test_lines_after_those_that_were_not_taken_are_sent(service, job):
    service.on(LOG, LOST, ok(a_lease(cancel_requested=True)))
    job.log(*["x"] * 101)
    assert [len(each.body["messages"]) for each in service.asked] == [100, 1]
    assert job.cancel_requested


def test_long_lines_are_logged_in_requests_that_the_service_takes(service, job):
    job.log(*["\x01" * 10_000] * 100)  # six bytes for each, as JSON has it
    assert sum(len(each.body["messages"]) for each in service.asked) == 100
    assert max(int(each.headers["content-length"]) for each in service.asked) < 1_048_576


def test_it_says_when_the_service_is_out_of_reach_for_its_end(service, job):
    service.on(FAIL, LOST)
    with pytest.raises(ServerUnreachable) as raised:
        job.fail("x")
    assert raised.value.code == "server_unreachable"
