"""Who gets how much of a worker's free room, whatever lanes there are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.fairness import evenly, shares_of, within_reserve
from worker.room import LaneRoom, Room, may_hold_more
from worker.store.claims import Lane, Share

CAPACITIES = st.dictionaries(st.integers(0, 30), st.integers(0, 50), max_size=20)
USUAL_ROOM = 16
LANES = st.lists(
    st.builds(Lane, st.integers(1, 8), st.sampled_from("abcdef"), st.booleans()),
    max_size=40,
    unique_by=lambda lane: (lane.account_id, lane.name),
)
LANE_ROOM = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40), max_size=6)


def shares(
    due: Sequence[Lane], now: int, of_lanes: Mapping[str, int] | None = None, turn: int = 0, **fields: Any
) -> list[Share]:
    """The shares of a worker that has room enough, unless something else is said."""
    lane_room = {lane.name: LaneRoom((of_lanes or {}).get(lane.name, USUAL_ROOM), 0) for lane in due}
    lane_room = fields.pop("lanes", lane_room)
    room: dict[str, Any] = {"now": now, "ahead": 0, "free": 100_000, "held": {}}
    return shares_of(due, Room(**(room | fields)), lane_room, turn)


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
    shares_ = shares(lanes, room, lane_room, turn)
    assert sum(share.most for share in shares_) <= room
    of_lanes: Counter[str] = Counter()
    for share in shares_:
        assert share.most >= 1
        assert Lane(share.account_id, share.lane, is_due=True) in lanes
        of_lanes[share.lane] += share.most
    assert all(most <= lane_room.get(lane, USUAL_ROOM) for lane, most in of_lanes.items())


@settings(derandomize=True, deadline=None, max_examples=500)
@given(lanes=LANES, room=st.integers(0, 200), turn=st.integers(0, 1_000))
def test_no_account_gets_nothing_while_another_gets_more_than_an_even_part(
    lanes: list[Lane], room: int, turn: int
) -> None:
    got: Counter[int] = Counter()
    for share in shares(lanes, room, turn=turn):
        got[share.account_id] += share.most
    waiting = {lane.account_id for lane in lanes if lane.is_due}
    if waiting - set(got):
        assert max(got.values(), default=0) <= room // len(waiting) + 1


def test_ten_thousand_lanes_of_one_account_leave_the_single_one_of_another_its_part() -> None:
    flood = [Lane(1, f"host {number}", is_due=True) for number in range(10_000)]
    got = shares([*flood, Lane(2, "other", is_due=True)], 10)
    assert [share.most for share in got if share.account_id == 2] == [5]


def test_a_lane_that_is_not_due_gets_nothing_and_takes_nothing() -> None:
    got = shares([Lane(1, "a", is_due=False), Lane(2, "a", is_due=True)], 100)
    assert got == [Share(2, "a", USUAL_ROOM)]


def test_a_host_that_all_call_is_divided_among_them() -> None:
    lanes = [Lane(account, "host", is_due=True) for account in range(1, 5)]
    assert [share.most for share in shares(lanes, 100)] == [4, 4, 4, 4]


def test_a_host_with_room_for_one_is_given_to_each_in_turn_whatever_else_they_call() -> None:
    lanes = [Lane(account, "slow", is_due=True) for account in (1, 2, 3)] + [Lane(3, "other", is_due=True)]
    served = []
    for turn in range(6):
        [share] = [share for share in shares(lanes, 100, {"slow": 1}, turn) if share.lane == "slow"]
        served.append(share.account_id)
    assert served == [1, 2, 3, 1, 2, 3]


def test_only_a_lane_that_is_filled_gets_more_to_wait_in_it() -> None:
    lanes = [Lane(1, "quick", is_due=True), Lane(1, "new", is_due=True)]
    of_lanes = {"quick": LaneRoom(2, 300), "new": LaneRoom(16, 0)}
    assert shares(lanes, 10, ahead=1_000, lanes=of_lanes) == [Share(1, "quick", 302), Share(1, "new", 8)]
    assert shares(lanes, 1, ahead=1_000, lanes=of_lanes) == [Share(1, "quick", 1)]
    full = of_lanes | {"quick": LaneRoom(0, 300)}
    assert shares(lanes, 0, ahead=1_000, lanes=full) == [Share(1, "quick", 300)]
    assert shares(lanes, 0, ahead=7, lanes=full) == [Share(1, "quick", 7)]


def test_a_quick_lane_gets_more_although_there_are_not_places_for_all_of_it() -> None:
    lanes = [Lane(1, "quick", is_due=True), Lane(2, "brisk", is_due=True)]
    of_lanes = {"quick": LaneRoom(32, 300, is_quick=True), "brisk": LaneRoom(32, 300)}
    assert shares(lanes, 10, ahead=1_000, lanes=of_lanes) == [Share(1, "quick", 332), Share(2, "brisk", 5)]
    assert shares(lanes, 10, ahead=0, lanes=of_lanes) == [Share(1, "quick", 5), Share(2, "brisk", 5)]


def test_what_waits_in_lanes_is_divided_among_the_accounts() -> None:
    lanes = [Lane(1, "a", is_due=True), Lane(1, "b", is_due=True), Lane(2, "c", is_due=True)]
    of_lanes = dict.fromkeys("abc", LaneRoom(0, 400))
    assert [share.most for share in shares(lanes, 0, ahead=100, lanes=of_lanes)] == [25, 25, 50]


def test_an_account_alone_is_kept_from_the_last_quarter_and_another_finds_room_there() -> None:
    flood = [Lane(1, f"host {number}", is_due=True) for number in range(100)]
    assert sum(share.most for share in shares(flood, 576, free=576)) == 432
    assert shares(flood, 64, free=144, held={1: 432}) == []
    both = [*flood, Lane(2, "other", is_due=True)]
    assert shares(both, 64, free=144, held={1: 432}) == [Share(2, "other", USUAL_ROOM)]


def test_a_host_with_room_for_one_is_given_to_whoever_may_hold_more() -> None:
    lanes = [Lane(account, "slow", is_due=True) for account in (1, 2)]
    for turn in range(2):
        got = shares(lanes, 64, {"slow": 1}, turn, free=144, held={1: 432})
        assert got == [Share(2, "slow", 1)]


@settings(derandomize=True, deadline=None, max_examples=500)
@given(
    wanted=st.dictionaries(st.integers(1, 40), st.integers(1, 600), min_size=1),
    holding=st.dictionaries(st.integers(1, 40), st.integers(1, 200)),
    free=st.integers(1, 600),
)
def test_nobody_comes_to_hold_more_than_three_times_what_is_left_unless_it_is_the_first_it_gets(
    wanted: dict[int, int], holding: dict[int, int], free: int
) -> None:
    parts = within_reserve(wanted, holding, free)
    held = {account: holding.get(account, 0) for account in wanted}
    left = free - sum(parts.values())
    assert left >= 0
    assert all(0 <= part <= wanted[account] for account, part in parts.items())
    for account, part in parts.items():
        assert part == 0 or (held[account] == 0 and part == 1) or held[account] + part <= 3 * left
    if not any(parts.values()):
        assert not any(may_hold_more(held[account], free) for account in wanted)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(1, 60))
def test_however_many_accounts_flood_a_worker_the_next_one_finds_room(floods: int) -> None:
    wanted, held, free = dict.fromkeys(range(floods), 10_000), Counter[int](), 576
    while any((parts := within_reserve(wanted, held, free)).values()):
        free -= sum(parts.values())
        held.update({account: part for account, part in parts.items() if part > 0})
    assert max(held.values()) - min(held.values()) <= 1
    assert within_reserve({-1: 1}, held, free) == {-1: 1}
