"""Who gets how much of a worker's free room: accounts get even parts, and in each account its lanes. Pure."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

from worker.room import TIMES_WHAT_IS_FREE, LaneRoom, Room
from worker.store.claims import Lane, Share

Key = TypeVar("Key", int, str)


def shares_of(lanes: Sequence[Lane], room: Room, lane_room: Mapping[str, LaneRoom], turn: int = 0) -> list[Share]:
    """Divide the room among the lanes that are due: ten thousand of one account do not outweigh another's one.

    A lane that is shared by accounts, such as a host that all of them call, is divided among them; `turn` says who is
    the first when it cannot take one of each. A lane that is quick, or filled, gets more, to wait until it has room.

    >>> lanes = [Lane(1, "a", True), Lane(1, "b", True), Lane(2, "c", True)]
    >>> lane_room = {"a": LaneRoom(2, 0), "b": LaneRoom(99, 0), "c": LaneRoom(99, 0)}
    >>> [(share.lane, share.most) for share in shares_of(lanes, Room(now=12, ahead=0, free=99, held={}), lane_room)]
    [('a', 2), ('b', 4), ('c', 6)]
    """
    due = [lane for lane in lanes if lane.is_due and room.has_any_for(lane.account_id)]
    wanted = _wanted(due, {name: of_lane.now for name, of_lane in lane_room.items()}, turn)
    most = within_reserve({id: sum(of_lanes.values()) for id, of_lanes in wanted.items()}, room.held, room.free)
    shares = _shared_out(wanted, most, room.now)
    given: Counter[str] = Counter()
    for (_, name), part in shares.items():
        given[name] += part
    more = {name: of_lane.more(given[name]) for name, of_lane in lane_room.items()}
    if room.ahead > 0 and (ahead := _wanted(due, more, turn)):
        shares.update(_shared_out(ahead, dict.fromkeys(ahead, room.ahead), room.ahead))
    return [Share(account_id, name, part) for (account_id, name), part in shares.items()]


def _wanted(lanes: Sequence[Lane], free: Mapping[str, int], turn: int) -> dict[int, dict[str, int]]:
    """How much of each of these lanes its accounts might take."""
    accounts: dict[str, list[int]] = defaultdict(list)
    for lane in lanes:
        if free[lane.name] > 0:
            accounts[lane.name].append(lane.account_id)
    parts_of = {name: _divided(free[name], of_lane, turn) for name, of_lane in accounts.items()}
    wanted: dict[int, dict[str, int]] = defaultdict(dict)
    for lane in lanes:
        if part := parts_of.get(lane.name, {}).get(lane.account_id, 0):
            wanted[lane.account_id][lane.name] = part
    return wanted


def _shared_out(
    wanted: Mapping[int, Mapping[str, int]], most: Mapping[int, int], room: int
) -> Counter[tuple[int, str]]:
    """An even part of the room for each account, and of that for each of its lanes."""
    capacities = {
        account_id: min(most.get(account_id, 0), sum(of_lanes.values())) for account_id, of_lanes in wanted.items()
    }
    return Counter(
        {
            (account_id, name): part
            for account_id, of_account in evenly(capacities, room).items()
            for name, part in evenly(wanted[account_id], of_account).items()
            if part > 0
        }
    )


def _divided(free: int, accounts: Sequence[int], turn: int) -> dict[int, int]:
    """The room of a lane, divided among the accounts that have something to do in it."""
    in_order = sorted(accounts)
    first = turn % len(in_order)
    return evenly(dict.fromkeys(in_order[first:] + in_order[:first], free), free)


def within_reserve(wanted: Mapping[int, int], held: Mapping[int, int], free: int) -> dict[int, int]:
    """How much of what they want these accounts may take, so that afterwards none holds more than it may.

    >>> within_reserve({1: 1_000}, {}, 576), within_reserve({1: 1_000, 2: 1}, {}, 576)
    ({1: 432}, {1: 431, 2: 1})
    >>> within_reserve({1: 1_000, 2: 1_000}, {1: 432}, 144), within_reserve({1: 5}, {}, 1)
    ({1: 0, 2: 108}, {1: 1})
    """

    def parts(left_free: int) -> dict[int, int]:
        most = TIMES_WHAT_IS_FREE * left_free
        return {
            account_id: min(want, max(int(account_id not in held), most - held.get(account_id, 0)))
            for account_id, want in wanted.items()
        }

    def is_too_much(left_free: int) -> bool:
        return sum(parts(left_free).values()) > free - left_free

    # The more is to be left free, the more each may take, until together they would not leave that.
    least = bisect_left(range(free + 1), True, key=is_too_much)
    less = parts(least - 1) if least > 0 else {}
    return less if sum(less.values()) > free - least else evenly(parts(least), free - least)


def evenly(capacities: Mapping[Key, int], amount: int) -> dict[Key, int]:
    """An even part of the amount for each, none beyond its capacity; when it is not enough for all, the first get it.

    >>> evenly({"a": 1, "b": 10, "c": 10}, 9), evenly({"a": 5, "b": 5}, 1)
    ({'a': 1, 'b': 4, 'c': 4}, {'a': 1})
    """
    given: dict[Key, int] = {}
    unfilled = list(capacities)
    while amount > 0 and unfilled:
        part = max(1, amount // len(unfilled))
        for key in unfilled[:amount]:
            more = min(part, capacities[key] - given.get(key, 0))
            given[key] = given.get(key, 0) + more
            amount -= more
        unfilled = [key for key in unfilled if given.get(key, 0) < capacities[key]]
    return given
