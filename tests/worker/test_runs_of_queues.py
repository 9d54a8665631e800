"""Runs whose observations a task has brought."""

import pytest

from shared.database import Cursor, Database
from shared.store import run_tasks
from tests.factories import a_checklist, a_run
from tests.judging import judge_due_runs
from tests.rows import attempts, work_row


@pytest.fixture(autouse=True)
def _nothing_is_there(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM accounts")


def test_what_the_task_brought_is_judged_and_nobody_is_called(database: Database) -> None:
    with database.reading() as cursor:
        run_id = a_run(cursor, a_checklist(cursor, queue="checks"))
        brought = [{"name": "f", "assertions": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]}]
        run_tasks.observed(cursor, {run_id: brought})
        [ended] = judge_due_runs(database)
        row = work_row(cursor, run_id)
        assert (row.state, row.outcome, attempts(cursor, run_id)) == ("succeeded", "passed", [(1, "succeeded")])
        [flow] = row.result["flows"]
    assert [assertion["name"] for assertion in flow["assertions"]] == ["a", "a[2]"]
    assert ended.attempt.error is None


def test_webhooks_are_told_of_its_beginning_and_its_end(database: Database) -> None:
    with database.reading() as cursor:
        run_id = a_run(cursor, a_checklist(cursor, queue="checks"))
        run_tasks.observed(cursor, {run_id: []})
        judge_due_runs(database)
        assert types_of_events(cursor) == ["run.finished"]  # the beginning is told by whoever claims


def types_of_events(cursor: Cursor) -> list[str]:
    cursor.execute("SELECT type FROM events ORDER BY id")
    return [row[0] for row in cursor.fetchall()]
