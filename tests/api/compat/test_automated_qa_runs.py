"""Runs as automated-qa's clients start and read them, and what its webhooks are told: with a worker and a scheduler."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.api.compat.calling import SystemClient
from tests.api_client import ApiClient
from tests.processes import ServiceProcess
from tests.target import Target

PREFIX = "/compat/automated-qa"
FIRST = '{ "data": {"todos":[ ], "done" : 1.0, "a":"\\u00e9\\n"} }'
EQUAL = '{"data":{"a":"é\\n","done":1,"todos":[]}}'
OTHER = '{"data":{"todos":[{"text":"brush teeth"}]}}'


@pytest.fixture(scope="module", autouse=True)
def _at_work(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A worker and a scheduler."""
    logs: Path = tmp_path_factory.mktemp("logs")
    with ExitStack() as stack:
        for module in ("worker", "scheduler"):
            stack.enter_context(ServiceProcess(module, environment=environment, log=logs / f"{module}.log"))
        yield


@pytest.fixture
def target() -> Iterator[Target]:
    with Target() as far_end:
        yield far_end


@pytest.fixture(params=["", "/v1"])
def client(fresh: ApiClient, request: pytest.FixtureRequest) -> SystemClient:
    return SystemClient(fresh, PREFIX + request.param)


@pytest.fixture
def plain(fresh: ApiClient) -> SystemClient:
    return SystemClient(fresh, PREFIX)


def observe(target: Target, **snapshots: str) -> None:
    """Let the worker of the checklist observe these texts from now on."""
    assertions = [{"name": name, "snapshot": text} for name, text in snapshots.items()]
    target.answers["/worker"] = [{"name": "flow", "assertions": assertions}]


def a_checklist(client: SystemClient, target: Target, **snapshots: str) -> int:
    observe(target, **snapshots)
    answer = client.call("POST", "/checklists", {"workerUrl": target.url("/worker")})
    return int(answer.json["data"]["checklist"]["id"])


def run(client: SystemClient, checklist_id: int) -> Any:
    """The one flow that was found."""
    answer = client.call("POST", f"/checklists/{checklist_id}/run")
    assert answer.status_code == 200, answer.text
    assert set(answer.json) == {"data"}
    assert set(answer.json["data"]) == {"flows"}
    [flow] = answer.json["data"]["flows"]
    return flow


def set_snapshot(client: SystemClient, checklist_id: int, name: str, text: str) -> None:
    flows = [{"name": "flow", "snapshots": [{"name": name, "value": text}]}]
    assert client.call("POST", f"/checklists/{checklist_id}/snapshots", {"flows": flows}).status_code == 201


def test_the_first_run_is_all_new_the_next_all_match_and_a_change_is_a_miss(
    client: SystemClient, target: Target
) -> None:
    checklist = a_checklist(client, target, a=FIRST, b="[]")
    assert run(client, checklist) == {
        "name": "flow",
        "summary": {"match": 0, "miss": 0, "new": 2},
        "assertions": [
            {"name": "a", "result": "NEW", "snapshot": FIRST},
            {"name": "b", "result": "NEW", "snapshot": "[]"},
        ],
    }
    observe(target, a=EQUAL, b="[]")
    assert run(client, checklist) == {
        "name": "flow",
        "summary": {"match": 2, "miss": 0, "new": 0},
        "assertions": [
            {"name": "a", "result": "MATCH", "snapshot": EQUAL},
            {"name": "b", "result": "MATCH", "snapshot": "[]"},
        ],
    }
    observe(target, a=OTHER, b="[]", c="null")
    assert run(client, checklist) == {
        "name": "flow",
        "summary": {"match": 1, "miss": 1, "new": 1},
        "assertions": [
            {"name": "a", "result": "MISS", "snapshot": OTHER, "expectedSnapshot": FIRST},
            {"name": "b", "result": "MATCH", "snapshot": "[]"},
            {"name": "c", "result": "NEW", "snapshot": "null"},
        ],
    }


def test_a_snapshot_that_was_set_is_what_the_next_run_expects(client: SystemClient, target: Target) -> None:
    checklist = a_checklist(client, target, a=FIRST)
    set_snapshot(client, checklist, "a", f" {OTHER} ")
    [assertion] = run(client, checklist)["assertions"]
    assert assertion == {"name": "a", "result": "MISS", "snapshot": FIRST, "expectedSnapshot": f" {OTHER} "}
    set_snapshot(client, checklist, "a", EQUAL)
    [assertion] = run(client, checklist)["assertions"]
    assert assertion == {"name": "a", "result": "MATCH", "snapshot": FIRST}


