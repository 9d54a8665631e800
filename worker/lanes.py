"""How much of each lane a worker carries, and how much more of it may be claimed.

Calls to one host, or runs of one checklist, are a lane. So many of a lane are performed at once; a lane whose calls
come back quickly may wait in the worker a little ahead of that, and one that has let calls time out is tried one at a
time, until it answers.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from math import ceil

from worker.room import LaneRoom

# Work that waits in the worker is begun within about so long, going by how quickly its lane has answered.
AHEAD_SECONDS = 0.2
# Calls that come back so quickly leave their places at once: all of their lane may wait for them, however many it has.
QUICK_SECONDS = 0.05
MOST_AHEAD = 1_000
REMEMBERED_LANES = 2_000
WEIGHT_OF_LATEST = 0.2


@dataclass(slots=True)
class LaneLoad:
    """`carried` is what was claimed and has not ended, for each account; `under_way` what of it has been begun."""

    limit: int
    carried: int = 0
    under_way: int = 0
    usual_seconds: float | None = None
    accounts: dict[int, int] = field(default_factory=dict)

    @property
    def is_quick(self) -> bool:
        return self.usual_seconds is not None and self.usual_seconds <= QUICK_SECONDS

    @property
    def at_once(self) -> int:
        """What is under way, or would be if there were places enough."""
        return self.under_way if self.is_quick else max(self.under_way, min(self.carried, self.limit))

    @property
    def room(self) -> LaneRoom:
        """How much more may be claimed; ahead of its turn only where the lane is known to answer soon."""
        ahead = 0
        if self.usual_seconds is not None:
            ahead = min(MOST_AHEAD, int(self.limit * AHEAD_SECONDS / max(self.usual_seconds, 1e-4)))
        beyond = self.carried - self.limit
        return LaneRoom(max(0, -beyond), max(0, ahead - max(0, beyond)), self.is_quick)

    def lets_go(self, account_id: int) -> None:
        self.carried -= 1
        left = self.accounts[account_id] - 1
        if left:
            self.accounts[account_id] = left
        else:
            del self.accounts[account_id]


@dataclass(slots=True)
class Carried:
    """What all lanes carry: `at_once` is under way or may be, of each account `held`; the rest waits for lanes."""

    at_once: int
    ahead: int
    held: dict[int, int]
    may_be_ahead: bool  # there are lanes for which more may wait


class Lanes:
    """The load of every lane used lately; those that carry nothing are forgotten, the longest unused first."""

    def __init__(self, calls_at_once: int) -> None:
        self.calls_at_once = calls_at_once
        self._loads: OrderedDict[str, LaneLoad] = OrderedDict()

    def claimed(self, lane: str, account_id: int) -> None:
        """A piece of work of this lane was claimed."""
        load = self._load(lane)
        load.carried += 1
        load.accounts[account_id] = load.accounts.get(account_id, 0) + 1
        self._loads.move_to_end(lane)

    def may_begin(self, lane: str) -> bool:
        load = self._load(lane)
        return load.under_way < load.limit

    def begun(self, lane: str) -> None:
        self._load(lane).under_way += 1

    def given_back(self, lane: str, account_id: int) -> None:
        """A piece of work of this lane is no longer carried: it was not begun in time, so the lane is not quick now."""
        load = self._load(lane)
        load.lets_go(account_id)
        load.usual_seconds = None

    def ended(self, lane: str, account_id: int, seconds: float, *, timed_out: bool, was_called: bool) -> None:
        """A piece of work that was begun has ended after so long; only what was called says anything about the lane."""
        load = self._load(lane)
        load.lets_go(account_id)
        load.under_way -= 1
        if timed_out:
            load.limit, load.usual_seconds = 1, None
            return
        if not was_called:
            return
        load.limit = min(self.calls_at_once, load.limit * 2)
        before = seconds if load.usual_seconds is None else load.usual_seconds
        load.usual_seconds = before + WEIGHT_OF_LATEST * (seconds - before)

    def room(self, lane: str) -> LaneRoom:
        """How much more of this lane may be claimed."""
        load = self._loads.get(lane)
        return LaneRoom(self.calls_at_once, 0) if load is None else load.room

    def carried(self) -> Carried:
        """What all lanes carry now."""
        found = Carried(0, 0, {}, may_be_ahead=False)
        for load in self._loads.values():
            if not load.carried:
                continue
            at_once = load.at_once
            found.at_once += at_once
            found.ahead += load.carried - at_once
            for account_id, count in load.accounts.items():
                part = count if at_once == load.carried else ceil(count * at_once / load.carried)
                found.held[account_id] = found.held.get(account_id, 0) + part
            if not found.may_be_ahead:
                found.may_be_ahead = load.room.more(0) > 0
        return found

    def is_suspect(self, lane: str) -> bool:
        """Whether it let its latest calls time out."""
        return self._load(lane).limit < self.calls_at_once

    def _load(self, lane: str) -> LaneLoad:
        load = self._loads.get(lane)
        if load is None:
            load = self._loads[lane] = LaneLoad(self.calls_at_once)
            self._forget_unused()
        return load

    def _forget_unused(self) -> None:
        # Two for each that comes: those that could not be forgotten when they were the oldest add up.
        for _ in range(2):
            if len(self._loads) <= REMEMBERED_LANES:
                return
            oldest, load = next(iter(self._loads.items()))
            if load.carried:
                self._loads.move_to_end(oldest)
            else:
                del self._loads[oldest]
