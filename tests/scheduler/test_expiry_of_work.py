"""Expiring: the leases of the dead come back, by the clock of the database, and lose against a finish or win."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from scheduler import expiry
from scheduler.expiry import ExpiredWork
from shared.database import Cursor, Database
from shared.store import work
from tests.claiming import claim
from tests.concurrency import wait_until_blocked
from tests.factories import a_checklist, a_run, an_ended, claimed_work
from tests.rows import attempts, inconsistent_work, work_row

LATER = timedelta(hours=1)


def after_the_lease() -> datetime:
    return datetime.now(UTC) + LATER


def expire(cursor: Cursor, *, limit: int = 10, now: datetime | None = None) -> dict[str, str]:
    """What became of each whose lease was taken back."""
    return {item.work.id: item.state for item in expiry.expire(cursor, limit=limit, now=now)}


def test_a_lease_in_force_is_left_alone(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    assert expire(cursor) == {}
    assert str(work_row(cursor, claimed.id).lease_token) == claimed.lease_token


def test_an_expired_lease_makes_the_work_pending_again_and_ends_the_attempt(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    assert expire(cursor, now=after_the_lease()) == {claimed.id: "pending"}
    row = work_row(cursor, claimed.id)
    assert (row.state, row.lease_token, row.lease_expires_at, row.finished_at) == ("pending", None, None, None)
    assert row.error == "the worker did not finish before its lease expired"
    assert attempts(cursor, claimed.id) == [(1, "lease_expired")]


def test_what_has_expired_is_told_as_it_was_claimed(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor, max_attempts=2)
    assert expiry.expire(cursor, limit=10, now=after_the_lease()) == [ExpiredWork(claimed, "pending", expiry.EXPIRED)]
    [claimed] = claim(cursor, limit=1)
    [lost] = expiry.expire(cursor, limit=10, now=after_the_lease())
    assert lost == ExpiredWork(claimed, "failed", work_row(cursor, claimed.id).error)


def test_the_lease_ends_at_its_instant_and_not_before(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    expires_at = work_row(cursor, claimed.id).lease_expires_at
    assert expires_at is not None
    assert expire(cursor, now=expires_at - timedelta(microseconds=1)) == {}
    assert expire(cursor, now=expires_at) == {claimed.id: "pending"}


def test_out_of_attempts_the_work_has_failed(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor, max_attempts=2)
    expiry.expire(cursor, limit=10, now=after_the_lease())
    claim(cursor, limit=1, margin_seconds=15)
    assert expire(cursor, now=after_the_lease()) == {claimed.id: "failed"}
    row = work_row(cursor, claimed.id)
    assert (row.state, row.outcome, row.finished_at is not None) == ("failed", None, True)
    assert row.error == "the lease of attempt 2 expired and no attempt is left"
    assert attempts(cursor, claimed.id) == [(1, "lease_expired"), (2, "lease_expired")]
    assert claim(cursor, limit=1, margin_seconds=15) == []


def test_a_run_that_kills_its_workers_ends_as_an_error(cursor: Cursor) -> None:
    run = a_run(cursor, a_checklist(cursor))
    for _ in range(3):
        assert len(claim(cursor, limit=1, margin_seconds=15)) == 1
        expiry.expire(cursor, limit=10, now=after_the_lease())
    row = work_row(cursor, run)
    assert (row.state, row.outcome) == ("failed", "error")


def test_released_attempts_leave_as_many_for_expiry_as_before(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor, max_attempts=2)
    work.finish(cursor, [an_ended(claimed, "pending", attempt_outcome="released")])
    for expected in ("pending", "failed"):
        claim(cursor, limit=1, margin_seconds=15)
        assert expire(cursor, now=after_the_lease()) == {claimed.id: expected}


def test_a_batch_of_expired_leases_is_bounded(cursor: Cursor) -> None:
    claimed_work(cursor, limit=5)
    assert [len(expire(cursor, limit=2, now=after_the_lease())) for _ in range(4)] == [2, 2, 1, 0]
    assert inconsistent_work(cursor) == []


def test_a_finish_under_way_beats_the_expiry(database: Database, cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    with database.transaction() as finishing:
        assert work.finish(finishing.cursor, [an_ended(claimed)]) == {claimed.id}
        assert expire(cursor, now=after_the_lease()) == {}  # passes over the locked row
    assert expire(cursor, now=after_the_lease()) == {}
    assert (work_row(cursor, claimed.id).state, attempts(cursor, claimed.id)) == ("succeeded", [(1, "succeeded")])


def test_an_expiry_under_way_beats_the_finish(database: Database, cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)

    def finish_late() -> set[object]:
        with database.transaction() as second:
            return set(work.finish(second.cursor, [an_ended(claimed)]))

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as expiring:
            expiry.expire(expiring.cursor, limit=10, now=after_the_lease())
            late = pool.submit(finish_late)
            wait_until_blocked(database)
        assert late.result(10) == set()
    assert (work_row(cursor, claimed.id).state, attempts(cursor, claimed.id)) == ("pending", [(1, "lease_expired")])


def test_two_sweeps_at_once_share_the_leases(database: Database, cursor: Cursor) -> None:
    claimed = claimed_work(cursor, limit=4)
    with database.transaction() as first:
        one = expire(first.cursor, limit=3, now=after_the_lease())
        other = expire(cursor, now=after_the_lease())
    assert (len(one), len(other)) == (3, 1)
    assert set(one) | set(other) == {item.id for item in claimed}
