"""Leases of external workers: they end when they say, and what that makes of the task."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from api.store.task_leases import PoppedTask
from scheduler import expiry
from shared.database import Cursor, Database
from shared.store import work
from tests.factories import an_account, claimed_work
from tests.popping import a_popped_task, end, pop
from tests.rows import attempts, inconsistent_work, work_row

A_MOMENT = timedelta(microseconds=1)


def expire(cursor: Cursor, now: datetime, *, limit: int = 10) -> dict[UUID, str]:
    """What became of each task whose lease was taken back."""
    return {item.id: item.state for item in expiry.expire_tasks(cursor, limit=limit, now=now)}


def attempt_errors(cursor: Cursor, task_id: UUID) -> list[str | None]:
    cursor.execute("SELECT error FROM attempts WHERE work_id = %s ORDER BY number", (task_id,))
    return [row[0] for row in cursor.fetchall()]


def account_of(cursor: Cursor, task_id: UUID) -> int:
    cursor.execute("SELECT account_id FROM work WHERE id = %s", (task_id,))
    [(account_id,)] = cursor.fetchall()
    return int(account_id)


def test_a_lease_ends_at_its_instant_and_the_task_is_pending_at_once(cursor: Cursor) -> None:
    task = a_popped_task(cursor)
    due_at = work_row(cursor, task.id).due_at
    assert expire(cursor, task.lease_expires_at - A_MOMENT) == {}
    [expired] = expiry.expire_tasks(cursor, limit=10, now=task.lease_expires_at)
    assert (expired.id, expired.queue, expired.state) == (task.id, "default", "pending")
    row = work_row(cursor, task.id)
    assert (row.state, row.lease_token, row.finished_at) == ("pending", None, None)
    assert row.due_at == due_at
    assert attempts(cursor, task.id) == [(1, "lease_expired")]


@pytest.mark.parametrize(
    ("timeout_seconds", "error"),
    [(600, "the worker did not finish before its lease expired"), (60, "job_timed_out")],
)
def test_the_error_of_a_pending_task_is_that_of_the_attempt_that_failed_last(
    cursor: Cursor, timeout_seconds: int, error: str
) -> None:
    account = an_account(cursor)
    first = a_popped_task(cursor, account, timeout_seconds=timeout_seconds)
    end(cursor, first, "pending", error="no browser")
    second = pop(cursor, account)
    expire(cursor, second.lease_expires_at)
    assert work_row(cursor, first.id).error == attempt_errors(cursor, first.id)[-1] == error


def test_out_of_attempts_the_task_has_failed_and_is_kept(cursor: Cursor) -> None:
    account = an_account(cursor)
    first = a_popped_task(cursor, account, max_attempts=2)
    assert expire(cursor, first.lease_expires_at) == {first.id: "pending"}
    second = pop(cursor, account)
    assert expire(cursor, second.lease_expires_at) == {first.id: "failed"}
    row = work_row(cursor, first.id)
    assert (row.error, row.finished_at) == (
        "the lease of attempt 2 expired and no attempt is left",
        second.lease_expires_at,
    )
    assert inconsistent_work(cursor) == []


def test_a_lease_that_lasted_as_long_as_its_attempt_may_is_a_timeout(cursor: Cursor) -> None:
    task = a_popped_task(cursor, timeout_seconds=30, lease_seconds=60)
    assert expire(cursor, task.lease_expires_at) == {task.id: "pending"}
    assert attempts(cursor, task.id) == [(1, "timeout")]
    assert attempt_errors(cursor, task.id) == ["job_timed_out"]


def test_a_lease_that_ended_before_its_attempt_had_to_is_no_timeout(cursor: Cursor) -> None:
    task = a_popped_task(cursor, timeout_seconds=60, lease_seconds=30)
    assert expire(cursor, task.lease_expires_at) == {task.id: "pending"}
    assert attempts(cursor, task.id) == [(1, "lease_expired")]
    assert attempt_errors(cursor, task.id) == ["the worker did not finish before its lease expired"]


def test_every_attempt_has_its_whole_allowance(cursor: Cursor) -> None:
    task = a_popped_task(cursor, timeout_seconds=30, lease_seconds=60)
    expire(cursor, task.lease_expires_at)
    again = pop(cursor, account_of(cursor, task.id), lease_seconds=10, now=task.lease_expires_at)
    assert expire(cursor, again.lease_expires_at) == {task.id: "pending"}
    assert attempts(cursor, task.id) == [(1, "timeout"), (2, "lease_expired")]


def test_a_timeout_of_the_last_attempt_fails_the_task_with_its_code(cursor: Cursor) -> None:
    task = a_popped_task(cursor, max_attempts=1, timeout_seconds=30)
    assert expire(cursor, task.lease_expires_at) == {task.id: "failed"}
    assert work_row(cursor, task.id).error == "job_timed_out: attempt 1 took more than 30 s and no attempt is left"


@pytest.mark.parametrize("max_attempts", [1, 4])
def test_a_task_that_was_to_be_canceled_is_canceled_with_its_lease(cursor: Cursor, max_attempts: int) -> None:
    task = a_popped_task(cursor, max_attempts=max_attempts)
    assert work.cancel(cursor, account_of(cursor, task.id), id=task.id, reason="no longer wanted") == []
    assert expire(cursor, task.lease_expires_at) == {task.id: "canceled"}
    row = work_row(cursor, task.id)
    assert (row.error, row.finished_at) == ("canceled as asked for, when its lease ended", task.lease_expires_at)
    assert attempts(cursor, task.id) == [(1, "lease_expired")]


def test_each_kind_of_lease_is_taken_back_by_its_own_statement(cursor: Cursor) -> None:
    task = a_popped_task(cursor)
    [claimed] = claimed_work(cursor)
    later = task.lease_expires_at + timedelta(hours=1)
    assert [item.work.id for item in expiry.expire(cursor, limit=10, now=later)] == [claimed.id]
    assert expire(cursor, later) == {task.id: "pending"}


def test_a_batch_is_bounded_and_begins_with_the_oldest(cursor: Cursor) -> None:
    leased = [a_popped_task(cursor, lease_seconds=seconds) for seconds in (50, 40, 60)]
    oldest_first: list[PoppedTask] = sorted(leased, key=lambda task: task.lease_expires_at)
    later = oldest_first[-1].lease_expires_at
    assert [list(expire(cursor, later, limit=2)), list(expire(cursor, later, limit=2))] == [
        [task.id for task in oldest_first[:2]],
        [oldest_first[2].id],
    ]


def test_an_ack_under_way_beats_the_expiry(database: Database, cursor: Cursor) -> None:
    task = a_popped_task(cursor)
    with database.transaction() as acking:
        end(acking.cursor, task)
        assert expire(cursor, task.lease_expires_at) == {}  # passes over the locked row
    assert expire(cursor, task.lease_expires_at) == {}
    assert attempts(cursor, task.id) == [(1, "succeeded")]


def test_two_sweeps_at_once_share_the_leases(database: Database, cursor: Cursor) -> None:
    leased = {a_popped_task(cursor).id for _ in range(4)}
    later = work_row(cursor, next(iter(leased))).lease_expires_at
    assert later is not None
    later += timedelta(minutes=1)
    with database.transaction() as first:
        one = expire(first.cursor, later, limit=3)
        other = expire(cursor, later)
    assert (len(one), len(other)) == (3, 1)
    assert set(one) | set(other) == leased
