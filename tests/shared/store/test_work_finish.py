"""Finishing: only the holder of the lease, once, and the attempt rows go with it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg2
import pytest

from scheduler import expiry
from shared.database import Cursor, Database
from shared.store import work
from tests.claiming import claim
from tests.concurrency import wait_until_blocked
from tests.factories import an_ended, claimed_work
from tests.rows import attempts, inconsistent_work, work_row


def claim_again(cursor: Cursor, now: datetime | None = None) -> work.ClaimedWork:
    [claimed] = claim(cursor, limit=1, margin_seconds=15, now=now)
    return claimed


def test_a_finish_ends_the_work_and_its_attempt(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    ended = an_ended(
        claimed, result={"a": [1, None]}, status_code=200, elapsed_ms=12, response_excerpt="fine", error=None
    )
    assert work.finish(cursor, [ended]) == {claimed.id}
    row = work_row(cursor, claimed.id)
    assert (row.state, row.result, row.lease_token, row.lease_expires_at) == ("succeeded", {"a": [1, None]}, None, None)
    assert row.finished_at is not None
    cursor.execute("SELECT outcome, status_code, elapsed_ms, response_excerpt, finished_at FROM attempts")
    assert cursor.fetchall() == [("succeeded", 200, 12, "fine", row.finished_at)]


def test_finishing_nothing_is_nothing(cursor: Cursor) -> None:
    assert work.finish(cursor, []) == set()


def test_a_finish_with_a_token_that_is_not_in_force_changes_nothing(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    before = work_row(cursor, claimed.id)
    assert work.finish(cursor, [an_ended(claimed._replace(lease_token=uuid4()))]) == set()
    assert work_row(cursor, claimed.id) == before
    assert attempts(cursor, claimed.id) == [(1, None)]


def test_a_worker_whose_lease_expired_cannot_end_the_attempt_of_its_successor(cursor: Cursor) -> None:
    [stale] = claimed_work(cursor)
    expiry.expire(cursor, limit=10, now=datetime.now(UTC) + timedelta(hours=1))
    current = claim_again(cursor)
    assert work.finish(cursor, [an_ended(stale)]) == set()
    assert attempts(cursor, stale.id) == [(1, "lease_expired"), (2, None)]
    assert work.finish(cursor, [an_ended(current)]) == {current.id}
    assert attempts(cursor, stale.id) == [(1, "lease_expired"), (2, "succeeded")]


def test_the_same_finish_twice_counts_once(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    assert work.finish(cursor, [an_ended(claimed)]) == {claimed.id}
    finished = work_row(cursor, claimed.id)
    assert work.finish(cursor, [an_ended(claimed, "failed")]) == set()
    assert work_row(cursor, claimed.id) == finished


def test_of_a_batch_only_those_with_their_leases_are_ended(cursor: Cursor) -> None:
    claimed = claimed_work(cursor, limit=3)
    stale = claimed[1]._replace(lease_token=uuid4())
    ended = work.finish(cursor, [an_ended(claimed[0]), an_ended(stale), an_ended(claimed[2], "failed")])
    assert ended == {claimed[0].id, claimed[2].id}
    assert [work_row(cursor, item.id).state for item in claimed] == ["succeeded", "running", "failed"]
    assert inconsistent_work(cursor) == []


def test_five_hundred_are_finished_in_one_statement(cursor: Cursor) -> None:
    claimed = claimed_work(cursor, limit=500)
    results = [an_ended(item, result={"number": number}) for number, item in enumerate(claimed)]
    assert len(work.finish(cursor, results)) == 500
    assert work_row(cursor, claimed[123].id).result == {"number": 123}
    assert inconsistent_work(cursor) == []


def test_a_retry_is_pending_again_until_its_time(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    ended_at = datetime.now(UTC)
    again_at = ended_at + timedelta(minutes=5)
    work.finish(cursor, [an_ended(claimed, "pending", retry_in_seconds=300, error="503")], now=ended_at)
    row = work_row(cursor, claimed.id)
    assert (row.state, row.due_at, row.finished_at, row.lease_token) == ("pending", again_at, None, None)
    assert attempts(cursor, claimed.id) == [(1, "failed")]
    assert claim(cursor, limit=1, margin_seconds=15) == []
    assert claim_again(cursor, now=again_at).attempt == 2


def test_the_wait_for_a_retry_begins_with_the_finish_by_the_clock_of_the_database(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    work.finish(cursor, [an_ended(claimed, "pending", retry_in_seconds=0.25)])
    cursor.execute("SELECT work.due_at - attempts.finished_at FROM work JOIN attempts ON attempts.work_id = work.id")
    assert cursor.fetchall() == [(timedelta(seconds=0.25),)]


def test_work_without_a_wait_stays_due_when_it_was(cursor: Cursor) -> None:
    waits, goes_on = claimed_work(cursor, limit=2)
    due_at = work_row(cursor, goes_on.id).due_at
    ended = [
        an_ended(waits, "pending", retry_in_seconds=300),
        an_ended(goes_on, "pending", attempt_outcome="released"),
    ]
    work.finish(cursor, ended)
    assert work_row(cursor, goes_on.id).due_at == due_at
    assert [item.id for item in claim(cursor, limit=2)] == [goes_on.id]


def test_work_is_not_pending_again_without_an_attempt_left(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor, max_attempts=1)
    with pytest.raises(psycopg2.errors.CheckViolation, match="work_pending_has_an_attempt_left"):
        work.finish(cursor, [an_ended(claimed, "pending")])
    assert (work_row(cursor, claimed.id).state, attempts(cursor, claimed.id)) == ("running", [(1, None)])


def test_attempts_are_numbered_from_one_without_gaps_and_all_end(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor, max_attempts=3)
    work.finish(cursor, [an_ended(claimed, "pending")])
    work.finish(cursor, [an_ended(claim_again(cursor), "pending", attempt_outcome="timeout")])
    work.finish(cursor, [an_ended(claim_again(cursor))])
    assert attempts(cursor, claimed.id) == [(1, "failed"), (2, "timeout"), (3, "succeeded")]
    assert inconsistent_work(cursor) == []


def test_an_attempt_that_was_given_back_does_not_count(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor, max_attempts=1)
    for _ in range(3):
        work.finish(cursor, [an_ended(claimed, "pending", attempt_outcome="released")])
        claimed = claim_again(cursor)
    assert (claimed.attempt, work_row(cursor, claimed.id).released) == (4, 3)
    assert work.finish(cursor, [an_ended(claimed)]) == {claimed.id}
    assert attempts(cursor, claimed.id) == [(1, "released"), (2, "released"), (3, "released"), (4, "succeeded")]


def test_a_finish_that_is_rolled_back_leaves_the_lease_in_force(database: Database, cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    with pytest.raises(ZeroDivisionError), database.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        work.finish(transaction.cursor, [an_ended(claimed)])
        raise ZeroDivisionError
    assert work.finish(cursor, [an_ended(claimed)]) == {claimed.id}


def test_of_two_finishes_at_once_one_counts(database: Database, cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)

    def finish_too() -> set[object]:
        with database.transaction() as second:
            return set(work.finish(second.cursor, [an_ended(claimed, "failed")]))

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as first:
            won = work.finish(first.cursor, [an_ended(claimed)])
            late = pool.submit(finish_too)
            wait_until_blocked(database)
        assert (won, late.result(10)) == ({claimed.id}, set())
    assert work_row(cursor, claimed.id).state == "succeeded"
    assert attempts(cursor, claimed.id) == [(1, "succeeded")]
