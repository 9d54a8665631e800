"""Schedules that push tasks, and those whose runs observe through a queue."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.store import schedules, task_leases
from api.store.task_leases import PoppedTask
from scheduler import sweep
from scheduler.due import fire_due_schedules
from shared.database import Cursor, Database
from shared.store import run_tasks
from shared.store import schedules as shared_schedules
from shared.store.checklists import Checklist
from shared.store.schedules import Released, Schedule
from tests.claiming import claim
from tests.factories import a_checklist, a_schedule
from tests.popping import end
from tests.recording_bell import RecordingBell
from tests.rows import work_row

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def bell() -> Any:
    return RecordingBell()


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def a_task_schedule(cursor: Cursor, target: dict[str, Any] | None = None, **fields: Any) -> Schedule:
    target = {"queue": "mail", "priority": 0, "timeout_seconds": None, "max_attempts": 4} | (target or {})
    return a_schedule(cursor, **({"kind": "task", "checklist_id": None, "target": target} | fields))


def a_run_schedule(cursor: Cursor, **fields: Any) -> tuple[Schedule, Checklist]:
    checklist = a_checklist(cursor, queue="checks", timeout_seconds=7)
    return a_schedule(cursor, checklist, target={"variables": {"user": "ada"}}, **fields), checklist


def pop_at(cursor: Cursor, schedule: Schedule, queue: str, now: datetime) -> list[PoppedTask]:
    return task_leases.pop(cursor, schedule.account_id, queue, most=10, lease_seconds=60, worker="theirs", now=now)


def told(cursor: Cursor) -> list[tuple[float, str, str | None]]:
    cursor.execute("SELECT scheduled_for, outcome, reason FROM occurrences ORDER BY scheduled_for")
    return [((instant - START).total_seconds(), outcome, reason) for instant, outcome, reason in cursor.fetchall()]


def states(cursor: Cursor, kind: str) -> list[str]:
    cursor.execute("SELECT state FROM work WHERE kind = %s ORDER BY id", (kind,))
    return [row[0] for row in cursor.fetchall()]


def run_of(task: PoppedTask) -> UUID:
    return UUID(task.payload["run_id"])


def test_an_instant_that_is_due_becomes_a_task_of_its_queue(database: Database, cursor: Cursor, bell: Any) -> None:
    target = {"payload": {"to": "ada"}, "priority": 5, "timeout_seconds": 90, "max_attempts": 2}
    schedule = a_task_schedule(cursor, target)
    assert fire_due_schedules(database, bell, START, delivery_attempts=1) == 1
    cursor.execute(
        "SELECT kind, lane, queue, priority, due_at, scheduled_for, schedule_id, trigger, max_attempts, spec FROM work"
    )
    assert cursor.fetchall() == [
        ("task", "", "mail", 5, START, START, schedule.id, "schedule", 2, {"payload": {"to": "ada"}})
    ]
    assert told(cursor) == [(0, "fired", None)]
    [task] = pop_at(cursor, schedule, "mail", START)
    assert (task.payload, task.timeout_seconds, task.scheduled_for) == ({"to": "ada"}, 90, START)
    cursor.execute("SELECT account_id, name FROM queues")
    assert cursor.fetchall() == [(schedule.account_id, "mail")]


def test_what_pops_is_told_of_the_task_and_our_workers_are_not_rung_for_it(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    schedule = a_task_schedule(cursor)
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    assert (bell.rung, bell.queues) == ([], [(schedule.account_id, "mail")])


def test_a_task_that_says_nothing_has_null_for_its_payload_and_no_time_limit(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    schedule = a_task_schedule(cursor)
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    [task] = pop_at(cursor, schedule, "mail", START)
    assert (task.payload, task.timeout_seconds) == (None, None)


@pytest.mark.parametrize("is_begun", [True, False])
def test_a_task_that_has_not_ended_is_unfinished_work(
    database: Database, cursor: Cursor, bell: Any, is_begun: bool
) -> None:
    schedule = a_task_schedule(cursor, overlap="skip")
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    tasks = pop_at(cursor, schedule, "mail", START) if is_begun else []
    fire_due_schedules(database, bell, after(10), delivery_attempts=1)
    assert told(cursor) == [(0, "fired", None), (10, "skipped", "overlap")]
    for task in tasks or pop_at(cursor, schedule, "mail", after(10)):
        end(cursor, task)
    fire_due_schedules(database, bell, after(20), delivery_attempts=1)
    assert told(cursor)[-1] == (20, "fired", None)


def test_a_task_that_waits_for_the_one_before_is_not_popped_until_that_has_ended(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    schedule = a_task_schedule(cursor, overlap="queue_one")
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    [first] = pop_at(cursor, schedule, "mail", START)
    fire_due_schedules(database, bell, after(10), delivery_attempts=1)
    assert pop_at(cursor, schedule, "mail", after(10)) == []
    assert shared_schedules.release_held(cursor, [schedule.id]) == []
    end(cursor, first)
    [released] = shared_schedules.release_held(cursor, [schedule.id])
    assert released == Released(released.id, schedule.account_id, "mail")
    [second] = pop_at(cursor, schedule, "mail", datetime.now(UTC) + timedelta(minutes=1))
    assert (second.id, second.scheduled_for) == (released.id, after(10))


def test_a_begun_task_is_asked_to_stop_by_the_next_and_a_waiting_one_is_canceled(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    schedule = a_task_schedule(cursor, overlap="cancel_running")
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    [begun] = pop_at(cursor, schedule, "mail", START)
    fire_due_schedules(database, bell, after(10), delivery_attempts=1)
    assert states(cursor, "task") == ["running", "pending"]
    fire_due_schedules(database, bell, after(20), delivery_attempts=1)
    assert states(cursor, "task") == ["running", "canceled", "pending"]
    assert len(bell.announced) == 1
    cursor.execute("SELECT cancel_requested FROM work WHERE id = %s", (begun.id,))
    assert cursor.fetchall() == [(True,)]
    end(cursor, begun)


def test_many_queues_are_pushed_to_at_once(database: Database, cursor: Cursor, bell: Any) -> None:
    made = [a_task_schedule(cursor, {"queue": f"queue-{number % 3}"}, run_at=START) for number in range(30)]
    assert fire_due_schedules(database, bell, START, delivery_attempts=1) == 30
    assert set(bell.queues) == {(each.account_id, each.target["queue"]) for each in made}
    assert len(bell.queues) == 30  # every account has a queue of its own
    assert all(len(pop_at(cursor, each, each.target["queue"], START)) == 1 for each in made)


def test_an_instant_of_a_checklist_with_a_queue_becomes_a_run_and_its_task(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    schedule, checklist = a_run_schedule(cursor)
    assert fire_due_schedules(database, bell, START, delivery_attempts=1) == 1
    assert (bell.rung, bell.queues) == ([], [(schedule.account_id, "checks")])
    assert claim(cursor, limit=10, now=after(3600)) == []
    [task] = pop_at(cursor, schedule, "checks", START)
    assert task.payload == {
        "run_id": str(run_of(task)),
        "checklist_id": checklist.id,
        "name": checklist.name,
        "variables": {"user": "ada"},
    }
    assert (task.timeout_seconds, task.scheduled_for) == (7, START)
    cursor.execute("SELECT kind, id FROM work WHERE schedule_id = %s", (schedule.id,))
    assert cursor.fetchall() == [("run", run_of(task))]
    cursor.execute("SELECT work_id FROM occurrences")
    assert cursor.fetchall() == [(run_of(task),)]


def test_the_task_of_a_run_comes_with_the_jitter_of_its_schedule(database: Database, cursor: Cursor, bell: Any) -> None:
    schedule, _ = a_run_schedule(cursor, jitter_seconds=3600)
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    cursor.execute("SELECT due_at FROM work WHERE kind = 'task'")
    [(due_at,)] = cursor.fetchall()
    assert START < due_at <= after(3600)
    assert pop_at(cursor, schedule, "checks", due_at - timedelta(microseconds=1)) == []
    assert len(pop_at(cursor, schedule, "checks", due_at)) == 1


def test_a_run_whose_task_is_begun_is_running_for_the_next_instants(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    schedule, _ = a_run_schedule(cursor, overlap="queue_one")
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    fire_due_schedules(database, bell, after(10), delivery_attempts=1)
    assert told(cursor)[-1] == (10, "skipped", "overlap")  # one waits already: nobody has begun it
    [first] = pop_at(cursor, schedule, "checks", after(10))
    fire_due_schedules(database, bell, after(20), delivery_attempts=1)
    fire_due_schedules(database, bell, after(30), delivery_attempts=1)
    assert [outcome for _, outcome, _ in told(cursor)] == ["fired", "skipped", "fired", "skipped"]

    later = datetime.now(UTC) + timedelta(minutes=1)
    assert pop_at(cursor, schedule, "checks", later) == []
    end(cursor, first, result=[])
    run_tasks.observed(cursor, {run_of(first): []})
    assert shared_schedules.release_held(cursor, [schedule.id]) == []  # the run is still to be judged
    cursor.execute(
        "UPDATE work SET state = 'succeeded', outcome = 'passed', finished_at = now() WHERE id = %s", (run_of(first),)
    )
    released = shared_schedules.release_held(cursor, None)
    [second] = pop_at(cursor, schedule, "checks", later)
    assert {item.id: item.queue for item in released} == {run_of(second): None, second.id: "checks"}
    assert claim(cursor, limit=10, now=later) == []  # what waits for its task, does so still
    assert run_tasks.observed(cursor, {run_of(second): []}) == [run_of(second)]


def test_the_sweep_leaves_a_held_run_and_its_task_alone_while_the_run_before_it_runs(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    schedule, _ = a_run_schedule(cursor, overlap="queue_one")
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    [first] = pop_at(cursor, schedule, "checks", START)
    fire_due_schedules(database, bell, after(10), delivery_attempts=1)
    bell.queues.clear()
    assert sweep.ring_for_due_work(database, bell) == 0
    assert (bell.rung, bell.queues) == ([], [])
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert pop_at(cursor, schedule, "checks", later) == []
    end(cursor, first, "failed", error="no browser")
    run_tasks.end_runs(cursor, [first.id])
    sweep.ring_for_due_work(database, bell)
    assert bell.queues == [(schedule.account_id, "checks")]
    assert len(pop_at(cursor, schedule, "checks", later)) == 1


def test_what_is_held_by_a_schedule_that_is_deleted_is_released_all_the_same(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    schedule, _ = a_run_schedule(cursor, overlap="queue_one")
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    [first] = pop_at(cursor, schedule, "checks", START)
    fire_due_schedules(database, bell, after(10), delivery_attempts=1)
    cursor.execute("DELETE FROM schedules")
    assert len(shared_schedules.release_held(cursor, None)) == 2
    [second] = pop_at(cursor, schedule, "checks", datetime.now(UTC) + timedelta(minutes=1))
    assert run_of(second) != run_of(first)


def test_the_next_instant_cancels_a_run_with_its_task(database: Database, cursor: Cursor, bell: Any) -> None:
    schedule, _ = a_run_schedule(cursor, overlap="cancel_running")
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    [first] = pop_at(cursor, schedule, "checks", START)
    fire_due_schedules(database, bell, after(10), delivery_attempts=1)
    fire_due_schedules(database, bell, after(20), delivery_attempts=1)
    assert states(cursor, "run") == ["canceled", "canceled", "pending"]
    assert states(cursor, "task") == ["running", "canceled", "pending"]
    assert work_row(cursor, run_of(first)).error == "canceled by the next occurrence of its schedule"
    assert len(set(bell.announced)) == 3
    end(cursor, first, "canceled")


def test_what_was_fired_is_fired_once(database: Database, cursor: Cursor, bell: Any) -> None:
    schedule, _ = a_run_schedule(cursor)
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    cursor.execute("UPDATE schedules SET next_run_at = %s", (START,))
    fire_due_schedules(database, bell, START, delivery_attempts=1)
    assert (states(cursor, "run"), states(cursor, "task")) == (["pending"], ["pending"])
    found = schedules.get(cursor, schedule.account_id, schedule.id)
    assert found is not None
    assert found.fired == 1
