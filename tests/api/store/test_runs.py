"""Runs: pieces of work of a checklist, read by their owner only."""

from typing import Any
from uuid import UUID

from api.store import runs
from shared.database import Cursor, Database
from shared.store import work
from tests.claiming import claim
from tests.factories import a_checklist, a_run, an_account, an_ended, some_work
from tests.rows import work_row


def page(cursor: Cursor, account_id: int, **filters: object) -> list[runs.Run]:
    found, _ = runs.page(cursor, account_id, **({"before": None, "limit": 10} | filters))  # type: ignore[arg-type] # a test's filters
    return found


def test_a_run_begins_pending_and_due_with_the_allowance_of_its_checklist(cursor: Cursor) -> None:
    checklist = a_checklist(cursor, timeout_seconds=7)
    run = runs.create(cursor, checklist.account_id, checklist.id, trigger="manual", variables={"user": "ada"})
    assert run is not None
    assert (run.checklist_id, run.state, run.trigger, run.attempt) == (checklist.id, "pending", "manual", 0)
    assert (run.outcome, run.result, run.started_at, run.finished_at) == (None, None, None, None)
    [claimed] = claim(cursor, limit=1, margin_seconds=15)
    assert (claimed.id, claimed.timeout_seconds, claimed.max_attempts) == (str(run.id), 7, work.RUN_MAX_ATTEMPTS)
    assert claimed.spec == {"variables": {"user": "ada"}}


def test_there_is_no_run_of_a_checklist_that_is_absent_or_anothers(cursor: Cursor) -> None:
    theirs, me = a_checklist(cursor), an_account(cursor)
    assert runs.create(cursor, me, theirs.id, trigger="api", variables={}) is None
    assert runs.create(cursor, me, 999_999, trigger="api", variables={}) is None


def test_a_run_is_read_by_its_owner_only(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    id = a_run(cursor, checklist)
    found = runs.get(cursor, checklist.account_id, id)
    assert found is not None
    assert found.id == id
    assert runs.get(cursor, an_account(cursor), id) is None
    assert page(cursor, an_account(cursor)) == []


def test_other_work_is_no_run(cursor: Cursor) -> None:
    account = an_account(cursor)
    [job] = some_work(cursor, account)
    assert runs.get(cursor, account, job) is None
    assert page(cursor, account) == []


def test_pages_are_newest_first_and_are_not_moved_by_what_is_added(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    made = sorted((a_run(cursor, checklist) for _ in range(3)), reverse=True)
    first = page(cursor, checklist.account_id, limit=2)
    a_run(cursor, checklist)
    second = page(cursor, checklist.account_id, before=first[-1].id)
    assert [run.id for run in first + second] == made


def test_a_page_ends_early_when_results_are_large_but_never_before_the_first(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    made = [a_run(cursor, checklist) for _ in range(4)]
    for id, size in zip(made, (1_000, 10, 1_000, 3_000), strict=True):
        cursor.execute("UPDATE work SET result = to_jsonb(repeat('x', %s)) WHERE id = %s", (size, id))

    def ids_and_more(**filters: Any) -> tuple[list[UUID], bool]:
        found, has_more = runs.page(cursor, checklist.account_id, limit=10, most_bytes=2_000, **filters)
        return [run.id for run in found], has_more

    assert ids_and_more(before=None) == ([made[3]], True)
    assert ids_and_more(before=made[3]) == ([made[2], made[1]], True)
    assert ids_and_more(before=made[1]) == ([made[0]], False)


def test_pages_can_be_of_one_checklist_state_or_outcome(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    other = a_checklist(cursor, checklist.account_id)
    ended, pending = a_run(cursor, checklist), a_run(cursor, other)
    [claimed] = claim(cursor, limit=1, margin_seconds=15)
    work.finish(cursor, [an_ended(claimed, outcome="changed")])
    account = checklist.account_id
    for filters, expected in (
        ({"checklist_id": checklist.id}, [ended]),
        ({"checklist_id": other.id}, [pending]),
        ({"checklist_id": 999_999}, []),
        ({"schedule_id": 1}, []),
        ({"state": "pending"}, [pending]),
        ({"state": "succeeded", "outcome": "changed"}, [ended]),
        ({"outcome": "passed"}, []),
    ):
        assert [run.id for run in page(cursor, account, **filters)] == expected, filters


def test_a_run_outlives_its_checklist(database: Database, cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    id = a_run(cursor, checklist)
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM checklists WHERE id = %s", (checklist.id,))
    found = runs.get(cursor, checklist.account_id, id)
    assert found is not None
    assert found.checklist_id is None
    assert work_row(cursor, id).state == "pending"
