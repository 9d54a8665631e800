"""What a worker has room for, in all and in each lane, and how much of it is kept from whoever has most."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

# An account may hold so many times what is free: one alone three quarters of a worker, two of them three sevenths each,
# and whoever comes then still finds room.
TIMES_WHAT_IS_FREE = 3


class LaneRoom(NamedTuple):
    """How much more of a lane may be claimed: to be begun at once, and to wait until the lane has room for it.

    What is in a quick lane may wait for its place as well.
    """

    now: int
    ahead: int
    is_quick: bool = False

    def more(self, given: int) -> int:
        """How much of it may wait once so much was given to be begun at once."""
        return self.now + self.ahead - given if self.is_quick or given >= self.now else 0


@dataclass(frozen=True, slots=True)
class Room:
    """How much more may be claimed.

    `now` is to be begun at once, out of what is `free` for all accounts; each of those in `held` holds so much already,
    any other nothing. `ahead` may wait for lanes that are quick.
    """

    now: int
    ahead: int
    free: int
    held: Mapping[int, int]

    @property
    def is_none(self) -> bool:
        return self.now <= 0 and self.ahead <= 0

    def has_any_for(self, account_id: int) -> bool:
        """Whether there may be some for this account."""
        return may_hold_more(self.held.get(account_id, 0), self.free)


def may_hold_more(held: int, free: int) -> bool:
    """Whether an account that holds so much may have any of what is free.

    >>> may_hold_more(held=8, free=4), may_hold_more(held=9, free=4), may_hold_more(held=0, free=1)
    (True, False, True)
    """
    return free > 0 and (held == 0 or held + 1 <= TIMES_WHAT_IS_FREE * (free - 1))
