"""Pushes, pops and ends of tasks that are refused: each wrong field is named, with what was expected."""

from typing import Any
from uuid import uuid4

import pytest

from api.schemas.tasks import AcksInput, ExtendInput, FailInput, LogInput, PopInput
from tests.api.test_tasks import popped, read
from tests.api_client import ApiClient, pages, problem

DELAY = "must be a number from 0 to 31536000"
LEASE = "must be a whole number from 1 to 43200"
UUID = "must be a UUID"
TOKEN = {"lease_token": str(uuid4())}
NAME = "must be 1 to 100 of: letters, digits, dot, underscore, hyphen"


def problems_with(api: ApiClient, path: str, body: Any) -> dict[str, str]:
    """Where and why the API refuses this."""
    answer = problem(api.post(path, body), 422)
    return {error["pointer"]: error["detail"] for error in answer["errors"]}


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"delay_seconds": -1}, "/delay_seconds", DELAY),
        ({"delay_seconds": 31_536_000.5}, "/delay_seconds", DELAY),
        ({"delay_seconds": "1"}, "/delay_seconds", DELAY),
        ({"delay_seconds": True}, "/delay_seconds", DELAY),
        ({"delay_seconds": None}, "/delay_seconds", "null"),
        ({"priority": -101}, "/priority", "must be a whole number from -100 to 100"),
        ({"priority": 101}, "/priority", "must be a whole number from -100 to 100"),
        ({"priority": 1.0}, "/priority", "must be a whole number from -100 to 100"),
        ({"priority": True}, "/priority", "must be a whole number from -100 to 100"),
        ({"max_attempts": 0}, "/max_attempts", "must be a whole number from 1 to 100"),
        ({"max_attempts": 101}, "/max_attempts", "must be a whole number from 1 to 100"),
        ({"timeout_seconds": 0}, "/timeout_seconds", LEASE),
        ({"timeout_seconds": 43_201}, "/timeout_seconds", LEASE),
        ({"timeout_seconds": None}, "/timeout_seconds", "null"),
        ({"dedup_key": ""}, "/dedup_key", "must be a string of 1 to 200 characters"),
        ({"dedup_key": "x" * 201}, "/dedup_key", "must be a string of 1 to 200 characters"),
        ({"dedup_key": 1}, "/dedup_key", "must be a string of 1 to 200 characters"),
        ({"dedup_key": None}, "/dedup_key", "null"),
        ({"surprise": 1}, "/surprise", "is no field of this object"),
        ({"queue": "q"}, "/queue", "is no field of this object"),
        ({"state": "running"}, "/state", "is no field of this object"),
    ],
)
def test_a_field_of_a_push_that_is_wrong_is_named(
    fresh: ApiClient, fields: dict[str, Any], pointer: str, detail: str
) -> None:
    one = problems_with(fresh, "/queues/q/tasks", {"payload": 1} | fields)
    many = problems_with(fresh, "/queues/q/tasks", {"tasks": [{"payload": 1}, {"payload": 1} | fields]})
    assert list(one) == [pointer]
    assert list(many) == [f"/tasks/1{pointer}"]
    assert detail in one[pointer]
    assert many[f"/tasks/1{pointer}"] == one[pointer]
    assert pages(fresh, "/tasks", 10) == []


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({}, "/payload", "must be given, unless tasks are"),
        ({"priority": 1}, "/payload", "must be given, unless tasks are"),
        ({"tasks": [{}]}, "/tasks/0/payload", "Missing data"),
        ({"tasks": []}, "/tasks", "must be a list of 1 to 1000"),
        ({"tasks": [{"payload": 1}] * 1_001}, "/tasks", "must be a list of 1 to 1000"),
        ({"tasks": {"payload": 1}}, "/tasks", "must be a list of 1 to 1000"),
        ({"tasks": None}, "/tasks", "null"),
        ({"tasks": [1]}, "/tasks/0", "must be an object"),
        ({"tasks": [{"payload": 1}], "payload": 1}, "/payload", "must be left out when tasks are given"),
        ({"tasks": [{"payload": 1}], "priority": 0}, "/priority", "must be left out when tasks are given"),
        ({"tasks": [{"payload": 1, "tasks": []}]}, "/tasks/0/tasks", "is no field of this object"),
    ],
)
def test_a_push_is_of_one_task_or_of_many(api: ApiClient, body: Any, pointer: str, detail: str) -> None:
    found = problems_with(api, "/queues/q/tasks", body)
    assert list(found) == [pointer]
    assert detail in found[pointer]


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"max": 0}, "/max", "must be a whole number from 1 to 100"),
        ({"max": 101}, "/max", "must be a whole number from 1 to 100"),
        ({"max": "1"}, "/max", "must be a whole number from 1 to 100"),
        ({"lease_seconds": 0}, "/lease_seconds", LEASE),
        ({"lease_seconds": 43_201}, "/lease_seconds", LEASE),
        ({"lease_seconds": 1.5}, "/lease_seconds", LEASE),
        ({"wait_seconds": -1}, "/wait_seconds", "must be a number from 0 to 20"),
        ({"wait_seconds": 20.5}, "/wait_seconds", "must be a number from 0 to 20"),
        ({"wait_seconds": True}, "/wait_seconds", "must be a number from 0 to 20"),
        ({"worker": ""}, "/worker", "must be a string of 1 to 200 characters"),
        ({"worker": "x" * 201}, "/worker", "must be a string of 1 to 200 characters"),
        ({"worker": None}, "/worker", "null"),
        ({"queue": "q"}, "/queue", "is no field of this object"),
    ],
)
def test_a_field_of_a_pop_that_is_wrong_is_named_and_nothing_is_popped(
    fresh: ApiClient, fields: dict[str, Any], pointer: str, detail: str
) -> None:
    task = fresh.push_task("q")
    found = problems_with(fresh, "/queues/q/pop", fields)
    assert list(found) == [pointer]
    assert detail in found[pointer]
    assert read(fresh, task)["state"] == "pending"


