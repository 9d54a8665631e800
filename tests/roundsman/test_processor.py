"""Processors against a service that answers as the test tells it to."""

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest

from roundsman.client import Client
from roundsman.errors import Unauthorized
from roundsman.processing import polling
from tests.processes import wait_until
from tests.roundsman.processors import (
    OTHER_ACK,
    OTHER_ID,
    RunningProcessor,
    a_service_with_one_task,
    popped,
    running,
    told,
)
from tests.roundsman.stub_service import HANGING, LOST, Answer, StubService, ok, problem
from tests.roundsman.task_objects import LEASE_TOKEN, TASK_ID, a_lease, a_popped_task
from tests.roundsman.test_client_tasks import ACK, EXTEND, FAIL, LOG, POP, conflict


@pytest.fixture
def service() -> Iterator[StubService]:
    with a_service_with_one_task() as stub:
        yield stub


@pytest.fixture
def client(service: StubService) -> Iterator[Client]:
    with Client(service.url, "rk_a_b") as client:
        yield client


@pytest.fixture
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(polling, "LONGEST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(polling, "SOON_SECONDS", 0.01)


def test_what_the_function_returns_is_the_result(service, client):
    @client.processor("mail", concurrency=3, lease_seconds=90, worker="mailer-1")
    def send(job):
        return {"sent to": job.payload["to"]}

    with running(send):
        assert told(service, ACK) == [{"lease_token": LEASE_TOKEN, "result": {"sent to": "ada"}}]
    pop = service.asked_for(POP)[0]
    assert pop.body == {"max": 3, "lease_seconds": 90, "wait_seconds": 20, "worker": "mailer-1"}
    assert pop.headers["idempotency-key"]
    assert service.asked_for(FAIL) == []


def test_a_processor_is_still_the_function(client):
    @client.processor("mail")
    def send(job):
        """Sends it."""
        return f"sent {job}"

    assert (send("this"), send.__name__, send.__doc__) == ("sent this", "send", "Sends it.")


def test_an_exception_fails_the_attempt_with_its_traceback_in_the_log(service, client):
    @client.processor("mail")
    def send(job):
        raise ValueError(f"no such address: {job.payload['to']}")

    with running(send):
        [failed] = told(service, FAIL)
    assert failed == {
        "lease_token": LEASE_TOKEN,
        "error": "ValueError: no such address: ada",
        "retry": True,
        "delay_seconds": 0,
    }
    [line] = told(service, LOG)[0]["messages"]
    assert line.startswith("Traceback (most recent call last):\n")
    assert line.endswith("ValueError: no such address: ada")
    assert "in send\n" in line
    assert service.asked_for(ACK) == []


@pytest.mark.parametrize("accident", [SystemExit, KeyboardInterrupt, RecursionError])
def test_whatever_a_function_raises_ends_that_task_alone(service, client, accident):
    service.on(POP, popped(), popped(a_popped_task(id=OTHER_ID)), HANGING)

    @client.processor("mail")
    def send(job):
        if job.id == TASK_ID:
            raise accident

    with running(send):
        assert told(service, FAIL)[0]["error"] == accident.__name__
        told(service, OTHER_ACK)


def test_a_result_that_is_no_json_is_a_failure(service, client):
    @client.processor("mail")
    def send(_job):
        return {1, 2}

    with running(send):
        assert told(service, FAIL)[0]["error"].startswith("TypeError: the result of a task must be JSON")


def test_a_result_that_the_service_refuses_is_a_failure(service, client, caplog):
    service.on(ACK, problem(422, "the result is nested too deep"))

    @client.processor("mail")
    def send(_job):
        return []

    with running(send):
        assert told(service, FAIL)[0]["error"] == "Invalid: the result is nested too deep"
    assert service.asked_for(LOG) == []
    assert "is refused: the result is nested too deep" in caplog.text


def test_a_result_that_was_no_observation_is_told_of_though_the_attempt_has_ended_with_it(service, client, caplog):
    service.on(ACK, problem(422, "the result is not what the run needs", ("/result", "no list of flows")))
    service.on(FAIL, conflict("lease_lost"))

    @client.processor("mail")
    def observe(_job):
        return {"not": "flows"}

    with running(observe):
        told(service, FAIL)
    assert "is refused: the result is not what the run needs (/result: no list of flows)" in caplog.text
    assert "could not be told" not in caplog.text


def test_an_end_that_cannot_be_sent_is_a_failure(service, client):
    @client.processor("mail")
    def send(job):
        job.fail("later", delay_seconds=Decimal("1.5"))

    with running(send):
        assert told(service, FAIL)[0]["error"].startswith("TypeError: ")


def test_a_function_can_say_itself_what_became_of_it(service, client):
    @client.processor("mail")
    def send(job):
        job.fail("come back later", delay_seconds=30)
        return "nobody hears this"

    with running(send):
        assert told(service, FAIL)[0]["delay_seconds"] == 30
    assert service.asked_for(ACK) == []


def test_what_goes_wrong_after_the_end_is_for_the_log_of_this_process(service, client, caplog):
    @client.processor("mail")
    def send(job):
        job.done(1)
        raise ValueError("too late")

    with running(send):
        told(service, ACK)
    assert "too late" in caplog.text
    assert service.asked_for(FAIL) == []


def test_the_lease_is_extended_while_the_function_runs(service, client):
    @client.processor("mail", lease_seconds=1)
    def send(_job):
        told(service, EXTEND, times=3)

    with running(send):
        told(service, ACK)
    assert service.asked_for(EXTEND)[0].body == {"lease_token": LEASE_TOKEN, "lease_seconds": 1}


def test_the_lease_is_not_extended_when_that_is_switched_off(service, client):
    def keepers(_job):
        return sum(thread.name == "roundsman-keeper" for thread in threading.enumerate())

    for extend, number in ((True, 1), (False, 0)):
        service.on(POP, popped(), HANGING)
        with running(client.processor("mail", extend=extend)(keepers)):
            assert told(service, ACK, times=2 - number)[-1]["result"] == number


def test_an_extension_that_is_not_answered_is_tried_again(service, client):
    service.on(EXTEND, LOST, Answer(503, {}), ok(a_lease()))

    @client.processor("mail", lease_seconds=1)
    def send(job):
        told(service, EXTEND, times=4)
        return job.lease_lost

    with running(send):
        assert told(service, ACK)[0]["result"] is False


def test_a_lease_that_is_lost_is_believed_and_said_once(service, client, caplog):
    service.on(EXTEND, conflict("lease_lost"))

    @client.processor("mail", lease_seconds=1)
    def send(job):
        wait_until(lambda: job.lease_lost, "the job hears of it")
        job.raise_if_ended()

    with running(send):
        wait_until(lambda: "LeaseLost" in caplog.text, "the function has ended")
    assert len(service.asked_for(EXTEND)) == 1
    assert f"task {TASK_ID} of queue mail is lost" in caplog.text
    assert service.asked_for(ACK) + service.asked_for(FAIL) + service.asked_for(LOG) == []


def test_who_is_asked_to_give_up_gives_up_without_another_attempt(service, client):
    service.on(EXTEND, ok(a_lease(cancel_requested=True)))

    @client.processor("mail", lease_seconds=1)
    def send(job):
        wait_until(lambda: job.cancel_requested, "the job hears of it")
        job.raise_if_ended()

    with running(send):
        [failed] = told(service, FAIL)
    assert (failed["retry"], failed["error"]) == (False, f"the task {TASK_ID} was canceled")


def test_the_time_out_of_a_task_is_told_to_the_function_in_time(service, client, caplog):
    service.on(POP, popped(a_popped_task(timeout_seconds=1)), HANGING)
    waited = []

    @client.processor("mail")
    def send(job):
        waited.append(job.timed_out.wait(10))
        job.raise_if_ended()

    with running(send):
        wait_until(lambda: "JobTimedOut" in caplog.text, "the function has ended")
    assert waited == [True]
    assert service.asked_for(ACK) + service.asked_for(FAIL) == []


def test_so_many_are_in_hand_at_a_time_and_no_more_are_taken(service, client):
    tasks = [a_popped_task(), a_popped_task(id=OTHER_ID)]
    service.on(POP, popped(*tasks), HANGING)
    together = threading.Barrier(3, timeout=10)
    go_on = threading.Event()

    @client.processor("mail", concurrency=3)
    def send(_job):
        together.wait()
        go_on.wait(10)

    with running(send):
        together.wait()
        assert service.being_asked.wait(10)
        assert [each.body["max"] for each in service.asked_for(POP)] == [3, 1]
        go_on.set()
        told(service, ACK)
        told(service, OTHER_ACK)


def test_with_full_hands_nothing_is_popped(service, client, monkeypatch):
    looks = threading.Semaphore(0)
    monkeypatch.setattr(polling, "FREE_LOOK_SECONDS", 0.01)
    go_on = threading.Event()

    @client.processor("mail")
    def send(_job):
        go_on.wait(10)

    wait_for_free = polling.Hands.wait_for_free
    monkeypatch.setattr(
        polling.Hands, "wait_for_free", lambda hands, seconds: looks.release() or wait_for_free(hands, seconds)
    )
    with running(send):
        for _ in range(5):
            assert looks.acquire(timeout=10)
        assert len(service.asked_for(POP)) == 1
        go_on.set()


def test_a_service_that_is_away_is_asked_with_the_same_key_until_it_is_back(service, client, caplog, quick_pauses):
    service.on(POP, LOST, Answer(503, {}), ok("<html>"), Answer(500, {}), popped(), HANGING)

    @client.processor("mail")
    def send(_job):
        return 1

    with running(send):
        told(service, ACK)
        assert service.being_asked.wait(10)
    keys = [each.headers["idempotency-key"] for each in service.asked_for(POP)]
    assert len(set(keys[:5])) == 1
    assert len(set(keys)) == 2
    assert caplog.text.count("asking again until it is back") == 1
    assert caplog.text.count("the service is back") == 1


def test_after_a_lost_answer_the_lease_is_extended_at_once(service, client, quick_pauses):
    service.on(POP, LOST, popped(), HANGING)

    @client.processor("mail", lease_seconds=3_600)
    def send(_job):
        told(service, EXTEND)

    with running(send):
        told(service, ACK)


def test_a_queue_without_tasks_is_asked_again(service, client, quick_pauses):
    service.on(POP, Answer(204), Answer(204), popped(), HANGING)

    @client.processor("mail")
    def send(_job):
        return 1

    with running(send):
        told(service, ACK)
    keys = {each.headers["idempotency-key"] for each in service.asked_for(POP)}
    assert len(keys) == len(service.asked_for(POP))


def test_a_service_that_refuses_for_good_ends_it_after_what_is_in_hand(service, client):
    service.on(POP, popped(), problem(401, "no such key"))
    go_on = threading.Event()

    @client.processor("mail", concurrency=2)
    def send(_job):
        return go_on.wait(10)

    with running(send) as run:
        told(service, POP, times=2)
        go_on.set()
        run.wait()
        assert isinstance(run.error, Unauthorized)
    assert len(told(service, ACK)) == 1


def test_several_processors_of_a_client_run_together(service, client):
    service.on("POST /queues/print/pop", popped(a_popped_task(id=OTHER_ID, queue="print")), HANGING)

    @client.processor("mail")
    def send(_job):
        return "sent"

    @client.processor("print")
    def print_it(_job):
        return "printed"

    run = RunningProcessor(client.process)
    run.start()
    assert told(service, ACK)[0]["result"] == "sent"
    assert told(service, OTHER_ACK)[0]["result"] == "printed"
    client.stop()
    run.wait()
    assert run.error is None


def test_an_error_of_one_ends_the_others(service, client):
    service.on(POP, HANGING)
    service.on("POST /queues/print/pop", problem(401, "no such key"))
    client.processor("mail")(lambda _job: 1)
    client.processor("print")(lambda _job: 1)
    run = RunningProcessor(client.process)
    run.start()
    run.wait()
    assert isinstance(run.error, Unauthorized)


def test_without_a_processor_there_is_nothing_to_process(client):
    with pytest.raises(ValueError, match="nothing to process"):
        client.process()


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"concurrency": 101}, {"lease_seconds": 0}, {"lease_seconds": 43_201}, {"grace_seconds": -1}],
)
def test_what_is_out_of_range_is_refused_when_it_is_written(client, options):
    with pytest.raises(ValueError, match="must be from"):
        client.processor("mail", **options)
