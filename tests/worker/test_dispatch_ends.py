"""Dispatch: how work ends, or goes back, and that nothing is left behind of it."""

import asyncio
import random
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests import dispatching
from tests.dispatching import CALLS_PER_LANE, CONCURRENCY, MARGIN_SECONDS, HeldPerformer, Reports, add, settle
from tests.pieces import an_end, some_pieces
from worker.dispatch import Dispatch
from worker.lanes import MOST_AHEAD
from worker.performer import Ended, Prepared
from worker.places import SLOW_FOR_EACH_PLACE
from worker.room import LaneRoom, Room

loop = dispatching.loop
performer = dispatching.performer
reports = dispatching.reports
more_room = dispatching.more_room
dispatch = dispatching.dispatch
nothing_is_slow = dispatching.nothing_is_slow


@pytest.mark.usefixtures("nothing_is_slow")
def test_what_waited_too_long_for_its_turn_goes_back_though_nothing_else_happens(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports
) -> None:
    begun, late = some_pieces(2, "a"), some_pieces(5, "a")
    add(dispatch, begun)
    performer.wait_for_begun(2)
    add(dispatch, late, claimed_at=time.monotonic() - MARGIN_SECONDS)
    performer.end(begun[0])
    told = reports.wait_for(6)
    assert {ended.work.id for ended in told[1:]} | {told[0].work.id} == {piece.work.id for piece in [begun[0], *late]}
    given_back = [ended.attempt for ended in told if ended.work.id != begun[0].work.id]
    assert {(attempt.state, attempt.attempt_outcome) for attempt in given_back} == {("pending", "released")}
    assert {attempt.error for attempt in given_back} == {"it waited too long for its turn"}
    assert len(performer.begun) == 2
    assert not dispatch._waiting


@pytest.mark.usefixtures("nothing_is_slow")
def test_what_a_hanging_lane_does_not_begin_in_time_goes_back_while_it_hangs(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports
) -> None:
    hanging, [late] = some_pieces(2, "a"), some_pieces(1, "a")
    add(dispatch, hanging)
    performer.wait_for_begun(2)
    add(dispatch, [late], claimed_at=time.monotonic() - MARGIN_SECONDS)
    [given_back] = reports.wait_for(1)
    assert (given_back.work, given_back.attempt.attempt_outcome) == (late.work, "released")
    assert dispatch.lane_room(["a"]) == {"a": LaneRoom(0, 0)}
    assert (len(performer.begun), dispatch._waiting) == (2, {})


@pytest.mark.usefixtures("nothing_is_slow")
def test_what_waited_too_long_does_not_take_the_turn_of_what_has_not(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports
) -> None:
    begun, late, punctual = some_pieces(2, "a"), some_pieces(1, "a"), some_pieces(1, "a")
    add(dispatch, begun)
    performer.wait_for_begun(2)
    add(dispatch, late, claimed_at=time.monotonic() - MARGIN_SECONDS)
    add(dispatch, punctual)
    performer.end(begun[0])
    assert performer.wait_for_begun(3)[2] == punctual[0]


def test_canceling_everything_reports_nothing(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports, loop: asyncio.AbstractEventLoop
) -> None:
    add(dispatch, some_pieces(5, "a"))
    performer.wait_for_begun(2)
    dispatch.cancel_all(5)
    settle(loop)
    assert (reports.ended, len(performer.begun), len(dispatch._places.under_way)) == ([], 2, 0)


@pytest.mark.usefixtures("nothing_is_slow")
def test_all_that_waits_can_be_given_back_and_what_is_under_way_goes_on(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports, loop: asyncio.AbstractEventLoop
) -> None:
    pieces = [*some_pieces(4, "a"), *some_pieces(4, "b")]
    add(dispatch, pieces)
    performer.wait_for_begun(4)
    dispatch.give_back_waiting("no longer")
    told = reports.wait_for(4)
    assert {(item.attempt.attempt_outcome, item.attempt.error) for item in told} == {("released", "no longer")}
    performer.end(performer.begun[0])
    reports.wait_for(5)
    settle(loop)
    assert len(performer.begun) == 4
    assert dispatch.room().held == {1: 3}


