"""The sweep of external workers' leases: tasks come back, and those who wait for any of it are told."""

from typing import Any
from uuid import UUID

import pytest

from api.store.task_leases import PoppedTask
from scheduler import sweep
from shared.database import Cursor, Database
from shared.store import work
from shared.store.schedules import HELD_UNTIL
from tests.factories import a_checklist, a_run, a_schedule, a_webhook, an_account
from tests.popping import a_popped_task, a_task, pop
from tests.recording_bell import RecordingBell
from tests.rows import attempts, inconsistent_work, work_row


@pytest.fixture
def bell() -> Any:
    return RecordingBell()


def lose(cursor: Cursor, task: PoppedTask) -> None:
    """Its worker is dead, and its lease over."""
    cursor.execute("UPDATE work SET lease_expires_at = now() WHERE id = %s", (task.id,))


def sweep_tasks(database: Database, bell: Any) -> bool:
    return sweep.expire_leases_of_tasks(database, bell, delivery_attempts=8)


def events(cursor: Cursor) -> list[str]:
    cursor.execute("SELECT type FROM events ORDER BY id")
    return [row[0] for row in cursor.fetchall()]


def test_a_task_whose_worker_died_is_back_and_its_queue_announced(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    account = an_account(cursor)
    task = a_popped_task(cursor, account, "mail")
    lose(cursor, task)
    assert sweep_tasks(database, bell) is False
    assert (bell.queues, bell.rung, bell.announced) == ([(account, "mail")], [], [])
    assert (work_row(cursor, task.id).state, attempts(cursor, task.id)) == ("pending", [(1, "lease_expired")])
    assert events(cursor) == []


def test_a_task_in_good_hands_is_left_alone(database: Database, cursor: Cursor, bell: Any) -> None:
    task = a_popped_task(cursor)
    assert sweep_tasks(database, bell) is False
    assert work_row(cursor, task.id).lease_token == task.lease_token
    assert bell.queues == []


def test_a_task_out_of_attempts_is_announced_as_ended_and_webhooks_are_told(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    account = an_account(cursor)
    a_webhook(cursor, account)
    task = a_popped_task(cursor, account, max_attempts=1)
    lose(cursor, task)
    sweep_tasks(database, bell)
    assert events(cursor) == ["task.failed"]
    cursor.execute("SELECT id, max_attempts FROM work WHERE kind = 'delivery'")
    assert (bell.announced, cursor.fetchall()) == ([task.id], [(bell.rung[0], 8)])


def test_a_run_fails_with_the_last_lease_of_its_task(database: Database, cursor: Cursor, bell: Any) -> None:
    checklist = a_checklist(cursor, queue="checks")
    run_id = a_run(cursor, checklist)
    for _ in range(3):
        task = pop(cursor, checklist.account_id, "checks")
        lose(cursor, task)
        sweep_tasks(database, bell)
    row = work_row(cursor, run_id)
    assert (row.state, row.outcome) == ("failed", "error")
    assert row.error == f"its task {task.id} failed: the lease of attempt 3 expired and no attempt is left"
    assert events(cursor) == ["task.failed", "run.finished"]
    assert bell.announced == [task.id, run_id]
    assert inconsistent_work(cursor) == []


def test_a_task_that_is_canceled_with_its_lease_cancels_its_run(database: Database, cursor: Cursor, bell: Any) -> None:
    checklist = a_checklist(cursor, queue="checks")
    run_id = a_run(cursor, checklist)
    task = pop(cursor, checklist.account_id, "checks")
    work.cancel(cursor, checklist.account_id, id=task.id, reason="no longer wanted")
    lose(cursor, task)
    assert work_row(cursor, run_id).state == "pending"
    sweep_tasks(database, bell)
    assert [work_row(cursor, id).state for id in (task.id, run_id)] == ["canceled", "canceled"]
    assert (bell.announced, events(cursor)) == ([task.id, run_id], [])


def test_a_schedule_is_paused_after_a_task_that_failed_with_its_last_lease(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    schedule = a_schedule(cursor, pause_on_failure=True)
    task = a_popped_task(cursor, schedule.account_id, max_attempts=1)
    cursor.execute("UPDATE work SET schedule_id = %s WHERE id = %s", (schedule.id, task.id))
    lose(cursor, task)
    sweep_tasks(database, bell)
    cursor.execute("SELECT state, note FROM schedules")
    assert cursor.fetchall() == [("paused", f"paused because task {task.id} failed")]


def test_a_full_batch_means_again_at_once(
    database: Database, cursor: Cursor, bell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "LEASES_AT_ONCE", 2)
    for task in [a_popped_task(cursor) for _ in range(3)]:
        lose(cursor, task)
    assert [sweep_tasks(database, bell) for _ in range(2)] == [True, False]


def test_a_task_that_is_held_no_longer_is_announced(database: Database, cursor: Cursor, bell: Any) -> None:
    schedule = a_schedule(cursor)
    held: UUID = a_task(cursor, schedule.account_id, "mail")
    cursor.execute("UPDATE work SET schedule_id = %s, due_at = %s WHERE id = %s", (schedule.id, HELD_UNTIL, held))
    assert sweep.ring_for_due_work(database, bell) == 0
    assert (bell.queues, bell.rung) == ([(schedule.account_id, "mail")], [])
    assert pop(cursor, schedule.account_id, "mail").id == held
