"""A worker that is told to stop: nothing new is begun, what is under way may end, the rest is given back."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from shared.database import Database
from shared.errors import DatabaseUnavailable
from tests import making_rounds
from tests.making_rounds import ATTEMPTS, STATES, HeldPerformer, row, some_runs
from tests.recording_bell import RecordingBell
from worker import rounds as module
from worker.finishing import Finishing
from worker.performer import Ended
from worker.rounds import TOLD_TO_STOP, Rounds

loop = making_rounds.loop
performer = making_rounds.performer
bell = making_rounds.bell
rounds_with = making_rounds.rounds_with
rounds = making_rounds.rounds


class Stopping(threading.Thread):
    """Stops the rounds meanwhile."""

    def __init__(self, rounds: Rounds, grace_seconds: float) -> None:
        super().__init__()
        self._rounds = rounds
        self._grace_seconds = grace_seconds
        self.start()

    def run(self) -> None:
        self._rounds.stop(self._grace_seconds)

    def is_over(self) -> bool:
        self.join(20)
        return not self.is_alive()


def until_given_back(bell: RecordingBell, count: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """A wait for so many to be rung for, as what was given back is."""
    given_back = threading.Event()
    ring = RecordingBell.ring

    def ring_and_tell(self: RecordingBell, ids: Any) -> bool:
        rings = ring(self, ids)
        if len(bell.rung) >= count:
            given_back.set()
        return rings

    monkeypatch.setattr(RecordingBell, "ring", ring_and_tell)
    return lambda: given_back.wait(10)


def test_what_waits_goes_back_at_once_and_what_is_under_way_may_end(
    rounds_with: Callable[..., Rounds],
    performer: HeldPerformer,
    database: Database,
    bell: RecordingBell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = rounds_with(concurrency=2, lease_margin_seconds=60)
    ids = some_runs(database, 4)
    wait_until_given_back = until_given_back(bell, 2, monkeypatch)
    rounds.run_once()
    rounds.run_once()
    assert performer.holds(ids[:2])
    rounds.start()
    stopping = Stopping(rounds, grace_seconds=60)
    assert wait_until_given_back(), "not only when it is too late to begin it"
    assert [row(database, STATES, id) for id in ids[2:]] == [[("pending", 1, 1)]] * 2
    for id in ids[:2]:
        performer.end(id)
    assert stopping.is_over(), "long before the grace is"
    assert performer.begun == [str(id) for id in ids[:2]], "nothing new was begun"
    assert [row(database, STATES, id) for id in ids[:2]] == [[("succeeded", 1, 0)]] * 2


def test_what_has_not_ended_within_the_grace_is_dropped_and_given_back_without_counting(
    rounds: Rounds, performer: HeldPerformer, database: Database, bell: RecordingBell
) -> None:
    ids = some_runs(database, 2)
    rounds.run_once()
    assert performer.holds(ids)
    performer.end(ids[0])
    rounds.start()
    rounds.stop(grace_seconds=0)
    assert row(database, STATES, ids[0]) == [("succeeded", 1, 0)]
    assert row(database, STATES, ids[1]) == [("pending", 1, 1)]
    assert row(database, ATTEMPTS, ids[1]) == [("released",)]
    assert performer.dropped == [str(ids[1])]
    assert bell.rung == [str(ids[1])]


def test_a_database_that_is_away_for_a_moment_is_tried_again_within_the_grace(
    rounds: Rounds,
    performer: HeldPerformer,
    database: Database,
    bell: RecordingBell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    ids = some_runs(database, 4)
    wait_until_given_back = until_given_back(bell, 2, monkeypatch)
    rounds.run_once()
    rounds.run_once()
    assert performer.holds(ids[:2])
    finish = Finishing._finish_in_one_transaction
    tries = []

    def away_at_first(finishing: Finishing, batch: Sequence[Ended]) -> set[str]:
        tries.append(len(batch))
        if len(tries) <= 3:
            raise DatabaseUnavailable("away")
        return finish(finishing, batch)

    monkeypatch.setattr(Finishing, "_finish_in_one_transaction", away_at_first)
    rounds.start()
    stopping = Stopping(rounds, grace_seconds=60)
    assert wait_until_given_back()
    assert tries[:4] == [2, 2, 2, 2]
    for id in ids[:2]:
        performer.end(id)
    assert stopping.is_over()
    assert [row(database, STATES, id) for id in ids[:2]] == [[("succeeded", 1, 0)]] * 2
    assert [row(database, STATES, id) for id in ids[2:]] == [[("pending", 1, 1)]] * 2


def test_giving_back_is_tried_again_once_the_grace_is_over_but_not_for_ever(
    rounds: Rounds, performer: HeldPerformer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(module, "LAST_TRIES_SECONDS", 0.1)
    [id] = some_runs(database, 1)
    rounds.run_once()
    assert performer.holds([id])
    tries = []

    def away(_finishing: Finishing, batch: Sequence[Ended]) -> set[str]:
        tries.append([item.attempt.error for item in batch])
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(Finishing, "_finish_in_one_transaction", away)
    rounds.start()
    rounds.stop(grace_seconds=0)
    assert len(tries) > 1
    assert tries[-1] == [TOLD_TO_STOP]
    assert row(database, STATES, id) == [("running", 1, 0)], "it is left to expire"
