"""Dispatch: what may begin when; lanes take turns, what is slow makes way, what hangs is only tried."""

import asyncio
import itertools
import threading
from collections.abc import Iterator, Sequence

import pytest

from tests import dispatching
from tests.dispatching import CALLS_PER_LANE, CONCURRENCY, HeldPerformer, Reports, add, settle, settle_until
from tests.pieces import some_pieces
from worker import dispatch as module
from worker.dispatch import Dispatch
from worker.fairness import shares_of
from worker.lanes import MOST_AHEAD
from worker.performer import Prepared
from worker.places import SLOW_FOR_EACH_PLACE
from worker.room import LaneRoom
from worker.store.claims import Lane

loop = dispatching.loop
performer = dispatching.performer
reports = dispatching.reports
more_room = dispatching.more_room
dispatch = dispatching.dispatch
nothing_is_slow = dispatching.nothing_is_slow
soon_slow = dispatching.soon_slow


def lanes_of(pieces: Sequence[Prepared]) -> list[str]:
    return [piece.work.lane for piece in pieces]


@pytest.mark.usefixtures("nothing_is_slow")
def test_what_is_added_is_begun_and_its_end_reported(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports
) -> None:
    [piece] = some_pieces(1, "a")
    add(dispatch, [piece])
    performer.wait_for_begun(1)
    performer.end(piece)
    [ended] = reports.wait_for(1)
    assert (ended.work, ended.attempt.state) == (piece.work, "succeeded")


@pytest.mark.usefixtures("nothing_is_slow")
def test_of_one_lane_no_more_than_its_limit_are_under_way_and_the_others_are_not_held_up(
    dispatch: Dispatch, performer: HeldPerformer, loop: asyncio.AbstractEventLoop
) -> None:
    first, second, third = some_pieces(3, "a")
    add(dispatch, [first, second, third, *some_pieces(1, "b")])
    settle(loop)
    assert sorted(lanes_of(performer.begun)) == ["a", "a", "b"]
    performer.end(first)
    assert performer.wait_for_begun(4)[3] == third


@pytest.mark.usefixtures("nothing_is_slow")
def test_no_more_are_under_way_than_there_are_places(
    dispatch: Dispatch, performer: HeldPerformer, loop: asyncio.AbstractEventLoop
) -> None:
    pieces = [piece for lane in "abcdef" for piece in some_pieces(1, lane)]
    add(dispatch, pieces)
    settle(loop)
    assert len(performer.begun) == CONCURRENCY
    performer.end(pieces[0])
    performer.wait_for_begun(CONCURRENCY + 1)
    settle(loop)
    assert len(performer.begun) == CONCURRENCY + 1


@pytest.mark.usefixtures("nothing_is_slow")
def test_lanes_take_turns(dispatch: Dispatch, performer: HeldPerformer, loop: asyncio.AbstractEventLoop) -> None:
    add(dispatch, [*some_pieces(3, "a"), *some_pieces(2, "b"), *some_pieces(1, "c")])
    settle(loop)
    assert lanes_of(performer.begun) == ["a", "b", "c", "a"]


@pytest.mark.usefixtures("soon_slow")
def test_one_that_takes_long_gives_its_place_to_another_and_goes_on(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports, more_room: threading.Event
) -> None:
    slow = [piece for lane in "abcd" for piece in some_pieces(1, lane)]
    add(dispatch, slow)
    performer.wait_for_begun(CONCURRENCY)
    add(dispatch, some_pieces(1, "e"))
    assert lanes_of(performer.wait_for_begun(CONCURRENCY + 1))[-1] == "e"
    assert more_room.wait(5), "a free place is told to whoever claims"
    performer.end(slow[0])
    assert reports.wait_for(1)[0].work == slow[0].work


