"""What follows from the end of a task: events, its run, its schedule."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.store import runs
from shared import task_ends
from shared.database import Cursor, Database
from shared.store import work
from shared.store.schedules import HELD_UNTIL, Schedule
from tests.factories import a_checklist, a_run, a_schedule, a_webhook, an_account
from tests.popping import a_popped_task, a_task, end, pop
from tests.rows import work_row

INSTANT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def cursor(database: Database) -> Iterator[Cursor]:
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM accounts")
    with database.reading() as single_statements:
        yield single_statements


def follow(cursor: Cursor, *task_ids: UUID) -> task_ends.Consequences:
    return task_ends.follow(cursor, task_ids, delivery_attempts=8)


def told(cursor: Cursor) -> list[tuple[str, dict[str, Any]]]:
    cursor.execute("SELECT type, data FROM events ORDER BY id")
    return cursor.fetchall()


def a_task_of(cursor: Cursor, schedule: Schedule, scheduled_for: datetime, due_at: object = "now") -> UUID:
    task_id = a_task(cursor, schedule.account_id)
    cursor.execute(
        "UPDATE work SET schedule_id = %s, scheduled_for = %s, due_at = %s WHERE id = %s",
        (schedule.id, scheduled_for, due_at, task_id),
    )
    return task_id


@pytest.mark.parametrize(("state", "error"), [("succeeded", None), ("failed", "no browser")])
def test_webhooks_are_told_of_success_and_of_failure(cursor: Cursor, state: work.State, error: str | None) -> None:
    account = an_account(cursor)
    a_webhook(cursor, account)
    task = a_popped_task(cursor, account, "mail")
    end(cursor, task, state, error=error)
    follows = follow(cursor, task.id)
    [(event_type, data)] = told(cursor)
    assert event_type == f"task.{state}"
    assert (data["task_id"], data["queue"], data["attempts"], data["error"]) == (str(task.id), "mail", 1, error)
    cursor.execute("SELECT id, max_attempts FROM work WHERE kind = 'delivery'")
    assert cursor.fetchall() == [(follows.to_ring[0], 8)]
    assert (follows.ended, follows.queues) == ((task.id,), frozenset())


def test_nobody_is_told_of_a_cancellation_but_those_who_wait(cursor: Cursor) -> None:
    account = an_account(cursor)
    a_webhook(cursor, account)
    task_id = a_task(cursor, account)
    work.cancel(cursor, account, id=task_id, reason="no longer wanted")
    assert follow(cursor, task_id) == task_ends.Consequences(ended=(task_id,))
    assert told(cursor) == []


def test_a_task_that_has_not_ended_is_no_news(cursor: Cursor) -> None:
    account = an_account(cursor)
    waiting, running = a_task(cursor, account), a_popped_task(cursor, account)
    assert follow(cursor, waiting, running.id) == task_ends.Consequences()
    assert follow(cursor) == task_ends.Consequences()


def test_a_run_fails_with_its_task_and_webhooks_are_told_of_both(cursor: Cursor) -> None:
    checklist = a_checklist(cursor, queue="checks")
    run_id = a_run(cursor, checklist)
    task = pop(cursor, checklist.account_id, "checks")
    end(cursor, task, "failed", error="no browser")
    assert follow(cursor, task.id).ended == (task.id, run_id)
    (of_task, task_data), (of_run, run_data) = told(cursor)
    assert (of_task, task_data["run_id"]) == ("task.failed", str(run_id))
    assert (of_run, run_data["run_id"], run_data["checklist_id"]) == ("run.finished", str(run_id), checklist.id)
    assert (run_data["state"], run_data["outcome"]) == ("failed", "error")
    assert run_data["error"] == f"its task {task.id} failed: no browser"
    assert run_data["summary"] == {"match": 0, "miss": 0, "new": 0, "obsolete": 0}


def test_a_schedule_sleeps_after_a_task_that_failed_if_it_is_to(cursor: Cursor) -> None:
    schedule = a_schedule(cursor, pause_on_failure=True)
    task_id = a_task_of(cursor, schedule, INSTANT)
    end(cursor, pop(cursor, schedule.account_id), "failed", error="no browser")
    follow(cursor, task_id)
    cursor.execute("SELECT state, note FROM schedules")
    assert cursor.fetchall() == [("paused", f"paused because task {task_id} failed")]
    assert [event_type for event_type, _ in told(cursor)] == ["task.failed", "schedule.paused"]


def test_a_schedule_sleeps_after_a_run_that_failed_with_its_task(cursor: Cursor) -> None:
    schedule = a_schedule(cursor, a_checklist(cursor, queue="checks"), pause_on_failure=True)
    assert schedule.checklist_id is not None
    run = runs.create(
        cursor, schedule.account_id, schedule.checklist_id, trigger="manual", variables={}, schedule_id=schedule.id
    )
    assert run is not None
    task = pop(cursor, schedule.account_id, "checks")
    end(cursor, task, "failed", error="no browser")
    follow(cursor, task.id)
    cursor.execute("SELECT state, note FROM schedules")
    assert cursor.fetchall() == [("paused", f"paused because run {run.id} failed")]


def test_what_waited_for_the_task_is_due_and_its_queue_announced(cursor: Cursor) -> None:
    schedule = a_schedule(cursor)
    first = a_task_of(cursor, schedule, INSTANT)
    task = pop(cursor, schedule.account_id)
    held = a_task_of(cursor, schedule, INSTANT + timedelta(seconds=10), HELD_UNTIL)
    end(cursor, task)
    follows = follow(cursor, first)
    assert follows.queues == {(schedule.account_id, "default")}
    assert held not in follows.to_ring
    assert pop(cursor, schedule.account_id).id == held
    assert work_row(cursor, first).state == "succeeded"
