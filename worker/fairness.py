"""Who gets how much of a worker's free room: accounts get even parts, and in each account its lanes. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

from worker.store.claims import Lane, Share

Key = TypeVar("Key", int, str)


def shares_of(
    lanes: Sequence[Lane], room: int, lane_room: Mapping[str, int], usual_lane_room: int, turn: int = 0
) -> list[Share]:
    """Divide `room` among the lanes that are due: ten thousand of one account do not outweigh another's one.

    `lane_room` says how much a lane can take that has been used lately. A lane that is shared by accounts, such as a
    host that all of them call, is divided among them; `turn` says who is the first when it cannot take one of each.

    >>> lanes = [Lane(1, "a", True), Lane(1, "b", True), Lane(2, "c", True)]
    >>> [(share.lane, share.most) for share in shares_of(lanes, 12, {"a": 2}, 100)]
    [('a', 2), ('b', 4), ('c', 6)]
    """
    accounts: dict[str, list[int]] = defaultdict(list)
    for lane in lanes:
        if lane.is_due:
            accounts[lane.name].append(lane.account_id)
    parts_of = {
        name: _divided(lane_room.get(name, usual_lane_room), of_lane, turn) for name, of_lane in accounts.items()
    }
    wanted: dict[int, dict[str, int]] = defaultdict(dict)
    for lane in lanes:
        if lane.is_due and lane.account_id in parts_of[lane.name]:
            wanted[lane.account_id][lane.name] = parts_of[lane.name][lane.account_id]
    parts = evenly({account_id: sum(of_lanes.values()) for account_id, of_lanes in wanted.items()}, room)
    return [
        Share(account_id, lane, most)
        for account_id, part in parts.items()
        for lane, most in evenly(wanted[account_id], part).items()
    ]


def _divided(free: int, accounts: Sequence[int], turn: int) -> dict[int, int]:
    """The room of a lane, divided among the accounts that have something to do in it."""
    in_order = sorted(accounts)
    first = turn % len(in_order)
    return evenly(dict.fromkeys(in_order[first:] + in_order[:first], free), free)


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
