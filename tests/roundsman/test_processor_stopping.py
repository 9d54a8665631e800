"""A processor that is stopped: what is in hand ends or is given back, and nothing is lost on its way."""

import threading
from collections.abc import Iterator

import pytest

from roundsman.client import Client
from roundsman.errors import RoundsmanError
from roundsman.processing import polling
from tests.roundsman.processors import OTHER_ID, OTHER_RELEASE, a_service_with_one_task, running, told
from tests.roundsman.stub_service import HANGING, Answer, StubService
from tests.roundsman.task_objects import LEASE_TOKEN, a_popped_task
from tests.roundsman.test_client_tasks import ACK, FAIL, POP, RELEASE


@pytest.fixture
def service() -> Iterator[StubService]:
    with a_service_with_one_task() as stub:
        yield stub


@pytest.fixture
def client(service: StubService) -> Iterator[Client]:
    with Client(service.url, "rk_a_b") as client:
        yield client


def test_stopped_it_ends_at_once_and_hangs_up_on_a_pop_that_waits(service, client):
    service.on(POP, HANGING)

    @client.processor("mail")
    def send(_job):
        return 1

    with running(send) as run:
        assert service.being_asked.wait(10)
        send.stop()
        run.wait(2)
        assert run.error is None


def test_stopped_it_lets_what_is_in_hand_come_to_its_end(service, client):
    begun, go_on = threading.Event(), threading.Event()

    @client.processor("mail", grace_seconds=10)
    def send(_job):
        begun.set()
        go_on.wait(10)
        return "ended"

    with running(send) as run:
        assert begun.wait(10)
        send.stop()
        go_on.set()
        run.wait()
    assert told(service, ACK)[0]["result"] == "ended"
    assert service.asked_for(FAIL) == []


def test_what_has_not_ended_within_the_grace_is_given_back(service, client):
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    refused = []

    @client.processor("mail", grace_seconds=0)
    def send(job):
        begun.set()
        go_on.wait(10)
        try:
            job.done()
        except RoundsmanError as error:
            refused.append(error.code)
        ended.set()

    with running(send) as run:
        assert begun.wait(10)
        send.stop()
        run.wait()
        assert told(service, RELEASE) == [{"lease_token": LEASE_TOKEN}]
        go_on.set()
        assert ended.wait(10)
    assert refused == ["lease_lost"]
    assert service.asked_for(ACK) + service.asked_for(FAIL) == []


def test_tasks_that_come_when_it_is_being_stopped_are_given_back_untouched(service, client, monkeypatch):
    @client.processor("mail")
    def send(_job):
        raise AssertionError("it is not to be begun")

    pop = polling._pop

    def stopped_meanwhile(*arguments):
        answer = pop(*arguments)
        send.stop()
        return answer

    monkeypatch.setattr(polling, "_pop", stopped_meanwhile)
    with running(send) as run:
        run.wait()
    assert len(told(service, RELEASE)) == 1


def test_an_answer_that_is_on_its_way_when_it_is_stopped_is_heard_and_given_back(service, client, monkeypatch):
    service.on(POP, Answer(200, {"tasks": [a_popped_task(), a_popped_task(id=OTHER_ID)]}, held=True))
    monkeypatch.setattr("roundsman.processor.HANGING_UP_SECONDS", 20.0)

    @client.processor("mail", concurrency=2)
    def send(_job):
        raise AssertionError("it is not to be begun")

    with running(send) as run:
        assert service.being_asked.wait(10)
        send.stop()
        service.go_on.set()
        run.wait()
    told(service, RELEASE)
    told(service, OTHER_RELEASE)
    assert service.asked_for(FAIL) == []
