"""Schedules that push tasks: written, read, replaced and triggered."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from scheduler.due import fire_due_schedules
from shared.database import Database
from shared.queues import TASKS_CHANNEL, Bell, connect
from tests.api_client import ApiClient, pages, problem
from tests.processes import wait_until

PUSH = {
    "queue": "mail",
    "payload": {"to": "ada", "cc": [None]},
    "priority": 5,
    "timeout_seconds": 43_200,
    "max_attempts": 100,
}
DEFAULTS = {"priority": 0, "timeout_seconds": None, "max_attempts": 4}


def make_schedule(api: ApiClient, **fields: Any) -> Any:
    """A daily schedule of a task, if nothing else is said."""
    return api.make("/schedules", {"cron": "@daily", "queue": "mail"} | fields)


def trigger(api: ApiClient, schedule: Any, **options: Any) -> Any:
    return api.post(f"/schedules/{schedule['id']}/trigger", **options)


def pop(api: ApiClient, queue: str = "mail") -> Any:
    answer = api.post(f"/queues/{queue}/pop")
    assert answer.status_code == 200, answer.text
    [task] = answer.json["tasks"]
    return task


def ack(api: ApiClient, task: Any, result: Any = None) -> None:
    answer = api.post(f"/tasks/{task['id']}/ack", {"lease_token": task["lease_token"], "result": result})
    assert answer.status_code == 200, answer.text


def problems_of(api: ApiClient, body: dict[str, Any], path: str = "/schedules") -> dict[str, str]:
    return {error["pointer"]: error["detail"] for error in problem(api.post(path, body), 422)["errors"]}


def test_a_schedule_of_a_task_is_created_and_read_as_it_was_written(fresh: ApiClient) -> None:
    schedule = make_schedule(fresh, **PUSH)
    assert schedule | PUSH == schedule
    assert [schedule[name] for name in ("checklist_id", "variables", "uri", "method", "headers", "error_uri")] == [
        None
    ] * 6
    assert fresh.get(f"/schedules/{schedule['id']}").json == schedule
    assert pages(fresh, "/schedules", 10) == [schedule]


def test_what_is_left_out_has_the_default_of_a_task(fresh: ApiClient) -> None:
    schedule = make_schedule(fresh)
    assert schedule | DEFAULTS == schedule
    assert "payload" not in schedule


def test_a_minute_alone_means_the_queue_default(fresh: ApiClient) -> None:
    schedule = fresh.make("/schedules", {"minute": 60_000_000, "payload": 1, "priority": -3})
    assert (schedule["queue"], schedule["payload"], schedule["priority"]) == ("default", 1, -3)
    assert (schedule["recurring"], schedule["state"]) == ("none", "active")
    other = {"minute": 60_000_000, "uri": "http://127.0.0.1:9/"}
    assert fresh.make("/schedules", other)["queue"] is None
    assert fresh.post("/schedules/preview", {"minute": 60_000_000}).status_code == 200


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"queue": ""}, {"/queue": "must be 1 to 100 of: letters"}),
        ({"queue": "a b"}, {"/queue": "must be 1 to 100 of: letters, digits, dot, underscore, hyphen"}),
        ({"queue": "q" * 101}, {"/queue": "must be 1 to 100 of: letters"}),
        ({"queue": None}, {"/queue": ""}),
        ({"queue": 5}, {"/queue": ""}),
        ({"priority": 101}, {"/priority": "a whole number from -100 to 100"}),
        ({"priority": True}, {"/priority": ""}),
        ({"timeout_seconds": 43_201}, {"/timeout_seconds": "from 1 to 43200"}),
        ({"max_attempts": 101}, {"/max_attempts": "from 1 to 100"}),
        ({"variables": {}}, {"/variables": "may only be given with checklist_id"}),
        ({"method": "POST"}, {"/method": "may only be given with uri"}),
        ({"backoff_seconds": 1}, {"/backoff_seconds": "may only be given with uri"}),
        ({"dedup_key": "a"}, {"/dedup_key": "is no field"}),
        ({"delay_seconds": 1}, {"/delay_seconds": "is no field"}),
        ({"uri": "http://127.0.0.1:9/"}, {"": "only one of checklist_id, uri, queue may be given"}),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_is_expected(
    fresh: ApiClient, fields: dict[str, Any], told: dict[str, str]
) -> None:
    found = problems_of(fresh, {"cron": "@daily", "queue": "mail"} | fields)
    assert list(found) == list(told)
    assert all(detail in found[pointer] for pointer, detail in told.items())


def test_a_call_may_not_take_as_long_as_a_task(fresh: ApiClient) -> None:
    call = {"cron": "@daily", "uri": "http://127.0.0.1:9/"}
    assert problems_of(fresh, call | {"timeout_seconds": 901, "max_attempts": 21}) == {
        "/timeout_seconds": "must be a whole number from 1 to 900",
        "/max_attempts": "must be a whole number from 1 to 20",
    }
    assert fresh.make("/schedules", call | {"timeout_seconds": 900, "max_attempts": 20})["max_attempts"] == 20


def test_the_priority_goes_with_a_queue_only(fresh: ApiClient) -> None:
    body = {"cron": "@daily", "checklist_id": fresh.make_checklist()["id"], "priority": 1}
    assert problems_of(fresh, body) == {"/priority": "may only be given with queue"}


def test_a_schedule_of_a_task_becomes_one_of_a_run_and_back(fresh: ApiClient) -> None:
    schedule = make_schedule(fresh, **PUSH)
    path = f"/schedules/{schedule['id']}"
    after = fresh.put(path, {"cron": "@daily", "checklist_id": fresh.make_checklist()["id"]}).json
    assert [after[name] for name in ("queue", "priority", "timeout_seconds", "max_attempts")] == [None] * 4
    again = fresh.put(path, {"cron": "@daily"} | PUSH).json
    assert again | PUSH == again


def test_a_triggered_schedule_pushes_its_task_now_and_those_who_wait_are_told(fresh: ApiClient, redis_url: str) -> None:
    schedule = make_schedule(fresh, **PUSH, paused=True)
    with connect(redis_url, timeout_seconds=5) as client, client.pubsub(ignore_subscribe_messages=True) as heard:
        client.flushall()
        heard.subscribe(TASKS_CHANNEL)
        heard.get_message(timeout=5)
        answer = trigger(fresh, schedule)
        told = heard.get_message(timeout=5)
    assert told is not None
    assert told["data"].decode().endswith("/mail")
    task = answer.json
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/tasks/{task['id']}")
    assert task | PUSH == task
    assert (task["schedule_id"], task["state"], task["attempts"], task["logs"]) == (schedule["id"], "pending", [], [])
    assert fresh.get(answer.headers["Location"]).json == task
    assert Bell(redis_url).rings_waiting() == 0
    popped = pop(fresh)
    assert (popped["id"], popped["payload"], popped["timeout_seconds"]) == (task["id"], PUSH["payload"], 43_200)
    after = fresh.get(f"/schedules/{schedule['id']}").json
    assert (after["last"]["id"], after["last"]["kind"], after["last"]["state"]) == (task["id"], "task", "running")
    assert after["counters"] == {"fired": 0, "skipped": 0, "missed": 0}


def test_a_trigger_repeated_with_its_key_is_one_task(fresh: ApiClient) -> None:
    schedule = make_schedule(fresh)
    first, again = (trigger(fresh, schedule, headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert first.json == again.json
    assert len(pages(fresh, "/tasks", 10)) == 1


def test_who_prefers_to_wait_gets_the_finished_task(fresh: ApiClient) -> None:
    schedule = make_schedule(fresh)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(trigger, fresh.for_another_thread(), schedule, headers={"Prefer": "wait=20"})
        wait_until(lambda: pages(fresh, "/tasks", 10), "the task is there")
        ack(fresh, pop(fresh), {"sent": 1})
        answer = waiting.result(10)
    assert (answer.status_code, answer.json["state"], answer.json["result"]) == (200, "succeeded", {"sent": 1})


def test_the_schedule_tells_of_its_last_tasks(fresh: ApiClient, database: Database) -> None:
    schedule = make_schedule(fresh)
    path = f"/schedules/{schedule['id']}"
    succeeded = trigger(fresh, schedule).json
    ack(fresh, pop(fresh))
    failed = trigger(fresh, schedule).json
    body = {"lease_token": pop(fresh)["lease_token"], "error": "no mail server", "retry": False}
    assert fresh.post(f"/tasks/{failed['id']}/fail", body).status_code == 200
    shown = fresh.get(path).json
    assert (shown["last_success"]["id"], shown["last_failure"]["id"]) == (succeeded["id"], failed["id"])
    assert shown["last"]["id"] == failed["id"]


def test_a_fired_task_is_found_from_its_occurrence(fresh: ApiClient, database: Database, redis_url: str) -> None:
    schedule = fresh.make(
        "/schedules", {"run_at": "2026-01-01T00:00:00Z", "queue": "mail"} | {"catchup_window_seconds": 31_536_000}
    )
    fire_due_schedules(database, Bell(redis_url), delivery_attempts=1)
    [occurrence] = pages(fresh, f"/schedules/{schedule['id']}/occurrences", 10)
    assert (occurrence["kind"], occurrence["outcome"]) == ("task", "fired")
    task = fresh.get(f"/tasks/{occurrence['work_id']}").json
    assert (task["scheduled_for"], task["schedule_id"]) == ("2026-01-01T00:00:00Z", schedule["id"])
    assert pop(fresh)["id"] == task["id"]


def test_a_schedule_sleeps_after_a_task_that_was_failed_by_its_worker(fresh: ApiClient) -> None:
    schedule = make_schedule(fresh, pause_on_failure=True)
    trigger(fresh, schedule)
    task = pop(fresh)
    body = {"lease_token": task["lease_token"], "error": "no mail server", "retry": False}
    assert fresh.post(f"/tasks/{task['id']}/fail", body).status_code == 200
    shown = fresh.get(f"/schedules/{schedule['id']}").json
    assert (shown["state"], shown["note"]) == ("paused", f"paused because task {task['id']} failed")


def test_the_tasks_of_a_deleted_schedule_stay(fresh: ApiClient) -> None:
    schedule = make_schedule(fresh)
    task = trigger(fresh, schedule).json
    assert fresh.delete(f"/schedules/{schedule['id']}").status_code == 204
    after = fresh.get(f"/tasks/{task['id']}").json
    assert (after["schedule_id"], after["state"]) == (None, "pending")
