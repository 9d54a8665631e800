"""Schedules that begin jobs: written, read, replaced and triggered."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.schedule_targets import TARGETS
from shared.database import Database
from shared.queues import Bell, connect
from tests.api_client import ApiClient, pages, problem
from tests.concurrency import wait_until_blocked
from tests.jobs import begin_job, end_begun_job
from tests.processes import wait_until

URI = "http://127.0.0.1:9/hook"
CALL = {
    "uri": "http://127.0.0.1:9/a?b=c",
    "method": "PUT",
    "headers": {"X-Team": "billing"},
    "payload": {"a": [None, 1.5]},
    "error_uri": "http://127.0.0.1:9/failed",
    "timeout_seconds": 7,
    "max_attempts": 2,
    "backoff_seconds": 0.5,
}
DEFAULTS = {
    "method": "POST",
    "headers": {},
    "error_uri": None,
    "timeout_seconds": 30,
    "max_attempts": 4,
    "backoff_seconds": 10,
}


def make_schedule(api: ApiClient, **fields: Any) -> Any:
    """A daily schedule of a job, if nothing else is said."""
    return api.make("/schedules", {"cron": "@daily", "uri": URI} | fields)


def trigger(api: ApiClient, schedule: Any, **options: Any) -> Any:
    return api.post(f"/schedules/{schedule['id']}/trigger", **options)


def stored_target(database: Database, schedule: Any) -> Any:
    with database.reading() as cursor:
        cursor.execute("SELECT kind, checklist_id, target FROM schedules WHERE id = %s", (schedule["id"],))
        [row] = cursor.fetchall()
    return row


def test_a_schedule_of_a_job_is_created_and_read_as_it_was_written(fresh: ApiClient, database: Database) -> None:
    schedule = make_schedule(fresh, **CALL)
    assert schedule | CALL == schedule
    assert (schedule["checklist_id"], schedule["variables"], schedule["queue"]) == (None, None, None)
    assert fresh.get(f"/schedules/{schedule['id']}").json == schedule
    assert pages(fresh, "/schedules", 10) == [schedule]
    assert stored_target(database, schedule) == ("job", None, CALL)


def test_what_is_left_out_has_the_default_of_a_job(fresh: ApiClient, database: Database) -> None:
    schedule, job = make_schedule(fresh), fresh.make_job()
    assert schedule | DEFAULTS == schedule
    assert job | DEFAULTS == job
    assert "payload" not in schedule
    assert stored_target(database, schedule) == ("job", None, {"uri": URI} | DEFAULTS)


@pytest.mark.parametrize("payload", [None, False, 0, "", [], {}])
def test_a_payload_that_says_little_is_a_payload(fresh: ApiClient, payload: Any) -> None:
    schedule = make_schedule(fresh, payload=payload)
    assert schedule["payload"] == payload
    assert trigger(fresh, schedule).json["payload"] == payload


def test_a_schedule_of_a_run_has_nothing_of_a_job(fresh: ApiClient) -> None:
    schedule = fresh.make_schedule()
    assert {schedule[name] for name in ("uri", *DEFAULTS, "queue") if name != "headers"} == {None}
    assert schedule["headers"] is None
    assert "payload" not in schedule


@pytest.mark.parametrize("field", [name for name in CALL if name != "uri"])
def test_the_fields_of_a_call_go_with_a_uri_only(fresh: ApiClient, field: str) -> None:
    body = {"cron": "@daily", "checklist_id": fresh.make_checklist()["id"], field: CALL[field]}
    told = {error["pointer"]: error["detail"] for error in problem(fresh.post("/schedules", body), 422)["errors"]}
    owners = "uri or queue" if field in ("payload", "timeout_seconds", "max_attempts") else "uri"
    assert told == {f"/{field}": f"may only be given with {owners}"}


@pytest.mark.parametrize("field", ["variables", "execute_at", "delay_seconds"])
def test_what_does_not_belong_to_a_schedule_of_a_job_is_refused(fresh: ApiClient, field: str) -> None:
    body = {"cron": "@daily", "uri": URI, field: {}}
    assert [error["pointer"] for error in problem(fresh.post("/schedules", body), 422)["errors"]] == [f"/{field}"]


def test_a_schedule_begins_one_thing_only(fresh: ApiClient) -> None:
    body = {"cron": "@daily", "uri": URI, "checklist_id": fresh.make_checklist()["id"]}
    told = problem(fresh.post("/schedules", body), 422)["errors"]
    assert told == [{"pointer": "", "detail": f"only one of {', '.join(TARGETS)} may be given"}]


def test_a_schedule_may_be_looked_ahead_at_with_its_job(fresh: ApiClient) -> None:
    assert fresh.post("/schedules/preview", {"cron": "@daily"} | CALL).status_code == 200
    assert problem(fresh.post("/schedules/preview", {"cron": "@daily", "uri": "x"}), 422)


def test_a_schedule_of_a_run_becomes_one_of_a_job_and_back(fresh: ApiClient, database: Database) -> None:
    checklist = fresh.make_checklist()
    schedule = fresh.make_schedule(checklist_id=checklist["id"], variables={"a": "b"})
    path = f"/schedules/{schedule['id']}"
    after = fresh.put(path, {"cron": "@daily"} | CALL).json
    assert after | CALL | {"checklist_id": None, "variables": None} == after
    assert stored_target(database, schedule) == ("job", None, CALL)
    again = fresh.put(path, {"cron": "@daily", "checklist_id": checklist["id"]}).json
    assert (again["checklist_id"], again["uri"], again["method"]) == (checklist["id"], None, None)
    assert stored_target(database, schedule) == ("run", checklist["id"], {"variables": {}})


@pytest.mark.parametrize("fields", [{}, {"paused": True}, {"ends_at": "2020-01-01T00:00:00Z"}])
def test_a_triggered_schedule_begins_its_job_now_whatever_its_state(
    fresh: ApiClient, database: Database, redis_url: str, fields: dict[str, Any]
) -> None:
    schedule = make_schedule(fresh, **CALL, **fields)
    with connect(redis_url) as client:
        client.flushall()
    answer = trigger(fresh, schedule)
    job = answer.json
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/jobs/{job['id']}"
    assert job | CALL == job
    assert (job["schedule_id"], job["scheduled_for"], job["trigger"]) == (schedule["id"], None, "manual")
    assert (job["state"], job["attempts"], job["error_of"]) == ("pending", [], None)
    assert job["execute_at"] == job["next_attempt_at"] == job["created_at"]
    assert fresh.get(answer.headers["Location"]).json == job
    assert Bell(redis_url).rings_waiting() == 1
    claimed = begin_job(database, job["id"])
    assert (claimed.timeout_seconds, claimed.max_attempts, claimed.lane) == (7, 2, "127.0.0.1:9")
    call = {name: CALL[name] for name in CALL if name not in ("timeout_seconds", "max_attempts", "payload")}
    assert claimed.spec == call | {"asked_at": job["created_at"]}
    assert json.loads(claimed.payload or "") == CALL["payload"]
    after = fresh.get(f"/schedules/{schedule['id']}").json
    assert (after["state"], after["next_run_at"]) == (schedule["state"], schedule["next_run_at"])
    assert (after["last"]["id"], after["last"]["kind"]) == (job["id"], "job")


def test_a_schedule_may_be_triggered_again_and_again_and_its_jobs_are_listed(fresh: ApiClient) -> None:
    schedule = make_schedule(fresh)
    fresh.make_job()
    begun = {trigger(fresh, schedule).json["id"] for _ in range(3)}
    assert len(begun) == 3
    assert {job["id"] for job in pages(fresh, "/jobs", 2, schedule_id=schedule["id"])} == begun


def test_a_trigger_repeated_with_its_key_is_one_job(fresh: ApiClient) -> None:
    schedule = make_schedule(fresh)
    first, again = (trigger(fresh, schedule, headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert first.json == again.json
    assert len(pages(fresh, "/jobs", 10)) == 1


def test_a_repeated_trigger_tells_of_the_first_also_when_the_schedule_begins_something_else_now(
    fresh: ApiClient, database: Database
) -> None:
    schedule = make_schedule(fresh)
    headers = {"Idempotency-Key": "once"}
    job = trigger(fresh, schedule, headers=headers).json
    end_begun_job(database, begin_job(database, job["id"]))
    body = {"cron": "@daily", "checklist_id": fresh.make_checklist()["id"]}
    assert fresh.put(f"/schedules/{schedule['id']}", body).status_code == 200
    answer = trigger(fresh, schedule, headers=headers | {"Prefer": "wait=20"})
    assert (answer.status_code, answer.json["id"], answer.json["state"]) == (200, job["id"], "succeeded")


def test_who_prefers_to_wait_gets_the_finished_job(fresh: ApiClient, database: Database) -> None:
    schedule = make_schedule(fresh)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(trigger, fresh.for_another_thread(), schedule, headers={"Prefer": "wait=20"})
        wait_until(lambda: pages(fresh, "/jobs", 10), "the job is there")
        [job] = pages(fresh, "/jobs", 10)
        end_begun_job(database, begin_job(database, job["id"]), status_code=204)
        answer = waiting.result(10)
    assert (answer.status_code, answer.json["state"]) == (200, "succeeded")
    assert [attempt["status_code"] for attempt in answer.json["attempts"]] == [204]
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.headers["Location"] == f"/jobs/{job['id']}"


def test_a_schedule_that_is_being_deleted_begins_no_job(fresh: ApiClient, database: Database) -> None:
    schedule = make_schedule(fresh)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as deleting:
            deleting.cursor.execute("DELETE FROM schedules WHERE id = %s", (schedule["id"],))
            triggering = pool.submit(trigger, fresh.for_another_thread(), schedule)
            wait_until_blocked(database)
        problem(triggering.result(10), 404)
    assert pages(fresh, "/jobs", 10) == []


def test_the_jobs_of_a_deleted_schedule_stay(fresh: ApiClient) -> None:
    schedule = make_schedule(fresh)
    job = trigger(fresh, schedule).json
    assert fresh.delete(f"/schedules/{schedule['id']}").status_code == 204
    after = fresh.get(f"/jobs/{job['id']}").json
    assert (after["schedule_id"], after["state"], after["uri"]) == (None, "pending", URI)