@pytest.mark.usefixtures("soon_slow")
def test_what_was_begun_in_the_place_of_another_gives_up_its_place_as_well(
    dispatch: Dispatch, performer: HeldPerformer, loop: asyncio.AbstractEventLoop
) -> None:
    lanes = [some_pieces(CALLS_PER_LANE + 1, lane) for lane in "abcd"]
    add(dispatch, [piece for lane in lanes for piece in lane])
    performer.wait_for_begun(CALLS_PER_LANE * 4)
    settle_until(loop, lambda: dispatch._places.taken == 0 and dispatch._ageing is None)
    for lane in lanes:
        performer.end(lane[0])  # which lets the last of its lane begin, though nothing new is claimed
    performer.wait_for_begun((CALLS_PER_LANE + 1) * 4)
    settle_until(loop, lambda: dispatch._places.taken == 0)


@pytest.mark.usefixtures("soon_slow")
def test_those_that_take_long_are_bounded_in_number(
    dispatch: Dispatch, performer: HeldPerformer, loop: asyncio.AbstractEventLoop
) -> None:
    most = CONCURRENCY * (SLOW_FOR_EACH_PLACE + 1)
    lanes = [some_pieces(1, f"lane {number}", account_id=number) for number in range(most + 5)]
    add(dispatch, [piece for lane in lanes for piece in lane])
    performer.wait_for_begun(most)
    settle_until(loop, lambda: dispatch._places.taken == 0)
    settle(loop)
    assert len(performer.begun) == most
    assert dispatch.room().is_none
    performer.end(performer.begun[0])
    assert len(performer.wait_for_begun(most + 1)) == most + 1, "one more may take long, and leaves its place"


@pytest.mark.usefixtures("nothing_is_slow")
def test_a_lane_that_timed_out_is_tried_one_at_a_time_beside_the_others(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports, loop: asyncio.AbstractEventLoop
) -> None:
    pieces = some_pieces(5, "hanging")
    add(dispatch, pieces)
    performer.wait_for_begun(2)
    for piece in pieces[:2]:
        performer.end(piece, "timeout")
    reports.wait_for(2)
    settle(loop)
    assert performer.begun == pieces[:3]
    add(dispatch, [piece for lane in "abcd" for piece in some_pieces(1, lane)])
    settle(loop)
    assert len(performer.begun) == 3 + CONCURRENCY, "one that is only tried takes nobody's place"


@pytest.mark.usefixtures("nothing_is_slow")
def test_a_lane_that_answers_again_is_soon_performed_as_before(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports, loop: asyncio.AbstractEventLoop
) -> None:
    pieces = some_pieces(6, "recovering")
    add(dispatch, pieces)
    performer.wait_for_begun(2)
    for piece in pieces[:2]:
        performer.end(piece, "timeout")
    performer.wait_for_begun(3)
    performer.end(pieces[2])
    performer.wait_for_begun(5)
    settle(loop)
    assert performer.begun == pieces[:5]


@pytest.mark.usefixtures("nothing_is_slow")
def test_what_ended_without_a_call_says_nothing_for_a_lane_that_hangs(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports, loop: asyncio.AbstractEventLoop
) -> None:
    pieces = some_pieces(6, "hanging")
    add(dispatch, pieces)
    performer.wait_for_begun(2)
    for piece in pieces[:2]:
        performer.end(piece, "timeout")
    performer.wait_for_begun(3)
    performer.end(pieces[2], "canceled", elapsed_ms=None)
    performer.wait_for_begun(4)
    settle(loop)
    assert performer.begun == pieces[:4], "still one at a time"


@pytest.mark.usefixtures("soon_slow")
def test_an_account_that_holds_all_it_may_leaves_a_place_for_the_single_one_of_another(
    dispatch: Dispatch, performer: HeldPerformer, loop: asyncio.AbstractEventLoop
) -> None:
    numbers = itertools.count()
    hanging = 0
    while parts := shares_of_new_lanes(dispatch, 1, numbers):
        add(dispatch, [piece for lane in parts for piece in some_pieces(1, lane, account_id=1)])
        hanging += len(parts)
        performer.wait_for_begun(hanging)
    assert len(performer.begun) == CONCURRENCY * (SLOW_FOR_EACH_PLACE + 1) * 3 // 4
    [lane] = shares_of_new_lanes(dispatch, 2, numbers)[:1]
    [single] = some_pieces(1, lane, account_id=2)
    add(dispatch, [single])
    settle_until(loop, lambda: single in performer.begun)


