"""The rounds of a worker, made one at a time, with a performer whose work ends when the test says so."""

import asyncio
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from shared.database import Cursor, Database
from shared.settings import Settings
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork, FinishedAttempt
from tests.factories import a_checklist, a_run, an_account
from tests.recording_bell import RecordingBell
from worker import dispatch
from worker.performer import End, Ended, Prepared
from worker.rounds import Rounds

STATES = "SELECT state, attempt, released FROM work WHERE id = %(id)s"
ATTEMPTS = "SELECT outcome FROM attempts WHERE work_id = %(id)s ORDER BY number"

SIGNAL_SECONDS = 10  # how long to wait for a signal that must come


class HeldPerformer:
    """Begins what it is given and holds it; `end` lets a piece of work end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.recorded: list[str] = []
        self.dropped: list[str] = []
        self.begun: list[str] = []
        self._loop = loop
        self._held: dict[str, tuple[Prepared, End]] = {}
        self._changed = threading.Condition()

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        return [Prepared(item) for item in items]

    def perform(self, piece: Prepared, timeout_seconds: float, end: End) -> Callable[[], object]:
        with self._changed:
            self._held[piece.work.id] = (piece, end)
            self.begun.append(piece.work.id)
            self._changed.notify_all()
        return lambda: self.dropped.append(piece.work.id)

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        self.recorded += [item.attempt.id for item in ended]
        return []

    def holds(self, ids: Collection[UUID]) -> bool:
        """Whether it has begun these, and nothing else that has not ended; waits until it has begun so many."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._held) >= len(ids), SIGNAL_SECONDS)
            return set(self._held) == {str(id) for id in ids}

    def begins(self, count: int) -> bool:
        """Whether it begins so many in all; waits for that."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.begun) >= count, SIGNAL_SECONDS)

    def end(self, id: UUID, result: Any = None) -> None:
        """Let it end, and return once the rounds have been told."""
        with self._changed:
            piece, end = self._held.pop(str(id))
        attempt = FinishedAttempt(
            id=piece.work.id,
            lease_token=piece.work.lease_token,
            state="succeeded",
            attempt_outcome="succeeded",
            outcome="passed",
            result=result,
        )

        async def tell() -> None:
            end(lambda ended: ended, Ended(piece.work, attempt, result_bytes=len(str(result))))

        asyncio.run_coroutine_threadsafe(tell(), self._loop).result(SIGNAL_SECONDS)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs on a thread of its own."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever, name="loop")
    thread.start()
    yield running
    running.call_soon_threadsafe(running.stop)
    thread.join(SIGNAL_SECONDS)
    running.close()


@pytest.fixture
def performer(loop: asyncio.AbstractEventLoop) -> HeldPerformer:
    return HeldPerformer(loop)


@pytest.fixture
def bell() -> RecordingBell:
    return RecordingBell()


@pytest.fixture
def rounds_with(
    database: Database,
    bell: RecordingBell,
    settings: Settings,
    loop: asyncio.AbstractEventLoop,
    performer: HeldPerformer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Rounds]]:
    """Makes rounds with these settings and room for so many pieces of work; the test makes each round itself."""
    monkeypatch.setattr(dispatch, "MOST_AHEAD", 0)  # none wait for their lanes
    monkeypatch.setattr(dispatch, "SLOW_AFTER_SECONDS", 3600)  # what is held keeps its place
    ours = replace(settings, lease_margin_seconds=5, sweep_seconds=60)

    def make(*, concurrency: int, **fields: Any) -> Rounds:
        performers = {"run": performer}
        return Rounds(database, bell, loop, performers, replace(ours, **fields), concurrency=concurrency)

    yield make
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM work")


@pytest.fixture
def rounds(rounds_with: Callable[..., Rounds]) -> Rounds:
    """Rounds with places for two pieces of work; two more may wait for them."""
    return rounds_with(concurrency=2)


def some_runs(database: Database, count: int = 3) -> list[UUID]:
    """So many runs of a checklist, due now."""
    with database.transaction() as transaction:
        checklist = a_checklist(transaction.cursor)
        return [a_run(transaction.cursor, checklist) for _ in range(count)]


ONE_IN_EACH_LANE = """
INSERT INTO work (account_id, kind, lane, max_attempts, timeout_seconds)
SELECT %(account_id)s, 'run', 'host ' || number, 3, 900
FROM generate_series(1, %(lanes)s) AS numbers (number)
RETURNING id
"""


def runs_in_lanes(database: Database, lanes: int) -> list[UUID]:
    """A run in each of so many lanes, of an account of its own, due now."""
    with database.transaction() as transaction:
        values = {"account_id": an_account(transaction.cursor), "lanes": lanes}
        transaction.cursor.execute(ONE_IN_EACH_LANE, values)
        return [row[0] for row in transaction.cursor.fetchall()]


def row(database: Database, statement: str, id: UUID) -> Any:
    with database.reading() as cursor:
        cursor.execute(statement, {"id": id})
        return cursor.fetchall()
