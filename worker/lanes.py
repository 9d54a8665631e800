"""How much of each lane a worker carries, and how much more of it may be claimed.

Calls to one host, or runs of one checklist, are a lane. So many of a lane are performed at once; a lane whose calls
come back quickly may wait in the worker a little ahead of that, and one that has let calls time out is tried one at a
time, until it answers.
"""

from collections import OrderedDict
from dataclasses import dataclass

# Work that waits in the worker is begun within about so long, going by how quickly its lane has answered.
AHEAD_SECONDS = 0.2
MOST_AHEAD = 1_000
REMEMBERED_LANES = 2_000
WEIGHT_OF_LATEST = 0.2


@dataclass(slots=True)
class LaneLoad:
    """`carried` is what was claimed and has not ended, `under_way` what of it has been begun."""

    limit: int
    carried: int = 0
    under_way: int = 0
    usual_seconds: float | None = None


class Lanes:
    """The load of every lane used lately; those that carry nothing are forgotten, the longest unused first."""

    def __init__(self, calls_at_once: int) -> None:
        self.calls_at_once = calls_at_once
        self._loads: OrderedDict[str, LaneLoad] = OrderedDict()

    def claimed(self, lane: str) -> None:
        """A piece of work of this lane was claimed."""
        self._load(lane).carried += 1

    def may_begin(self, lane: str) -> bool:
        load = self._load(lane)
        return load.under_way < load.limit

    def begun(self, lane: str) -> None:
        self._load(lane).under_way += 1

    def given_back(self, lane: str) -> None:
        """A piece of work of this lane is no longer carried, and was not begun."""
        self._load(lane).carried -= 1

    def ended(self, lane: str, seconds: float, *, timed_out: bool) -> None:
        """A piece of work that was begun has ended after so long."""
        load = self._load(lane)
        load.carried -= 1
        load.under_way -= 1
        if timed_out:
            load.limit, load.usual_seconds = 1, None
            return
        load.limit = min(self.calls_at_once, load.limit * 2)
        before = seconds if load.usual_seconds is None else load.usual_seconds
        load.usual_seconds = before + WEIGHT_OF_LATEST * (seconds - before)

    def room(self, lane: str) -> int:
        """How much more of this lane may be claimed."""
        load = self._loads.get(lane)
        return self.calls_at_once if load is None else max(0, load.limit + _ahead(load) - load.carried)

    def is_suspect(self, lane: str) -> bool:
        """Whether it let its latest calls time out."""
        return self._load(lane).limit < self.calls_at_once

    def _load(self, lane: str) -> LaneLoad:
        load = self._loads.get(lane)
        if load is None:
            load = self._loads[lane] = LaneLoad(self.calls_at_once)
            self._forget_unused()
        else:
            self._loads.move_to_end(lane)
        return load

    def _forget_unused(self) -> None:
        for _ in range(
            2
        ):  # two for each that comes: those that could not be forgotten when they were the oldest add up
            if len(self._loads) <= REMEMBERED_LANES:
                return
            oldest, load = next(iter(self._loads.items()))
            if load.carried:
                self._loads.move_to_end(oldest)
            else:
                del self._loads[oldest]


def _ahead(load: LaneLoad) -> int:
    if load.usual_seconds is None:
        return 0
    return min(MOST_AHEAD, int(load.limit * AHEAD_SECONDS / max(load.usual_seconds, 1e-4)))
