"""Jobs over real connections: what is sent, and what each answer makes of the job."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.store import jobs
from shared.database import Cursor, Database
from shared.domain.instants import write_instant
from shared.settings import Settings
from shared.store import work
from tests import performing, store_fixtures
from tests.claiming import claim
from tests.factories import a_job, a_schedule, an_ended
from tests.performing import Caller
from tests.rows import attempts, work_row
from tests.target import Target
from worker.outbound import Outbound

cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there
caller = performing.caller
outbound = performing.outbound
target = performing.target


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_an_answer_of_2xx_is_success(caller: Caller, cursor: Cursor, target: Target, status: int) -> None:
    job = a_job(cursor, uri=target.url(f"/status/{status}"))
    ended = caller.perform_one()
    assert (ended.attempt.status_code, ended.attempt.error) == (status, None)
    assert work_row(cursor, job.id).state == "succeeded"
    assert attempts(cursor, job.id) == [(1, "succeeded")]
    assert len(target.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 408, 425, 429])
def test_what_may_be_better_next_time_is_tried_again_after_a_while(
    caller: Caller, cursor: Cursor, target: Target, status: int
) -> None:
    job = a_job(cursor, uri=target.url(f"/status/{status}"))
    ended = caller.perform_one()
    assert ended.attempt.retry_in_seconds is not None
    assert 8 <= ended.attempt.retry_in_seconds <= 12
    assert ended.attempt.error == f"answered with status {status}"
    row = work_row(cursor, job.id)
    assert row.state == "pending"
    assert in_seconds(7) < row.due_at < in_seconds(13)
    assert attempts(cursor, job.id) == [(1, "failed")]


def test_each_wait_is_four_times_the_one_before_until_no_attempt_is_left(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    job = a_job(cursor, uri=target.url("/status/500"))
    for wait in (10, 40, 160):
        ended = caller.perform_one(now=in_seconds(3_600))
        assert ended.attempt.retry_in_seconds is not None
        assert wait * 0.8 <= ended.attempt.retry_in_seconds <= wait * 1.2
    last = caller.perform_one(now=in_seconds(3_600))
    assert (last.attempt.state, last.attempt.retry_in_seconds) == ("failed", None)
    assert attempts(cursor, job.id) == [(1, "failed"), (2, "failed"), (3, "failed"), (4, "failed")]
    assert [seen.header("roundsman-attempt") for seen in target.requests] == ["1", "2", "3", "4"]


def test_an_attempt_that_was_given_back_makes_no_wait_longer(caller: Caller, cursor: Cursor, target: Target) -> None:
    a_job(cursor, uri=target.url("/status/500"))
    [given_back] = claim(cursor, limit=1)
    work.finish(cursor, [an_ended(given_back, "pending", attempt_outcome="released")])
    ended = caller.perform_one()
    assert ended.attempt.retry_in_seconds is not None
    assert ended.attempt.retry_in_seconds <= 12
    assert target.requests[0].header("roundsman-attempt") == "2", "each call that is begun has a number of its own"


@pytest.mark.parametrize("status", [301, 302, 304, 307, 400, 401, 404, 410, 422])
def test_what_will_not_be_better_fails_at_once(caller: Caller, cursor: Cursor, target: Target, status: int) -> None:
    job = a_job(cursor, uri=target.url(f"/status/{status}"))
    ended = caller.perform_one()
    assert (ended.attempt.state, ended.attempt.status_code) == ("failed", status)
    row = work_row(cursor, job.id)
    assert (row.state, row.error) == ("failed", f"answered with status {status}")


def test_a_redirect_is_not_followed(caller: Caller, cursor: Cursor, target: Target) -> None:
    a_job(cursor, uri=target.url("/redirect/1"))
    assert caller.perform_one().attempt.status_code == 302
    assert [seen.path for seen in target.requests] == ["/redirect/1"]


@pytest.mark.parametrize(
    ("mode", "least", "most"),
    [("retry-after/120", 120, 120), ("retry-after/3", 8, 12), ("retry-after/9999999", 86_400, 86_400)],
    ids=["longer-than-ours", "shorter-than-ours", "longer-than-a-day"],
)
def test_the_wait_that_is_asked_for_is_kept_within_bounds(
    caller: Caller, cursor: Cursor, target: Target, mode: str, least: float, most: float
) -> None:
    a_job(cursor, uri=target.url(f"/{mode}"))
    ended = caller.perform_one()
    assert (ended.attempt.state, ended.attempt.status_code) == ("pending", 429)
    assert ended.attempt.retry_in_seconds is not None
    assert least <= ended.attempt.retry_in_seconds <= most


def test_a_call_that_is_not_answered_in_time_times_out_and_is_tried_again(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    job = a_job(cursor, uri=target.url("/hang"))
    ended = caller.perform_one(timeout_seconds=0.1)
    assert (ended.attempt.state, ended.attempt.attempt_outcome) == ("pending", "timeout")
    assert (ended.attempt.error or "").startswith("timed_out: ")
    assert attempts(cursor, job.id) == [(1, "timeout")]


def test_the_last_call_that_times_out_fails_the_job(caller: Caller, cursor: Cursor, target: Target) -> None:
    job = a_job(cursor, uri=target.url("/hang"), max_attempts=1)
    caller.perform_one(timeout_seconds=0.1)
    assert (work_row(cursor, job.id).state, attempts(cursor, job.id)) == ("failed", [(1, "timeout")])


def test_a_refused_connection_is_tried_again(caller: Caller, cursor: Cursor) -> None:
    with Target() as gone:
        url = gone.url()
    a_job(cursor, uri=url)
    ended = caller.perform_one()
    assert (ended.attempt.state, ended.attempt.attempt_outcome) == ("pending", "failed")
    assert ended.attempt.error == "refused: the connection was refused"
    assert (ended.attempt.status_code, ended.attempt.response_excerpt) == (None, None)


def test_a_forbidden_address_fails_at_once_and_is_never_connected_to(
    database: Database, cursor: Cursor, settings: Settings, target: Target
) -> None:
    job = a_job(cursor, uri=target.url())
    with Outbound(concurrency=1, allow=[]) as guarded:
        ended = Caller(database, guarded, settings).perform_one()
    assert (ended.attempt.state, ended.attempt.attempt_outcome) == ("failed", "failed")
    assert (work_row(cursor, job.id).error or "").startswith("address_not_allowed: ")
    assert target.connections == 0


def test_a_request_says_which_job_and_attempt_it_is_and_when_it_was_to_be(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    job = a_job(cursor, uri=target.url("/echo"), headers={"X-Team": "billing"})
    caller.perform_one()
    [seen] = target.requests
    assert job.scheduled_for is not None
    assert (seen.method, seen.path) == ("POST", "/echo")
    assert seen.header("idempotency-key") == str(job.id)
    assert seen.header("roundsman-attempt") == "1"
    assert seen.header("roundsman-scheduled-for") == write_instant(job.scheduled_for)
    assert seen.header("x-team") == "billing"


def test_the_instant_it_was_scheduled_for_stays_the_same_when_it_is_tried_again(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    a_job(cursor, uri=target.url("/status/500"))
    caller.perform_one()
    caller.perform_one(now=in_seconds(60))
    assert len({seen.header("roundsman-scheduled-for") for seen in target.requests}) == 1
    assert len({seen.header("idempotency-key") for seen in target.requests}) == 1


def test_a_job_that_its_schedule_began_by_hand_says_when_that_was_at_each_attempt(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    schedule = a_schedule(cursor)
    call = a_job(cursor, schedule.account_id, uri=target.url("/status/500"), delay_seconds=3_600)
    spec = call.spec | {"timeout_seconds": 5, "max_attempts": 2}
    job = jobs.create(cursor, schedule.account_id, spec, trigger="manual", schedule_id=schedule.id)
    assert job.scheduled_for is None
    caller.perform_one()
    caller.perform_one(now=in_seconds(60))
    told = [seen.header("roundsman-scheduled-for") for seen in target.requests]
    assert told == [write_instant(job.created_at)] * 2


@pytest.mark.parametrize(
    ("spec", "body", "content_type"),
    [
        ({}, b"", None),
        ({"payload": None}, b"null", "application/json"),
        ({"payload": {}}, b"{}", "application/json"),
        ({"payload": "grün"}, '"grün"'.encode(), "application/json"),
    ],
    ids=["absent", "null", "empty", "text"],
)
def test_the_payload_is_the_body_and_none_is_no_body(
    caller: Caller, cursor: Cursor, target: Target, spec: dict[str, Any], body: bytes, content_type: str | None
) -> None:
    a_job(cursor, uri=target.url(), **spec)
    caller.perform_one()
    [seen] = target.requests
    assert (seen.body, seen.header("content-type")) == (body, content_type)


def test_a_content_type_of_its_own_is_kept_and_not_said_twice(caller: Caller, cursor: Cursor, target: Target) -> None:
    a_job(cursor, uri=target.url(), payload={}, headers={"content-type": "application/vnd.acme+json"})
    caller.perform_one()
    said = [value for name, value in target.requests[0].headers if name == "content-type"]
    assert said == ["application/vnd.acme+json"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_the_method_is_the_one_that_was_asked_for(caller: Caller, cursor: Cursor, target: Target, method: str) -> None:
    a_job(cursor, uri=target.url(), method=method)
    caller.perform_one()
    assert target.requests[0].method == method


def test_an_excerpt_of_the_answer_is_kept_with_the_attempt(caller: Caller, cursor: Cursor, target: Target) -> None:
    job = a_job(cursor, uri=target.url("/status/404"))
    caller.perform_one()
    cursor.execute(
        "SELECT status_code, error, response_excerpt, elapsed_ms FROM attempts WHERE work_id = %s", (job.id,)
    )
    [(status_code, error, response_excerpt, elapsed_ms)] = cursor.fetchall()
    assert (status_code, error, response_excerpt) == (404, "answered with status 404", '{"status": 404}')
    assert 0 <= elapsed_ms < 5_000
