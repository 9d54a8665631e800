"""automated-qa's clients, unchanged: every documented endpoint, under /v1 and without it, and what is seen of it in
our own interface."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.database import Database
from tests.api.compat import automated_qa_client
from tests.api.compat.automated_qa_client import (
    BAD_REQUEST,
    DELETED,
    DOCUMENTED,
    ELSEWHERE,
    END,
    FLOWS,
    NOT_FOUND,
    PREFIX,
    ROUTES,
    START,
    UNAUTHORIZED,
    WORKER,
    made,
    one_of_each,
    refused,
)
from tests.api.compat.calling import SystemClient
from tests.api_client import ApiClient
from tests.concurrency import wait_until_blocked

client = automated_qa_client.client
plain = automated_qa_client.plain

# The document's endpoints, and what contract section 10 says of their answers.


def test_every_documented_endpoint_is_there_with_v1_and_without() -> None:
    def placeless(rule: str) -> str:
        return "/".join("<id>" if part.startswith("<") else part for part in rule.split("/"))

    there = {(method, placeless(rule)) for method, rule in ROUTES}
    assert there == {
        (method, version + path) for method, path in DOCUMENTED | {("GET", "/")} for version in ("", "/v1")
    }


def test_the_index_is_an_empty_object_for_everybody(client: SystemClient) -> None:
    assert client.get("/") == {}
    assert SystemClient(client.api.without_key(), client.prefix).get("") == {}


def test_a_key_is_made_and_deleted_with_all_its_data(client: SystemClient) -> None:
    answer = SystemClient(client.api.without_key(), client.prefix).call("POST", "/api-keys")
    assert answer.status_code == 201
    assert set(answer.json) == {"data"}
    assert set(answer.json["data"]) == {"api_key"}
    own = SystemClient(ApiClient(client.api.client, answer.json["data"]["api_key"]), client.prefix)
    made(own, "/checklists", workerUrl=WORKER)
    answer = own.call("DELETE", "/api-keys")
    assert (answer.status_code, answer.json) == (200, DELETED)
    refused(own.call("GET", "/checklists"), 401, UNAUTHORIZED)
    refused(own.call("DELETE", "/api-keys"), 401, UNAUTHORIZED)


def test_a_key_is_made_only_where_sign_up_is_open(app_with: Callable[..., ApiClient]) -> None:
    closed = SystemClient(app_with(signup="closed"), PREFIX)
    refused(closed.call("POST", "/api-keys"), 401, UNAUTHORIZED)


def test_checklists_are_listed_created_updated_and_deleted(client: SystemClient) -> None:
    assert client.get("/checklists") == {"data": {"checklists": []}}
    answer = client.call("POST", "/checklists", {"workerUrl": WORKER})
    checklist = answer.json["data"]["checklist"]
    assert (answer.status_code, answer.json) == (
        201,
        {"data": {"checklist": {"id": checklist["id"], "workerUrl": WORKER}}},
    )
    assert isinstance(checklist["id"], int)
    second = made(client, "/checklists", workerUrl=WORKER)
    answer = client.call("PUT", f"/checklists/{checklist['id']}", {"workerUrl": ELSEWHERE})
    updated = {"id": checklist["id"], "workerUrl": ELSEWHERE}
    assert (answer.status_code, answer.json) == (200, {"data": {"checklist": updated}})
    assert client.get("/checklists") == {"data": {"checklists": [updated, second]}}
    answer = client.call("DELETE", f"/checklists/{checklist['id']}")
    assert (answer.status_code, answer.json) == (200, DELETED)
    assert client.get("/checklists") == {"data": {"checklists": [second]}}


def test_schedules_are_listed_created_updated_and_deleted(client: SystemClient) -> None:
    first, second = (made(client, "/checklists", workerUrl=WORKER)["id"] for _ in range(2))
    assert client.get("/schedules") == {"data": {"schedules": []}}
    answer = client.call("POST", "/schedules", {"checklistId": first, "cron": "* * * * * *"})
    schedule = answer.json["data"]["schedule"]
    assert (answer.status_code, answer.json) == (
        201,
        {"data": {"schedule": {"id": schedule["id"], "checklistId": first, "cron": "* * * * * *"}}},
    )
    path = f"/schedules/{schedule['id']}"
    answer = client.call("PUT", path, {"cron": "0 0 * * * *"})
    assert (answer.status_code, answer.json) == (200, {"data": {"schedule": schedule | {"cron": "0 0 * * * *"}}})
    answer = client.call("PUT", path, schedule | {"checklistId": second, "cron": "0 30 * * * *"})
    updated = schedule | {"checklistId": second, "cron": "0 30 * * * *"}
    assert (answer.status_code, answer.json) == (200, {"data": {"schedule": updated}})
    assert client.get("/schedules") == {"data": {"schedules": [updated]}}
    answer = client.call("DELETE", path)
    assert (answer.status_code, answer.json) == (200, DELETED)
    assert client.get("/schedules") == {"data": {"schedules": []}}


def test_webhooks_are_listed_created_updated_and_deleted(client: SystemClient) -> None:
    assert client.get("/webhooks") == {"data": {"webhooks": []}}
    answer = client.call("POST", "/webhooks", {"eventType": START, "url": WORKER})
    webhook = answer.json["data"]["webhook"]
    assert (answer.status_code, answer.json) == (
        201,
        {"data": {"webhook": {"id": webhook["id"], "eventType": START, "url": WORKER}}},
    )
    path = f"/webhooks/{webhook['id']}"
    answer = client.call("PUT", path, {"url": ELSEWHERE})
    assert (answer.status_code, answer.json) == (200, {"data": {"webhook": webhook | {"url": ELSEWHERE}}})
    answer = client.call("PUT", path, {"eventType": END})
    updated = webhook | {"url": ELSEWHERE, "eventType": END}
    assert (answer.status_code, answer.json) == (200, {"data": {"webhook": updated}})
    assert client.get("/webhooks") == {"data": {"webhooks": [updated]}}
    answer = client.call("DELETE", path)
    assert (answer.status_code, answer.json) == (200, DELETED)
    assert client.get("/webhooks") == {"data": {"webhooks": []}}


def test_snapshots_are_set_and_echoed(client: SystemClient) -> None:
    checklist = made(client, "/checklists", workerUrl=WORKER)
    answer = client.call("POST", f"/checklists/{checklist['id']}/snapshots", {"flows": FLOWS})
    assert (answer.status_code, answer.json) == (201, {"data": {"flows": FLOWS}})
    answer = client.call("POST", f"/checklists/{checklist['id']}/snapshots", {"flows": []})
    assert (answer.status_code, answer.json) == (201, {"data": {"flows": []}})
    [kept] = client.api.get(f"/checklists/{checklist['id']}/snapshots").json["data"]
    assert (kept["flow"], kept["name"], kept["value"]) == ("API 1", "Assertion 2", "###")


@pytest.mark.parametrize(("text", "value"), [('{"b":1, "a":[ ]}', {"a": [], "b": 1}), ("1e2", 100.0), ('"x"', "x")])
def test_a_snapshot_that_is_json_is_a_value_in_our_own_interface(plain: SystemClient, text: str, value: Any) -> None:
    checklist = made(plain, "/checklists", workerUrl=WORKER)
    flows = [{"name": "f", "snapshots": [{"name": "c", "value": text}]}]
    assert plain.call("POST", f"/checklists/{checklist['id']}/snapshots", {"flows": flows}).status_code == 201
    [kept] = plain.api.get(f"/checklists/{checklist['id']}/snapshots").json["data"]
    assert kept["value"] == value


# Through the adapter and through our own interface, the same things.


def test_what_is_made_here_is_seen_in_our_own_interface(plain: SystemClient) -> None:
    each = one_of_each(plain)
    checklist = plain.api.get(f"/checklists/{each['checklists']['id']}").json
    assert (checklist["worker_url"], checklist["timeout_seconds"], checklist["first_value"]) == (WORKER, 60, "accept")
    assert checklist["name"].startswith("automated-qa ")
    schedule = plain.api.get(f"/schedules/{each['schedules']['id']}").json
    assert (schedule["cron"], schedule["timezone"], schedule["state"]) == ("0 0 3 * * *", "UTC", "active")
    assert schedule["checklist_id"] == checklist["id"]
    assert schedule["next_run_at"].endswith("T03:00:00Z")
    webhook = plain.api.get(f"/webhooks/{each['webhooks']['id']}").json
    assert (webhook["url"], webhook["event_types"], webhook["enabled"]) == (WORKER, ["run.finished"], True)
    assert "/compat/automated-qa" in webhook["description"]


def test_what_our_own_interface_makes_is_seen_here_if_it_can_be_said(plain: SystemClient, fresh: ApiClient) -> None:
    checklist = fresh.make_checklist(worker_url=WORKER)
    fresh.make_checklist(queue="q")
    flows = fresh.make_checklist(flows=[{"name": "f", "steps": [{"act": "a", "request": {"url": WORKER}}]}])
    schedule = fresh.make_schedule(checklist_id=checklist["id"], cron="0 12 * * *")
    unsaid = [
        fresh.make_schedule(checklist_id=checklist["id"], cron="@daily", timezone="Europe/Berlin"),
        fresh.make_schedule(checklist_id=checklist["id"], interval_seconds=60),
        fresh.make("/schedules", {"cron": "@daily", "uri": WORKER}),
    ]
    webhook = fresh.make("/webhooks", {"url": WORKER, "event_types": ["run.started"]})
    assert plain.get("/checklists")["data"]["checklists"] == [{"id": checklist["id"], "workerUrl": WORKER}]
    shown = {"id": schedule["id"], "checklistId": checklist["id"], "cron": "0 12 * * *"}
    assert plain.get("/schedules")["data"]["schedules"] == [shown]
    assert plain.get("/webhooks")["data"]["webhooks"] == []
    refused(plain.call("PUT", f"/checklists/{flows['id']}", {"workerUrl": WORKER}), 404, NOT_FOUND)
    refused(plain.call("POST", f"/checklists/{flows['id']}/run"), 404, NOT_FOUND)
    refused(plain.call("DELETE", f"/webhooks/{webhook['id']}"), 404, NOT_FOUND)
    for each in unsaid:
        refused(plain.call("PUT", f"/schedules/{each['id']}", {"cron": "@daily"}), 404, NOT_FOUND)
        refused(plain.call("DELETE", f"/schedules/{each['id']}"), 404, NOT_FOUND)


def test_an_update_leaves_alone_what_this_client_cannot_say(plain: SystemClient, fresh: ApiClient) -> None:
    said = {"timeout_seconds": 5, "first_value": "review", "variables": {"a": "b"}}
    checklist = fresh.make_checklist("mine", **said, rules=[{"path": "/a", "match": "ignore"}])
    said = {"name": "nightly", "overlap": "allow", "jitter_seconds": 5, "note": "n", "paused": True}
    schedule = fresh.make_schedule(checklist_id=checklist["id"], cron="@daily", variables={"c": "d"}, **said)
    assert plain.call("PUT", f"/checklists/{checklist['id']}", {"workerUrl": ELSEWHERE}).status_code == 200
    assert plain.call("PUT", f"/schedules/{schedule['id']}", {"cron": "@hourly"}).status_code == 200
    moved = fresh.get(f"/checklists/{checklist['id']}").json
    assert moved | {"updated_at": ""} == checklist | {"worker_url": ELSEWHERE, "updated_at": ""}
    changed = fresh.get(f"/schedules/{schedule['id']}").json
    differing = {name for name in schedule if changed[name] != schedule[name]}
    assert {"cron"} <= differing <= {"cron", "sentence", "next_run_at", "upcoming", "updated_at"}


def test_another_cron_is_due_at_its_own_time_at_once(plain: SystemClient) -> None:
    schedule = one_of_each(plain)["schedules"]
    plain.call("PUT", f"/schedules/{schedule['id']}", {"cron": "0 0 4 * * *"})
    assert plain.api.get(f"/schedules/{schedule['id']}").json["next_run_at"].endswith("T04:00:00Z")


def test_an_update_enables_a_webhook_that_was_disabled(plain: SystemClient) -> None:
    webhook = one_of_each(plain)["webhooks"]
    path = f"/webhooks/{webhook['id']}"
    own = {"url": WORKER, "event_types": ["run.finished"], "enabled": False}
    assert plain.api.put(path, own).status_code == 200
    assert plain.get("/webhooks")["data"]["webhooks"] == [webhook]
    assert plain.call("PUT", path, {"url": WORKER}).status_code == 200
    assert plain.api.get(path).json["enabled"] is True


def test_a_webhook_that_was_given_other_events_since_is_not_seen_here(plain: SystemClient) -> None:
    path = f"/webhooks/{one_of_each(plain)['webhooks']['id']}"
    assert plain.api.put(path, {"url": WORKER, "event_types": ["job.failed"]}).status_code == 200
    assert plain.get("/webhooks")["data"]["webhooks"] == []
    refused(plain.call("PUT", path, {"url": WORKER}), 404, NOT_FOUND)


def test_a_repeated_request_with_its_idempotency_key_creates_once(plain: SystemClient) -> None:
    answers = [
        plain.call("POST", "/checklists", {"workerUrl": WORKER}, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert plain.get("/checklists")["data"]["checklists"] == [answers[0].json["data"]["checklist"]]
    answer = plain.call("POST", "/checklists", {"workerUrl": ELSEWHERE}, headers={"Idempotency-Key": "k"})
    refused(answer, 400, BAD_REQUEST)


def test_a_long_list_is_told_whole_up_to_a_bound(plain: SystemClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made_here = [made(plain, "/checklists", workerUrl=WORKER) for _ in range(5)]
    plain.api.make_checklist(queue="q")
    assert plain.get("/checklists")["data"]["checklists"] == made_here
    monkeypatch.setattr("api.compat.listing.MOST_OBJECTS", 3)
    assert plain.get("/checklists")["data"]["checklists"] == made_here[:3]


def test_a_schedule_of_a_checklist_that_is_deleted_just_now_is_not_found(
    plain: SystemClient, database: Database
) -> None:
    checklist, other = (made(plain, "/checklists", workerUrl=WORKER) for _ in range(2))
    schedule = made(plain, "/schedules", checklistId=other["id"], cron="0 0 * * *")
    with ThreadPoolExecutor(2) as pool:
        with database.transaction() as transaction:
            transaction.cursor.execute("DELETE FROM checklists WHERE id = %(id)s", checklist)
            making = pool.submit(
                plain.for_another_thread().call,
                "POST",
                "/schedules",
                {"checklistId": checklist["id"], "cron": "0 0 * * *"},
            )
            changing = pool.submit(
                plain.for_another_thread().call,
                "PUT",
                f"/schedules/{schedule['id']}",
                {"checklistId": checklist["id"]},
            )
            wait_until_blocked(database, 2)
        for answer in (making.result(10), changing.result(10)):
            refused(answer, 404, NOT_FOUND)


def test_two_changes_of_a_webhook_at_the_same_time_are_both_made(plain: SystemClient, database: Database) -> None:
    webhook = made(plain, "/webhooks", url=WORKER, eventType="SCHEDULED_CHECKLIST_START")
    path = f"/webhooks/{webhook['id']}"
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as transaction:
            transaction.cursor.execute("UPDATE webhooks SET url = %s WHERE id = %s", (ELSEWHERE, webhook["id"]))
            changing = pool.submit(
                plain.for_another_thread().call, "PUT", path, {"eventType": "SCHEDULED_CHECKLIST_END"}
            )
            wait_until_blocked(database)
        assert changing.result(10).status_code == 200
    [shown] = plain.get("/webhooks")["data"]["webhooks"]
    assert shown == {"id": webhook["id"], "eventType": "SCHEDULED_CHECKLIST_END", "url": ELSEWHERE}


def test_what_is_deleted_twice_at_the_same_time_is_not_there_the_second_time(
    plain: SystemClient, database: Database
) -> None:
    checklist = made(plain, "/checklists", workerUrl=WORKER)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as transaction:
            transaction.cursor.execute("DELETE FROM checklists WHERE id = %(id)s", checklist)
            deleting = pool.submit(plain.for_another_thread().call, "DELETE", f"/checklists/{checklist['id']}")
            wait_until_blocked(database)
        refused(deleting.result(10), 404, NOT_FOUND)


def test_a_webhook_that_two_clients_say_in_the_words_of_both_is_listed_in_one(plain: SystemClient) -> None:
    webhook = made(plain, "/webhooks", url=WORKER, eventType="SCHEDULED_CHECKLIST_START")
    both = {"url": WORKER, "event_types": ["run.started", "run.finished"]}
    assert plain.api.put(f"/webhooks/{webhook['id']}", both).status_code == 200
    assert plain.get("/webhooks")["data"]["webhooks"] == []
