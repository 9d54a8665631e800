"""Events through the API: how they are read and listed, and that pausing a schedule is one."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.database import Database
from shared.queues import Bell, connect
from tests.api_client import ApiClient, pages, problem
from tests.concurrency import wait_until_blocked

ALL = {"url": "http://127.0.0.1:9/hook", "event_types": ["*"]}
FINISHED = {"cron": "@daily", "ends_at": "2020-01-01T00:00:00Z"}


def pause(api: ApiClient, schedule: Any, **fields: str) -> Any:
    answer = api.post(f"/schedules/{schedule['id']}/pause", fields)
    assert answer.status_code == 200, answer.text
    return answer.json


def replaced(schedule: Any, **fields: Any) -> dict[str, Any]:
    """The body that leaves the schedule as it is, but for these fields."""
    return {"cron": "@daily", "checklist_id": schedule["checklist_id"]} | fields


def seen(api: ApiClient) -> list[tuple[str, Any]]:
    """What happened, in order of time."""
    return [(event["type"], event["data"]) for event in reversed(pages(api, "/events", 50))]


def test_a_paused_schedule_is_an_event_that_is_delivered_to_who_asked_for_it(fresh: ApiClient) -> None:
    asked = [fresh.make("/webhooks", ALL | {"event_types": types}) for types in (["*"], ["schedule.paused"])]
    fresh.make("/webhooks", ALL | {"event_types": ["run.finished"]})
    fresh.make("/webhooks", ALL | {"enabled": False})
    schedule = fresh.make_schedule(name="nightly")
    pause(fresh, schedule, note="moving house")
    [event] = pages(fresh, "/events", 10)
    assert event == {
        "id": event["id"],
        "type": "schedule.paused",
        "timestamp": event["timestamp"],
        "data": {"schedule_id": schedule["id"], "name": "nightly", "note": "moving house"},
    }
    assert fresh.get(f"/events/{event['id']}").json == event
    deliveries = pages(fresh, "/deliveries", 10)
    assert sorted(item["webhook_id"] for item in deliveries) == [webhook["id"] for webhook in asked]
    for item in deliveries:
        assert (item["event_id"], item["event_type"], item["inert"]) == (event["id"], "schedule.paused", False)
        assert (item["state"], item["max_attempts"]) == ("pending", 8)


def test_an_event_is_kept_also_when_nobody_is_told(fresh: ApiClient) -> None:
    schedule = fresh.make_schedule()
    pause(fresh, schedule)
    assert seen(fresh) == [("schedule.paused", {"schedule_id": schedule["id"], "name": None, "note": None})]
    assert pages(fresh, "/deliveries", 10) == []


def test_only_who_is_active_can_be_paused_and_only_that_is_told(fresh: ApiClient) -> None:
    schedule, finished = fresh.make_schedule(), fresh.make_schedule(**FINISHED)
    fresh.make_schedule(paused=True)
    problem(fresh.post(f"/schedules/{finished['id']}/pause"), 409)
    for _ in range(2):
        pause(fresh, schedule)
    assert len(seen(fresh)) == 1
    fresh.post(f"/schedules/{schedule['id']}/resume")
    pause(fresh, schedule, note="again")
    assert [data["note"] for _, data in seen(fresh)] == [None, "again"]


def test_a_replacement_that_pauses_is_told_and_one_that_does_not_is_not(fresh: ApiClient) -> None:
    fresh.make("/webhooks", ALL)
    schedule = fresh.make_schedule()
    path = f"/schedules/{schedule['id']}"
    for paused in (False, True, True, False):
        assert fresh.put(path, replaced(schedule, paused=paused, name="n", note="why")).status_code == 200
    assert seen(fresh) == [("schedule.paused", {"schedule_id": schedule["id"], "name": "n", "note": "why"})]
    assert len(pages(fresh, "/deliveries", 10)) == 1
    ended = fresh.put(path, replaced(schedule, paused=True, ends_at="2020-01-01T00:00:00Z")).json
    assert ended["state"] == "finished"
    assert fresh.put(path, replaced(schedule, paused=True)).json["state"] == "paused"
    assert len(seen(fresh)) == 1


def test_of_two_who_pause_at_once_one_has_done_it(fresh: ApiClient, database: Database) -> None:
    schedule = fresh.make_schedule()
    path = f"/schedules/{schedule['id']}"
    with ThreadPoolExecutor(2) as pool:
        with database.transaction() as holder:
            holder.cursor.execute("SELECT id FROM schedules WHERE id = %s FOR UPDATE", (schedule["id"],))
            pausing = [
                pool.submit(fresh.for_another_thread().post, f"{path}/pause"),
                pool.submit(fresh.for_another_thread().put, path, replaced(schedule, paused=True)),
            ]
            wait_until_blocked(database, 2)
        assert [future.result(10).status_code for future in pausing] == [200, 200]
    assert len(seen(fresh)) == 1


def test_pausing_rings_the_bell_only_when_somebody_is_to_be_told(fresh: ApiClient, redis_url: str) -> None:
    rings = []
    for event_types in (["run.finished"], ["*"]):
        fresh.make("/webhooks", ALL | {"event_types": event_types})
        with connect(redis_url) as client:
            client.flushall()
        pause(fresh, fresh.make_schedule())
        rings.append(Bell(redis_url).rings_waiting())
    assert rings == [0, 1]


def test_a_refused_request_bears_no_event(fresh: ApiClient) -> None:
    fresh.make_schedule(name="taken")
    schedule = fresh.make_schedule()
    problem(fresh.put(f"/schedules/{schedule['id']}", replaced(schedule, paused=True, name="taken")), 409)
    assert seen(fresh) == []


def test_events_are_listed_newest_first_by_type_and_pages_are_stable_under_inserts(fresh: ApiClient) -> None:
    webhook = fresh.make("/webhooks", ALL)
    for _ in range(3):
        pause(fresh, fresh.make_schedule())
        fresh.make(f"/webhooks/{webhook['id']}/test", {})
    made = [event["id"] for event in pages(fresh, "/events", 4)]
    assert made == sorted(made, reverse=True)
    assert len(made) == 6
    first = fresh.get("/events?limit=4").json
    pause(fresh, fresh.make_schedule())
    second = fresh.get(f"/events?limit=4&cursor={first['next_cursor']}").json
    assert [event["id"] for event in first["data"] + second["data"]] == made
    assert second["next_cursor"] is None
    assert [event["type"] for event in pages(fresh, "/events", 1, type="webhook.test")] == ["webhook.test"] * 3
    assert pages(fresh, "/events", 10, type="run.started") == []


def test_an_event_that_is_not_there_is_not_found(fresh: ApiClient) -> None:
    problem(fresh.get("/events/00000000-0000-7000-8000-000000000000"), 404)


@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ("type=run.finishd", "/type", "must be one of: run.started, run.finished"),
        ("type=*", "/type", "must be one of: run.started, run.finished"),
        ("limit=201", "/limit", "must be a whole number from 1 to 200"),
        ("cursor=MQ", "/cursor", "must be the next_cursor of an earlier page"),
        ("surprise=1", "/surprise", ""),
    ],
)
def test_a_filter_that_is_wrong_is_named(api: ApiClient, query: str, pointer: str, detail: str) -> None:
    [error] = problem(api.get(f"/events?{query}"), 422)["errors"]
    assert error["pointer"] == pointer
    assert detail in error["detail"]