def test_an_exception_ends_the_piece_it_came_from_and_no_other(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports
) -> None:
    broken, whole = some_pieces(2, "a")
    add(dispatch, [broken, whole])
    performer.wait_for_begun(2)
    with capture_logs() as logs:
        performer.break_down(broken)
        [ended] = reports.wait_for(1)
    assert [(entry["event"], entry["work_id"]) for entry in logs] == [("work_broke", str(broken.work.id))]
    assert (ended.work, ended.attempt.state, ended.attempt.attempt_outcome) == (broken.work, "failed", "failed")
    assert ended.attempt.error == "an internal error kept this from being performed"
    performer.end(whole)
    assert reports.wait_for(2)[1].attempt.state == "succeeded"


def test_a_kind_of_work_that_nobody_can_perform_fails_alone(dispatch: Dispatch, reports: Reports) -> None:
    add(dispatch, some_pieces(1, "a", kind="chore"))
    [ended] = reports.wait_for(1)
    assert ended.attempt.state == "failed"


@pytest.mark.usefixtures("nothing_is_slow")
def test_room_and_the_room_of_each_lane_are_what_is_left(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports, loop: asyncio.AbstractEventLoop
) -> None:
    free = CONCURRENCY * (SLOW_FOR_EACH_PLACE + 1)
    assert dispatch.room() == Room(CONCURRENCY, MOST_AHEAD, free, {})
    assert dispatch.lane_room(["a", "b"]) == dict.fromkeys("ab", LaneRoom(CALLS_PER_LANE, 0))
    pieces = some_pieces(5, "a")
    add(dispatch, pieces)  # two begin and three wait for the lane; room is taken before the loop knows of them
    assert dispatch.lane_room(["a"]) == {"a": LaneRoom(0, 0)}
    performer.wait_for_begun(2)
    settle(loop)
    assert dispatch.room() == Room(CONCURRENCY, MOST_AHEAD - 3, free - 2, {1: 2})
    for number, piece in enumerate(pieces):
        performer.wait_for_begun(number + 1)
        performer.end(piece, "failed")
    reports.wait_for(5)
    assert dispatch.room() == Room(CONCURRENCY, MOST_AHEAD, free, {})
    assert dispatch.lane_room(["a"])["a"].now == CALLS_PER_LANE


class HastyPerformer(HeldPerformer):
    """Ends each piece at once or in a moment, in every way there is."""

    def __init__(self) -> None:
        super().__init__()
        self._random = random.Random(1)  # noqa: S311 (a test wants the same every time)

    async def _perform(self, piece: Prepared) -> Ended:
        for _ in range(self._random.choice((0, 0, 1, 3))):
            await asyncio.sleep(0)
        outcome: Any = self._random.choice(("succeeded",) * 17 + ("failed", "timeout", "broken"))
        if outcome == "broken":
            raise ZeroDivisionError
        return Ended(piece.work, an_end(piece.work, outcome, elapsed_ms=1))


def test_ten_thousand_pieces_are_reported_once_each_and_leave_nothing_behind(
    loop: asyncio.AbstractEventLoop, reports: Reports
) -> None:
    dispatch = Dispatch(
        loop,
        {"job": HastyPerformer()},
        concurrency=8,
        calls_per_lane=4,
        margin_seconds=MARGIN_SECONDS,
        report=reports,
        more_room=lambda: None,
    )
    lanes = [f"lane {number}" for number in range(50)]
    pieces = [piece for lane in lanes for piece in some_pieces(200, lane)]
    random.Random(2).shuffle(pieces)  # noqa: S311 (a test wants the same every time)
    long_ago = time.monotonic() - MARGIN_SECONDS
    with capture_logs():  # of hundreds of exceptions, each with its traceback
        for first in range(0, len(pieces), 100):
            add(dispatch, pieces[first : first + 100], claimed_at=long_ago if first % 1_000 == 0 else None)
        ended = reports.wait_for(len(pieces))
    settle(loop)
    assert sorted(item.work.id for item in ended) == sorted(piece.work.id for piece in pieces)
    assert {item.attempt.attempt_outcome for item in ended} == {"succeeded", "failed", "timeout", "released"}
    assert (dispatch._waiting, dispatch._places.under_way, dispatch._places.taken) == ({}, set(), 0)
    loads = dispatch._lanes._loads.values()
    assert {(load.carried, load.under_way, len(load.accounts)) for load in loads} == {(0, 0, 0)}
    assert dispatch.room() == Room(8, MOST_AHEAD, 8 * (SLOW_FOR_EACH_PLACE + 1), {})
