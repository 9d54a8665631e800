"""Webhooks through the API: what is taken, what is refused and why, and what is kept when one is replaced."""

from typing import Any

import pytest

from api.schemas.webhooks import EVENT_TYPES, WebhookInput
from tests.api_client import ApiClient, pages, problem

URL = "http://127.0.0.1:9/hook"
GIVEN = {
    "url": URL,
    "event_types": ["run.finished", "schedule.paused"],
    "description": "Ünïcode 😀",
    "enabled": True,
}
ALL = {"url": URL, "event_types": ["*"]}


def problems_with(api: ApiClient, body: Any) -> dict[str, str]:
    """Where and why the API refuses this webhook."""
    return {error["pointer"]: error["detail"] for error in problem(api.post("/webhooks", body), 422)["errors"]}


def test_a_webhook_is_created_read_and_listed_as_it_was_written(fresh: ApiClient) -> None:
    answer = fresh.post("/webhooks", GIVEN)
    assert answer.status_code == 201
    created = answer.json
    assert answer.headers["Location"] == f"/webhooks/{created['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert created.pop("secret").startswith("whsec_")
    assert created == GIVEN | {
        "id": created["id"],
        "failing_since": None,
        "disabled_at": None,
        "disabled_reason": None,
        "previous_secret_until": None,
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
    }
    assert fresh.get(answer.headers["Location"]).json == created
    assert fresh.get("/webhooks").json == {"data": [created], "next_cursor": None}


def test_what_is_left_out_has_its_default(fresh: ApiClient) -> None:
    created = fresh.make("/webhooks", ALL)
    assert (created["description"], created["enabled"], created["disabled_at"]) == (None, True, None)


def test_the_documented_example_is_accepted(fresh: ApiClient) -> None:
    fresh.make("/webhooks", WebhookInput.example)


def test_every_type_of_event_is_known_and_may_be_asked_for(fresh: ApiClient) -> None:
    assert fresh.make("/webhooks", {"url": URL, "event_types": list(EVENT_TYPES)})["event_types"] == list(EVENT_TYPES)
    assert len(EVENT_TYPES) == 12


def test_a_replacement_keeps_the_id_and_nothing_else(fresh: ApiClient) -> None:
    before = fresh.make("/webhooks", GIVEN)
    after = fresh.put(f"/webhooks/{before['id']}", ALL)
    assert after.status_code == 200
    assert (after.json["id"], after.json["event_types"], after.json["description"]) == (before["id"], ["*"], None)
    assert fresh.get(f"/webhooks/{before['id']}").json == after.json


def test_a_deleted_webhook_is_gone_and_its_deliveries_stay_readable(fresh: ApiClient) -> None:
    webhook = fresh.make("/webhooks", ALL)
    delivery = fresh.make(f"/webhooks/{webhook['id']}/test", {})
    path = f"/webhooks/{webhook['id']}"
    answer = fresh.delete(path)
    assert (answer.status_code, answer.data) == (204, b"")
    for again in (fresh.get(path), fresh.delete(path), fresh.put(path, ALL), fresh.get(f"{path}/deliveries")):
        problem(again, 404)
    for action in ("rotate-secret", "test"):
        problem(fresh.post(f"{path}/{action}"), 404)
    found = fresh.get(f"/deliveries/{delivery['id']}").json
    assert (found["webhook_id"], found["state"]) == (None, "canceled")


def test_pages_are_by_id_stable_under_inserts_and_filtered(fresh: ApiClient) -> None:
    made = [fresh.make("/webhooks", ALL | {"enabled": number % 2 == 0})["id"] for number in range(4)]
    first = fresh.get("/webhooks?limit=3").json
    made.append(fresh.make("/webhooks", ALL)["id"])
    second = fresh.get(f"/webhooks?limit=3&cursor={first['next_cursor']}").json
    assert [row["id"] for row in first["data"] + second["data"]] == made
    assert [row["id"] for row in pages(fresh, "/webhooks", 1, enabled="true")] == [made[0], made[2], made[4]]
    assert [row["id"] for row in pages(fresh, "/webhooks", 1, enabled="false")] == [made[1], made[3]]
    refused = problem(fresh.get("/webhooks?enabled=yes"), 422)
    assert refused["errors"] == [{"pointer": "/enabled", "detail": "must be one of: true, false"}]


NO_TYPES = "must be a list of 1 to 20"


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"url": "ftp://x/"}, "/url", "the URL must begin with http:// or https://"),
        ({"url": "http://me:pw@example.com/"}, "/url", "must not contain a user name or password"),
        ({"url": "http://exa\tmple.com/"}, "/url", ""),
        ({"url": "http://10.0.0.1/"}, "/url", "the address of this URL is not allowed"),
        ({"url": "http://169.254.169.254/latest"}, "/url", "the address of this URL is not allowed"),
        ({"url": "http://2852039166/"}, "/url", "the address of this URL is not allowed"),
        ({"url": "http://[::1]/"}, "/url", "the address of this URL is not allowed"),
        ({"url": "https://example.com/" + "x" * 2_048}, "/url", "the URL must not be longer than 2,048 characters"),
        ({"url": ""}, "/url", ""),
        ({"url": None}, "/url", ""),
        ({"event_types": []}, "/event_types", NO_TYPES),
        ({"event_types": "*"}, "/event_types", NO_TYPES),
        ({"event_types": {"*": True}}, "/event_types", NO_TYPES),
        ({"event_types": ["run.finished"] * 21}, "/event_types", NO_TYPES),
        ({"event_types": ["run.finished"] * 2}, "/event_types", "must name every type once"),
        ({"event_types": ["*", "*"]}, "/event_types", "must name every type once"),
        ({"event_types": ["*", "run.finished"]}, "/event_types", "* stands for every type, and must be alone"),
        ({"event_types": ["run.finishd"]}, "/event_types/0", "must be one of: run.started, run.finished"),
        ({"event_types": ["run.finished", 1]}, "/event_types/1", "must be one of: run.started, run.finished"),
        ({"event_types": ["webhook.test"]}, "/event_types/0", "must be one of: run.started, run.finished"),
        ({"description": ""}, "/description", "must be a string of 1 to 1000 characters"),
        ({"description": "x" * 1_001}, "/description", "must be a string of 1 to 1000 characters"),
        ({"enabled": "true"}, "/enabled", "must be true or false"),
        ({"enabled": 1}, "/enabled", "must be true or false"),
        ({"secret": "whsec_mine"}, "/secret", "is no field of this object"),
        ({"id": 1}, "/id", "is no field of this object"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_is_expected(
    api: ApiClient, fields: dict[str, Any], pointer: str, detail: str
) -> None:
    found = problems_with(api, ALL | fields)
    assert list(found) == [pointer]
    assert detail in found[pointer]


def test_what_is_missing_is_named(api: ApiClient) -> None:
    assert set(problems_with(api, {})) == {"/url", "/event_types"}


def test_a_replacement_is_judged_like_a_creation(fresh: ApiClient) -> None:
    webhook = fresh.make("/webhooks", ALL)
    refused = problem(fresh.put(f"/webhooks/{webhook['id']}", ALL | {"url": "http://192.168.0.1/"}), 422)
    assert refused["errors"] == [{"pointer": "/url", "detail": "the address of this URL is not allowed"}]
    assert fresh.get(f"/webhooks/{webhook['id']}").json["url"] == URL
