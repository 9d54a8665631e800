"""Runs that observe through a queue: their time is for all of it, and they do not wait for nobody."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from scheduler import expiry, overdue_runs, sweep
from shared.database import Cursor, Database
from shared.store import run_tasks, work
from shared.store.checklists import Checklist
from shared.store.schedules import HELD_UNTIL
from tests.factories import a_checklist, a_run, an_account
from tests.popping import a_popped_task, a_task, end, pop
from tests.recording_bell import RecordingBell
from tests.rows import attempts, inconsistent_work, work_row

A_MOMENT = timedelta(microseconds=1)
SEVEN = timedelta(seconds=7)
OVER = "job_timed_out: nothing was observed within the 7 s of the run"
DESERTED = "nobody asked for the tasks of queue checks within the 7 s of the run"


@pytest.fixture
def checklist(cursor: Cursor) -> Checklist:
    return a_checklist(cursor, queue="checks", timeout_seconds=7)


def a_waiting_task(cursor: Cursor, checklist: Checklist) -> tuple[UUID, UUID, datetime]:
    """A run that nobody has begun to observe: its id, that of its task, and when that was due."""
    run_id = a_run(cursor, checklist)
    cursor.execute("SELECT id, due_at FROM work WHERE run_id = %s", (run_id,))
    [(task_id, due_at)] = cursor.fetchall()
    return run_id, task_id, due_at


def end_overdue(cursor: Cursor, now: datetime, *, limit: int = 10) -> list[UUID]:
    return overdue_runs.end_overdue(cursor, limit=limit, now=now)


def test_a_run_has_its_time_from_when_its_task_was_first_begun_whichever_attempt_is_under_way(
    cursor: Cursor, checklist: Checklist
) -> None:
    _, task_id, due_at = a_waiting_task(cursor, checklist)
    began = due_at + timedelta(hours=1)
    first = pop(cursor, checklist.account_id, "checks", now=began)
    end(cursor, first, "pending", error="no browser", retry_in_seconds=0)
    second = pop(cursor, checklist.account_id, "checks", now=began + timedelta(seconds=6))
    assert end_overdue(cursor, began + SEVEN - A_MOMENT) == []
    assert end_overdue(cursor, began + SEVEN) == [task_id]
    row = work_row(cursor, task_id)
    assert (row.state, row.error, row.lease_token, row.finished_at) == ("failed", OVER, None, began + SEVEN)
    assert attempts(cursor, task_id) == [(1, "failed"), (2, "timeout")]
    assert inconsistent_work(cursor) == []
    with pytest.raises(AssertionError):
        end(cursor, second, result=[])


def test_a_run_whose_time_is_up_between_two_attempts_is_not_tried_again(cursor: Cursor, checklist: Checklist) -> None:
    _, task_id, due_at = a_waiting_task(cursor, checklist)
    first = pop(cursor, checklist.account_id, "checks", now=due_at)
    end(cursor, first, "pending", error="no browser", retry_in_seconds=600)
    assert end_overdue(cursor, due_at + SEVEN) == [task_id]
    assert (work_row(cursor, task_id).error, attempts(cursor, task_id)) == (OVER, [(1, "failed")])
    assert inconsistent_work(cursor) == []


def test_an_attempt_that_took_all_the_time_of_its_run_is_the_last(cursor: Cursor, checklist: Checklist) -> None:
    a_waiting_task(cursor, checklist)
    task = pop(cursor, checklist.account_id, "checks")
    [expired] = expiry.expire_tasks(cursor, limit=10, now=task.lease_expires_at)
    assert (expired.state, work_row(cursor, task.id).error) == ("failed", OVER)
    assert attempts(cursor, task.id) == [(1, "timeout")]


def test_a_run_that_nobody_is_there_to_observe_fails_when_its_time_is_up(cursor: Cursor, checklist: Checklist) -> None:
    _, task_id, due_at = a_waiting_task(cursor, checklist)
    assert end_overdue(cursor, due_at + SEVEN - A_MOMENT) == []
    assert end_overdue(cursor, due_at + SEVEN) == [task_id]
    row = work_row(cursor, task_id)
    assert (row.state, row.error, row.finished_at) == ("failed", DESERTED, due_at + SEVEN)
    assert attempts(cursor, task_id) == []


def test_a_run_waits_its_turn_while_somebody_asks_for_the_tasks_of_its_queue(
    cursor: Cursor, checklist: Checklist
) -> None:
    _, task_id, due_at = a_waiting_task(cursor, checklist)
    cursor.execute("UPDATE queues SET last_popped_at = %s", (due_at + timedelta(hours=1),))
    assert end_overdue(cursor, due_at + timedelta(hours=1) + SEVEN - A_MOMENT) == []
    assert end_overdue(cursor, due_at + timedelta(hours=1) + SEVEN) == [task_id]


def test_a_run_waits_its_turn_while_somebody_is_at_another_task_of_its_queue(
    cursor: Cursor, checklist: Checklist
) -> None:
    busy = a_popped_task(cursor, checklist.account_id, "checks")
    _, task_id, due_at = a_waiting_task(cursor, checklist)
    assert end_overdue(cursor, due_at + timedelta(hours=1)) == []
    end(cursor, busy)
    assert end_overdue(cursor, due_at + timedelta(hours=1)) == [task_id]


def test_who_is_at_a_task_of_another_queue_or_account_is_not_waited_for(cursor: Cursor, checklist: Checklist) -> None:
    a_popped_task(cursor, checklist.account_id, "others")
    a_popped_task(cursor, None, "checks")
    _, task_id, due_at = a_waiting_task(cursor, checklist)
    assert end_overdue(cursor, due_at + SEVEN) == [task_id]


def test_a_queue_of_which_nothing_is_known_is_judged_like_the_others(cursor: Cursor, checklist: Checklist) -> None:
    _, task_id, due_at = a_waiting_task(cursor, checklist)
    cursor.execute("DELETE FROM queues")
    assert end_overdue(cursor, due_at + SEVEN) == [task_id]


def test_a_run_that_is_held_or_not_yet_due_has_all_its_time_before_it(cursor: Cursor, checklist: Checklist) -> None:
    _, held, due_at = a_waiting_task(cursor, checklist)
    _, later, _ = a_waiting_task(cursor, checklist)
    cursor.execute("UPDATE work SET due_at = %s WHERE id = %s", (HELD_UNTIL, held))
    cursor.execute("UPDATE work SET due_at = due_at + interval '1 hour' WHERE id = %s", (later,))
    assert end_overdue(cursor, due_at + timedelta(minutes=30)) == []


def test_other_tasks_wait_as_long_as_they_like(cursor: Cursor) -> None:
    account = an_account(cursor)
    a_popped_task(cursor, account, timeout_seconds=7)
    task_id = a_task(cursor, account, timeout_seconds=7)
    assert end_overdue(cursor, work_row(cursor, task_id).due_at + timedelta(days=365)) == []


def test_what_was_observed_in_time_is_judged_however_late(cursor: Cursor, checklist: Checklist) -> None:
    run_id, task_id, due_at = a_waiting_task(cursor, checklist)
    end(cursor, pop(cursor, checklist.account_id, "checks", now=due_at), result=[])
    run_tasks.observed(cursor, {run_id: []})
    assert end_overdue(cursor, due_at + timedelta(days=1)) == []
    assert [work_row(cursor, id).state for id in (task_id, run_id)] == ["succeeded", "pending"]


def test_a_task_that_is_asked_to_stop_has_until_its_lease_ends(cursor: Cursor, checklist: Checklist) -> None:
    _, _, due_at = a_waiting_task(cursor, checklist)
    task = pop(cursor, checklist.account_id, "checks", now=due_at)
    work.cancel(cursor, checklist.account_id, id=task.id, reason="no longer wanted")
    assert end_overdue(cursor, due_at + SEVEN) == []


def test_a_batch_is_bounded_and_begun_tasks_come_first(cursor: Cursor, checklist: Checklist) -> None:
    waiting = [a_waiting_task(cursor, checklist) for _ in range(4)]
    latest = waiting[-1][2]
    begun = [pop(cursor, checklist.account_id, "checks", now=latest).id for _ in range(2)]
    for id in begun:
        cursor.execute(
            "UPDATE work SET state = 'pending', lease_token = NULL, lease_expires_at = NULL WHERE id = %s", (id,)
        )
    assert [set(end_overdue(cursor, latest + SEVEN, limit=2)) for _ in range(3)] == [
        set(begun),
        {task_id for _, task_id, _ in waiting} - set(begun),
        set(),
    ]


def test_what_is_popped_at_this_moment_is_passed_over(database: Database, cursor: Cursor, checklist: Checklist) -> None:
    _, task_id, due_at = a_waiting_task(cursor, checklist)
    with database.transaction() as popping:
        pop(popping.cursor, checklist.account_id, "checks", now=due_at + SEVEN)
        assert end_overdue(cursor, due_at + SEVEN) == []
    assert work_row(cursor, task_id).state == "running"


def test_the_run_ends_with_its_task_and_everybody_is_told(
    database: Database, cursor: Cursor, checklist: Checklist
) -> None:
    run_id, task_id, _ = a_waiting_task(cursor, checklist)
    cursor.execute("UPDATE work SET due_at = now() - interval '8 seconds' WHERE id = %s", (task_id,))
    bell: Any = RecordingBell()
    assert sweep.end_overdue_runs(database, bell, delivery_attempts=1).count == 1
    row = work_row(cursor, run_id)
    assert (row.state, row.outcome, row.error) == ("failed", "error", f"its task {task_id} failed: {DESERTED}")
    cursor.execute("SELECT type FROM events ORDER BY id")
    assert cursor.fetchall() == [("task.failed",), ("run.finished",)]
    assert set(bell.announced) == {task_id, run_id}