@pytest.mark.parametrize(
    ("action", "fields", "pointer", "detail"),
    [
        ("ack", {"lease_token": "x"}, "/lease_token", UUID),
        ("ack", {"lease_token": 5}, "/lease_token", UUID),
        ("ack", {"lease_token": None}, "/lease_token", "null"),
        ("ack", {"lease_token": "urn:uuid:" + TOKEN["lease_token"]}, "/lease_token", UUID),
        ("ack", {"lease_token": TOKEN["lease_token"].replace("-", "")}, "/lease_token", UUID),
        ("ack", {"error": "e"}, "/error", "is no field of this object"),
        ("fail", {"error": 5}, "/error", "must be a string of 0 to 10000 characters"),
        ("fail", {"error": "x" * 10_001}, "/error", "must be a string of 0 to 10000 characters"),
        ("fail", {"error": None}, "/error", "null"),
        ("fail", {"error": "e", "retry": 1}, "/retry", "must be true or false"),
        ("fail", {"error": "e", "retry": "yes"}, "/retry", "must be true or false"),
        ("fail", {"error": "e", "delay_seconds": -1}, "/delay_seconds", DELAY),
        ("fail", {"error": "e", "delay_seconds": 31_536_001}, "/delay_seconds", DELAY),
        ("fail", {}, "/error", "Missing data"),
        ("extend", {"lease_seconds": 0}, "/lease_seconds", LEASE),
        ("extend", {"lease_seconds": 43_201}, "/lease_seconds", LEASE),
        ("extend", {}, "/lease_seconds", "Missing data"),
        ("log", {}, "/message", "exactly one of message and messages must be given"),
        ("log", {"message": "m", "messages": ["m"]}, "/message", "exactly one of message and messages must be given"),
        ("log", {"message": "x" * 10_001}, "/message", "must be a string of 0 to 10000 characters"),
        ("log", {"messages": []}, "/messages", "must be a list of 1 to 100"),
        ("log", {"messages": ["m"] * 101}, "/messages", "must be a list of 1 to 100"),
        ("log", {"messages": ["m", 5]}, "/messages/1", "must be a string of 0 to 10000 characters"),
        ("log", {"messages": "m"}, "/messages", "must be a list of 1 to 100"),
    ],
)
def test_a_field_of_an_end_that_is_wrong_is_named(
    fresh: ApiClient, action: str, fields: dict[str, Any], pointer: str, detail: str
) -> None:
    task = popped(fresh)
    found = problems_with(fresh, f"/tasks/{task['id']}/{action}", {"lease_token": task["lease_token"]} | fields)
    assert list(found) == [pointer]
    assert detail in found[pointer]
    assert read(fresh, task)["state"] == "running"


