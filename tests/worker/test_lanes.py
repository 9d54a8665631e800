"""Lanes: how much of each a worker carries, how a quick one gets ahead, and how one that hangs is tried again."""

import pytest

from worker import lanes
from worker.lanes import MOST_AHEAD, Lanes


def carried(loads: Lanes, lane: str, count: int) -> None:
    for _ in range(count):
        loads.claimed(lane)


def performed(loads: Lanes, lane: str, seconds: float = 1, *, timed_out: bool = False) -> None:
    """One piece of work, from its claim to its end."""
    loads.claimed(lane)
    loads.begun(lane)
    loads.ended(lane, seconds, timed_out=timed_out)


def test_a_lane_that_was_never_used_has_room_for_as_many_as_are_performed_at_once() -> None:
    assert Lanes(16).room("a") == 16


def test_what_is_carried_takes_room_of_its_own_lane_only() -> None:
    loads = Lanes(4)
    carried(loads, "a", 3)
    assert (loads.room("a"), loads.room("b")) == (1, 4)


def test_what_is_given_back_or_has_ended_makes_room_again() -> None:
    loads = Lanes(4)
    carried(loads, "a", 4)
    assert loads.room("a") == 0
    loads.given_back("a")
    assert loads.room("a") == 1
    loads.begun("a")
    loads.ended("a", 10, timed_out=False)
    assert loads.room("a") == 2


def test_no_more_of_a_lane_are_begun_at_once_than_the_limit() -> None:
    loads = Lanes(2)
    carried(loads, "a", 3)
    begun = 0
    while loads.may_begin("a"):
        loads.begun("a")
        begun += 1
    assert begun == 2
    assert loads.may_begin("b")
    loads.ended("a", 1, timed_out=False)
    assert loads.may_begin("a")


@pytest.mark.parametrize(
    ("seconds", "ahead"),
    [(10, 0), (0.1, 32), (0.01, 320), (0.000_001, MOST_AHEAD)],
    ids=["slow", "brisk", "quick", "at-once"],
)
def test_the_quicker_a_lane_answers_the_more_of_it_may_wait_in_the_worker(seconds: float, ahead: int) -> None:
    loads = Lanes(16)
    performed(loads, "a", seconds)
    assert loads.room("a") == 16 + ahead


def test_how_quick_a_lane_is_follows_its_latest_answers() -> None:
    loads = Lanes(16)
    for _ in range(20):
        performed(loads, "a", 0.01)
    for _ in range(20):
        performed(loads, "a", 5)
    assert loads.room("a") == 16


def test_a_lane_that_lets_a_call_time_out_is_tried_one_at_a_time() -> None:
    loads = Lanes(16)
    performed(loads, "a", 0.01)
    performed(loads, "a", 30, timed_out=True)
    assert loads.is_suspect("a")
    assert loads.room("a") == 1
    loads.claimed("a")
    loads.begun("a")
    assert (loads.may_begin("a"), loads.room("a")) == (False, 0)


def test_a_lane_that_answers_again_is_trusted_twice_as_far_with_each_answer_up_to_the_limit() -> None:
    loads = Lanes(10)
    performed(loads, "a", 30, timed_out=True)
    rooms = []
    for _ in range(5):
        performed(loads, "a", 1)
        rooms.append(loads.room("a"))
    assert rooms == [2, 4, 9, 12, 12]  # the limit, and what may wait for a fifth of a second
    assert not loads.is_suspect("a")


def test_room_is_never_less_than_none() -> None:
    loads = Lanes(16)
    carried(loads, "a", 16)
    loads.begun("a")
    loads.ended("a", 30, timed_out=True)
    assert loads.room("a") == 0


def test_to_ask_for_room_remembers_nothing() -> None:
    loads = Lanes(16)
    for number in range(10):
        loads.room(f"lane {number}")
    assert loads._loads == {}


def test_the_lanes_that_were_not_used_for_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "REMEMBERED_LANES", 3)
    loads = Lanes(16)
    for lane in ("a", "b", "c"):
        performed(loads, lane, 30, timed_out=True)
    assert loads.is_suspect("a")
    performed(loads, "d")
    assert (loads.room("a"), loads.room("b"), loads.room("c")) == (1, 16, 1)


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
    assert (loads.room("busy"), loads.room("busier")) == (14, 13)
