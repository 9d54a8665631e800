"""Snapshots through the API: set by hand, listed, looked back upon, forgotten."""

from typing import Any

import pytest

from shared.database import Database
from tests.api_client import ApiClient, pages, problem
from tests.runs import end_run


def body(**flows: dict[str, Any]) -> dict[str, Any]:
    return {
        "flows": [
            {"name": flow, "snapshots": [{"name": name, "value": value} for name, value in checks.items()]}
            for flow, checks in flows.items()
        ]
    }


@pytest.fixture
def path(fresh: ApiClient) -> str:
    return f"/checklists/{fresh.make_checklist()['id']}/snapshots"


def values(api: ApiClient, path: str) -> dict[tuple[str, str], Any]:
    return {(row["flow"], row["name"]): row["value"] for row in pages(api, path, 50)}


def test_snapshots_are_set_by_hand_and_told_back(fresh: ApiClient, path: str) -> None:
    given = body(f={"a": {"b": [1, None]}, "c": None}, g={"a": "x"})
    answer = fresh.post(path, given)
    assert (answer.status_code, answer.json) == (201, given)
    [first, *_] = pages(fresh, path, 50)
    assert first == {
        "flow": "f",
        "name": "a",
        "value": {"b": [1, None]},
        "accepted_at": first["accepted_at"],
        "accepted_by": "test",
        "run_id": None,
        "state": "current",
    }
    assert values(fresh, path) == {("f", "a"): {"b": [1, None]}, ("f", "c"): None, ("g", "a"): "x"}


@pytest.mark.parametrize("number", [1.5, 1e22, 1e23, 1e308, 5e-324, 2**53, -(2**53), 0])
def test_a_number_is_told_back_as_it_was_set(fresh: ApiClient, path: str, number: float) -> None:
    fresh.make(path, body(f={"n": number}))
    assert values(fresh, path) == {("f", "n"): number}


def test_setting_one_leaves_the_others_alone(fresh: ApiClient, path: str) -> None:
    fresh.make(path, body(f={"a": 1, "b": 2}))
    fresh.make(path, body(f={"a": 3}))
    assert values(fresh, path) == {("f", "a"): 3, ("f", "b"): 2}


def test_the_history_of_a_check_tells_every_value_newest_first(fresh: ApiClient, path: str) -> None:
    for value in (1, 2, 3):
        fresh.make(path, body(f={"a": value, "b": value}))
    rows = pages(fresh, f"{path}/history", 2, flow="f", name="a")
    assert [(row["value"], row["state"]) for row in rows] == [(3, "current"), (2, "superseded"), (1, "superseded")]
    assert [row["superseded_at"] is None for row in rows] == [True, False, False]


def test_a_check_without_snapshots_has_an_empty_history(fresh: ApiClient, path: str) -> None:
    answer = fresh.get(f"{path}/history?flow=f&name=none")
    assert answer.json == {"data": [], "next_cursor": None}


def test_the_history_is_of_one_check_which_must_be_named(fresh: ApiClient, path: str) -> None:
    refused = problem(fresh.get(f"{path}/history"), 422)
    assert {error["pointer"] for error in refused["errors"]} == {"/flow", "/name"}


def test_a_snapshot_that_was_not_observed_is_obsolete(fresh: ApiClient, path: str, database: Database) -> None:
    fresh.make(path, body(f={"a": 1, "gone": 2}))
    run = fresh.start_run(int(path.split("/")[2]))
    end_run(database, run["id"], {"f": {"a": 1}})
    assert {row["name"]: row["state"] for row in pages(fresh, path, 50)} == {"a": "current", "gone": "obsolete"}


@pytest.mark.parametrize(
    ("forgotten", "left"),
    [
        (None, set()),
        ({}, set()),
        ({"flows": []}, {("f", "a"), ("f", "b"), ("g", "a")}),
        ({"flows": [{"name": "f"}]}, {("g", "a")}),
        ({"flows": [{"name": "f", "snapshots": ["a"]}]}, {("f", "b"), ("g", "a")}),
        ({"flows": [{"name": "f", "snapshots": []}]}, {("f", "a"), ("f", "b"), ("g", "a")}),
        ({"flows": [{"name": "f", "snapshots": ["none"]}, {"name": "g"}]}, {("f", "a"), ("f", "b")}),
    ],
)
def test_all_whole_flows_or_single_checks_are_forgotten(
    fresh: ApiClient, path: str, forgotten: Any, left: set[tuple[str, str]]
) -> None:
    fresh.make(path, body(f={"a": 1, "b": 2}, g={"a": 3}))
    answer = fresh.delete(path, json=forgotten)
    assert (answer.status_code, answer.data) == (204, b"")
    assert set(values(fresh, path)) == left


@pytest.mark.parametrize(
    ("given", "pointer", "detail"),
    [
        ({}, "/flows", "required"),
        ({"flows": []}, "/flows", "must be a list of 1 to 1000"),
        ({"flows": [{"name": "f", "snapshots": []}]}, "/flows", "must hold 1 to 1000 snapshots"),
        (body(f={str(n): n for n in range(1001)}), "/flows", "must hold 1 to 1000 snapshots"),
        ({"flows": body(f={"a": 1})["flows"] * 2}, "/flows", "must name every check once"),
        ({"flows": [{"name": "f", "snapshots": [{"name": "a"}]}]}, "/flows/0/snapshots/0/value", "required"),
        ({"flows": [{"name": "f", "snapshots": [{"name": "", "value": 1}]}]}, "/flows/0/snapshots/0/name", "1 to 200"),
        ({"flows": [{"name": "f", "snapshots": {}}]}, "/flows/0/snapshots", "must be a list"),
    ],
)
def test_snapshots_that_are_wrong_are_named_by_their_place(
    fresh: ApiClient, path: str, given: Any, pointer: str, detail: str
) -> None:
    errors = {error["pointer"]: error["detail"] for error in problem(fresh.post(path, given), 422)["errors"]}
    assert list(errors) == [pointer]
    assert detail in errors[pointer]


def test_snapshots_are_listed_page_by_page(fresh: ApiClient, path: str) -> None:
    fresh.make(path, body(f=dict.fromkeys("abcde", 1)))
    assert [row["name"] for row in pages(fresh, path, 2)] == list("abcde")


def test_snapshots_of_an_absent_checklist_are_not_found(api: ApiClient) -> None:
    for answer in (
        api.get("/checklists/999999/snapshots"),
        api.get("/checklists/999999/snapshots/history?flow=f&name=n"),
        api.post("/checklists/999999/snapshots", body(f={"a": 1})),
        api.delete("/checklists/999999/snapshots"),
    ):
        problem(answer, 404)
