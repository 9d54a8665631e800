"""Checklists: written, replaced, paged and deleted with what hangs on them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from shared.database import Cursor, Database
from shared.store import checklists, snapshots
from shared.store.checklists import Checklist, Definition, NameTaken
from shared.store.snapshots import NewSnapshot
from tests.claiming import claim
from tests.concurrency import wait_until_blocked
from tests.factories import a_checklist, a_run, an_account
from tests.rows import row_counts, work_row

DEFINITION = Definition(
    name="shop",
    worker_url=None,
    flows=[{"name": "list", "steps": [{"check": "é", "observe": "body"}]}],
    queue=None,
    timeout_seconds=5,
    first_value="review",
    rules=[{"path": "/a", "match": "approx", "value": 0.5}],
    variables={"user": "ada"},
)


def written(checklist: Checklist) -> Definition:
    return Definition(**{name: getattr(checklist, name) for name in Definition.__slots__})


def test_a_checklist_is_kept_as_it_was_written(cursor: Cursor) -> None:
    created = checklists.create(cursor, an_account(cursor), DEFINITION)
    assert written(created) == DEFINITION
    assert checklists.get(cursor, created.account_id, created.id) == created


def test_a_name_is_taken_once_in_an_account(database: Database, cursor: Cursor) -> None:
    mine = a_checklist(cursor, name="shop")
    with pytest.raises(NameTaken):
        a_checklist(cursor, mine.account_id, name="shop")
    a_checklist(cursor, name="shop")
    other = a_checklist(cursor, mine.account_id, name="other")
    with pytest.raises(NameTaken), database.transaction() as transaction:
        checklists.replace(transaction.cursor, mine.account_id, other.id, DEFINITION)


def test_a_replacement_leaves_nothing_of_the_former_definition(cursor: Cursor) -> None:
    before = a_checklist(cursor, variables={"user": "bob"}, timeout_seconds=7)
    after = checklists.replace(cursor, before.account_id, before.id, DEFINITION)
    assert after is not None
    assert written(after) == DEFINITION
    assert (after.id, after.created_at) == (before.id, before.created_at)
    assert after.updated_at > before.updated_at


def test_keeping_its_own_name_is_no_conflict(cursor: Cursor) -> None:
    before = a_checklist(cursor, name="shop")
    assert checklists.replace(cursor, before.account_id, before.id, replace(DEFINITION, name="shop")) is not None


def test_nobody_reads_replaces_or_deletes_the_checklist_of_another_account(cursor: Cursor) -> None:
    theirs, me = a_checklist(cursor), an_account(cursor)
    assert checklists.get(cursor, me, theirs.id) is None
    assert checklists.replace(cursor, me, theirs.id, DEFINITION) is None
    assert checklists.lock(cursor, me, theirs.id) is False
    assert checklists.delete(cursor, me, theirs.id) == (False, [])
    assert checklists.page(cursor, me, after=0, limit=10) == []
    assert checklists.get(cursor, theirs.account_id, theirs.id) == theirs


def test_pages_go_by_id_and_are_not_moved_by_what_is_added(cursor: Cursor) -> None:
    account = an_account(cursor)
    made = [a_checklist(cursor, account) for _ in range(3)]
    assert checklists.page(cursor, account, after=0, limit=2) == made[:2]
    made.append(a_checklist(cursor, account))
    assert checklists.page(cursor, account, after=made[1].id, limit=10) == made[2:]


def test_a_page_can_be_of_one_name(cursor: Cursor) -> None:
    mine = a_checklist(cursor, name="shop")
    a_checklist(cursor, mine.account_id, name="other")
    assert checklists.page(cursor, mine.account_id, after=0, limit=10, name="shop") == [mine]
    assert checklists.page(cursor, mine.account_id, after=0, limit=10, name="none") == []


def test_claimed_runs_find_their_checklists_whoever_owns_them(cursor: Cursor) -> None:
    one, other = a_checklist(cursor), a_checklist(cursor)
    assert checklists.for_runs(cursor, [one.id, other.id, 999_999]) == {one.id: one, other.id: other}


def test_a_deleted_checklist_takes_its_snapshots_along_and_cancels_its_runs(database: Database, cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    run = a_run(cursor, checklist)
    snapshots.put(cursor, [NewSnapshot(checklist.account_id, checklist.id, "f", "n", 1, "me", run)])
    with database.transaction() as transaction:
        assert checklists.delete(transaction.cursor, checklist.account_id, checklist.id) == (True, [run])
    assert work_row(cursor, run).state == "canceled"
    counts = row_counts(cursor)
    assert (counts["checklists"], counts["snapshots"], counts["work"]) == (0, 0, 1)


def test_a_lock_makes_the_second_approval_wait_for_the_first(database: Database, cursor: Cursor) -> None:
    checklist = a_checklist(cursor)

    def lock_too() -> bool:
        with database.transaction() as second:
            return checklists.lock(second.cursor, checklist.account_id, checklist.id)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as first:
            assert checklists.lock(first.cursor, checklist.account_id, checklist.id)
            late = pool.submit(lock_too)
            wait_until_blocked(database)
            assert not late.done()
        assert late.result(10) is True


def test_a_worker_recording_a_run_does_not_wait_for_its_reader(database: Database, cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    run = a_run(cursor, checklist)
    with database.transaction() as recording:
        claim(recording.cursor, limit=1, margin_seconds=15)
        assert checklists.get(cursor, checklist.account_id, checklist.id) == checklist
        assert work_row(cursor, run).state == "pending"