@pytest.mark.parametrize("text", ["!", "", "###", "NaN", '{"a": 1, "a": 1}', '"a', "[" * 40 + "]" * 40, '"\\u0000"'])
def test_a_snapshot_that_is_no_json_is_a_miss(plain: SystemClient, target: Target, text: str) -> None:
    checklist = a_checklist(plain, target, a=json.dumps(text))
    run(plain, checklist)
    set_snapshot(plain, checklist, "a", text)
    flow = run(plain, checklist)
    assert flow["summary"] == {"match": 0, "miss": 1, "new": 0}
    expected = {"name": "a", "result": "MISS", "snapshot": json.dumps(text), "expectedSnapshot": text}
    assert flow["assertions"] == [expected]


def test_what_missed_a_text_that_is_no_json_can_be_accepted(plain: SystemClient, target: Target) -> None:
    checklist = a_checklist(plain, target, a='"hello"')
    set_snapshot(plain, checklist, "a", "hello")
    assert run(plain, checklist)["summary"]["miss"] == 1
    [missed] = plain.api.get("/runs").json["data"]
    [assertion] = missed["flows"][0]["assertions"]
    assert (assertion["expected"], assertion["observed"]) == ("hello", "hello")
    assert "no JSON" in assertion["error"]
    assert plain.api.post(f"/runs/{missed['id']}/accept", {}).status_code == 200
    assert run(plain, checklist)["summary"]["match"] == 1


def test_a_text_of_the_worker_that_is_no_json_is_a_miss_and_shown(plain: SystemClient, target: Target) -> None:
    checklist = a_checklist(plain, target, a="<html>")
    assert run(plain, checklist)["assertions"] == [{"name": "a", "result": "MISS", "snapshot": "<html>"}]
    set_snapshot(plain, checklist, "a", "[1]")
    [assertion] = run(plain, checklist)["assertions"]
    assert assertion == {"name": "a", "result": "MISS", "snapshot": "<html>", "expectedSnapshot": "[1]"}


def test_a_value_that_came_as_no_text_is_written_as_one(plain: SystemClient, target: Target) -> None:
    checklist = a_checklist(plain, target)
    target.answers["/worker"] = [{"name": "flow", "assertions": [{"name": "a", "value": {"x": ["é", 1]}}]}]
    assert run(plain, checklist)["assertions"] == [{"name": "a", "result": "NEW", "snapshot": '{"x":["é",1]}'}]
    observe(target, a="[]")
    [assertion] = run(plain, checklist)["assertions"]
    assert assertion["expectedSnapshot"] == '{"x":["é",1]}'


def test_a_repeated_name_is_numbered_with_its_own_text(plain: SystemClient, target: Target) -> None:
    checklist = a_checklist(plain, target)
    assertions = [{"name": "a", "snapshot": text} for text in ("1", " 2", "3 ")]
    target.answers["/worker"] = [{"name": name, "assertions": assertions} for name in ("one", "two")]
    answer = plain.call("POST", f"/checklists/{checklist}/run")
    shown = [(each["name"], each["snapshot"]) for flow in answer.json["data"]["flows"] for each in flow["assertions"]]
    assert shown == [("a", "1"), ("a[2]", " 2"), ("a[3]", "3 ")] * 2


def test_our_own_interface_shows_the_run_without_the_texts(plain: SystemClient, target: Target) -> None:
    checklist = a_checklist(plain, target, a=FIRST)
    run(plain, checklist)
    [shown] = plain.api.get("/runs").json["data"]
    assert shown["flows"] == [
        {
            "name": "flow",
            "summary": {"match": 0, "miss": 0, "new": 1, "obsolete": 0},
            "assertions": [{"name": "a", "result": "NEW", "observed": json.loads(FIRST)}],
        }
    ]
    assert (shown["trigger"], shown["checklist_id"], "texts" in shown) == ("api", checklist, False)


def test_what_a_run_of_our_own_interface_saw_first_is_expected_here_as_it_was_written(
    plain: SystemClient, target: Target
) -> None:
    checklist = a_checklist(plain, target, a=FIRST)
    own = plain.api.post(f"/checklists/{checklist}/run", {}, headers={"Prefer": "wait=20"})
    assert own.json["outcome"] == "passed"
    observe(target, a=OTHER)
    [assertion] = run(plain, checklist)["assertions"]
    assert assertion["expectedSnapshot"] == FIRST


