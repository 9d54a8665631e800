"""Checklists written as functions: what they observe, as a worker's URL and as the worker of a queue."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from roundsman import Checklist, Client, act, check, flow, work
from roundsman.checking.flow_run import Occasion
from tests.processes import wait_until
from tests.roundsman.processors import RunningProcessor
from tests.roundsman.stub_service import HANGING, Answer, StubService, ok
from tests.roundsman.task_objects import a_done_task, a_failed_task, a_lease, a_popped_task
from tests.roundsman.test_client_tasks import ACK, FAIL, LOG, POP, conflict

OCCASION = Occasion("a run", 7)
ASKED = {"run_id": "a run", "checklist_id": 7}


@pytest.fixture
def api() -> Iterator[StubService]:
    """What is checked."""
    with StubService({"POST /todos": Answer(201, {"id": 1}), "GET /todos": ok([])}) as stub:
        yield stub


@pytest.fixture
def checklist(api: StubService) -> Checklist:
    checklist = Checklist()

    @checklist.flow("a to-do")
    def life(flow):
        created = flow.act("create it", "POST", f"{api.url}/todos", json={"title": "water"})
        flow.check("status", created.status_code)
        flow.check("what creating answers", created.json())

    @checklist.flow("the list")
    def the_list():
        check("titles", act("list all", "GET", f"{api.url}/todos").json())

    return checklist


OBSERVED = [
    {
        "name": "a to-do",
        "assertions": [{"name": "status", "value": 201}, {"name": "what creating answers", "value": {"id": 1}}],
    },
    {"name": "the list", "assertions": [{"name": "titles", "value": []}]},
]


def observed_by(function: Any, occasion: Occasion = OCCASION) -> list[Any]:
    """The checks of one flow."""
    return Checklist(flow("f")(function)).observe(occasion)[0]["assertions"]


def test_flows_observe_what_their_acts_bring(api, checklist):
    told: list[str] = []
    assert checklist.observe(OCCASION, told=told.append) == OBSERVED
    assert api.asked[0].body == {"title": "water"}
    assert [line.rsplit(" in ", 1)[0] for line in told] == ["a to-do / create it: 201", "the list / list all: 200"]


def test_an_exception_becomes_a_check_and_the_other_flows_are_observed(api, checklist):
    @checklist.flow("out of reach")
    def out_of_reach(flow):
        flow.check("before", 1)
        flow.act("call nobody", "GET", "http://127.0.0.1:1/")

    @checklist.flow("last")
    def last(flow):
        flow.check("after", 2)

    observed = checklist.observe(OCCASION)
    assert observed[:2] == OBSERVED
    before, error = observed[2]["assertions"]
    assert before == {"name": "before", "value": 1}
    assert error["name"] == "error"
    assert (error["value"]["type"], error["value"]["act"]) == ("ConnectionError", "call nobody")
    assert observed[3]["assertions"] == [{"name": "after", "value": 2}]


def test_the_text_of_an_exception_is_the_same_each_time():
    def refused(flow):
        flow.act("call nobody", "GET", "http://127.0.0.1:1/")

    first, second = observed_by(refused), observed_by(refused)
    assert "0x" not in first[0]["value"]["text"]
    assert first == second


def test_a_value_is_observed_as_it_is_at_that_moment():
    def changing(flow):
        value = {"n": (1, 2)}
        flow.check("value", value)
        value["n"] = "changed"

    assert observed_by(changing) == [{"name": "value", "value": {"n": [1, 2]}}]


@pytest.mark.parametrize("value", [{1, 2}, float("inf"), b"x", object()])
def test_what_is_no_json_cannot_be_observed(value):
    [error] = observed_by(lambda flow: flow.check("it", value))
    assert error["value"]["type"] == "TypeError"
    assert error["value"]["text"].startswith("the check 'it' is no JSON: ")


@pytest.mark.parametrize("value", [2**60, -(2**54), "a\0b", "\ud800", {"a\0": 1}, json.loads("[" * 30 + "]" * 30)])
def test_a_value_that_the_service_does_not_take_as_it_is_goes_as_text_and_concerns_its_check_alone(value):
    [observed] = observed_by(lambda flow: flow.check("it", value))
    assert json.loads(observed["snapshot"]) == value
    json.dumps(observed).encode()


@pytest.mark.parametrize("value", [None, True, 0, -1.5, "", "ä\u2028", [], {}, {"a": [{"b": None}]}, 2**53])
def test_any_other_value_goes_as_it_is(value):
    assert observed_by(lambda flow: flow.check("it", value)) == [{"name": "it", "value": value}]


def test_a_flow_knows_what_it_is_observed_for():
    def what_for(flow):
        flow.check("for", [flow.run_id, flow.checklist_id, flow.variables])

    [observed] = observed_by(what_for, Occasion("a run", 7, {"user": "ada"}))
    assert observed["value"] == ["a run", 7, {"user": "ada"}]


def test_a_flow_that_never_ends_its_checks_is_ended():
    def endless(flow):
        while True:
            flow.check("again", 1)

    checks = observed_by(endless)
    assert len(checks) == 1_000
    assert checks[-1]["value"]["text"] == "a checklist has at most 1,000 checks"


def test_checks_are_counted_over_all_flows_and_each_can_still_say_that_it_had_too_many():
    def so_many(number):
        def observe(flow):
            for n in range(number):
                flow.check(f"check {n}", n)

        return observe

    numbers = [600, 500, 10, 1]
    checklist = Checklist(*[flow(f"flow {at}")(so_many(number)) for at, number in enumerate(numbers)])
    observed = [each["assertions"] for each in checklist.observe(OCCASION)]
    assert [len(each) for each in observed] == [600, 398, 1, 1]
    too_many = "a checklist has at most 1,000 checks"
    assert [each[-1]["value"]["text"] for each in observed[1:3]] == [too_many, too_many]
    assert observed[3] == [{"name": "check 0", "value": 0}]


@pytest.mark.parametrize("name", ["a\0b", "half a pair \ud83d"])
def test_a_name_that_the_service_could_not_keep_is_refused_when_it_is_written(name):
    with pytest.raises(ValueError, match="the name of a flow has no NUL and no halves of characters"):
        flow(name)
    assert observed_by(lambda flow: flow.check(name, 1))[0]["value"]["type"] == "ValueError"


def test_names_are_checked_when_they_are_written():
    checklist = Checklist()
    for name in ("", "x" * 201, 7):
        with pytest.raises(ValueError, match="the name of a flow has 1 to 200 characters"):
            checklist.flow(name)
    checklist.flow("f")(print)
    with pytest.raises(ValueError, match="the flow 'f' is there already"):
        checklist.flow("f")(print)
    assert observed_by(lambda flow: flow.check("", 1))[0]["value"]["type"] == "ValueError"


def test_act_and_check_are_for_flows_alone():
    with pytest.raises(RuntimeError, match="while they are observed"):
        check("it", 1)
    with pytest.raises(RuntimeError, match="while they are observed"):
        act("it", "GET", "http://127.0.0.1:1/")


@pytest.fixture
def service() -> Iterator[StubService]:
    payload = {**ASKED, "name": "to-do API", "variables": {"user": "ada"}}
    answers = {
        POP: [ok({"tasks": [a_popped_task(payload=payload)]}), HANGING],
        ACK: ok(a_done_task()),
        FAIL: ok(a_failed_task()),
        LOG: ok(a_lease()),
    }
    with StubService(answers) as stub:
        yield stub


@pytest.fixture
def client(service: StubService) -> Iterator[Client]:
    with Client(service.url, "rk_a_b") as client:
        yield client


def worked_off(service: StubService, client: Client, checklist: Checklist, route: str) -> Any:
    """What is told there of the one task on the queue."""
    run = RunningProcessor(lambda: work(client, "mail", checklist))
    run.start()
    wait_until(lambda: service.asked_for(route), f"{route} is asked for")
    client.stop()
    run.wait()
    assert run.error is None
    return service.asked_for(route)[0].body


def test_it_works_on_a_queue_and_acks_with_what_it_observed(service, client, checklist):
    assert worked_off(service, client, checklist, ACK)["result"] == OBSERVED
    lines = [each.body["messages"][0].rsplit(" in ", 1)[0] for each in service.asked_for(LOG)]
    assert lines == ["a to-do / create it: 201", "the list / list all: 200"]


def test_what_is_observed_does_not_depend_on_whether_its_log_arrives(service, client, checklist):
    service.on(LOG, Answer(503, {}))
    assert worked_off(service, client, checklist, ACK)["result"] == OBSERVED


def test_a_run_whose_lease_is_lost_is_not_gone_on_with(service, client, checklist, api, caplog):
    service.on(LOG, conflict("lease_lost"))
    run = RunningProcessor(lambda: work(client, "mail", checklist))
    run.start()
    wait_until(lambda: "LeaseLost" in caplog.text, "the function has ended")
    client.stop()
    run.wait()
    assert [each.method for each in api.asked] == ["POST"]
    assert service.asked_for(ACK) == []


def test_a_task_that_is_no_run_fails_for_good(service, client, checklist):
    service.on(POP, ok({"tasks": [a_popped_task(payload={"to": "ada"})]}), HANGING)
    failed = worked_off(service, client, checklist, FAIL)
    assert (failed["error"], failed["retry"]) == ("the task is no run of a checklist", False)
