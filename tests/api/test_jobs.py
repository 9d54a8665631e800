"""Jobs through the API: created, waited for, read, listed, canceled, retried and deleted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest

from api.schemas.jobs import JobInput
from api.store import jobs
from shared.database import Database
from shared.queues import Bell, connect
from shared.store import error_calls
from shared.store.schedules import CHANGED_CHANNEL, HELD_UNTIL
from tests.api_client import ApiClient, pages, problem
from tests.jobs import begin_job, end_begun_job, end_job
from tests.processes import wait_until

URI = "http://127.0.0.1:9/hook"
ABSENT = "/jobs/00000000-0000-7000-8000-000000000000"


def read(api: ApiClient, job: Any) -> Any:
    answer = api.get(f"/jobs/{job['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json


def seconds_until(text: str) -> float:
    return (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()


def execute(database: Database, statement: str, **values: Any) -> None:
    with database.reading() as cursor:
        cursor.execute(statement, values)


def test_a_job_is_created_read_and_listed_as_it_was_written(fresh: ApiClient) -> None:
    given = {
        "uri": "http://127.0.0.1:9/a?b=c",
        "method": "PUT",
        "headers": {"Authorization": "Bearer x", "X-Team": "billing"},
        "payload": {"a": [1, 1.5, None, "é"]},
        "error_uri": "http://127.0.0.1:9/failed",
        "execute_at": "2099-03-01T13:00:00+01:00",
        "timeout_seconds": 900,
        "max_attempts": 20,
        "backoff_seconds": 0.5,
    }
    answer = fresh.post("/jobs", given)
    assert answer.status_code == 201
    job = answer.json
    assert answer.headers["Location"] == f"/jobs/{job['id']}"
    assert "Preference-Applied" not in answer.headers
    assert job == given | {
        "id": job["id"],
        "execute_at": "2099-03-01T12:00:00Z",
        "schedule_id": None,
        "scheduled_for": "2099-03-01T12:00:00Z",
        "trigger": "api",
        "state": "pending",
        "error": None,
        "error_of": None,
        "error_job_id": None,
        "next_attempt_at": "2099-03-01T12:00:00Z",
        "attempt_count": 0,
        "attempts": [],
        "created_at": job["created_at"],
        "started_at": None,
        "finished_at": None,
    }
    assert fresh.get(answer.headers["Location"]).json == job
    del job["attempts"]
    assert fresh.get("/jobs").json == {"data": [job], "next_cursor": None}


def test_what_is_left_out_has_its_default(fresh: ApiClient) -> None:
    job = fresh.make_job()
    defaults = {
        "method": "POST",
        "headers": {},
        "error_uri": None,
        "timeout_seconds": 30,
        "max_attempts": 4,
        "backoff_seconds": 10,
        "execute_at": job["created_at"],
        "next_attempt_at": job["created_at"],
    }
    assert job | defaults == job
    assert "payload" not in job
    assert "payload" not in read(fresh, job)


@pytest.mark.parametrize("payload", [None, False, 0, "", [], {}, "text", {"null": None}, 1e23, 2**53])
def test_any_json_is_a_payload_and_null_is_not_none_at_all(fresh: ApiClient, payload: Any) -> None:
    job = fresh.make_job(payload=payload)
    assert job["payload"] == payload
    assert read(fresh, job)["payload"] == payload


def test_the_documented_example_is_accepted(fresh: ApiClient) -> None:
    fresh.make("/jobs", JobInput.example)


def test_a_worker_gets_the_job_in_the_lane_of_its_host(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job(uri="http://LOCALHOST:9/x", payload=None, timeout_seconds=7, max_attempts=2)
    claimed = begin_job(database, job["id"])
    assert (claimed.kind, claimed.lane, claimed.trigger) == ("job", "localhost:9", "api")
    assert (claimed.timeout_seconds, claimed.max_attempts) == (7, 2)
    assert claimed.spec == {
        "uri": "http://LOCALHOST:9/x",
        "method": "POST",
        "headers": {},
        "error_uri": None,
        "backoff_seconds": 10,
    }
    assert claimed.payload == "null"


def test_a_delay_is_counted_from_now_on(fresh: ApiClient) -> None:
    job = fresh.make_job(delay_seconds=90.5)
    assert 60 < seconds_until(job["execute_at"]) <= 90.5
    assert job["execute_at"] == job["scheduled_for"] == job["next_attempt_at"]


@pytest.mark.parametrize("when", [{}, {"delay_seconds": 0}, {"execute_at": "2000-01-01T00:00:00Z"}])
def test_what_is_due_is_begun_at_once(
    fresh: ApiClient, database: Database, redis_url: str, when: dict[str, Any]
) -> None:
    with connect(redis_url) as client:
        client.flushall()
    job = fresh.make_job(**when)
    assert Bell(redis_url).rings_waiting() == 1
    assert job["next_attempt_at"] == job["created_at"]
    assert job["execute_at"] == when.get("execute_at", job["created_at"])
    begin_job(database, job["id"])


def test_what_is_due_later_is_told_to_the_schedulers(fresh: ApiClient, database_url: str, redis_url: str) -> None:
    with connect(redis_url) as client:
        client.flushall()
    listening = psycopg2.connect(database_url)
    listening.autocommit = True
    with listening.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANGED_CHANNEL}")
    fresh.make_job(delay_seconds=3_600)

    def is_told() -> bool:
        listening.poll()
        return bool(listening.notifies)

    wait_until(is_told, "the schedulers are told")
    assert Bell(redis_url).rings_waiting() == 0
    listening.close()


def test_a_job_tells_of_its_attempts(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job()
    failed = {"status_code": 503, "error": "503 Busy", "response_excerpt": "busy"}
    end_job(database, job["id"], "pending", retry_in_seconds=3_600, **failed)
    waiting = read(fresh, job)
    assert waiting["state"] == "pending"
    assert 3_500 < seconds_until(waiting["next_attempt_at"]) <= 3_600
    assert (waiting["execute_at"], waiting["attempt_count"]) == (job["execute_at"], 1)
    execute(database, "UPDATE work SET due_at = now() WHERE id = %(id)s", id=job["id"])
    claimed = begin_job(database, job["id"])
    running = read(fresh, job)
    assert (running["state"], running["next_attempt_at"], running["attempt_count"]) == ("running", None, 2)
    assert (running["attempts"][1]["outcome"], running["attempts"][1]["finished_at"]) == (None, None)
    end_begun_job(database, claimed, status_code=204, elapsed_ms=12)
    ended = read(fresh, job)
    assert (ended["state"], ended["error"]) == ("succeeded", None)
    first, second = ended["attempts"]
    assert first == {
        "number": 1,
        "started_at": first["started_at"],
        "finished_at": first["finished_at"],
        "outcome": "failed",
        "status_code": 503,
        "error": "503 Busy",
        "elapsed_ms": None,
        "response_excerpt": "busy",
    }
    assert (second["number"], second["outcome"], second["status_code"], second["elapsed_ms"]) == (
        2,
        "succeeded",
        204,
        12,
    )
    assert ended["started_at"] == first["started_at"] <= first["finished_at"] <= ended["finished_at"]


def test_of_very_many_attempts_the_last_are_shown(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job(delay_seconds=3_600)
    execute(
        database,
        "INSERT INTO attempts (work_id, number, worker, started_at, finished_at, outcome)"
        " SELECT %(id)s, number, 'test', now(), now(), 'failed' FROM generate_series(1, 300) AS number",
        id=job["id"],
    )
    assert [attempt["number"] for attempt in read(fresh, job)["attempts"]] == list(range(101, 301))


def test_a_job_that_waits_for_the_one_before_it_has_no_next_attempt_yet(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job()
    execute(database, "UPDATE work SET due_at = %(until)s WHERE id = %(id)s", until=HELD_UNTIL, id=job["id"])
    assert (read(fresh, job)["state"], read(fresh, job)["next_attempt_at"]) == ("pending", None)


def test_a_failed_job_names_the_job_that_tells_of_it_and_that_one_names_it(
    fresh: ApiClient, database: Database
) -> None:
    job = fresh.make_job(method="PUT", payload={"a": 1}, error_uri="http://127.0.0.1:9/failed", max_attempts=1)
    claimed = begin_job(database, job["id"])
    end_begun_job(database, claimed, "failed", error="404 Not Found")
    with database.transaction() as transaction:
        error_calls.begin(transaction.cursor, [claimed.id])
    failed = read(fresh, job)
    [telling, listed] = pages(fresh, "/jobs", 10)
    assert (failed["state"], failed["error"], failed["error_job_id"]) == ("failed", "404 Not Found", telling["id"])
    assert listed["error_job_id"] == telling["id"]
    assert (telling["error_of"], telling["error_job_id"], telling["error_uri"]) == (job["id"], None, None)
    assert (telling["uri"], telling["payload"]) == ("http://127.0.0.1:9/failed", {"a": 1})
    assert read(fresh, telling)["attempts"] == []


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_who_prefers_to_wait_gets_the_finished_job(
    fresh: ApiClient, database: Database, redis_url: str, state: Any
) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fresh.for_another_thread().post, "/jobs", {"uri": URI}, headers={"Prefer": "wait=20"})
        wait_until(lambda: pages(fresh, "/jobs", 10), "the job is there")
        [job] = pages(fresh, "/jobs", 10)
        claimed = begin_job(database, job["id"])
        assert not waiting.done()
        end_begun_job(database, claimed, state)
        Bell(redis_url).announce([claimed.id])
        answer = waiting.result(10)
    assert (answer.status_code, answer.json) == (200, read(fresh, job))
    assert (answer.json["state"], len(answer.json["attempts"])) == (state, 1)
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.headers["Location"] == f"/jobs/{job['id']}"


def test_who_waits_in_vain_gets_the_job_as_it_is(fresh: ApiClient) -> None:
    answer = fresh.post("/jobs", {"uri": URI}, headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.json["state"]) == (201, "pending")
    assert answer.headers["Preference-Applied"] == "wait=0"


def test_a_creation_repeated_with_its_key_is_one_job(fresh: ApiClient) -> None:
    body, headers = {"uri": URI, "payload": None, "backoff_seconds": 0.1}, {"Idempotency-Key": "once"}
    first, again = (fresh.post("/jobs", body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert len(pages(fresh, "/jobs", 10)) == 1
    problem(fresh.post("/jobs", body | {"payload": 1}, headers=headers), 422)


def test_a_repeated_creation_may_wait_for_the_first_ones_job(fresh: ApiClient, database: Database) -> None:
    headers = {"Idempotency-Key": "once"}
    job = fresh.post("/jobs", {"uri": URI}, headers=headers).json
    end_job(database, job["id"])
    answer = fresh.post("/jobs", {"uri": URI}, headers=headers | {"Prefer": "wait=20"})
    assert (answer.status_code, answer.json["id"], answer.json["state"]) == (200, job["id"], "succeeded")


def test_jobs_are_listed_newest_first_and_pages_are_stable_under_inserts(fresh: ApiClient) -> None:
    made = sorted((fresh.make_job()["id"] for _ in range(5)), reverse=True)
    first = fresh.get("/jobs?limit=2").json
    fresh.make_job()
    second = fresh.get(f"/jobs?limit=2&cursor={first['next_cursor']}").json
    third = fresh.get(f"/jobs?limit=2&cursor={second['next_cursor']}").json
    assert [job["id"] for job in first["data"] + second["data"] + third["data"]] == made
    assert third["next_cursor"] is None


def test_jobs_are_listed_by_state(fresh: ApiClient, database: Database) -> None:
    failed, pending = fresh.make_job(), fresh.make_job()
    end_job(database, failed["id"], "failed")
    execute(
        database,
        "UPDATE work SET state = 'pending', lease_token = NULL, lease_expires_at = NULL WHERE id = %(id)s",
        id=pending["id"],
    )

    def listed(**query: object) -> list[str]:
        return [job["id"] for job in pages(fresh, "/jobs", 10, **query)]

    assert listed() == [pending["id"], failed["id"]]
    assert listed(state="failed") == [failed["id"]]
    assert listed(state="pending") == [pending["id"]]
    assert listed(state="running") == listed(schedule_id=1) == listed(schedule_id=2**53) == []


def test_other_work_is_no_job(fresh: ApiClient) -> None:
    run = fresh.start_run(fresh.make_checklist()["id"])
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry")):
        problem(fresh.call(method, f"/jobs/{run['id']}{path}"), 404)
    assert pages(fresh, "/jobs", 10) == []
    assert fresh.get(f"/runs/{run['id']}").json == run


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry")])
def test_an_absent_job_is_not_found(api: ApiClient, method: str, path: str) -> None:
    assert problem(api.call(method, f"{ABSENT}{path}"), 404)["detail"] == "there is no such job in this account"


def test_a_job_is_taken_without_redis(app_with: Callable[..., ApiClient]) -> None:
    api = app_with(redis_url="unix:///nonexistent/redis.sock").signed_up()
    job = api.make_job()
    assert read(api, job) == job


def test_a_page_of_large_payloads_ends_early_and_the_next_goes_on(
    fresh: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(jobs.page.__kwdefaults__, "most_bytes", 25_000)
    made = [fresh.make("/jobs", {"uri": URI, "payload": "x" * 10_000, "delay_seconds": 60})["id"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = fresh.get(f"/jobs?limit=4{cursor and '&cursor=' + cursor}").json
        assert 1 <= len(page["data"]) <= 2
        seen += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]
