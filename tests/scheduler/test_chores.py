"""Chores: they take their turns beside the loop, as long as it runs, and hold up nobody."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from scheduler import chores, retention
from scheduler.__main__ import make_chores
from scheduler.chores import Chore, Done
from scheduler.loop import Loop
from scheduler.wake_up import WakeUp
from shared.database import Cursor, Database
from shared.errors import DatabaseUnavailable
from shared.settings import Settings
from shared.store import queues
from tests.concurrency import wait_until_blocked
from tests.factories import a_checklist, a_run, an_account
from tests.popping import a_popped_task, a_task, end
from tests.processes import wait_until
from tests.recording_bell import RecordingBell
from tests.rows import attempts, work_row


@pytest.fixture
def bell() -> Any:
    return RecordingBell()


@pytest.fixture
def wake_up(database_url: str) -> Iterator[WakeUp]:
    sleeper = WakeUp(database_url)
    yield sleeper
    sleeper.close()


@contextmanager
def scheduling(
    database_url: str, bell: Any, wake_up: WakeUp, *, prune_every_seconds: float = 3_600, **settings: Any
) -> Iterator[Loop]:
    """The loop of a scheduler with all its chores, as the process has it; it is told to stop when the block ends."""
    settings = {"sweep_seconds": 0.05, **settings}
    database = Database(database_url, size=4, name="scheduler")
    pruned = Database(database_url, size=1, name="prune")
    its_chores = make_chores(Settings(**settings), database, pruned, bell, prune_every_seconds=prune_every_seconds)
    loop = Loop(database, bell, wake_up, sweep_seconds=0.05, delivery_attempts=1, chores=its_chores)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(loop.run)
        try:
            yield loop
        finally:
            wake_up.stop()
            running.result(10)
    pruned.close()
    database.close()


OLD_TASK = """
UPDATE work
SET id = uuid_of_instant(now() - make_interval(days => 31, secs => %(seconds)s)),
    finished_at = now() - make_interval(days => 31, secs => %(seconds)s)
WHERE id = %(id)s
RETURNING id
"""


def an_old_task(cursor: Cursor, *, seconds: int = 0) -> UUID:
    """A task with an attempt that ended 31 days ago, and by some seconds more."""
    task = a_popped_task(cursor)
    end(cursor, task)
    cursor.execute(OLD_TASK, {"id": task.id, "seconds": seconds})
    [(id,)] = cursor.fetchall()
    cursor.execute("UPDATE attempts SET work_id = %s WHERE work_id = %s", (id, task.id))
    assert isinstance(id, UUID)
    return id


def is_there(cursor: Cursor, id: UUID) -> bool:
    cursor.execute("SELECT FROM work WHERE id = %s", (id,))
    return cursor.rowcount == 1


def test_a_full_turn_means_again_at_once_and_another_a_rest() -> None:
    turns = iter([Done(5, there_is_more=True), Done(2)])
    chore = Chore("things_done", lambda: next(turns), every_seconds=30)
    assert (chore.run_once(), chore.total) == (0.0, 5)
    assert (chore.run_once(), chore.total) == (30, 7)


@pytest.mark.parametrize("accident", [DatabaseUnavailable("away"), ValueError("a mistake")])
@pytest.mark.parametrize(("every_seconds", "rest"), [(3_600, 60), (2, 2)])
def test_a_chore_outlives_what_goes_wrong_and_tries_again_soon(
    accident: Exception, every_seconds: float, rest: float
) -> None:
    def break_off() -> Done:
        raise accident

    assert Chore("things_done", break_off, every_seconds=every_seconds).run_once() == rest


def test_a_scheduler_prunes_when_it_starts_and_every_so_often_after_that(
    database_url: str, cursor: Cursor, bell: Any, wake_up: WakeUp
) -> None:
    first = an_old_task(cursor)
    cursor.execute(
        "INSERT INTO idempotency_keys (account_id, key, fingerprint, created_at)"
        " VALUES (%s, 'k', '', now() - interval '25 hours')",
        (an_account(cursor),),
    )
    with scheduling(database_url, bell, wake_up, prune_every_seconds=0.05, retention_days=30) as loop:
        wait_until(lambda: loop.counters["rows_pruned"] == 2, "the first turn is over")
        assert not is_there(cursor, first)
        second = an_old_task(cursor, seconds=1)
        wait_until(lambda: not is_there(cursor, second), "a later turn prunes what came to be old")
    assert attempts(cursor, first) == attempts(cursor, second) == []


def test_a_scheduler_keeps_what_the_settings_say(database_url: str, cursor: Cursor, bell: Any, wake_up: WakeUp) -> None:
    young, old = an_old_task(cursor), an_old_task(cursor, seconds=2 * 86_400)
    with scheduling(database_url, bell, wake_up, retention_days=32):
        wait_until(lambda: not is_there(cursor, old), "the first turn is over")
    assert is_there(cursor, young)


def test_a_scheduler_that_is_stopped_while_it_prunes_ends_at_once_and_leaves_whole_batches(
    database: Database,
    database_url: str,
    cursor: Cursor,
    bell: Any,
    wake_up: WakeUp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(chores, "STOP_SECONDS", 0.01)
    third, second, first = (an_old_task(cursor, seconds=seconds) for seconds in range(3))
    with database.transaction() as reader:
        reader.cursor.execute("SELECT FROM attempts WHERE work_id = %s FOR UPDATE", (second,))
        with scheduling(database_url, bell, wake_up):
            wait_until_blocked(database)
        assert [is_there(cursor, id) for id in (first, second, third)] == [False, True, True]
        assert attempts(cursor, second) == [(1, "succeeded")]
    wait_until(lambda: not is_there(cursor, second), "the batch that was under way is whole")
    assert (attempts(cursor, second), attempts(cursor, third)) == ([], [(1, "succeeded")])


@pytest.mark.parametrize("patience", [3600, 50])
def test_queues_are_watched_with_the_patience_of_the_settings(
    database_url: str, cursor: Cursor, bell: Any, wake_up: WakeUp, patience: float
) -> None:
    task_id = a_task(cursor, queue="mail")
    cursor.execute("UPDATE work SET due_at = %s WHERE id = %s", (datetime.now(UTC) - timedelta(seconds=100), task_id))
    impatient = an_account(cursor)
    queues.make_known(cursor, [(impatient, "post")])
    cursor.execute("UPDATE queues SET unattended_after_seconds = 1 WHERE name = 'post'")
    late = a_task(cursor, impatient, "post")
    cursor.execute("UPDATE work SET due_at = %s WHERE id = %s", (datetime.now(UTC) - timedelta(seconds=100), late))
    with scheduling(database_url, bell, wake_up, queue_unattended_seconds=patience) as loop:
        wait_until(lambda: loop.counters["queues_told_of"] >= 1, "the first look is over")
        assert loop.counters["queues_told_of"] == (1 if patience == 3600 else 2)


def test_a_scheduler_ends_the_runs_that_nobody_observes(
    database_url: str, cursor: Cursor, bell: Any, wake_up: WakeUp
) -> None:
    run_id = a_run(cursor, a_checklist(cursor, queue="checks", timeout_seconds=1))
    cursor.execute("UPDATE work SET due_at = now() - interval '2 seconds' WHERE kind = 'task'")
    with scheduling(database_url, bell, wake_up) as loop:
        wait_until(lambda: work_row(cursor, run_id).state == "failed", "the run has ended")
        wait_until(lambda: loop.counters["runs_overdue"] == 1, "which is counted")
