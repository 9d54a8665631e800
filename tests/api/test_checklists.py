"""Checklists through the API: what is taken, what is refused and why, and how they are listed."""

from typing import Any

import pytest

from api.schemas.checklists import ChecklistInput
from tests.api_client import ApiClient, pages, problem

URL = "http://127.0.0.1:9/"
GIVEN = {
    "name": "shop",
    "flows": [
        {
            "name": "list",
            "steps": [
                {
                    "act": "sign in",
                    "request": {
                        "method": "POST",
                        "url": "http://127.0.0.1:9/{{path}}",
                        "headers": {"X-Trace": "{{trace}}"},
                        "query": {"page": "1"},
                        "json": None,
                        "auth": {"basic": ["ada", ""]},
                        "follow_redirects": True,
                    },
                    "capture": {"token": "data.token"},
                    "expect": {"status": 200, "max_elapsed_ms": 500, "headers": {"A": "b"}, "json": {"a.b": None}},
                },
                {"check": "Ünïcode 😀", "observe": "body.items", "expect": {"status": 200}},
            ],
        }
    ],
    "timeout_seconds": 900,
    "first_value": "review",
    "rules": [{"path": "/*/id", "match": "regex", "value": "[0-9]+", "flow": "list"}, {"path": "", "match": "type"}],
    "variables": {"path": "x", "trace": ""},
}


def problems_with(api: ApiClient, body: Any) -> dict[str, str]:
    """Where and why the API refuses this checklist."""
    return {error["pointer"]: error["detail"] for error in problem(api.post("/checklists", body), 422)["errors"]}


def test_a_checklist_is_created_read_and_listed_as_it_was_written(fresh: ApiClient) -> None:
    answer = fresh.post("/checklists", GIVEN)
    assert answer.status_code == 201
    created = answer.json
    assert answer.headers["Location"] == f"/checklists/{created['id']}"
    assert created == GIVEN | {
        "id": created["id"],
        "worker_url": None,
        "queue": None,
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
    }
    assert created["created_at"].endswith("Z")
    assert fresh.get(answer.headers["Location"]).json == created
    assert fresh.get("/checklists").json == {"data": [created], "next_cursor": None}


def test_what_is_left_out_has_its_default(fresh: ApiClient) -> None:
    created = fresh.make("/checklists", {"name": "n", "worker_url": URL})
    assert (created["timeout_seconds"], created["first_value"], created["rules"], created["variables"]) == (
        60,
        "accept",
        [],
        {},
    )


def test_the_documented_example_is_accepted(fresh: ApiClient) -> None:
    fresh.make("/checklists", ChecklistInput.example)


def test_a_replacement_keeps_the_id_and_nothing_else(fresh: ApiClient) -> None:
    before = fresh.make("/checklists", GIVEN)
    after = fresh.put(f"/checklists/{before['id']}", {"name": "other", "worker_url": URL})
    assert after.status_code == 200
    assert (after.json["id"], after.json["flows"], after.json["variables"]) == (before["id"], None, {})
    assert fresh.get(f"/checklists/{before['id']}").json == after.json


def test_a_name_that_another_checklist_has_is_a_conflict(fresh: ApiClient) -> None:
    fresh.make_checklist("one")
    other = fresh.make_checklist("two")
    problem(fresh.post("/checklists", {"name": "one", "worker_url": URL}), 409)
    problem(fresh.put(f"/checklists/{other['id']}", {"name": "one", "worker_url": URL}), 409)
    assert [item["name"] for item in pages(fresh, "/checklists", 10)] == ["one", "two"]


def test_a_deleted_checklist_is_gone_and_its_runs_are_canceled(fresh: ApiClient) -> None:
    checklist = fresh.make_checklist()
    run = fresh.start_run(checklist["id"])
    answer = fresh.delete(f"/checklists/{checklist['id']}")
    assert (answer.status_code, answer.data) == (204, b"")
    problem(fresh.get(f"/checklists/{checklist['id']}"), 404)
    problem(fresh.delete(f"/checklists/{checklist['id']}"), 404)
    ended = fresh.get(f"/runs/{run['id']}").json
    assert (ended["state"], ended["checklist_id"], ended["error"]) == ("canceled", None, "its checklist was deleted")


