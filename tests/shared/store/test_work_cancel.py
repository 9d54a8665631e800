"""Canceling: by its owner only, before the end only, and whoever performs it loses the lease."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

from scheduler import expiry
from shared.database import Cursor, Database
from shared.store import work
from shared.store.checklists import Checklist
from tests.claiming import claim
from tests.concurrency import wait_until_blocked
from tests.factories import a_checklist, a_run, an_account, an_ended, claimed_work, some_work
from tests.rows import attempts, inconsistent_work, work_row


def cancel(cursor: Cursor, account_id: int, id: UUID | str) -> list[str]:
    return [str(id) for id in work.cancel(cursor, account_id, id=UUID(str(id)), reason="no longer wanted")]


def test_pending_work_is_canceled_without_an_attempt(cursor: Cursor) -> None:
    account = an_account(cursor)
    [id] = some_work(cursor, account)
    assert cancel(cursor, account, id) == [str(id)]
    row = work_row(cursor, id)
    assert (row.state, row.error, row.finished_at is not None) == ("canceled", "no longer wanted", True)
    assert attempts(cursor, id) == []
    assert claim(cursor, limit=1, margin_seconds=15) == []


def test_running_work_is_canceled_and_its_worker_loses_the_lease(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    assert cancel(cursor, claimed.account_id, claimed.id) == [claimed.id]
    assert work.finish(cursor, [an_ended(claimed)]) == set()
    assert expiry.expire(cursor, limit=10, now=datetime.now(UTC) + timedelta(hours=1)) == []
    assert work_row(cursor, claimed.id).state == "canceled"
    assert attempts(cursor, claimed.id) == [(1, "canceled")]


def test_an_earlier_attempt_keeps_its_own_outcome(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    work.finish(cursor, [an_ended(claimed, "pending")])
    cancel(cursor, claimed.account_id, claimed.id)
    assert attempts(cursor, claimed.id) == [(1, "failed")]


def test_what_has_ended_stays_as_it_ended(cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)
    work.finish(cursor, [an_ended(claimed)])
    assert cancel(cursor, claimed.account_id, claimed.id) == []
    assert work_row(cursor, claimed.id).state == "succeeded"


def test_another_account_cannot_cancel(cursor: Cursor) -> None:
    [id] = some_work(cursor)
    assert cancel(cursor, an_account(cursor), id) == []
    assert work_row(cursor, id).state == "pending"


def test_all_that_a_checklist_has_not_ended_is_canceled_at_once(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    ended, running, pending = (a_run(cursor, checklist) for _ in range(3))
    claimed = {UUID(item.id): item for item in claim(cursor, limit=2, margin_seconds=15)}
    assert set(claimed) == {ended, running}
    work.finish(cursor, [an_ended(claimed[ended], outcome="passed")])
    other = a_run(cursor, a_checklist(cursor, checklist.account_id))
    canceled = work.cancel(cursor, checklist.account_id, checklist_id=checklist.id, reason="its checklist was deleted")
    assert set(canceled) == {running, pending}
    assert [work_row(cursor, id).state for id in (ended, other)] == ["succeeded", "pending"]
    assert inconsistent_work(cursor) == []


LOCK = "SELECT id FROM work WHERE id = %s FOR NO KEY UPDATE"


def test_what_is_canceled_together_is_locked_in_the_order_of_ids(database: Database, cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    first, second = sorted(a_run(cursor, checklist) for _ in range(2))
    cursor.execute(
        "UPDATE work SET priority = 1 WHERE id = %s", (first,)
    )  # now it stands behind the other in the table
    assert _canceled_while_another_locks(database, checklist, first, second) == {first, second}


def test_the_tasks_of_runs_are_locked_in_the_order_of_ids(database: Database, cursor: Cursor) -> None:
    checklist = a_checklist(cursor, queue="checks")
    run_ids = [a_run(cursor, checklist) for _ in range(2)]
    cursor.execute("SELECT id FROM work WHERE kind = 'task' ORDER BY id")
    [first, second] = [row[0] for row in cursor.fetchall()]
    cursor.execute("UPDATE work SET priority = 1 WHERE run_id = %s", (run_ids[0],))
    cursor.execute("UPDATE work SET priority = 1 WHERE id = %s", (run_ids[0],))
    assert _canceled_while_another_locks(database, checklist, first, second) == {*run_ids, first, second}


def _canceled_while_another_locks(database: Database, checklist: Checklist, first: UUID, second: UUID) -> set[UUID]:
    """Cancel all of the checklist while somebody else takes these two, in this order, and lets them go."""

    def cancel_all() -> set[UUID]:
        with database.transaction() as third:
            reason = "its checklist was deleted"
            return set(work.cancel(third.cursor, checklist.account_id, checklist_id=checklist.id, reason=reason))

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as other:
            other.cursor.execute(LOCK, (first,))
            late = pool.submit(cancel_all)
            wait_until_blocked(database)
            other.cursor.execute(LOCK, (second,))  # nobody has it who waits for the first
        return late.result(10)


def test_a_cancel_under_way_keeps_the_work_from_being_claimed(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    [id] = some_work(cursor, account)
    with database.transaction() as canceling:
        cancel(canceling.cursor, account, id)
        assert claim(cursor, limit=1, margin_seconds=15) == []
    assert (work_row(cursor, id).state, attempts(cursor, id)) == ("canceled", [])


def test_a_claim_under_way_is_canceled_with_its_attempt(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    [id] = some_work(cursor, account)

    def cancel_too() -> list[str]:
        with database.transaction() as second:
            return cancel(second.cursor, account, id)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as claiming:
            [claimed] = claim(claiming.cursor, limit=1, margin_seconds=15)
            late = pool.submit(cancel_too)
            wait_until_blocked(database)
        assert late.result(10) == [str(id)]
    assert work.finish(cursor, [an_ended(claimed)]) == set()
    assert (work_row(cursor, id).state, attempts(cursor, id)) == ("canceled", [(1, "canceled")])


def test_a_finish_under_way_beats_the_cancel(database: Database, cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)

    def cancel_late() -> list[str]:
        with database.transaction() as second:
            return cancel(second.cursor, claimed.account_id, claimed.id)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as finishing:
            work.finish(finishing.cursor, [an_ended(claimed)])
            late = pool.submit(cancel_late)
            wait_until_blocked(database)
        assert late.result(10) == []
    assert (work_row(cursor, claimed.id).state, attempts(cursor, claimed.id)) == ("succeeded", [(1, "succeeded")])


def test_a_cancel_under_way_beats_the_finish(database: Database, cursor: Cursor) -> None:
    [claimed] = claimed_work(cursor)

    def finish_late() -> set[str]:
        with database.transaction() as second:
            return work.finish(second.cursor, [an_ended(claimed)])

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as canceling:
            cancel(canceling.cursor, claimed.account_id, claimed.id)
            late = pool.submit(finish_late)
            wait_until_blocked(database)
        assert late.result(10) == set()
    assert (work_row(cursor, claimed.id).state, attempts(cursor, claimed.id)) == ("canceled", [(1, "canceled")])
