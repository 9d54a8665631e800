"""What automated-qa tells of every request that is wrong, and of our own troubles: its codes, and never a 500."""

import json
from typing import Any

import pytest

from tests.api.bad_bodies import RAW, WRONG_VALUES
from tests.api.compat import automated_qa_client
from tests.api.compat.automated_qa_client import (
    BAD_REQUEST,
    FLOWS,
    NOT_FOUND,
    PREFIX,
    ROUTES,
    START,
    UNAUTHORIZED,
    WORKER,
    everything_of,
    made,
    one_of_each,
    refused,
)
from tests.api.compat.calling import SystemClient
from tests.api_client import ApiClient

client = automated_qa_client.client
plain = automated_qa_client.plain


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer rk_absent_key", "Basic !", "Digest x", "nonsense"]
)
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_without_a_valid_key_an_id_is_not_found_and_the_rest_unauthorized(
    api: ApiClient, route: tuple[str, str], authorization: str | None
) -> None:
    method, rule = route
    if rule in ("/", "/v1/") or (method, rule.removeprefix("/v1")) == ("POST", "/api-keys"):
        return
    path = "/".join("1" if part.startswith("<") else part for part in rule.split("/"))
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = SystemClient(api.without_key(), PREFIX).call(method, path, {}, headers=headers)
    refused(answer, *((404, NOT_FOUND) if "<" in rule else (401, UNAUTHORIZED)))


def test_a_bearer_works_as_well_as_a_user_name(plain: SystemClient) -> None:
    headers = {"Authorization": f"Bearer {plain.api.key}"}
    answer = SystemClient(plain.api.without_key(), PREFIX).call("GET", "/checklists", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path", ["/404", "/checklists/0", "/checklists/x", "/checklists/1/2/3", "/v2/checklists", "/v1/x"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "NONSENSE"])
def test_a_path_that_leads_nowhere_is_not_found_with_a_key_or_without(
    client: SystemClient, path: str, method: str
) -> None:
    refused(client.call(method, path), 404, NOT_FOUND)
    refused(SystemClient(client.api.without_key(), client.prefix).call(method, path), 404, NOT_FOUND)


def test_a_method_that_a_path_does_not_have_is_not_found(client: SystemClient) -> None:
    checklist = made(client, "/checklists", workerUrl=WORKER)
    refused(client.call("PATCH", "/checklists"), 404, NOT_FOUND)
    refused(client.call("GET", f"/checklists/{checklist['id']}"), 404, NOT_FOUND)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/checklists/999999999", {"workerUrl": WORKER}),
        ("DELETE", "/checklists/999999999", None),
        ("POST", "/checklists/999999999/run", None),
        ("POST", "/checklists/999999999/snapshots", {"flows": FLOWS}),
        ("PUT", "/schedules/999999999", {"cron": "* * * * * *"}),
        ("DELETE", "/schedules/999999999", None),
        ("PUT", "/webhooks/999999999", {"cron": "* * * * * *"}),
        ("DELETE", "/webhooks/999999999", None),
        ("POST", "/schedules", {"checklistId": 0, "cron": "* * * * * *"}),
        ("POST", "/schedules", {"checklistId": 999_999_999, "cron": "* * * * * *"}),
    ],
)
def test_what_does_not_exist_is_not_found(client: SystemClient, method: str, path: str, body: Any) -> None:
    refused(client.call(method, path, body), 404, NOT_FOUND)


TAKERS = [
    ("POST", "/checklists", {"workerUrl": WORKER}),
    ("PUT", "/checklists/{checklists}", {"workerUrl": WORKER}),
    ("POST", "/checklists/{checklists}/snapshots", {"flows": FLOWS}),
    ("POST", "/schedules", {"checklistId": "{checklists}", "cron": "* * * * * *"}),
    ("PUT", "/schedules/{schedules}", {"cron": "* * * * * *"}),
    ("POST", "/webhooks", {"eventType": START, "url": WORKER}),
    ("PUT", "/webhooks/{webhooks}", {"url": WORKER}),
]
every_taker = pytest.mark.parametrize(("method", "path", "body"), TAKERS, ids=[" ".join(each[:2]) for each in TAKERS])


@every_taker
@pytest.mark.parametrize("name", list(RAW))
def test_a_body_that_is_no_such_object_is_refused(
    plain: SystemClient, method: str, path: str, body: Any, name: str
) -> None:
    ids = {kind: each["id"] for kind, each in one_of_each(plain).items()}
    before = everything_of(plain)
    answer = plain.call(method, path.format(**ids), data=RAW[name], content_type="application/json")
    refused(answer, 400, BAD_REQUEST)
    assert everything_of(plain) == before


@every_taker
def test_a_body_of_another_type_size_or_encoding_is_refused(
    plain: SystemClient, method: str, path: str, body: Any
) -> None:
    ids = {kind: each["id"] for kind, each in one_of_each(plain).items()}
    large = b'{"workerUrl": "' + b"x" * 1_048_577 + b'"}'
    for options in (
        {"data": b"", "content_type": "application/json"},
        {"data": json.dumps(body), "content_type": "text/plain"},
        {"data": json.dumps(body), "content_type": "application/x-www-form-urlencoded"},
        {"data": json.dumps(body)},
        {"data": json.dumps(body), "content_type": "application/json", "headers": {"Content-Encoding": "gzip"}},
        {"data": large, "content_type": "application/json"},
    ):
        refused(plain.call(method, path.format(**ids), **options), 400, BAD_REQUEST)


