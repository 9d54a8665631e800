"""Lanes: how much of each a worker carries, how a quick one gets ahead, and how one that hangs is tried again."""

import pytest

from worker import lanes
from worker.lanes import MOST_AHEAD, QUICK_SECONDS, Carried, Lanes
from worker.room import LaneRoom

ACCOUNT = 1


def carried(loads: Lanes, lane: str, count: int) -> None:
    for _ in range(count):
        loads.claimed(lane, ACCOUNT)


def performed(loads: Lanes, lane: str, seconds: float = 1, *, timed_out: bool = False) -> None:
    """One piece of work, from its claim to its end."""
    loads.claimed(lane, ACCOUNT)
    loads.begun(lane)
    loads.ended(lane, ACCOUNT, seconds, timed_out=timed_out, was_called=True)


def room(loads: Lanes, lane: str) -> int:
    """How much more of it may be claimed, at once or ahead."""
    return sum(loads.room(lane))


def test_a_lane_that_was_never_used_has_room_for_as_many_as_are_performed_at_once() -> None:
    assert Lanes(16).room("a") == LaneRoom(16, 0)


def test_what_is_carried_takes_room_of_its_own_lane_only() -> None:
    loads = Lanes(4)
    carried(loads, "a", 3)
    assert (room(loads, "a"), room(loads, "b")) == (1, 4)


def test_what_is_given_back_or_has_ended_makes_room_again() -> None:
    loads = Lanes(4)
    carried(loads, "a", 4)
    assert room(loads, "a") == 0
    loads.given_back("a", ACCOUNT)
    assert room(loads, "a") == 1
    loads.begun("a")
    loads.ended("a", ACCOUNT, 10, timed_out=False, was_called=True)
    assert room(loads, "a") == 2


def test_no_more_of_a_lane_are_begun_at_once_than_the_limit() -> None:
    loads = Lanes(2)
    carried(loads, "a", 3)
    begun = 0
    while loads.may_begin("a"):
        loads.begun("a")
        begun += 1
    assert begun == 2
    assert loads.may_begin("b")
    loads.ended("a", ACCOUNT, 1, timed_out=False, was_called=True)
    assert loads.may_begin("a")


@pytest.mark.parametrize(
    ("seconds", "ahead"),
    [(10, 0), (0.1, 32), (0.01, 320), (0.000_001, MOST_AHEAD)],
    ids=["slow", "brisk", "quick", "at-once"],
)
def test_the_quicker_a_lane_answers_the_more_of_it_may_wait_in_the_worker(seconds: float, ahead: int) -> None:
    loads = Lanes(16)
    performed(loads, "a", seconds)
    is_quick = seconds < QUICK_SECONDS
    assert loads.room("a") == LaneRoom(16, ahead, is_quick)
    carried(loads, "a", 20)
    assert loads.room("a") == LaneRoom(0, max(0, ahead - 4), is_quick)


def test_how_quick_a_lane_is_follows_its_latest_answers() -> None:
    loads = Lanes(16)
    for _ in range(20):
        performed(loads, "a", 0.01)
    for _ in range(20):
        performed(loads, "a", 5)
    assert room(loads, "a") == 16


def test_a_lane_that_lets_a_call_time_out_is_tried_one_at_a_time() -> None:
    loads = Lanes(16)
    performed(loads, "a", 0.01)
    performed(loads, "a", 30, timed_out=True)
    assert loads.is_suspect("a")
    assert room(loads, "a") == 1
    loads.claimed("a", ACCOUNT)
    loads.begun("a")
    assert (loads.may_begin("a"), room(loads, "a")) == (False, 0)


def test_a_lane_that_answers_again_is_trusted_twice_as_far_with_each_answer_up_to_the_limit() -> None:
    loads = Lanes(10)
    performed(loads, "a", 30, timed_out=True)
    rooms = []
    for _ in range(5):
        performed(loads, "a", 1)
        rooms.append(room(loads, "a"))
    assert rooms == [2, 4, 9, 12, 12]  # the limit, and what may wait for a fifth of a second
    assert not loads.is_suspect("a")


