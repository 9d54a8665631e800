"""The rounds of a worker, made one at a time, with a performer whose work ends when the test says so."""

import asyncio
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from shared.database import Cursor, Database
from shared.queues import Bell
from shared.settings import Settings
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork, FinishedAttempt
from tests.factories import a_checklist, a_run
from worker import dispatch
from worker.performer import Ended, Prepared
from worker.rounds import Rounds

STATES = "SELECT state, attempt, released FROM work WHERE id = %(id)s"
ATTEMPTS = "SELECT outcome FROM attempts WHERE work_id = %(id)s ORDER BY number"

SIGNAL_SECONDS = 10  # how long to wait for a signal that must come


class HeldPerformer:
    """Begins what it is given and holds it; `end` lets a piece of work end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.recorded: list[UUID] = []
        self._loop = loop
        self._held: dict[UUID, tuple[Prepared, asyncio.Future[Ended], asyncio.Task[Any]]] = {}
        self._changed = threading.Condition()

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        return [Prepared(item) for item in items]

    async def perform(self, piece: Prepared, timeout_seconds: float) -> Ended:
        future: asyncio.Future[Ended] = self._loop.create_future()
        task = asyncio.current_task()
        assert task is not None
        with self._changed:
            self._held[piece.work.id] = (piece, future, task)
            self._changed.notify_all()
        return await future

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        self.recorded += [item.attempt.id for item in ended]
        return []

    def holds(self, ids: Collection[UUID]) -> bool:
        """Whether it has begun these, and nothing else that has not ended; waits until it has begun so many."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._held) >= len(ids), SIGNAL_SECONDS)
            return set(self._held) == set(ids)

    def end(self, id: UUID, result: Any = None) -> None:
        """Let it end, and return once the rounds have been told."""
        with self._changed:
            piece, future, task = self._held.pop(id)
        attempt = FinishedAttempt(
            id=id,
            lease_token=piece.work.lease_token,
            state="succeeded",
            attempt_outcome="succeeded",
            outcome="passed",
            result=result,
        )

        async def end() -> None:
            future.set_result(Ended(piece.work, attempt))
            await asyncio.wait([task], timeout=SIGNAL_SECONDS)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(SIGNAL_SECONDS)
        assert task.done()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs on a thread of its own."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever, name="loop")
    thread.start()
    yield running

    async def cancel_the_rest() -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(cancel_the_rest(), running).result(SIGNAL_SECONDS)
    running.call_soon_threadsafe(running.stop)
    thread.join(SIGNAL_SECONDS)
    running.close()


@pytest.fixture
def performer(loop: asyncio.AbstractEventLoop) -> HeldPerformer:
    return HeldPerformer(loop)


@pytest.fixture
def rounds_with(
    database: Database,
    redis_url: str,
    settings: Settings,
    loop: asyncio.AbstractEventLoop,
    performer: HeldPerformer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Rounds]]:
    """Makes rounds with these settings and room for so many pieces of work; the test makes each round itself."""
    monkeypatch.setattr(dispatch, "MOST_AHEAD", 0)  # none wait for a place
    monkeypatch.setattr(dispatch, "SLOW_AFTER_SECONDS", 3600)  # what is held keeps its place
    ours = replace(settings, lease_margin_seconds=5, sweep_seconds=60)

    def make(*, concurrency: int, **fields: Any) -> Rounds:
        performers = {"run": performer}
        return Rounds(database, Bell(redis_url), loop, performers, replace(ours, **fields), concurrency=concurrency)

    yield make
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM work")


@pytest.fixture
def rounds(rounds_with: Callable[..., Rounds]) -> Rounds:
    """Rounds with room for two pieces of work."""
    return rounds_with(concurrency=2)


def three_runs(database: Database) -> list[UUID]:
    with database.transaction() as transaction:
        checklist = a_checklist(transaction.cursor)
        return [a_run(transaction.cursor, checklist) for _ in range(3)]


def row(database: Database, statement: str, id: UUID) -> Any:
    with database.reading() as cursor:
        cursor.execute(statement, {"id": id})
        return cursor.fetchall()


