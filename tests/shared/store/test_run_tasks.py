"""Runs that wait for a task: born together, and one tells the other how it ended."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest

from api.store import runs
from shared.database import Cursor, Database
from shared.store import run_tasks, work
from shared.store.checklists import Checklist
from tests.claiming import claim
from tests.concurrency import wait_until_blocked
from tests.factories import a_checklist, a_run, an_account
from tests.popping import end, pop
from tests.rows import attempts, inconsistent_work, work_row

TASK_OF_RUN = "SELECT id FROM work WHERE run_id = %s"
TASK = """
SELECT kind, state, queue, priority, due_at <= now(), schedule_id, max_attempts, timeout_seconds, trigger, spec
FROM work
WHERE run_id = %s
"""
OBSERVED = [{"name": "f", "assertions": [{"name": "a", "value": 1}]}]


def a_queue_checklist(cursor: Cursor, **fields: object) -> Checklist:
    return a_checklist(cursor, queue="checks", **fields)


def task_of(cursor: Cursor, run_id: UUID) -> UUID:
    cursor.execute(TASK_OF_RUN, (run_id,))
    [(task_id,)] = cursor.fetchall()
    assert isinstance(task_id, UUID)
    return task_id


def test_a_run_of_a_queue_is_born_with_its_task(cursor: Cursor) -> None:
    checklist = a_queue_checklist(cursor, timeout_seconds=7, variables={"user": "ada", "city": "London"})
    run_id = a_run(cursor, checklist, user="grace")
    cursor.execute(TASK, (run_id,))
    payload = {
        "run_id": str(run_id),
        "checklist_id": checklist.id,
        "name": checklist.name,
        "variables": {"user": "grace", "city": "London"},
    }
    assert cursor.fetchall() == [("task", "pending", "checks", 0, True, None, 3, 7, "api", {"payload": payload})]
    cursor.execute("SELECT account_id, name FROM queues")
    assert cursor.fetchall() == [(checklist.account_id, "checks")]
    assert pop(cursor, checklist.account_id, "checks").payload == payload


def test_until_its_task_brings_something_no_worker_of_ours_begins_the_run(cursor: Cursor) -> None:
    run_id = a_run(cursor, a_queue_checklist(cursor))
    assert claim(cursor, limit=10) == []
    assert run_tasks.observed(cursor, {run_id: OBSERVED}) == [run_id]
    [claimed] = claim(cursor, limit=10)
    assert (claimed.id, claimed.spec["observed"]) == (str(run_id), OBSERVED)


def test_other_runs_have_no_task(cursor: Cursor) -> None:
    run_id = a_run(cursor)
    cursor.execute(TASK_OF_RUN, (run_id,))
    assert cursor.fetchall() == []
    assert [item.id for item in claim(cursor, limit=10)] == [str(run_id)]


def test_the_tasks_of_many_runs_are_pushed_by_one_statement(cursor: Cursor) -> None:
    checklist = a_queue_checklist(cursor)
    other = a_checklist(cursor, checklist.account_id, queue="others")
    made = [runs.create(cursor, checklist.account_id, checklist.id, trigger="api", variables={}) for _ in range(3)]
    cursor.execute("DELETE FROM work WHERE kind = 'task'")
    made.append(runs.create(cursor, checklist.account_id, other.id, trigger="api", variables={}))
    cursor.execute("DELETE FROM work WHERE kind = 'task'")
    due = {run.id: run.created_at for run in made if run is not None}
    assert run_tasks.push(cursor, due) == {(checklist.account_id, "checks"), (checklist.account_id, "others")}
    assert [pop(cursor, checklist.account_id, "checks").payload["run_id"] for _ in range(3)] == [
        str(run.id) for run in made[:3] if run is not None
    ]


@pytest.mark.parametrize("source", ["queue = 'others'", "queue = NULL, flows = '[]'"])
def test_the_task_goes_to_the_queue_that_its_run_was_made_for_whatever_the_checklist_says_now(
    cursor: Cursor, source: str
) -> None:
    checklist = a_queue_checklist(cursor)
    run_id = a_run(cursor, checklist)
    cursor.execute("DELETE FROM work WHERE kind = 'task'")
    cursor.execute(f"UPDATE checklists SET {source}")  # noqa: S608 (one of the two above)
    due = {run_id: datetime(2026, 3, 1, tzinfo=UTC)}
    assert run_tasks.push(cursor, due) == {(checklist.account_id, "checks")}
    assert pop(cursor, checklist.account_id, "checks").payload["run_id"] == str(run_id)


def test_what_comes_for_a_run_that_has_ended_changes_nothing(cursor: Cursor) -> None:
    checklist = a_queue_checklist(cursor)
    run_id = a_run(cursor, checklist)
    work.cancel(cursor, checklist.account_id, id=run_id, reason="canceled by its owner")
    before = work_row(cursor, run_id)
    assert run_tasks.observed(cursor, {run_id: OBSERVED}) == []
    assert work_row(cursor, run_id) == before


def test_a_run_fails_with_its_task(cursor: Cursor) -> None:
    checklist = a_queue_checklist(cursor)
    run_id = a_run(cursor, checklist)
    task = pop(cursor, checklist.account_id, "checks")
    assert run_tasks.end_runs(cursor, [task.id]) == []  # it has not ended
    end(cursor, task, "failed", error="no browser")
    [ended] = run_tasks.end_runs(cursor, [task.id])
    assert (ended.work.id, ended.work.checklist_id, ended.work.account_id) == (
        str(run_id),
        checklist.id,
        checklist.account_id,
    )
    assert (ended.attempt.state, ended.attempt.outcome) == ("failed", "error")
    row = work_row(cursor, run_id)
    assert (row.state, row.outcome, row.error) == ("failed", "error", f"its task {task.id} failed: no browser")
    assert row.finished_at is not None
    assert attempts(cursor, run_id) == []
    assert run_tasks.end_runs(cursor, [task.id]) == []  # once is enough
    assert inconsistent_work(cursor) == []


def test_a_run_that_is_to_be_judged_does_not_end_with_its_task(cursor: Cursor) -> None:
    checklist = a_queue_checklist(cursor)
    run_id = a_run(cursor, checklist)
    task = pop(cursor, checklist.account_id, "checks")
    end(cursor, task, result=OBSERVED)
    run_tasks.observed(cursor, {run_id: OBSERVED})
    assert run_tasks.end_runs(cursor, [task.id]) == []
    assert work_row(cursor, run_id).state == "pending"


def test_canceling_a_run_cancels_the_task_that_nobody_has_begun(cursor: Cursor) -> None:
    checklist = a_queue_checklist(cursor)
    run_id = a_run(cursor, checklist)
    task_id = task_of(cursor, run_id)
    canceled = work.cancel(cursor, checklist.account_id, id=run_id, reason="canceled by its owner")
    assert set(canceled) == {run_id, task_id}
    assert [(row.state, row.error) for row in (work_row(cursor, id) for id in (run_id, task_id))] == [
        ("canceled", "canceled by its owner")
    ] * 2


def test_canceling_a_run_asks_whoever_has_begun_its_task_to_stop(cursor: Cursor) -> None:
    checklist = a_queue_checklist(cursor)
    run_id = a_run(cursor, checklist)
    task = pop(cursor, checklist.account_id, "checks")
    assert work.cancel(cursor, checklist.account_id, id=run_id, reason="canceled by its owner") == [run_id]
    cursor.execute("SELECT state, lease_token, cancel_requested FROM work WHERE id = %s", (task.id,))
    assert cursor.fetchall() == [("running", task.lease_token, True)]
    assert work_row(cursor, run_id).state == "canceled"
    end(cursor, task, result=OBSERVED)  # which it may still do well


def test_canceling_a_task_cancels_its_run(cursor: Cursor) -> None:
    checklist = a_queue_checklist(cursor)
    run_id = a_run(cursor, checklist)
    task_id = task_of(cursor, run_id)
    assert work.cancel(cursor, checklist.account_id, id=task_id, reason="no longer wanted") == [task_id, run_id]
    assert work_row(cursor, run_id).error == "no longer wanted"


@pytest.mark.parametrize("is_begun", [True, False])
def test_deleting_a_checklist_ends_the_tasks_of_its_runs(cursor: Cursor, is_begun: bool) -> None:
    checklist = a_queue_checklist(cursor)
    other = a_run(cursor, a_checklist(cursor, checklist.account_id, queue="others"))
    run_ids = [a_run(cursor, checklist) for _ in range(2)]
    task_ids = [task_of(cursor, run_id) for run_id in run_ids]
    if is_begun:
        pop(cursor, checklist.account_id, "checks")
    canceled = work.cancel(cursor, checklist.account_id, checklist_id=checklist.id, reason="its checklist was deleted")
    assert set(canceled) == {*run_ids, *(task_ids[1:] if is_begun else task_ids)}
    assert {work_row(cursor, id).state for id in (other, task_of(cursor, other))} == {"pending"}


def test_another_account_cancels_neither(cursor: Cursor) -> None:
    run_id = a_run(cursor, a_queue_checklist(cursor))
    task_id = task_of(cursor, run_id)
    stranger = an_account(cursor)
    for id in (run_id, task_id):
        assert work.cancel(cursor, stranger, id=id, reason="no longer wanted") == []
    assert {work_row(cursor, id).state for id in (run_id, task_id)} == {"pending"}


def test_a_task_alone_is_canceled_or_asked_to_stop(cursor: Cursor) -> None:
    checklist = a_queue_checklist(cursor)
    pending = task_of(cursor, a_run(cursor, checklist))
    cursor.execute("UPDATE work SET run_id = NULL WHERE id = %s", (pending,))
    task = pop(cursor, checklist.account_id, "checks")
    assert work.cancel(cursor, checklist.account_id, id=task.id, reason="no longer wanted") == []
    row = work_row(cursor, task.id)
    assert (row.state, row.lease_token, row.error, row.finished_at) == ("running", task.lease_token, None, None)


def test_a_cancel_and_an_ack_of_one_run_take_turns(database: Database, cursor: Cursor) -> None:
    checklist = a_queue_checklist(cursor)
    run_id = a_run(cursor, checklist)
    task = pop(cursor, checklist.account_id, "checks")

    def cancel_too() -> list[UUID]:
        with database.transaction() as second:
            return work.cancel(second.cursor, checklist.account_id, id=run_id, reason="canceled by its owner")

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as acking:
            end(acking.cursor, task, result=OBSERVED)
            late = pool.submit(cancel_too)
            wait_until_blocked(database)  # at the task, not at the run: who acks is not waited for in turn
            assert run_tasks.observed(acking.cursor, {run_id: OBSERVED}) == [run_id]
        assert late.result(10) == [run_id]
    assert [work_row(cursor, id).state for id in (task.id, run_id)] == ["succeeded", "canceled"]
