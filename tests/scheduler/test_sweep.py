"""The sweep: leases of the dead come back, and due work that nobody began is rung for again."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from api.store import schedules
from scheduler import sweep
from scheduler.loop import Loop
from scheduler.wake_up import WakeUp
from shared.database import Database
from shared.store import processes
from shared.store.work import ClaimedWork
from tests.factories import an_account, claimed_work, some_work
from tests.recording_bell import RecordingBell
from tests.rows import attempts, work_row


@pytest.fixture
def bell() -> RecordingBell:
    return RecordingBell()


@pytest.fixture(autouse=True)
def _nothing_is_there(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM accounts")
        transaction.cursor.execute("DELETE FROM processes")


def expired(database: Database, count: int = 1, **fields: int) -> list[ClaimedWork]:
    """Work whose worker died long ago."""
    with database.transaction() as transaction:
        claimed = claimed_work(transaction.cursor, limit=count, **fields)
        transaction.cursor.execute("UPDATE work SET lease_expires_at = now() WHERE state = 'running'")
    return claimed


def test_the_lease_of_a_dead_worker_is_taken_back_and_its_work_rung_for(
    database: Database, bell: RecordingBell
) -> None:
    [lost] = expired(database)
    assert sweep.expire_leases(database, bell, delivery_attempts=1) is False
    assert sweep.ring_for_due_work(database, bell) == 1
    assert ([str(id) for id in bell.rung], bell.announced) == ([lost.id], [])
    with database.reading() as cursor:
        assert (work_row(cursor, lost.id).state, attempts(cursor, lost.id)) == ("pending", [(1, "lease_expired")])


def test_work_that_failed_with_its_last_lease_is_announced(database: Database, bell: RecordingBell) -> None:
    [lost] = expired(database, max_attempts=1)
    sweep.expire_leases(database, bell, delivery_attempts=1)
    assert bell.announced == [lost.id]


def test_work_in_good_hands_is_left_alone(database: Database, bell: RecordingBell) -> None:
    with database.transaction() as transaction:
        [held] = claimed_work(transaction.cursor)
    assert sweep.expire_leases(database, bell, delivery_attempts=1) is False
    assert sweep.ring_for_due_work(database, bell) == 0
    with database.reading() as cursor:
        assert str(work_row(cursor, held.id).lease_token) == held.lease_token
    assert (bell.rung, bell.announced) == ([], [])


def test_a_full_batch_of_expired_leases_means_again_at_once(
    database: Database, bell: RecordingBell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "LEASES_AT_ONCE", 2)
    expired(database, 3)
    assert [sweep.expire_leases(database, bell, delivery_attempts=1) for _ in range(2)] == [True, False]


def test_work_that_is_due_later_is_not_rung_for(database: Database, bell: RecordingBell) -> None:
    with database.transaction() as transaction:
        some_work(transaction.cursor, due_in_seconds=60)
    assert sweep.ring_for_due_work(database, bell) == 0
    assert bell.rung == []


def test_due_work_is_rung_for_oldest_first_and_within_a_limit(
    database: Database, bell: RecordingBell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as transaction:
        cursor, account = transaction.cursor, an_account(transaction.cursor)
        [second] = some_work(cursor, account, due_in_seconds=-1)
        [first] = some_work(cursor, account, due_in_seconds=-2)
        some_work(cursor, account, kind="task")
    assert sweep.ring_for_due_work(database, bell) == 2
    monkeypatch.setattr(sweep, "LEASES_AT_ONCE", 1)
    assert sweep.ring_for_due_work(database, bell) == 1
    assert bell.rung == [first, second, first]


@pytest.fixture
def wake_up(database_url: str) -> Iterator[WakeUp]:
    sleeper = WakeUp(database_url)
    yield sleeper
    sleeper.close()


def test_the_loop_sleeps_until_the_next_due_work_but_no_longer_than_a_sweep(
    database: Database, bell: RecordingBell, wake_up: WakeUp
) -> None:
    loop = Loop(database, bell, wake_up, sweep_seconds=2.0, delivery_attempts=1, chores=())
    assert loop.run_once() == 2.0
    with database.transaction() as transaction:
        some_work(transaction.cursor, due_in_seconds=1)
    assert 0.5 < loop.run_once() <= 1.0
    with database.transaction() as transaction:
        transaction.cursor.execute("UPDATE work SET due_at = now() + interval '1 hour'")
    assert loop.run_once() == 2.0


def test_the_loop_goes_on_at_once_while_batches_are_full(
    database: Database, bell: RecordingBell, wake_up: WakeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "LEASES_AT_ONCE", 2)
    expired(database, 3)
    loop = Loop(database, bell, wake_up, sweep_seconds=2.0, delivery_attempts=1, chores=())
    assert [loop.run_once(), loop.run_once()] == [0.0, 2.0]


def test_a_scheduler_is_seen_alive_until_it_says_good_bye(
    database: Database, bell: RecordingBell, wake_up: WakeUp
) -> None:
    loop = Loop(database, bell, wake_up, sweep_seconds=2.0, delivery_attempts=1, chores=())
    loop.run_once()
    with database.reading() as cursor:
        [alive] = processes.alive(cursor)
    assert (alive.kind, alive.pid) == ("scheduler", os.getpid())
    assert abs((alive.seen_at - datetime.now(UTC)).total_seconds()) < 5
    wake_up.stop()
    loop.run()
    with database.reading() as cursor:
        assert processes.alive(cursor) == []


def test_the_loop_outlives_a_database_that_is_away(
    bell: RecordingBell, wake_up: WakeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Database("postgresql:///none?host=/nonexistent", size=1, name="test")
    loop = Loop(away, bell, wake_up, sweep_seconds=0.05, delivery_attempts=1, chores=())
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            wake_up.stop()

    monkeypatch.setattr(wake_up, "sleep", sleep)
    loop.run()
    assert pauses == [0.05, 0.05, 0.05]


def test_a_sleep_is_cut_short_when_the_api_tells_of_a_schedule(database: Database, wake_up: WakeUp) -> None:
    wake_up.sleep(1)  # begins to listen, which is reason enough to look again
    with database.transaction() as transaction:
        schedules.tell_schedulers(transaction.cursor)
    began = time.monotonic()
    wake_up.sleep(20)
    assert time.monotonic() - began < 5


def test_a_sleep_is_cut_short_when_the_process_is_to_stop(wake_up: WakeUp) -> None:
    wake_up.stop()
    began = time.monotonic()
    wake_up.sleep(20)
    assert time.monotonic() - began < 5


def test_a_lost_connection_is_made_again(database: Database, wake_up: WakeUp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.wake_up.RECONNECT_SECONDS", 0)
    wake_up.sleep(1)
    with database.reading() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'roundsman wake-up'"
        )
    for _ in range(3):
        wake_up.sleep(0.1)  # hears the good-bye, then the end, then listens anew
    with database.transaction() as transaction:
        schedules.tell_schedulers(transaction.cursor)
    began = time.monotonic()
    wake_up.sleep(20)
    assert time.monotonic() - began < 5
