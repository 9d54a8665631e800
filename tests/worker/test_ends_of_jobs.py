"""The end of a job: who is told of it, in the transaction in which it ended."""

from typing import Any
from uuid import UUID

import pytest

from api.store import jobs
from shared.database import Cursor
from shared.store import error_calls
from tests import performing, store_fixtures
from tests.factories import a_job, a_webhook, an_account
from tests.performing import Caller
from tests.rows import inconsistent_work, work_row
from tests.target import Target

cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there
caller = performing.caller
outbound = performing.outbound
target = performing.target


def error_call(cursor: Cursor, job_id: UUID) -> dict[str, Any] | None:
    """The job that tells the error_uri of this one; None if there is none."""
    cursor.execute(
        "SELECT id, account_id, lane, state, spec, max_attempts, timeout_seconds FROM work WHERE error_of = %s",
        (job_id,),
    )
    names = ("id", "account_id", "lane", "state", "spec", "max_attempts", "timeout_seconds")
    rows = cursor.fetchall()
    assert len(rows) <= 1
    return dict(zip(names, rows[0], strict=True)) if rows else None


def events(cursor: Cursor) -> list[tuple[str, dict[str, Any]]]:
    cursor.execute("SELECT type, data FROM events ORDER BY id")
    return cursor.fetchall()


def test_a_job_that_failed_for_good_is_told_of_at_its_error_uri(caller: Caller, cursor: Cursor, target: Target) -> None:
    payload = {"order": 7, "note": None}
    account = an_account(cursor)
    job = a_job(
        cursor,
        account,
        uri=target.url("/status/404"),
        method="PUT",
        payload=payload,
        error_uri=target.url("/errors", host="localhost"),
        timeout_seconds=7,
        max_attempts=3,
    )
    caller.perform_one()
    born = error_call(cursor, job.id)
    assert born is not None
    assert (born["account_id"], born["state"]) == (account, "pending")
    assert (born["lane"], born["timeout_seconds"], born["max_attempts"]) == (f"localhost:{target.port}", 7, 3)
    assert (born["spec"]["payload"], born["spec"]["error_uri"]) == (payload, None)
    caller.perform_one()
    told = target.requests[-1]
    assert (told.method, told.path, told.json()) == ("POST", "/errors", payload)
    assert told.header("idempotency-key") == str(born["id"])
    assert work_row(cursor, born["id"]).state == "succeeded"


def test_a_job_without_a_payload_is_told_of_without_one(caller: Caller, cursor: Cursor, target: Target) -> None:
    a_job(cursor, uri=target.url("/status/404"), error_uri=target.url("/errors"))
    caller.perform_one()
    caller.perform_one()
    assert (target.requests[-1].path, target.requests[-1].body) == ("/errors", b"")


@pytest.mark.parametrize(
    ("uri", "error_uri", "goes_along"),
    [
        ("http://a.example/x", "http://a.example/y", True),
        ("HTTPS://a.example/x", "https://A.example/y", True),
        ("https://a.example/x", "http://a.example/y", False),
        ("http://a.example/x", "https://a.example/y", False),
        ("http://a.example/x", "http://b.example/y", False),
        ("http://a.example/x", "http://a.example:8080/y", False),
        ("http://a.example/x", "http://a.example.org/y", False),
    ],
)
def test_headers_go_along_to_the_same_scheme_host_and_port_alone(
    cursor: Cursor, uri: str, error_uri: str, goes_along: bool
) -> None:
    headers = {"Authorization": "Bearer abc"}
    job = a_job(cursor, uri=uri, error_uri=error_uri, headers=headers)
    cursor.execute("UPDATE work SET state = 'failed', finished_at = now() WHERE id = %s", (job.id,))
    error_calls.begin(cursor, [str(job.id)])
    born = error_call(cursor, job.id)
    assert born is not None
    assert born["spec"]["headers"] == (headers if goes_along else {})


