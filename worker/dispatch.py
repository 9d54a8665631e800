"""Claimed work is begun as soon as its lane, and the worker, have room for it.

A worker has so many places for calls. One that takes long gives its place to another and goes on beside it, and a lane
that has let its latest calls time out gets none of them from the beginning: what hangs holds up nobody else.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from shared.crash_points import CrashPoint, reach
from shared.store.work import ClaimedWork
from worker.lanes import MOST_AHEAD, Lanes
from worker.performer import Ended, Performer, Prepared, failed, released

log = structlog.get_logger(__name__)

SLOW_AFTER_SECONDS = 0.25
SLOW_FOR_EACH_PLACE = 8  # so many calls beside one that has a place: they cost memory and a socket, but no time


class UnderWay:
    """A piece of work that is being performed."""

    __slots__ = ("begun_at", "has_place")

    def __init__(self, begun_at: float, *, has_place: bool) -> None:
        self.begun_at = begun_at
        self.has_place = has_place


class Dispatch:
    """Begins work on `loop`; `report` is called there for each piece that has ended, `more_room` for a free place."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        performers: Mapping[str, Performer],
        *,
        concurrency: int,
        calls_per_lane: int,
        margin_seconds: float,
        report: Callable[[Ended], None],
        more_room: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._performers = performers
        self._concurrency = concurrency
        self._most_slow = concurrency * SLOW_FOR_EACH_PLACE
        # A claim may have taken a while, and the finish will: what is not begun by then goes back.
        self._begin_within_seconds = margin_seconds * 0.7
        self._report = report
        self._more_room = more_room
        self._lock = threading.Lock()  # claims are made on another thread, and ask how much room there is
        self._lanes = Lanes(calls_per_lane)
        self._waiting: dict[str, deque[tuple[Prepared, float]]] = {}
        self._waiting_count = 0
        self._under_way: dict[asyncio.Future[Ended], tuple[ClaimedWork, UnderWay]] = {}
        self._by_age: deque[UnderWay] = deque()
        self._places_taken = 0
        self._slow = 0
        self._ageing: asyncio.TimerHandle | None = None

    def room(self) -> int:
        """How much more work may be claimed; for any thread."""
        with self._lock:
            return max(0, self._concurrency + MOST_AHEAD - self._places_taken - self._waiting_count)

    def lane_room(self, lanes: Iterable[str]) -> dict[str, int]:
        """How much more work of each lane may be claimed; for any thread."""
        with self._lock:
            return {lane: self._lanes.room(lane) for lane in lanes}

    def add(self, pieces: Sequence[Prepared], claimed_at: float) -> None:
        """Begin these when there is room for them; for any thread."""
        with self._lock:
            for piece in pieces:
                self._lanes.claimed(piece.work.lane)
            self._waiting_count += len(pieces)
        self._loop.call_soon_threadsafe(self._enter, pieces, claimed_at + self._begin_within_seconds)

    def cancel_all(self, timeout_seconds: float) -> None:
        """Drop everything, begun or not, without a report; for any thread but the loop's."""

        async def cancel() -> None:
            self._waiting.clear()
            tasks = list(self._under_way)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel(), self._loop).result(timeout=timeout_seconds)

    def _enter(self, pieces: Sequence[Prepared], begin_before: float) -> None:
        for piece in pieces:
            self._waiting.setdefault(piece.work.lane, deque()).append((piece, begin_before))
        self._begin_what_may()
        if self._waiting:
            self._loop.call_later(max(0.0, begin_before - time.monotonic()), self._give_back_late)

    def _begin_what_may(self) -> None:
        with self._lock:
            while self._begin_one():
                pass

    def _begin_one(self) -> bool:
        """Begin a piece of the first lane that may, which then goes behind the others; give back what is too late."""
        while (lane := self._next_lane()) is not None:
            if self._begin_next(lane):
                return True
        return False

    def _next_lane(self) -> str | None:
        for lane in self._waiting:
            if self._lanes.may_begin(lane) and self._has_place(lane):
                return lane
        return None

    def _has_place(self, lane: str) -> bool:
        if self._lanes.is_suspect(lane):
            return self._slow < self._most_slow
        return self._places_taken < self._concurrency

    def _begin_next(self, lane: str) -> bool:
        """Begin the oldest of this lane, or give it back; whether it was begun."""
        waiting = self._waiting.pop(lane)
        piece, begin_before = waiting.popleft()
        if waiting:
            self._waiting[lane] = waiting
        self._waiting_count -= 1
        if time.monotonic() >= begin_before:
            self._give_back(piece)
            return False
        reach(CrashPoint.WORKER_BEFORE_REQUEST)
        under_way = UnderWay(time.monotonic(), has_place=not self._lanes.is_suspect(lane))
        self._lanes.begun(lane)
        if under_way.has_place:
            self._places_taken += 1
            self._by_age.append(under_way)
            self._age_soon()
        else:
            self._slow += 1
        future = self._perform(piece)
        self._under_way[future] = (piece.work, under_way)
        future.add_done_callback(self._done)
        return True

    def _give_back(self, piece: Prepared) -> None:
        self._lanes.given_back(piece.work.lane)
        self._report(released(piece.work, "it waited too long for its turn"))

    def _give_back_late(self) -> None:
        """What a slow lane has not begun in time would outlive its lease: somebody else may be sooner."""
        now = time.monotonic()
        with self._lock:
            for lane in list(self._waiting):
                waiting = self._waiting[lane]
                while waiting and waiting[0][1] <= now:
                    self._waiting_count -= 1
                    self._give_back(waiting.popleft()[0])
                if not waiting:
                    del self._waiting[lane]

    def _perform(self, piece: Prepared) -> "asyncio.Future[Ended]":
        """A future, which a call is already; only what is a coroutine needs a task of its own."""
        try:
            return asyncio.ensure_future(self._performers[piece.work.kind].perform(piece, piece.work.timeout_seconds))
        except Exception as error:  # noqa: BLE001 (told of with those that come later)
            future: asyncio.Future[Ended] = self._loop.create_future()
            future.set_exception(error)
            return future

    def _done(self, future: "asyncio.Future[Ended]") -> None:
        work, under_way = self._under_way.pop(future)
        ended = None if future.cancelled() else self._ended(work, future)
        with self._lock:
            was_suspect = self._lanes.is_suspect(work.lane)
            timed_out = ended is not None and ended.attempt.attempt_outcome == "timeout"
            self._lanes.ended(work.lane, time.monotonic() - under_way.begun_at, timed_out=timed_out)
            self._leave(under_way)
            # One goes, one comes; only a lane that is trusted further now may let more than one begin.
            while self._begin_one() and was_suspect:
                pass
        if ended is not None:
            self._report(ended)

    def _ended(self, work: ClaimedWork, future: "asyncio.Future[Ended]") -> Ended:
        error = future.exception()
        if error is None:
            return future.result()
        # Whatever goes wrong in one piece of work must end that one, not the worker.
        log.error("work_broke", work_id=str(work.id), kind=work.kind, exc_info=error)
        return failed(work, "an internal error kept this from being performed")

    def _leave(self, under_way: UnderWay) -> None:
        if under_way.has_place:
            under_way.has_place = False
            self._places_taken -= 1
        else:
            self._slow -= 1

    def _age_soon(self) -> None:
        if self._ageing is None:
            self._ageing = self._loop.call_later(SLOW_AFTER_SECONDS / 4, self._age)

    def _age(self) -> None:
        """Take the places of those that take long, while there is room beside."""
        self._ageing = None
        places_before = self._places_taken
        old = time.monotonic() - SLOW_AFTER_SECONDS
        with self._lock:
            for under_way in self._by_age:
                if under_way.has_place and under_way.begun_at <= old and self._slow < self._most_slow:
                    under_way.has_place = False
                    self._places_taken -= 1
                    self._slow += 1
            self._by_age = deque(under_way for under_way in self._by_age if under_way.has_place)
            if self._by_age:
                self._age_soon()
        if self._places_taken < places_before:
            self._more_room()
        self._begin_what_may()
