"""Looking where work waits: some lanes of every account in each look, and all of them within a pass."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from shared.database import Cursor
from worker.store import claims
from worker.store.claims import Lane

LANES_AT_ONCE = 500
REMEMBERED_ACCOUNTS = 10_000


class Looking:
    """Goes over the waiting lanes, so many in a look; each account is gone on with where it was left.

    A pass goes over all accounts. As long as nothing is found it goes on to the last lane of each; once something is,
    the next look begins with all accounts again, so that nobody's few lanes are behind another's many.
    """

    def __init__(self) -> None:
        self._open: dict[int, str | None] = {}  # accounts whose lanes have not all been seen, and the last that was
        self._left_at: dict[int, str] = {}
        self._up_to_account = 0
        self._is_last = False
        self._is_whole = True  # nothing has been left out of this pass: it began with the first lanes

    def look(self, cursor: Cursor, has_room: Callable[[int], bool]) -> Sequence[Lane] | None:
        """The next lanes of the accounts that have room; None when all there are have been looked at in vain."""
        while not self._open:
            if self._is_last:
                was_whole, self._is_whole, self._is_last = self._is_whole, True, False
                if was_whole:
                    return None
            self._open_next(cursor, has_room)
        lanes = claims.waiting_lanes(cursor, self._open, limit=LANES_AT_ONCE)
        self._open = _unfinished(lanes) if len(lanes) == LANES_AT_ONCE else {}
        return lanes

    def found(self) -> None:
        """There was something to claim in these lanes: begin with all accounts again."""
        if len(self._left_at) > REMEMBERED_ACCOUNTS:
            self._left_at.clear()
        self._left_at |= {account_id: lane for account_id, lane in self._open.items() if lane is not None}
        self._open = {}
        self._is_last = False
        self._is_whole = self._up_to_account == 0

    def _open_next(self, cursor: Cursor, has_room: Callable[[int], bool]) -> None:
        """The next accounts with pending work."""
        at_once = max(1, LANES_AT_ONCE // 2)
        accounts = claims.waiting_accounts(cursor, after=self._up_to_account, limit=at_once)
        self._is_last = len(accounts) < at_once
        self._up_to_account = 0 if self._is_last else accounts[-1]
        self._open = {account_id: self._left_at.pop(account_id, None) for account_id in filter(has_room, accounts)}
        self._is_whole = self._is_whole and all(left_at is None for left_at in self._open.values())


def _unfinished(lanes: Sequence[Lane]) -> dict[int, str | None]:
    """Those accounts that may have more lanes than these, and the last that was seen.

    Where all got the same number, or one less, whoever has got fewer than that has no more.

    >>> lanes = [Lane(1, "a", True), Lane(1, "b", True), Lane(1, "c", True), Lane(2, "a", True), Lane(3, "a", True)]
    >>> _unfinished([*lanes, Lane(3, "b", True)])
    {1: 'c', 3: 'b'}
    """
    seen = Counter(lane.account_id for lane in lanes)
    most = max(seen.values())
    last: Mapping[int, str] = {lane.account_id: lane.name for lane in lanes}
    return {account_id: last[account_id] for account_id, count in seen.items() if count >= most - 1}