def test_pages_are_by_id_and_stable_under_inserts(fresh: ApiClient) -> None:
    made = [fresh.make_checklist()["id"] for _ in range(4)]
    first = fresh.get("/checklists?limit=3").json
    made.append(fresh.make_checklist()["id"])
    second = fresh.get(f"/checklists?limit=3&cursor={first['next_cursor']}").json
    assert [item["id"] for item in first["data"] + second["data"]] == made
    assert second["next_cursor"] is None


def test_a_page_that_is_exactly_full_is_the_last(fresh: ApiClient) -> None:
    for _ in range(2):
        fresh.make_checklist()
    assert fresh.get("/checklists?limit=2").json["next_cursor"] is None


def test_a_checklist_is_found_by_its_name(fresh: ApiClient) -> None:
    fresh.make_checklist("a&b é")
    fresh.make_checklist("other")
    found = fresh.get("/checklists", query_string={"name": "a&b é"}).json["data"]
    assert [item["name"] for item in found] == ["a&b é"]


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"name": ""}, "/name", "must be a string of 1 to 200 characters"),
        ({"name": "x" * 201}, "/name", "must be a string of 1 to 200 characters"),
        ({"name": 5}, "/name", "must be a string of 1 to 200 characters"),
        ({"worker_url": "ftp://x/"}, "/worker_url", "the URL must begin with http:// or https://"),
        ({"worker_url": "http://me:pw@127.0.0.1/"}, "/worker_url", "the URL must not contain a user name or password"),
        ({"worker_url": "http://10.0.0.1/"}, "/worker_url", "the address of this URL is not allowed"),
        ({"worker_url": "http://0xa9fea9fe/"}, "/worker_url", "the address of this URL is not allowed"),
        ({"timeout_seconds": 0}, "/timeout_seconds", "must be a whole number from 1 to 900"),
        ({"timeout_seconds": 901}, "/timeout_seconds", "must be a whole number from 1 to 900"),
        ({"timeout_seconds": True}, "/timeout_seconds", "must be a whole number from 1 to 900"),
        ({"timeout_seconds": "60"}, "/timeout_seconds", "must be a whole number from 1 to 900"),
        ({"timeout_seconds": 60.0}, "/timeout_seconds", "must be a whole number from 1 to 900"),
        ({"first_value": "maybe"}, "/first_value", "must be one of: accept, review"),
        ({"variables": {"9x": "1"}}, "/variables/9x", "is not a valid variable name"),
        ({"variables": {"x": 1}}, "/variables/x", "must be a string of at most 10000 characters"),
        ({"variables": []}, "/variables", "must be an object of strings"),
        ({"rules": [{"path": "a", "match": "ignore"}]}, "/rules/0/path", "a JSON Pointer starts with /"),
        ({"rules": [{"path": "/a", "match": "same"}]}, "/rules/0/match", "must be one of: ignore"),
        ({"rules": [{"path": "/a", "match": "regex", "value": "("}]}, "/rules/0/value", "not an RE2 pattern"),
        ({"rules": [{"path": "/a", "match": "approx", "value": -1}]}, "/rules/0/value", "0 or more"),
        ({"rules": [{"path": "/a", "match": "type"}] * 201}, "/rules", "must be a list of 0 to 200"),
        ({"surprise": 1}, "/surprise", "is no field of this object"),
        ({"id": 1}, "/id", "is no field of this object"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_is_expected(
    api: ApiClient, fields: dict[str, Any], pointer: str, detail: str
) -> None:
    found = problems_with(api, {"name": "n", "worker_url": URL} | fields)
    assert list(found) == [pointer]
    assert detail in found[pointer]


CHECK = {"check": "c"}
ACT = {"act": "a", "request": {"url": URL}}


@pytest.mark.parametrize(
    ("step", "pointer", "detail"),
    [
        ({}, "", "exactly one of act and check"),
        (ACT | CHECK, "", "exactly one of act and check"),
        ({"act": "a"}, "/request", "an act needs a request"),
        (ACT | {"observe": "body"}, "/observe", "only a check observes"),
        (CHECK | {"request": {"url": URL}}, "/request", "only an act has a request"),
        (CHECK | {"capture": {"a": "b"}}, "/capture", "only an act has a capture"),
        (CHECK | {"observe": "body["}, "/observe", ""),
        (CHECK | {"expect": {"status": 99}}, "/expect/status", "from 100 to 599"),
        (CHECK | {"expect": {"json": {"a[": 1}}}, "/expect/json/a[", ""),
        (CHECK | {"expect": {"json": []}}, "/expect/json", "mapping"),
        (ACT | {"capture": {"a": "b["}}, "/capture/b[", ""),
        ({"act": "a", "request": {}}, "/request/url", "Missing data"),
        ({"act": "a", "request": {"url": "x"}}, "/request/url", "must begin with http"),
        ({"act": "a", "request": {"url": "http://[::1]/"}}, "/request/url", "the address of this URL is not allowed"),
        ({"act": "a", "request": {"url": "http://169.254.169.254/latest"}}, "/request/url", "is not allowed"),
        ({"act": "a", "request": {"url": URL, "json": 1, "body": ""}}, "/request/body", "only one of json and body"),
        ({"act": "a", "request": {"url": URL, "method": "TRACE"}}, "/request/method", "must be one of: GET"),
        ({"act": "a", "request": {"url": URL, "headers": {"A": "b\r\nC: d"}}}, "/request/headers/A", "line breaks"),
        ({"act": "a", "request": {"url": URL, "headers": {"Host": "x"}}}, "/request/headers/Host", "cannot be set"),
        ({"act": "a", "request": {"url": URL, "auth": {}}}, "/request/auth", "exactly one of basic and bearer"),
        (
            {"act": "a", "request": {"url": URL, "auth": {"basic": ["a"]}}},
            "/request/auth/basic",
            "must be a list of 2 to 2",
        ),
        ({"act": "a", "request": {"url": URL, "follow_redirects": 1}}, "/request/follow_redirects", "true or false"),
    ],
)
def test_a_step_that_is_wrong_is_named_by_its_place(
    api: ApiClient, step: dict[str, Any], pointer: str, detail: str
) -> None:
    found = problems_with(api, {"name": "n", "flows": [{"name": "f", "steps": [step]}]})
    assert list(found) == [f"/flows/0/steps/0{pointer}"]
    assert detail in found[f"/flows/0/steps/0{pointer}"]


@pytest.mark.parametrize(
    ("flows", "pointer", "detail"),
    [
        ([], "/flows", "must be a list of 1 to 200"),
        ([{"name": "f", "steps": []}], "/flows/0/steps", "must be a list of 1 to 100"),
        ([{"name": "f", "steps": [CHECK] * 101}], "/flows/0/steps", "must be a list of 1 to 100"),
        ([{"name": "f", "steps": [CHECK]}] * 2, "/flows/1/name", "is used by another flow"),
        ([{"name": str(n), "steps": [CHECK]} for n in range(201)], "/flows", "must be a list of 1 to 200"),
        ([{"name": str(n), "steps": [CHECK] * 91} for n in range(11)], "/flows", "at most 1000 checks"),
        ({}, "/flows", "must be a list of 1 to 200"),
        ([1], "/flows/0", "must be an object"),
    ],
)
def test_flows_that_are_wrong_are_named_by_their_place(api: ApiClient, flows: Any, pointer: str, detail: str) -> None:
    found = problems_with(api, {"name": "n", "flows": flows})
    assert list(found) == [pointer]
    assert detail in found[pointer]


@pytest.mark.parametrize(
    "sources", [{}, {"worker_url": URL, "flows": GIVEN["flows"]}, {"worker_url": URL, "queue": "q"}]
)
def test_a_checklist_has_exactly_one_source(api: ApiClient, sources: dict[str, Any]) -> None:
    assert problems_with(api, {"name": "n", **sources}) == {
        "": "exactly one of worker_url, flows and queue must be given"
    }


def test_all_that_is_wrong_is_told_at_once_and_bounded(api: ApiClient) -> None:
    found = problems_with(api, {"name": 1, "worker_url": 2, "timeout_seconds": 3.5, "x": 4})
    assert set(found) == {"/name", "/worker_url", "/timeout_seconds", "/x"}
    assert len(problem(api.post("/checklists", {f"x{n}": n for n in range(500)}), 422)["errors"]) == 100
