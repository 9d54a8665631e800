"""Slots for calls: no account takes them all, and of those that wait the one is next that holds the fewest."""

import asyncio
from collections import Counter, deque
from typing import TypeAlias

from worker.room import may_hold_more

Owner: TypeAlias = int | None  # an account; None stands for nobody in particular, and is not bounded


class Slots:
    """So many slots, for coroutines of one loop."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._held: Counter[Owner] = Counter()
        self._waiting: dict[Owner, deque[asyncio.Future[None]]] = {}

    async def take(self, owner: Owner) -> None:
        """Wait for a slot, which is then to be given back; cancelled while it waits, it has none."""
        if self._free and self._may_hold_more(owner):
            self._grant(owner)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was granted at the same moment
                self.give_back(owner)
            raise

    def give_back(self, owner: Owner) -> None:
        """Let another have the slot."""
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        while self._free and (served := [owner for owner in self._waiting if self._may_hold_more(owner)]):
            self._serve(min(served, key=self._held.__getitem__))

    def _serve(self, owner: Owner) -> None:
        """Grant a slot to the first of this owner who still waits; its others go behind those of other owners."""
        line = self._waiting.pop(owner)
        while line:
            turn = line.popleft()
            if not turn.cancelled():
                self._grant(owner)
                turn.set_result(None)
                break
        if line:
            self._waiting[owner] = line

    def _may_hold_more(self, owner: Owner) -> bool:
        return owner is None or may_hold_more(self._held[owner], self._free)

    def _grant(self, owner: Owner) -> None:
        self._free -= 1
        self._held[owner] += 1
