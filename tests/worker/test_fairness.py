"""Who gets how much of a worker's free room, whatever lanes there are."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.fairness import evenly, shares_of
from worker.store.claims import Lane

CAPACITIES = st.dictionaries(st.integers(0, 30), st.integers(0, 50), max_size=20)
USUAL_ROOM = 16
LANES = st.lists(
    st.builds(Lane, st.integers(1, 8), st.sampled_from("abcdef"), st.booleans()),
    max_size=40,
    unique_by=lambda lane: (lane.account_id, lane.name),
)
LANE_ROOM = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40), max_size=6)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(capacities=CAPACITIES, amount=st.integers(0, 600))
def test_an_even_division_gives_all_it_can_and_nobody_too_much(capacities: dict[int, int], amount: int) -> None:
    given_ = evenly(capacities, amount)
    assert all(0 <= part <= capacities[key] for key, part in given_.items())
    assert sum(given_.values()) == min(amount, sum(capacities.values()))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(capacities=CAPACITIES, amount=st.integers(0, 600))
def test_who_could_take_more_has_got_as_much_as_anybody_or_one_less(capacities: dict[int, int], amount: int) -> None:
    given_ = evenly(capacities, amount)
    most = max(given_.values(), default=0)
    hungry = [given_.get(key, 0) for key, capacity in capacities.items() if given_.get(key, 0) < capacity]
    assert all(part >= most - 1 for part in hungry)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(lanes=LANES, room=st.integers(0, 200), lane_room=LANE_ROOM, turn=st.integers(0, 1_000))
def test_shares_exceed_neither_the_room_nor_that_of_any_lane(
    lanes: list[Lane], room: int, lane_room: dict[str, int], turn: int
) -> None:
    shares = shares_of(lanes, room, lane_room, USUAL_ROOM, turn)
    assert sum(share.most for share in shares) <= room
    of_lanes: Counter[str] = Counter()
    for share in shares:
        assert share.most >= 1
        assert Lane(share.account_id, share.lane, is_due=True) in lanes
        of_lanes[share.lane] += share.most
    assert all(most <= lane_room.get(lane, USUAL_ROOM) for lane, most in of_lanes.items())


@settings(derandomize=True, deadline=None, max_examples=500)
@given(lanes=LANES, room=st.integers(0, 200), turn=st.integers(0, 1_000))
def test_no_account_gets_nothing_while_another_gets_more_than_an_even_part(
    lanes: list[Lane], room: int, turn: int
) -> None:
    shares = shares_of(lanes, room, {}, USUAL_ROOM, turn)
    got: Counter[int] = Counter()
    for share in shares:
        got[share.account_id] += share.most
    waiting = {lane.account_id for lane in lanes if lane.is_due}
    if waiting - set(got):
        assert max(got.values(), default=0) <= room // len(waiting) + 1


def test_ten_thousand_lanes_of_one_account_leave_the_single_one_of_another_its_part() -> None:
    flood = [Lane(1, f"host {number}", is_due=True) for number in range(10_000)]
    shares = shares_of([*flood, Lane(2, "other", is_due=True)], 10, {}, USUAL_ROOM)
    assert [share.most for share in shares if share.account_id == 2] == [5]


def test_a_lane_that_is_not_due_gets_nothing_and_takes_nothing() -> None:
    shares = shares_of([Lane(1, "a", is_due=False), Lane(2, "a", is_due=True)], 100, {}, USUAL_ROOM)
    assert [(share.account_id, share.most) for share in shares] == [(2, USUAL_ROOM)]


def test_a_host_that_all_call_is_divided_among_them() -> None:
    lanes = [Lane(account, "host", is_due=True) for account in range(1, 5)]
    assert [share.most for share in shares_of(lanes, 100, {}, USUAL_ROOM)] == [4, 4, 4, 4]


def test_a_host_with_room_for_one_is_given_to_each_in_turn_whatever_else_they_call() -> None:
    lanes = [Lane(account, "slow", is_due=True) for account in (1, 2, 3)] + [Lane(3, "other", is_due=True)]
    served = []
    for turn in range(6):
        [share] = [share for share in shares_of(lanes, 100, {"slow": 1}, USUAL_ROOM, turn) if share.lane == "slow"]
        served.append(share.account_id)
    assert served == [1, 2, 3, 1, 2, 3]
