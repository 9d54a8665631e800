"""Claimed work is begun as soon as its lane, and the worker, have room for it.

A worker has so many places for calls. One that takes long gives its place to another and goes on beside it, and a lane
that has let its latest calls time out gets none of them from the beginning: what hangs holds up nobody else. As no
account may have all that goes on so, there is soon a place for any other, whatever one of them calls.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from shared.crash_points import CrashPoint, reach
from worker.lanes import MOST_AHEAD, Lanes
from worker.performer import Ended, Performer, Prepared, failed, released
from worker.places import Places, UnderWay
from worker.room import LaneRoom, Room

log = structlog.get_logger(__name__)

SLOW_AFTER_SECONDS = 0.25
MOST_BYTES_WAITING = 32 * 1_048_576  # before nothing more is claimed to wait for its lane
TOO_LATE = "it waited too long for its turn"


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
        self._places = Places(concurrency)
        # A claim may have taken a while, and the finish will: what is not begun by then goes back.
        self._begin_within_seconds = margin_seconds * 0.7
        self._report = report
        self._more_room = more_room
        self._lock = threading.Lock()  # claims are made on another thread, and ask how much room there is
        self._lanes = Lanes(calls_per_lane)
        self._waiting: dict[str, deque[tuple[Prepared, float]]] = {}
        self._ageing: asyncio.TimerHandle | None = None

    def room(self) -> Room:
        """How much more work may be claimed; for any thread."""
        with self._lock:
            carried, under_way = self._lanes.carried(), len(self._places.under_way)
            bytes_waiting = sum(len(piece.work.payload or "") for line in self._waiting.values() for piece, _ in line)
        free = max(0, self._places.most_under_way - carried.at_once)
        # No more waits for a place than there are places, and nothing for its lane that would not be begun soon.
        now = max(0, min(free, self._places.count - (carried.at_once - under_way)))
        may_be_ahead = bytes_waiting < MOST_BYTES_WAITING and free > 0 and (now > 0 or carried.may_be_ahead)
        return Room(now, max(0, MOST_AHEAD - carried.ahead) if may_be_ahead else 0, free, carried.held)

    def lane_room(self, lanes: Iterable[str]) -> dict[str, LaneRoom]:
        """How much more work of each lane may be claimed; for any thread."""
        with self._lock:
            return {lane: self._lanes.room(lane) for lane in lanes}

    def add(self, pieces: Sequence[Prepared], claimed_at: float) -> None:
        """Begin these when there is room for them; for any thread."""
        with self._lock:
            for piece in pieces:
                self._lanes.claimed(piece.work.lane, piece.work.account_id)
        self._loop.call_soon_threadsafe(self._enter, pieces, claimed_at + self._begin_within_seconds)

    def give_back_waiting(self, reason: str) -> None:
        """Report all that was not begun as given back; for any thread."""
        self._loop.call_soon_threadsafe(self._give_back_all, reason)

    def cancel_all(self, timeout_seconds: float) -> None:
        """Drop everything, begun or not, without a report; for any thread but the loop's."""

        async def cancel() -> None:
            self._waiting.clear()
            dropped = list(self._places.under_way)
            self._places.under_way.clear()
            for under_way in dropped:
                if under_way.drop is not None:
                    under_way.drop()
            if tasks := asyncio.all_tasks() - {asyncio.current_task()}:  # those of what is performed in coroutines
                await asyncio.wait(tasks, timeout=timeout_seconds / 2)

        asyncio.run_coroutine_threadsafe(cancel(), self._loop).result(timeout=timeout_seconds)

    def _enter(self, pieces: Sequence[Prepared], begin_before: float) -> None:
        with self._lock:
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
        has_place, is_tight = self._places.is_any_free, self._places.is_tight
        for lane, waiting in self._waiting.items():
            if (
                self._lanes.may_begin(lane)
                and (has_place or self._lanes.is_suspect(lane))
                and (not is_tight or self._places.may_begin(waiting[0][0].work.account_id))
            ):
                return lane
        return None

    def _begin_next(self, lane: str) -> bool:
        """Begin the oldest of this lane, or give it back; whether it was begun."""
        waiting = self._waiting.pop(lane)
        piece, begin_before = waiting.popleft()
        if waiting:
            self._waiting[lane] = waiting
        if time.monotonic() >= begin_before:
            self._give_back(piece, TOO_LATE)
            return False
        reach(CrashPoint.WORKER_BEFORE_REQUEST)
        under_way = UnderWay(piece.work, time.monotonic(), has_place=not self._lanes.is_suspect(lane))
        self._lanes.begun(lane)
        self._places.begun(under_way)
        self._age_soon()
        end = partial(self._end, under_way)
        try:
            under_way.drop = self._performers[piece.work.kind].perform(piece, piece.work.timeout_seconds, end)
        except Exception as error:  # noqa: BLE001 (told of with those that come later)
            self._loop.call_soon(end, _raised, error)
        return True

    def _give_back(self, piece: Prepared, reason: str) -> None:
        self._lanes.given_back(piece.work.lane, piece.work.account_id)
        self._report(released(piece.work, reason))

    def _give_back_late(self) -> None:
        """What a slow lane has not begun in time would outlive its lease: somebody else may be sooner."""
        now = time.monotonic()
        with self._lock:
            for lane in list(self._waiting):
                waiting = self._waiting[lane]
                while waiting and waiting[0][1] <= now:
                    self._give_back(waiting.popleft()[0], TOO_LATE)
                if not waiting:
                    del self._waiting[lane]

    def _give_back_all(self, reason: str) -> None:
        with self._lock:
            for waiting in self._waiting.values():
                for piece, _ in waiting:
                    self._give_back(piece, reason)
            self._waiting.clear()

    def _end(self, under_way: UnderWay, make: Callable[[Any], Ended], of: Any) -> None:
        if under_way not in self._places.under_way:
            return  # it was dropped
        self._places.under_way.remove(under_way)
        work = under_way.work
        try:
            ended = make(of)
        except Exception as error:  # whatever goes wrong in one piece of work must end that one, not the worker
            log.exception("work_broke", work_id=work.id, kind=work.kind, exc_info=error)
            ended = failed(work, "an internal error kept this from being performed")
        with self._lock:
            was_suspect = self._lanes.is_suspect(work.lane)
            self._lanes.ended(
                work.lane,
                work.account_id,
                time.monotonic() - under_way.begun_at,
                timed_out=ended.attempt.attempt_outcome == "timeout",
                was_called=ended.attempt.elapsed_ms is not None,
            )
            self._places.ended(under_way)
            # One goes, one comes; only a lane that is trusted further now may let more than one begin.
            while self._begin_one() and was_suspect:
                pass
        self._report(ended)

    def _age_soon(self) -> None:
        if self._ageing is None:
            self._ageing = self._loop.call_later(SLOW_AFTER_SECONDS / 4, self._age)

    def _age(self) -> None:
        """Take the places of those that take long."""
        self._ageing = None
        with self._lock:
            has_taken_any = self._places.take_from(time.monotonic() - SLOW_AFTER_SECONDS)
            if self._places.taken:
                self._age_soon()
        self._begin_what_may()
        if has_taken_any:
            self._more_room()


def _raised(error: Exception) -> Ended:
    raise error