def test_room_is_never_less_than_none() -> None:
    loads = Lanes(16)
    carried(loads, "a", 16)
    loads.begun("a")
    loads.ended("a", ACCOUNT, 30, timed_out=True, was_called=True)
    assert room(loads, "a") == 0


def test_to_ask_for_room_remembers_nothing() -> None:
    loads = Lanes(16)
    for number in range(10):
        room(loads, f"lane {number}")
    assert loads._loads == {}


def test_the_lanes_that_were_not_used_for_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "REMEMBERED_LANES", 3)
    loads = Lanes(16)
    for lane in ("a", "b", "c"):
        performed(loads, lane, 30, timed_out=True)
    performed(loads, "a", 30, timed_out=True)
    performed(loads, "d")
    assert (room(loads, "a"), room(loads, "b"), room(loads, "c")) == (1, 16, 1)


def test_a_lane_that_carries_work_is_never_forgotten_and_the_others_are_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "REMEMBERED_LANES", 4)
    loads = Lanes(16)
    carried(loads, "busy", 2)
    carried(loads, "busier", 3)
    for number in range(1_000):
        performed(loads, f"lane {number}")
        assert len(loads._loads) <= 6
    assert (room(loads, "busy"), room(loads, "busier")) == (14, 13)


def test_what_is_carried_beyond_the_limit_of_its_lane_waits_for_that_and_is_held_by_nobody() -> None:
    loads = Lanes(4)
    for account in (1, 1, 1, 2, 2, 2):
        loads.claimed("a", account)
    loads.claimed("b", 3)
    assert loads.carried() == Carried(at_once=5, ahead=2, held={1: 2, 2: 2, 3: 1}, may_be_ahead=False)


def test_what_is_under_way_counts_though_its_lane_has_come_to_be_tried_one_at_a_time() -> None:
    loads = Lanes(4)
    carried(loads, "a", 6)
    for _ in range(4):
        loads.begun("a")
    loads.ended("a", ACCOUNT, 30, timed_out=True, was_called=True)
    assert loads.carried() == Carried(at_once=3, ahead=2, held={ACCOUNT: 3}, may_be_ahead=False)


def test_lanes_that_carry_nothing_any_more_hold_nothing() -> None:
    loads = Lanes(4)
    performed(loads, "a")
    carried(loads, "a", 1)
    loads.given_back("a", ACCOUNT)
    assert loads.carried() == Carried(at_once=0, ahead=0, held={}, may_be_ahead=False)


def test_a_lane_that_lets_work_wait_until_it_is_late_is_no_longer_taken_for_quick() -> None:
    loads = Lanes(16)
    performed(loads, "a", 0.001)
    carried(loads, "a", 40)
    loads.given_back("a", ACCOUNT)
    assert loads.room("a") == LaneRoom(0, 0)


def test_a_quick_lane_may_have_more_wait_until_it_has_as_much_as_is_begun_soon() -> None:
    loads = Lanes(16)
    carried(loads, "new", 16)
    performed(loads, "quick", 0.01)
    assert not loads.carried().may_be_ahead
    carried(loads, "quick", 16)
    assert loads.carried().may_be_ahead
    carried(loads, "quick", 320)
    assert not loads.carried().may_be_ahead


def test_what_was_never_called_says_nothing_about_its_lane() -> None:
    loads = Lanes(16)
    performed(loads, "a", 30, timed_out=True)
    for _ in range(5):
        loads.claimed("a", ACCOUNT)
        loads.begun("a")
        loads.ended("a", ACCOUNT, 0, timed_out=False, was_called=False)
    assert loads.is_suspect("a")
    assert loads.room("a") == LaneRoom(1, 0)
