"""A dispatch on a real loop, whose work ends when the test says so."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from shared.database import Cursor
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork
from tests.pieces import an_end
from worker import dispatch as module
from worker.dispatch import Dispatch
from worker.performer import End, Ended, Prepared, in_task

CONCURRENCY = 4
CALLS_PER_LANE = 2
MARGIN_SECONDS = 15.0


class HeldPerformer:
    """Performs each piece of work until the test lets it end."""

    def __init__(self) -> None:
        self.begun: list[Prepared] = []
        self._ends: dict[str, asyncio.Future[Ended]] = {}
        self._changed = threading.Condition()

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        raise NotImplementedError

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        raise NotImplementedError

    def perform(self, piece: Prepared, timeout_seconds: float, end: End) -> Callable[[], object]:
        return in_task(self._perform(piece), end)

    async def _perform(self, piece: Prepared) -> Ended:
        end: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._ends[piece.work.id] = end
        with self._changed:
            self.begun.append(piece)
            self._changed.notify_all()
        return await end

    def wait_for_begun(self, count: int) -> list[Prepared]:
        """What was begun, in order, as soon as it is so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= count, 5), f"{len(self.begun)} instead of {count}"
            return list(self.begun)

    def end(self, piece: Prepared, outcome: str = "succeeded", elapsed_ms: int | None = 1) -> None:
        """Let it end like this; without `elapsed_ms` nobody was called for it."""
        end = self._ends[piece.work.id]
        ended = Ended(piece.work, an_end(piece.work, outcome, elapsed_ms=elapsed_ms))
        end.get_loop().call_soon_threadsafe(end.set_result, ended)

    def break_down(self, piece: Prepared) -> None:
        end = self._ends[piece.work.id]
        end.get_loop().call_soon_threadsafe(end.set_exception, ZeroDivisionError())


class Reports:
    """What has ended, as the dispatch told it."""

    def __init__(self) -> None:
        self.ended: list[Ended] = []
        self._changed = threading.Condition()

    def __call__(self, ended: Ended) -> None:
        with self._changed:
            self.ended.append(ended)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[Ended]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ended) >= count, 10), f"{len(self.ended)} instead of {count}"
            return list(self.ended)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever, daemon=True)
    thread.start()
    yield running
    running.call_soon_threadsafe(running.stop)
    thread.join(5)
    running.close()


@pytest.fixture
def performer() -> HeldPerformer:
    return HeldPerformer()


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def more_room() -> threading.Event:
    return threading.Event()


@pytest.fixture
def dispatch(
    loop: asyncio.AbstractEventLoop, performer: HeldPerformer, reports: Reports, more_room: threading.Event
) -> Iterator[Dispatch]:
    made = Dispatch(
        loop,
        {"job": performer},
        concurrency=CONCURRENCY,
        calls_per_lane=CALLS_PER_LANE,
        margin_seconds=MARGIN_SECONDS,
        report=reports,
        more_room=more_room.set,
    )
    yield made
    made.cancel_all(5)


@pytest.fixture
def nothing_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW_AFTER_SECONDS", 3_600)


@pytest.fixture
def soon_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW_AFTER_SECONDS", 0)


def add(dispatch: Dispatch, pieces: Sequence[Prepared], claimed_at: float | None = None) -> None:
    dispatch.add(pieces, time.monotonic() if claimed_at is None else claimed_at)


def settle(loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop do all that it can do now."""

    async def rounds() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(rounds(), loop).result(5)


def settle_until(loop: asyncio.AbstractEventLoop, condition: Callable[[], bool]) -> None:
    """Let the loop go on until this is so."""

    async def rounds() -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.001)

    asyncio.run_coroutine_threadsafe(rounds(), loop).result(10)
