"""What is done with a job that is there: cancel, retry, delete."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.database import Database
from shared.queues import Bell, connect
from shared.store import error_calls
from tests.api_client import ApiClient, pages, problem
from tests.concurrency import wait_until_blocked
from tests.jobs import begin_job, end_begun_job, end_job

URI = "http://127.0.0.1:9/hook"


def read(api: ApiClient, job: Any) -> Any:
    answer = api.get(f"/jobs/{job['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_pending_job_is_canceled(fresh: ApiClient) -> None:
    job = fresh.make_job(delay_seconds=3_600)
    answer = fresh.post(f"/jobs/{job['id']}/cancel")
    assert (answer.status_code, answer.json["state"], answer.json["next_attempt_at"]) == (200, "canceled", None)
    assert answer.json["error"] == "canceled by its owner"
    assert answer.json == read(fresh, job)
    again = fresh.post(f"/jobs/{job['id']}/cancel", {})
    assert (again.status_code, again.json) == (200, answer.json)


def test_a_running_job_is_canceled_and_its_result_is_refused(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job()
    claimed = begin_job(database, job["id"])
    canceled = fresh.post(f"/jobs/{job['id']}/cancel").json
    assert (canceled["state"], canceled["attempts"][0]["outcome"]) == ("canceled", "canceled")
    with pytest.raises(AssertionError):
        end_begun_job(database, claimed)
    assert read(fresh, job) == canceled


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_a_job_that_has_ended_cannot_be_canceled(fresh: ApiClient, database: Database, state: Any) -> None:
    job = fresh.make_job()
    end_job(database, job["id"], state)
    refused = problem(fresh.post(f"/jobs/{job['id']}/cancel"), 409)
    assert refused["detail"] == f"the job has {state} already"
    assert read(fresh, job)["state"] == state


def test_a_job_that_ends_while_it_is_being_canceled_has_ended(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job()
    claimed = begin_job(database, job["id"])
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as holder:
            holder.cursor.execute(
                "UPDATE work SET state = 'succeeded', lease_token = NULL, lease_expires_at = NULL,"
                " finished_at = now() WHERE id = %s",
                (str(claimed.id),),
            )
            canceling = pool.submit(fresh.for_another_thread().post, f"/jobs/{job['id']}/cancel")
            wait_until_blocked(database)
        problem(canceling.result(10), 409)


def test_a_failed_job_is_retried_afresh(fresh: ApiClient, database: Database, redis_url: str) -> None:
    job = fresh.make_job(max_attempts=1)
    end_job(database, job["id"], "failed", error="404 Not Found", status_code=404, result={"a": 1})
    failed = read(fresh, job)
    with connect(redis_url) as client:
        client.flushall()
    answer = fresh.post(f"/jobs/{job['id']}/retry")
    retried = answer.json
    assert answer.status_code == 200
    assert [retried[name] for name in ("id", "state", "error", "finished_at")] == [job["id"], "pending", None, None]
    assert datetime.fromisoformat(retried["next_attempt_at"]) <= datetime.now(UTC)
    assert (retried["execute_at"], retried["attempts"]) == (job["execute_at"], failed["attempts"])
    assert retried == read(fresh, job)
    assert Bell(redis_url).rings_waiting() == 1
    claimed = begin_job(database, job["id"])
    assert (claimed.attempt, claimed.counted_attempt, claimed.is_last_attempt) == (2, 1, True)
    end_begun_job(database, claimed)
    ended = read(fresh, job)
    assert [attempt["outcome"] for attempt in ended["attempts"]] == ["failed", "succeeded"]
    assert (ended["state"], ended["attempt_count"]) == ("succeeded", 2)


def test_a_job_may_fail_and_be_retried_again_and_again(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job(max_attempts=1)
    for _ in range(3):
        end_job(database, job["id"], "failed", error="404 Not Found")
        assert fresh.post(f"/jobs/{job['id']}/retry", {}).status_code == 200
    assert read(fresh, job)["attempt_count"] == 3


@pytest.mark.parametrize("state", ["pending", "running", "succeeded", "canceled"])
def test_only_a_failed_job_is_retried(fresh: ApiClient, database: Database, state: str) -> None:
    job = fresh.make_job()
    if state == "running":
        begin_job(database, job["id"])
    elif state == "succeeded":
        end_job(database, job["id"])
    elif state == "canceled":
        fresh.post(f"/jobs/{job['id']}/cancel")
    before = read(fresh, job)
    refused = problem(fresh.post(f"/jobs/{job['id']}/retry"), 409)
    assert refused["detail"] == f"the job is {state}; only one that has failed can be retried"
    assert read(fresh, job) == before


def test_a_retry_repeated_with_its_key_is_one_retry(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job()
    end_job(database, job["id"], "failed")
    headers = {"Idempotency-Key": "once"}
    first, again = (fresh.post(f"/jobs/{job['id']}/retry", headers=headers) for _ in range(2))
    assert (first.status_code, first.json) == (again.status_code, again.json)
    assert again.headers["Idempotent-Replay"] == "true"


def test_of_two_retries_at_once_one_begins_it(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job()
    end_job(database, job["id"], "failed")
    with ThreadPoolExecutor(2) as pool:
        with database.transaction() as holder:
            holder.cursor.execute("SELECT id FROM work WHERE id = %s FOR UPDATE", (job["id"],))
            retrying = [pool.submit(fresh.for_another_thread().post, f"/jobs/{job['id']}/retry") for _ in range(2)]
            wait_until_blocked(database, 2)
        assert sorted(future.result(10).status_code for future in retrying) == [200, 409]


@pytest.mark.parametrize("state", ["pending", "running", "succeeded", "failed"])
def test_a_deleted_job_is_gone_with_its_attempts(fresh: ApiClient, database: Database, state: Any) -> None:
    job = fresh.make_job()
    claimed = None if state == "pending" else begin_job(database, job["id"])
    if claimed and state != "running":
        end_begun_job(database, claimed, state)
    answer = fresh.delete(f"/jobs/{job['id']}")
    assert (answer.status_code, answer.data) == (204, b"")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry")):
        problem(fresh.call(method, f"/jobs/{job['id']}{path}"), 404)
    with database.reading() as cursor:
        cursor.execute("SELECT count(*) FROM attempts WHERE work_id = %s", (job["id"],))
        assert cursor.fetchall() == [(0,)]
    if claimed and state == "running":
        with pytest.raises(AssertionError):
            end_begun_job(database, claimed)


def test_a_job_that_is_being_claimed_is_deleted_with_its_attempt(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job()
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as claiming:
            claiming.cursor.execute(
                "UPDATE work SET state = 'running', attempt = 1, lease_token = gen_random_uuid(),"
                " lease_expires_at = now() WHERE id = %s",
                (job["id"],),
            )
            claiming.cursor.execute(
                "INSERT INTO attempts (work_id, number, worker, started_at) VALUES (%s, 1, 'test', now())", (job["id"],)
            )
            deleting = pool.submit(fresh.for_another_thread().delete, f"/jobs/{job['id']}")
            wait_until_blocked(database)
        assert deleting.result(10).status_code == 204
    problem(fresh.get(f"/jobs/{job['id']}"), 404)


def test_the_job_that_tells_of_a_failed_one_outlives_it(fresh: ApiClient, database: Database) -> None:
    job = fresh.make_job(error_uri=URI, max_attempts=1)
    claimed = begin_job(database, job["id"])
    end_begun_job(database, claimed, "failed")
    with database.transaction() as transaction:
        error_calls.begin(transaction.cursor, [claimed.id])
    assert fresh.delete(f"/jobs/{job['id']}").status_code == 204
    [telling] = pages(fresh, "/jobs", 10)
    assert telling["error_of"] is None
