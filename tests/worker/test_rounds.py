"""The rounds of a worker, made one at a time, with a performer whose work ends when the test says so."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from shared.database import Cursor, Database
from shared.queues import Bell
from shared.store.work import ClaimedWork, FinishedAttempt
from tests.factories import a_checklist, a_run
from worker.performer import Ended, Prepared
from worker.rounds import Rounds

STATES = "SELECT state, attempt, released FROM work WHERE id = %(id)s"
ATTEMPTS = "SELECT outcome FROM attempts WHERE work_id = %(id)s ORDER BY number"


class HeldPerformer:
    """Begins what it is given and holds it; `end` lets a piece of work end."""

    def __init__(self) -> None:
        self.held: dict[UUID, tuple[Prepared, Callable[[Ended], None]]] = {}
        self.recorded: list[UUID] = []

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork], claimed_at: float) -> list[Prepared]:
        return [Prepared(item, claimed_at + item.timeout_seconds, None) for item in items]

    def begin(self, piece: Prepared, report: Callable[[Ended], None]) -> None:
        self.held[piece.work.id] = (piece, report)

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> None:
        self.recorded += [item.attempt.id for item in ended]

    def cancel_all(self) -> None:
        self.held.clear()

    def end(self, id: UUID, result: Any = None) -> None:
        piece, report = self.held.pop(id)
        attempt = FinishedAttempt(
            id=id,
            lease_token=piece.work.lease_token,
            state="succeeded",
            attempt_outcome="succeeded",
            outcome="passed",
            result=result,
        )
        report(Ended("run", attempt))


@pytest.fixture
def performer() -> HeldPerformer:
    return HeldPerformer()


@pytest.fixture
def rounds(database: Database, redis_url: str, performer: HeldPerformer) -> Iterator[Rounds]:
    """Rounds with room for two pieces of work; the test makes each round itself."""
    yield Rounds(database, Bell(redis_url), {"run": performer}, capacity=2, margin_seconds=5, sweep_seconds=60)
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM work")


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
    assert set(performer.held) == set(ids[:2])
    assert rounds.run_once() == 0


def test_what_has_ended_is_finished_and_makes_room_in_the_same_round(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = three_runs(database)
    rounds.run_once()
    performer.end(ids[0])
    assert rounds.run_once() == 2
    assert row(database, STATES, ids[0]) == [("succeeded", 1, 0)]
    assert performer.recorded == [ids[0]]
    assert ids[2] in performer.held


def test_work_that_was_canceled_meanwhile_is_not_recorded_but_counted(
    rounds: Rounds, performer: HeldPerformer, database: Database
) -> None:
    ids = three_runs(database)
    rounds.run_once()
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