@pytest.mark.parametrize("action", ["ack", "fail", "extend", "log"])
def test_a_lease_token_is_needed(fresh: ApiClient, action: str) -> None:
    assert "/lease_token" in problems_with(fresh, f"/tasks/{popped(fresh)['id']}/{action}", {})


def test_an_end_may_be_told_in_the_widest_bounds(fresh: ApiClient) -> None:
    for action, fields in (
        ("log", {"messages": ["x" * 10_000] * 90}),
        ("extend", {"lease_seconds": 43_200}),
        ("fail", {"error": "x" * 10_000, "delay_seconds": 31_536_000}),
        ("fail", {"error": "", "retry": False}),
    ):
        task = popped(fresh, str(uuid4()))
        body = {"lease_token": task["lease_token"].upper()} | fields
        assert fresh.post(f"/tasks/{task['id']}/{action}", body).status_code == 200, action


@pytest.mark.parametrize(
    ("acks", "pointer", "detail"),
    [
        ([], "/acks", "must be a list of 1 to 1000"),
        ([TOKEN] * 1_001, "/acks", "must be a list of 1 to 1000"),
        ([TOKEN], "/acks/0/id", "Missing data"),
        ([TOKEN | {"id": "x"}], "/acks/0/id", UUID),
        ([TOKEN | {"id": str(uuid4()), "error": "e"}], "/acks/0/error", "is no field of this object"),
        ([TOKEN | {"id": TOKEN["lease_token"]}] * 2, "/acks", "must name every task once"),
    ],
)
def test_many_acks_are_refused_together(api: ApiClient, acks: Any, pointer: str, detail: str) -> None:
    found = problems_with(api, "/tasks/ack", {"acks": acks})
    assert list(found) == [pointer]
    assert detail in found[pointer]


@pytest.mark.parametrize("name", ["e%20mail", "a%2Fb", "%C3%A9", "x" * 101, "a%00", "a:b", "%0A", "a%0A", "*"])
def test_a_queue_must_have_a_name_that_queues_can_have(fresh: ApiClient, name: str) -> None:
    for method, path, body in (
        ("POST", "/tasks", {"payload": 1}),
        ("POST", "/pop", {}),
        ("POST", "/retry-failed", {}),
        ("PUT", "", {}),
    ):
        answer = fresh.call(method, f"/queues/{name}{path}", json=body)
        if name == "a%2Fb":
            problem(answer, 404)  # a path of its own
        else:
            [error] = problem(answer, 422)["errors"]
            assert NAME.removeprefix("must be ") in error["detail"]
    problem(fresh.get(f"/queues/{name}"), 404)
    assert pages(fresh, "/queues", 10) == []


@pytest.mark.parametrize(
    "query", ["state=done", "state=", "queue=", "queue=a%20b", "cursor=x", "limit=0", "queue=a%00"]
)
def test_a_filter_that_is_none_is_refused(api: ApiClient, query: str) -> None:
    name = query.split("=")[0]
    assert f"/{name}" in [error["pointer"] for error in problem(api.get(f"/tasks?{query}"), 422)["errors"]]


def test_the_documented_examples_are_accepted(fresh: ApiClient) -> None:
    assert fresh.post("/queues/q/pop", PopInput.example | {"wait_seconds": 0}).status_code == 204
    assert fresh.post("/tasks/ack", AcksInput.example).json["results"][0]["outcome"] == "unknown"
    for action, example in (("fail", FailInput.example), ("extend", ExtendInput.example), ("log", LogInput.example)):
        task = popped(fresh)
        body = example | {"lease_token": task["lease_token"]}
        assert fresh.post(f"/tasks/{task['id']}/{action}", body).status_code == 200