@pytest.mark.usefixtures("soon_slow")
def test_lanes_of_one_account_that_all_come_to_hang_leave_a_place_for_the_single_one_of_another(
    dispatch: Dispatch, performer: HeldPerformer, loop: asyncio.AbstractEventLoop
) -> None:
    most = CONCURRENCY * (SLOW_FOR_EACH_PLACE + 1)
    waiting = [piece for number in range(2 * most) for piece in some_pieces(1, f"lane {number}", account_id=1)]
    add(dispatch, waiting)  # they were quick, so they wait in the worker
    performer.wait_for_begun(most * 3 // 4)
    settle_until(loop, lambda: dispatch._places.taken == 0)
    assert len(performer.begun) <= most * 3 // 4 + CONCURRENCY
    [single] = some_pieces(1, "of another", account_id=2)
    add(dispatch, [single])
    settle_until(loop, lambda: single in performer.begun)


def shares_of_new_lanes(dispatch: Dispatch, account: int, numbers: Iterator[int]) -> list[str]:
    """In which lanes that were never used the account may have a piece of work each, if all of a hundred are due."""
    lanes = [Lane(account, f"lane {next(numbers)}", is_due=True) for _ in range(100)]
    return [share.lane for share in shares_of(lanes, dispatch.room(), {lane.name: LaneRoom(1, 0) for lane in lanes})]


@pytest.mark.usefixtures("nothing_is_slow")
def test_no_more_is_to_wait_for_a_place_than_there_are_places(
    dispatch: Dispatch, performer: HeldPerformer, loop: asyncio.AbstractEventLoop
) -> None:
    assert dispatch.room().now == CONCURRENCY
    add(dispatch, [piece for lane in "abcd" for piece in some_pieces(1, lane)])
    settle(loop)
    assert (len(performer.begun), dispatch.room().now) == (CONCURRENCY, CONCURRENCY)
    add(dispatch, [piece for lane in "efgh" for piece in some_pieces(1, lane)])
    settle(loop)
    assert (len(performer.begun), dispatch.room().is_none) == (CONCURRENCY, True)
    performer.end(performer.begun[0])
    performer.wait_for_begun(CONCURRENCY + 1)
    settle(loop)
    assert dispatch.room().now == 1


@pytest.mark.usefixtures("nothing_is_slow")
def test_what_waits_in_a_lane_that_has_come_to_hang_takes_the_room_of_nobody_else(
    dispatch: Dispatch, performer: HeldPerformer, reports: Reports, loop: asyncio.AbstractEventLoop
) -> None:
    busy = [piece for lane in "abc" for piece in some_pieces(1, lane, account_id=2)]
    add(dispatch, busy)
    hanging = some_pieces(CALLS_PER_LANE, "hanging")
    add(dispatch, hanging)
    settle(loop)
    assert performer.begun == [*busy, hanging[0]], "the second waits for a place"
    assert dispatch.room().held == {1: 2, 2: 3}
    performer.end(hanging[0], "timeout")
    performer.wait_for_begun(CONCURRENCY + 1)
    add(dispatch, some_pieces(1, "hanging"))
    settle(loop)
    assert dispatch.room().held == {1: 1, 2: 3}
    assert dispatch.room().now == CONCURRENCY


@pytest.mark.usefixtures("nothing_is_slow")
def test_work_that_waits_for_its_lane_is_bounded_in_bytes(
    dispatch: Dispatch, performer: HeldPerformer, monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES_WAITING", 100)
    pieces = some_pieces(CALLS_PER_LANE + 2, "quick", payload="x" * 50)
    add(dispatch, pieces)
    settle(loop)
    assert dispatch.room().ahead == 0
    for piece in pieces:
        performer.wait_for_begun(pieces.index(piece) + 1)
        performer.end(piece)
    settle_until(loop, lambda: dispatch.room().ahead == MOST_AHEAD)