@every_taker
def test_a_wrong_value_is_refused_or_taken_but_never_an_accident(
    plain: SystemClient, method: str, path: str, body: Any
) -> None:
    ids = {kind: each["id"] for kind, each in one_of_each(plain).items()}
    body = {name: ids["checklists"] if value == "{checklists}" else value for name, value in body.items()}
    assert plain.call(method, path.format(**ids), body).status_code in (200, 201)
    for field in body:
        for wrong in WRONG_VALUES:
            answer = plain.call(method, path.format(**ids), body | {field: wrong})
            if (field, wrong) == ("flows", []):
                assert answer.status_code == 201
            elif field == "checklistId" and type(wrong) is int:
                refused(answer, *((400, BAD_REQUEST) if abs(wrong) > 2**53 else (404, NOT_FOUND)))
            else:
                refused(answer, 400, BAD_REQUEST)


@pytest.mark.parametrize(
    "flows",
    [
        [{"name": "f"}],
        [{"name": "f", "snapshots": [{"name": "c"}]}],
        [{"name": "f", "snapshots": [{"name": "c", "value": 1}]}],
        [{"name": "f", "snapshots": [{"name": "c", "value": None}]}],
        [{"name": "", "snapshots": []}],
        [{"name": "f", "snapshots": [{"name": "c", "value": "1"}, {"name": "c", "value": "2"}]}],
        [{"name": "f", "snapshots": [{"name": str(number), "value": "1"} for number in range(1_001)]}],
    ],
    ids=range(7),
)
def test_snapshots_that_are_none_are_refused(plain: SystemClient, flows: Any) -> None:
    checklist = made(plain, "/checklists", workerUrl=WORKER)
    path = f"/checklists/{checklist['id']}/snapshots"
    refused(plain.call("POST", path, {"flows": flows}), 400, BAD_REQUEST)
    assert plain.api.get(path).json["data"] == []


@pytest.mark.parametrize("path", ["/checklists/{checklists}", "/schedules/{schedules}", "/webhooks/{webhooks}"])
def test_an_update_that_says_nothing_is_refused(plain: SystemClient, path: str) -> None:
    ids = {kind: each["id"] for kind, each in one_of_each(plain).items()}
    refused(plain.call("PUT", path.format(**ids), {"surprise": 1}), 400, BAD_REQUEST)


def test_a_member_that_nobody_asks_for_is_passed_over(plain: SystemClient) -> None:
    made(plain, "/checklists", workerUrl=WORKER, id=5, name="x", nested={"a": [1]})
    flows = [{"name": "f", "id": 1, "snapshots": [{"name": "c", "value": "1", "id": 2}]}]
    checklist = made(plain, "/checklists", workerUrl=WORKER)
    assert plain.call("POST", f"/checklists/{checklist['id']}/snapshots", {"flows": flows}).status_code == 201


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://10.0.0.1/", "ftp://a/", "http://u:p@a/", "/x", "http://1"]
)
def test_a_url_that_may_not_be_called_is_refused(plain: SystemClient, url: str) -> None:
    refused(plain.call("POST", "/checklists", {"workerUrl": url}), 400, BAD_REQUEST)
    refused(plain.call("POST", "/webhooks", {"eventType": START, "url": url}), 400, BAD_REQUEST)


@pytest.mark.parametrize("cron", ["", "* * *", "0 0 30 2 *", "R * * * *", "61 * * * * *", "* * * * * * *", "x" * 5_000])
def test_a_cron_that_is_none_is_refused(plain: SystemClient, cron: str) -> None:
    checklist = made(plain, "/checklists", workerUrl=WORKER)
    refused(plain.call("POST", "/schedules", {"checklistId": checklist["id"], "cron": cron}), 400, BAD_REQUEST)


def test_the_database_away_is_told_in_this_systems_shape(plain: SystemClient, app_with: Any) -> None:
    away = app_with(database_url="postgresql:///none?host=/nonexistent").client
    for path in ("/checklists", "/v1/webhooks"):
        answer = SystemClient(ApiClient(away, plain.api.key), PREFIX).call("GET", path)
        assert (answer.status_code, set(answer.json), answer.json["error"]["code"]) == (503, {"error"}, 5000)
        assert set(answer.json["error"]) == {"code", "message", "cause"}
        assert int(answer.headers["Retry-After"]) >= 1


def test_a_run_that_does_not_end_in_time_is_told_so_and_goes_on(
    plain: SystemClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    checklist = made(plain, "/checklists", workerUrl=WORKER)
    monkeypatch.setattr("api.compat.automated_qa.running.SLACK_SECONDS", -60)
    answer = plain.call("POST", f"/checklists/{checklist['id']}/run")
    [run] = plain.api.get("/runs").json["data"]
    assert (answer.status_code, answer.json["error"]["code"], run["state"]) == (504, 5000, "pending")
    assert run["id"] in answer.json["error"]["cause"]


def test_an_accident_is_told_without_its_cause(plain: SystemClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.compat.automated_qa.checklists._object", lambda _: 1 / 0)
    answer = plain.call("POST", "/checklists", {"workerUrl": WORKER})
    assert (answer.status_code, answer.json["error"]["code"]) == (500, 5000)
    assert "division" not in answer.text


def test_paths_beside_the_prefix_are_told_in_our_own_way(api: ApiClient) -> None:
    for path in ("/compat/automated-qax", "/compat", "/compat/nothing"):
        assert api.get(path).content_type == "application/problem+json"