def test_a_round_claims_only_what_the_worker_has_room_for(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = three_runs(database)
    assert rounds.run_once() == 2
    assert performer.holds(ids[:2])
    assert rounds.run_once() == 0


def test_a_round_claims_of_one_lane_only_what_may_be_called_at_once(
    rounds_with: Callable[..., Rounds], performer: HeldPerformer, database: Database
) -> None:
    rounds = rounds_with(concurrency=10, calls_per_host=2)
    ids = three_runs(database)
    others = three_runs(database)
    assert rounds.run_once() == 4
    assert performer.holds(ids[:2] + others[:2])
    assert rounds.run_once() == 0


def test_what_a_performer_tells_is_recorded_with_the_finish_and_not_without(
    rounds: Rounds, performer: HeldPerformer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = three_runs(database)

    def tell(cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        return [NewEvent(item.work.account_id, "run.finished", {"run_id": str(item.work.id)}) for item in ended]

    monkeypatch.setattr(performer, "record", tell)
    rounds.run_once()
    assert performer.holds(ids[:2])
    with database.transaction() as transaction:
        transaction.cursor.execute("UPDATE work SET lease_token = gen_random_uuid() WHERE id = %s", (ids[0],))
    for id in ids[:2]:
        performer.end(id)
    rounds.run_once()
    with database.reading() as cursor:
        cursor.execute("SELECT data ->> 'run_id' FROM events")
        assert cursor.fetchall() == [(str(ids[1]),)]


def test_what_has_ended_is_finished_and_makes_room_in_the_same_round(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = three_runs(database)
    rounds.run_once()
    assert performer.holds(ids[:2])
    performer.end(ids[0])
    assert rounds.run_once() == 2
    assert row(database, STATES, ids[0]) == [("succeeded", 1, 0)]
    assert performer.recorded == [ids[0]]
    assert performer.holds(ids[1:])


def test_work_that_was_canceled_meanwhile_is_not_recorded_but_counted(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = three_runs(database)
    rounds.run_once()
    assert performer.holds(ids[:2])
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "UPDATE work SET state = 'canceled', lease_token = NULL, lease_expires_at = NULL, finished_at = now() "
            "WHERE id = %(id)s",
            {"id": ids[0]},
        )
    performer.end(ids[0])
    rounds.run_once()
    assert performer.recorded == []
    assert rounds.counters["leases_lost"] == 1
    assert row(database, STATES, ids[0]) == [("canceled", 1, 0)]


def test_a_result_that_postgres_refuses_fails_alone(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = three_runs(database)
    rounds.run_once()
    assert performer.holds(ids[:2])
    performer.end(ids[0], result={"flows": "a NUL: \0"})
    performer.end(ids[1], result={"flows": []})
    rounds.run_once()
    assert row(database, STATES, ids[0]) == [("failed", 1, 0)]
    assert row(database, STATES, ids[1]) == [("succeeded", 1, 0)]
    assert row(database, ATTEMPTS, ids[0]) == [("failed",)]


def test_ended_work_is_kept_and_tried_again_when_recording_it_breaks(
    rounds: Rounds, performer: HeldPerformer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = three_runs(database)
    rounds.run_once()
    assert performer.holds(ids[:2])
    performer.end(ids[0])
    with monkeypatch.context() as broken:
        broken.setattr(performer, "record", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rounds.run_once()
    assert row(database, STATES, ids[0]) == [("running", 1, 0)]
    rounds.run_once()
    assert row(database, STATES, ids[0]) == [("succeeded", 1, 0)]


def test_stopping_gives_back_what_has_not_ended_without_counting_it(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = three_runs(database)
    rounds.start()
    rounds.look()
    assert performer.holds(ids[:2])
    assert not rounds.wait_until_calm(0.3), "a worker without room is not calm"
    performer.end(ids[0])
    rounds.stop(grace_seconds=0)
    assert row(database, STATES, ids[0]) == [("succeeded", 1, 0)]
    states = {id: row(database, STATES, id) for id in ids[1:]}
    assert states[ids[1]] == [("pending", 1, 1)]
    assert row(database, ATTEMPTS, ids[1]) == [("released",)]


def test_a_worker_is_calm_once_it_has_looked_and_found_nothing(rounds: Rounds) -> None:
    rounds.start()
    rounds.look()
    assert rounds.wait_until_calm(5)
    rounds.stop(grace_seconds=0)