def test_a_value_accepted_in_our_own_interface_is_expected_here(plain: SystemClient, target: Target) -> None:
    checklist = a_checklist(plain, target, a="[1]")
    run(plain, checklist)
    observe(target, a='{"b": 2}')
    run(plain, checklist)
    missed = plain.api.get("/runs").json["data"][0]
    assert plain.api.post(f"/runs/{missed['id']}/accept", {}).status_code == 200
    observe(target, a="[3]")
    [assertion] = run(plain, checklist)["assertions"]
    assert json.loads(assertion["expectedSnapshot"]) == {"b": 2}


@pytest.mark.parametrize(("mode", "sentence"), [("status/500", "500"), ("reset", "could not be asked")])
def test_a_run_that_could_observe_nothing_is_no_success(
    client: SystemClient, target: Target, mode: str, sentence: str
) -> None:
    checklist = a_checklist(client, target)
    target.on("/worker", mode)
    answer = client.call("POST", f"/checklists/{checklist}/run")
    assert (answer.status_code, set(answer.json), answer.json["error"]["code"]) == (502, {"error"}, 5000)
    assert sentence in answer.json["error"]["cause"]


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[" * 60_000, b'{"variables": 5}'], ids=range(5))
def test_a_run_asks_for_no_body_and_reads_none(plain: SystemClient, target: Target, body: bytes) -> None:
    checklist = a_checklist(plain, target, a="1")
    answer = plain.call("POST", f"/checklists/{checklist}/run", data=body, content_type="application/json")
    assert answer.status_code == 200


def test_webhooks_are_told_of_scheduled_runs_alone_and_in_this_systems_words(
    client: SystemClient, target: Target
) -> None:
    checklist = a_checklist(client, target, a="1", b="2")
    run(client, checklist)
    observe(target, a="1", b="3", c="4")
    webhooks = {}
    for event_type, path in (("SCHEDULED_CHECKLIST_START", "/started"), ("SCHEDULED_CHECKLIST_END", "/ended")):
        body = {"eventType": event_type, "url": target.url(path)}
        webhooks[path] = client.call("POST", "/webhooks", body).json["data"]["webhook"]["id"]
    own = {"url": target.url("/own"), "event_types": ["run.finished"]}
    client.api.make("/webhooks", own)
    schedule = client.call("POST", "/schedules", {"checklistId": checklist, "cron": "* * * * * *"})
    schedule_id = schedule.json["data"]["schedule"]["id"]
    seen: list[Any] = []
    for count in range(3, 60):
        seen = target.wait_for(count, 15)
        if {"/started", "/ended", "/own"} <= {each.path for each in seen}:
            break
    client.call("DELETE", f"/schedules/{schedule_id}")
    started, ended, own_message = (
        next(each for each in seen if each.path == path) for path in ("/started", "/ended", "/own")
    )
    told = {"checklistId": checklist, "scheduleId": schedule_id}
    assert started.json() == told | {"eventType": "SCHEDULED_CHECKLIST_START", "webhookId": webhooks["/started"]}
    assert ended.json() == told | {
        "eventType": "SCHEDULED_CHECKLIST_END",
        "webhookId": webhooks["/ended"],
        "results": {"match": 1, "miss": 1, "new": 1},
    }
    assert own_message.json()["type"] == "run.finished"
    assert own_message.json()["data"]["trigger"] == "schedule"
    assert ended.header("webhook-id") == own_message.header("webhook-id")


def test_webhooks_are_told_of_no_run_that_somebody_asked_for(plain: SystemClient, target: Target) -> None:
    checklist = a_checklist(plain, target, a="1")
    for event_type in ("SCHEDULED_CHECKLIST_START", "SCHEDULED_CHECKLIST_END"):
        plain.call("POST", "/webhooks", {"eventType": event_type, "url": target.url("/hook")})
    body = {"checklistId": checklist, "cron": "0 0 1 1 *"}
    schedule = plain.call("POST", "/schedules", body).json["data"]["schedule"]
    run(plain, checklist)
    triggered = plain.api.post(f"/schedules/{schedule['id']}/trigger", {}, headers={"Prefer": "wait=20"})
    assert (triggered.status_code, triggered.json["state"]) == (200, "succeeded")
    assert plain.api.get("/deliveries").json["data"] == []
    assert len(plain.api.get("/events").json["data"]) == 4
