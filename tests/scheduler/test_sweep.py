"""The sweep: leases of the dead come back, and due work that nobody began is rung for again."""

import os
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from threading import Event
from uuid import UUID

import pytest

from scheduler import sweep
from scheduler.loop import Loop
from shared.database import Database
from shared.store import processes
from shared.store.work import ClaimedWork
from tests.factories import claimed_work, some_work
from tests.rows import attempts, work_row


class RecordingBell:
    """Takes note instead of ringing: Redis itself adds nothing here."""

    def __init__(self) -> None:
        self.rung: list[UUID] = []
        self.announced: list[UUID] = []

    def ring(self, ids: Collection[UUID]) -> bool:
        self.rung += ids
        return True

    def announce(self, ids: Iterable[UUID]) -> None:
        self.announced += ids


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
    assert sweep.expire_leases(database, bell) is False
    assert sweep.ring_for_due_work(database, bell) == 1
    assert (bell.rung, bell.announced) == ([lost.id], [])
    with database.reading() as cursor:
        assert (work_row(cursor, lost.id).state, attempts(cursor, lost.id)) == ("pending", [(1, "lease_expired")])


def test_work_that_failed_with_its_last_lease_is_announced(database: Database, bell: RecordingBell) -> None:
    [lost] = expired(database, max_attempts=1)
    sweep.expire_leases(database, bell)
    assert bell.announced == [lost.id]


def test_work_in_good_hands_is_left_alone(database: Database, bell: RecordingBell) -> None:
    with database.transaction() as transaction:
        [held] = claimed_work(transaction.cursor)
    assert sweep.expire_leases(database, bell) is False
    assert sweep.ring_for_due_work(database, bell) == 0
    with database.reading() as cursor:
        assert work_row(cursor, held.id).lease_token == held.lease_token
    assert (bell.rung, bell.announced) == ([], [])


def test_a_full_batch_of_expired_leases_means_again_at_once(
    database: Database, bell: RecordingBell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "LEASES_AT_ONCE", 2)
    expired(database, 3)
    assert [sweep.expire_leases(database, bell) for _ in range(2)] == [True, False]


def test_work_that_is_due_later_is_not_rung_for(database: Database, bell: RecordingBell) -> None:
    with database.transaction() as transaction:
        some_work(transaction.cursor, due_in_seconds=60)
    assert sweep.ring_for_due_work(database, bell) == 0
    assert bell.rung == []


def test_the_loop_sleeps_until_the_next_due_work_but_no_longer_than_a_sweep(
    database: Database, bell: RecordingBell
) -> None:
    loop = Loop(database, bell, sweep_seconds=2.0, stopping=Event())
    assert loop.run_once() == 2.0
    with database.transaction() as transaction:
        some_work(transaction.cursor, due_in_seconds=1)
    assert 0.5 < loop.run_once() <= 1.0
    with database.transaction() as transaction:
        transaction.cursor.execute("UPDATE work SET due_at = now() + interval '1 hour'")
    assert loop.run_once() == 2.0


def test_the_loop_goes_on_at_once_while_batches_are_full(
    database: Database, bell: RecordingBell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "LEASES_AT_ONCE", 2)
    expired(database, 3)
    loop = Loop(database, bell, sweep_seconds=2.0, stopping=Event())
    assert [loop.run_once(), loop.run_once()] == [0.0, 2.0]


def test_a_scheduler_is_seen_alive_until_it_says_good_bye(database: Database, bell: RecordingBell) -> None:
    stopping = Event()
    loop = Loop(database, bell, sweep_seconds=2.0, stopping=stopping)
    loop.run_once()
    with database.reading() as cursor:
        [alive] = processes.alive(cursor)
    assert (alive.kind, alive.pid) == ("scheduler", os.getpid())
    assert abs((alive.seen_at - datetime.now(UTC)).total_seconds()) < 5
    stopping.set()
    loop.run()
    with database.reading() as cursor:
        assert processes.alive(cursor) == []


def test_the_loop_outlives_a_database_that_is_away(bell: RecordingBell) -> None:
    stopping = Event()
    away = Database("postgresql:///none?host=/nonexistent", size=1, name="test")
    loop = Loop(away, bell, sweep_seconds=0.05, stopping=stopping)
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        if len(pauses) == 3:
            stopping.set()
        return stopping.is_set()

    stopping.wait = wait  # type: ignore[method-assign, assignment] # the pauses are looked at, not slept
    loop.run()
    assert pauses == [0.05, 0.05, 0.05]
