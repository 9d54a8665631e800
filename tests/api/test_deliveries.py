"""Deliveries through the API: tests and replays, and how all of them are read and listed."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.database import Database, only_row
from shared.queues import Bell, connect
from tests.api_client import ApiClient, pages, problem
from tests.concurrency import wait_until_blocked
from tests.deliveries import end_delivery
from tests.processes import wait_until

ALL = {"url": "http://127.0.0.1:9/hook", "event_types": ["*"]}
ABSENT = "00000000-0000-7000-8000-000000000000"


def sent(api: ApiClient, webhook: Any) -> Any:
    """A delivery to the webhook that has not begun."""
    return api.make(f"/webhooks/{webhook['id']}/test", {})


def told(api: ApiClient) -> Any:
    """The newest delivery of an event that really happened: a schedule was paused."""
    api.post(f"/schedules/{api.make_schedule()['id']}/pause")
    return api.get("/deliveries?limit=1").json["data"][0]


WORK = """
SELECT lane, inert, max_attempts, timeout_seconds, event_id::text, spec, state, webhook_id
FROM work
WHERE id = %(id)s
"""


def row(database: Database, delivery_id: str) -> tuple[Any, ...]:
    with database.reading() as cursor:
        cursor.execute(WORK, {"id": delivery_id})
        return only_row(cursor)


def test_a_test_is_one_inert_attempt_to_deliver_an_event_of_its_own(fresh: ApiClient, database: Database) -> None:
    webhook = fresh.make("/webhooks", ALL)
    answer = fresh.post(f"/webhooks/{webhook['id']}/test")
    assert answer.status_code == 202
    delivery = answer.json
    assert answer.headers["Location"] == f"/deliveries/{delivery['id']}"
    assert delivery == {
        "id": delivery["id"],
        "webhook_id": webhook["id"],
        "event_id": delivery["event_id"],
        "event_type": "webhook.test",
        "state": "pending",
        "error": None,
        "attempt_count": 0,
        "max_attempts": 1,
        "inert": True,
        "replay_of": None,
        "next_attempt_at": delivery["created_at"],
        "created_at": delivery["created_at"],
        "started_at": None,
        "finished_at": None,
        "attempts": [],
    }
    assert fresh.get(answer.headers["Location"]).json == delivery
    assert fresh.get(f"/events/{delivery['event_id']}").json == {
        "id": delivery["event_id"],
        "type": "webhook.test",
        "timestamp": delivery["created_at"],
        "data": {"webhook_id": webhook["id"]},
    }
    assert row(database, delivery["id"])[:4] == ("127.0.0.1:9", True, 1, 15)


def test_a_test_reaches_its_webhook_alone_whatever_that_asked_for_and_also_when_it_is_disabled(
    fresh: ApiClient,
) -> None:
    fresh.make("/webhooks", ALL)
    tested = fresh.make("/webhooks", ALL | {"event_types": ["job.failed"], "enabled": False})
    delivery = sent(fresh, tested)
    [only] = pages(fresh, "/deliveries", 10)
    assert (only["id"], only["webhook_id"]) == (delivery["id"], tested["id"])


def test_tests_and_replays_ring_the_bell(fresh: ApiClient, redis_url: str) -> None:
    webhook = fresh.make("/webhooks", ALL)
    delivery = None
    for path in (f"/webhooks/{webhook['id']}/test", "/deliveries/{}/replay"):
        with connect(redis_url) as client:
            client.flushall()
        delivery = fresh.make(path.format(delivery and delivery["id"]), {})
        assert Bell(redis_url).rings_waiting() == 1


@pytest.mark.parametrize("action", ["test", "replay"])
def test_who_prefers_to_wait_gets_the_finished_delivery_with_its_attempts(
    fresh: ApiClient, database: Database, action: str
) -> None:
    webhook = fresh.make("/webhooks", ALL)
    path = f"/webhooks/{webhook['id']}/test"
    known = set()
    if action == "replay":
        first = sent(fresh, webhook)
        end_delivery(database, first["id"])
        path, known = f"/deliveries/{first['id']}/replay", {first["id"]}

    def begun() -> set[str]:
        return {item["id"] for item in pages(fresh, "/deliveries", 10)} - known

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fresh.for_another_thread().post, path, headers={"Prefer": "wait=20"})
        wait_until(begun, "the delivery is there")
        [id] = begun()
        end_delivery(
            database, id, "failed", error="it answered 500", status_code=500, elapsed_ms=7, response_excerpt="oh"
        )
        answer = waiting.result(10)
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.headers["Location"] == f"/deliveries/{id}"
    found = answer.json
    assert (answer.status_code, found["state"], found["error"]) == (200, "failed", "it answered 500")
    assert (found["attempt_count"], found["next_attempt_at"]) == (1, None)
    [attempt] = found["attempts"]
    assert attempt == {
        "number": 1,
        "started_at": attempt["started_at"],
        "finished_at": attempt["finished_at"],
        "outcome": "failed",
        "status_code": 500,
        "error": "it answered 500",
        "elapsed_ms": 7,
        "response_excerpt": "oh",
    }
    assert fresh.get(f"/deliveries/{id}").json == found


def test_who_waits_in_vain_gets_the_delivery_as_it_is(fresh: ApiClient) -> None:
    webhook = fresh.make("/webhooks", ALL)
    answer = fresh.post(f"/webhooks/{webhook['id']}/test", headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.json["state"]) == (202, "pending")
    assert answer.headers["Preference-Applied"] == "wait=0"


@pytest.mark.parametrize("state", ["pending", "succeeded", "failed"])
def test_a_replay_is_another_delivery_of_the_same_event_and_leaves_the_first_alone(
    fresh: ApiClient, database: Database, state: Any
) -> None:
    webhook = fresh.make("/webhooks", ALL)
    delivery = told(fresh)
    if state != "pending":
        end_delivery(database, delivery["id"], state)
    before = fresh.get(f"/deliveries/{delivery['id']}").json
    answer = fresh.post(f"/deliveries/{delivery['id']}/replay")
    assert answer.status_code == 202
    replayed = answer.json
    assert answer.headers["Location"] == f"/deliveries/{replayed['id']}"
    assert replayed["id"] != delivery["id"]
    assert (replayed["event_id"], replayed["event_type"]) == (delivery["event_id"], "schedule.paused")
    assert (replayed["webhook_id"], replayed["replay_of"]) == (webhook["id"], delivery["id"])
    assert (replayed["state"], replayed["inert"], replayed["max_attempts"]) == ("pending", True, 1)
    assert (delivery["inert"], delivery["max_attempts"], delivery["replay_of"]) == (False, 8, None)
    assert fresh.get(f"/deliveries/{delivery['id']}").json == before
    assert row(database, replayed["id"])[:6] == (
        *("127.0.0.1:9", True, 1, 15),
        *(delivery["event_id"], {"replay_of": delivery["id"]}),
    )


def test_a_replay_goes_where_the_webhook_is_now_also_when_it_is_disabled(fresh: ApiClient, database: Database) -> None:
    webhook = fresh.make("/webhooks", ALL)
    delivery = sent(fresh, webhook)
    fresh.put(f"/webhooks/{webhook['id']}", ALL | {"url": "http://127.0.0.1:10/", "enabled": False})
    replays = [fresh.make(f"/deliveries/{delivery['id']}/replay", {}) for _ in range(2)]
    replays.append(fresh.make(f"/deliveries/{replays[0]['id']}/replay", {}))
    assert {row(database, item["id"])[0] for item in replays} == {"127.0.0.1:10"}
    assert replays[2]["replay_of"] == replays[0]["id"]


def test_a_delivery_whose_webhook_is_gone_cannot_be_replayed(fresh: ApiClient) -> None:
    webhook = fresh.make("/webhooks", ALL)
    delivery = sent(fresh, webhook)
    fresh.delete(f"/webhooks/{webhook['id']}")
    refused = problem(fresh.post(f"/deliveries/{delivery['id']}/replay"), 409)
    assert refused["detail"] == "the webhook of this delivery has been deleted"
    assert len(pages(fresh, "/deliveries", 10)) == 1
    problem(fresh.post(f"/deliveries/{ABSENT}/replay"), 404)


def test_a_replay_while_the_webhook_is_being_deleted_makes_nothing(fresh: ApiClient, database: Database) -> None:
    webhook = fresh.make("/webhooks", ALL)
    delivery = told(fresh)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as deleting:
            deleting.cursor.execute("DELETE FROM webhooks WHERE id = %s", (webhook["id"],))
            replaying = pool.submit(fresh.for_another_thread().post, f"/deliveries/{delivery['id']}/replay")
            wait_until_blocked(database)
        problem(replaying.result(10), 404)
    assert len(pages(fresh, "/deliveries", 10)) == 1


def test_a_repeated_request_gets_the_first_answer_and_sends_nothing_again(fresh: ApiClient) -> None:
    webhook = fresh.make("/webhooks", ALL)
    headers = {"Idempotency-Key": "a"}
    first, again = (fresh.post(f"/webhooks/{webhook['id']}/test", headers=headers) for _ in range(2))
    path = f"/deliveries/{first.json['id']}/replay"
    replayed, repeated = (fresh.post(path, headers={"Idempotency-Key": "b"}) for _ in range(2))
    for one, other in ((first, again), (replayed, repeated)):
        assert (one.status_code, one.json) == (other.status_code, other.json)
        assert (one.headers.get("Idempotent-Replay"), other.headers.get("Idempotent-Replay")) == (None, "true")
    assert len(pages(fresh, "/deliveries", 10)) == 2
    assert len(pages(fresh, "/events", 10)) == 1


def test_a_delivery_that_is_not_there_is_not_found(fresh: ApiClient) -> None:
    webhook = fresh.make("/webhooks", ALL)
    delivery = sent(fresh, webhook)
    run = fresh.start_run(fresh.make_checklist()["id"])
    for id in (ABSENT, run["id"], delivery["event_id"]):
        problem(fresh.get(f"/deliveries/{id}"), 404)
        problem(fresh.post(f"/deliveries/{id}/replay"), 404)


def test_deliveries_are_listed_newest_first_and_pages_are_stable_under_inserts(fresh: ApiClient) -> None:
    webhook = fresh.make("/webhooks", ALL)
    made = sorted((sent(fresh, webhook)["id"] for _ in range(5)), reverse=True)
    for path in ("/deliveries", f"/webhooks/{webhook['id']}/deliveries"):
        assert [item["id"] for item in pages(fresh, path, 2)] == made
    first = fresh.get("/deliveries?limit=2").json
    assert "attempts" not in first["data"][0]
    sent(fresh, webhook)
    second = fresh.get(f"/deliveries?limit=3&cursor={first['next_cursor']}").json
    assert [item["id"] for item in first["data"] + second["data"]] == made
    assert second["next_cursor"] is None


def test_deliveries_are_listed_by_webhook_event_and_state(fresh: ApiClient, database: Database) -> None:
    one, other = fresh.make("/webhooks", ALL), fresh.make("/webhooks", ALL | {"url": "http://127.0.0.1:10/"})
    event_id = told(fresh)["event_id"]
    to = {item["webhook_id"]: item["id"] for item in pages(fresh, "/deliveries", 10)}
    tested = sent(fresh, one)["id"]
    end_delivery(database, to[other["id"]])

    def listed(path: str = "/deliveries", **query: Any) -> list[str]:
        return [item["id"] for item in pages(fresh, path, 10, **query)]

    assert listed(webhook_id=one["id"]) == listed(f"/webhooks/{one['id']}/deliveries") == [tested, to[one["id"]]]
    assert sorted(listed(event_id=event_id)) == sorted(to.values())
    assert listed(state="succeeded") == [to[other["id"]]]
    assert listed(f"/webhooks/{other['id']}/deliveries", state="pending") == []
    assert listed(webhook_id=one["id"], event_id=event_id, state="pending") == [to[one["id"]]]
    assert listed(webhook_id=2**53) == listed(event_id=ABSENT) == []


@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ("event_id=1", "/event_id", "must be a UUID"),
        ("event_id=", "/event_id", "must be a UUID"),
        ("webhook_id=x", "/webhook_id", "must be a whole number from 1 to"),
        ("webhook_id=0", "/webhook_id", "must be a whole number from 1 to"),
        ("state=done", "/state", "must be one of: pending, running"),
        ("limit=0", "/limit", "must be a whole number from 1 to 200"),
        ("cursor=x", "/cursor", "must be the next_cursor of an earlier page"),
        ("surprise=1", "/surprise", ""),
    ],
)
def test_a_filter_that_is_wrong_is_named(api: ApiClient, query: str, pointer: str, detail: str) -> None:
    [error] = problem(api.get(f"/deliveries?{query}"), 422)["errors"]
    assert error["pointer"] == pointer
    assert detail in error["detail"]