def test_no_error_call_is_made_for_one_that_is_tried_again_or_succeeded(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    tried_again = a_job(cursor, uri=target.url("/status/500"), error_uri=target.url("/errors"))
    succeeded = a_job(cursor, uri=target.url("/status/200"), error_uri=target.url("/errors"))
    caller.perform_due()
    assert (error_call(cursor, tried_again.id), error_call(cursor, succeeded.id)) == (None, None)


def test_an_error_call_that_fails_is_not_told_of_in_turn(caller: Caller, cursor: Cursor, target: Target) -> None:
    job = a_job(cursor, uri=target.url("/status/404"), error_uri=target.url("/status/410"))
    caller.perform_one()
    ended = caller.perform_one()
    assert (ended.work.error_of, ended.attempt.state) == (job.id, "failed")
    assert error_call(cursor, ended.work.id) is None
    assert caller.perform_due() == []


def test_an_error_call_is_tried_again_as_a_job_is(caller: Caller, cursor: Cursor, target: Target) -> None:
    a_job(cursor, uri=target.url("/status/404"), error_uri=target.url("/status/503"))
    caller.perform_one()
    ended = caller.perform_one()
    assert ended.attempt.retry_in_seconds is not None
    assert 8 <= ended.attempt.retry_in_seconds <= 12


def test_a_job_that_is_retried_by_hand_and_fails_again_is_told_of_once(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    account = an_account(cursor)
    job = a_job(cursor, account, uri=target.url("/status/404"), error_uri=target.url("/errors"))
    caller.perform_due()
    caller.perform_due()
    assert jobs.retry(cursor, account, job.id)
    assert caller.perform_one().work.id == str(job.id)
    assert work_row(cursor, job.id).state == "failed"
    assert caller.perform_due() == []
    assert [seen.path for seen in target.requests] == ["/status/404", "/errors", "/status/404"]


def test_webhooks_are_told_of_success_and_of_failure_for_good_and_of_nothing_between(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    account = an_account(cursor)
    webhook = a_webhook(cursor, account, event_types=["job.failed"], url=target.url("/hook"))
    good = a_job(cursor, account, uri=target.url("/status/200"))
    bad = a_job(cursor, account, uri=target.url("/status/404"))
    a_job(cursor, account, uri=target.url("/status/500"))
    caller.perform_due()
    told = {data["job_id"]: (event_type, data) for event_type, data in events(cursor)}
    assert set(told) == {str(good.id), str(bad.id)}
    assert told[str(good.id)][0] == "job.succeeded"
    assert told[str(bad.id)][0] == "job.failed"
    data = told[str(bad.id)][1]
    assert (data["uri"], data["status_code"], data["attempts"]) == (target.url("/status/404"), 404, 1)
    assert (data["error"], data["error_of"]) == ("answered with status 404", None)
    ended = caller.perform_one()
    assert (ended.work.kind, ended.work.webhook_id) == ("delivery", webhook.id)
    assert target.requests[-1].json()["data"] == data


def test_nothing_is_recorded_of_a_job_whose_lease_was_lost(caller: Caller, cursor: Cursor, target: Target) -> None:
    job = a_job(cursor, uri=target.url("/status/404"), error_uri=target.url("/errors"))
    [piece] = caller.claim()
    stale = piece._replace(work=piece.work._replace(lease_token=str(UUID(int=1))))
    assert caller.finish(caller.call([stale])) == set()
    assert (work_row(cursor, job.id).state, error_call(cursor, job.id), events(cursor)) == ("running", None, [])


def test_many_jobs_are_finished_as_one_batch_each_with_its_own_end(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    account = an_account(cursor)
    paths = ["/status/200", "/status/404", "/status/500", "/reset", "/html"] * 10
    ids = [a_job(cursor, account, uri=target.url(path), max_attempts=1).id for path in paths]
    ended = {item.work.id: item.attempt.state for item in caller.perform_due()}
    assert [ended[str(id)] for id in ids] == ["succeeded", "failed", "failed", "failed", "succeeded"] * 10
    assert inconsistent_work(cursor) == []
    assert len(events(cursor)) == 50
