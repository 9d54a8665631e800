"""Places for calls: one that takes long leaves its place to another and goes on beside it; not all of one account."""

from collections import Counter, deque
from collections.abc import Callable

from shared.store.work import ClaimedWork
from worker.room import may_hold_more

SLOW_FOR_EACH_PLACE = 8  # so many calls beside one that has a place: they cost memory and a socket, but no time


class UnderWay:
    """A piece of work that is being performed, and how to drop it."""

    __slots__ = ("begun_at", "drop", "has_place", "work")

    def __init__(self, work: ClaimedWork, begun_at: float, *, has_place: bool) -> None:
        self.work = work
        self.begun_at = begun_at
        self.has_place = has_place
        self.drop: Callable[[], object] | None = None


class Places:
    """So many places, and all that is under way with one or without."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.most_under_way = count * (SLOW_FOR_EACH_PLACE + 1)
        self.under_way: set[UnderWay] = set()
        self.taken = 0
        self._by_age: deque[UnderWay] = deque()
        self._slow = 0
        self._slow_of: Counter[int] = Counter()
        self.is_tight = False  # so many take long that an account may have its part of them

    @property
    def is_any_free(self) -> bool:
        return self.taken < self.count

    def may_begin(self, account_id: int) -> bool:
        """Whether one more of the account may be under way, even if it takes long; to be asked where it is tight."""
        if len(self.under_way) >= self.most_under_way:
            return False
        return may_hold_more(self._slow_of[account_id], self.most_under_way - self._slow)

    def begun(self, under_way: UnderWay) -> None:
        self.under_way.add(under_way)
        if under_way.has_place:
            self.taken += 1
            self._by_age.append(under_way)
        else:
            self._goes_on(under_way)

    def ended(self, under_way: UnderWay) -> None:
        if under_way.has_place:
            under_way.has_place = False
            self.taken -= 1
            return
        account_id = under_way.work.account_id
        self._slow_of[account_id] -= 1
        if self._slow_of[account_id] == 0:
            del self._slow_of[account_id]
        self._now_slow(self._slow - 1)

    def take_from(self, begun_before: float) -> bool:
        """Take the places of those that take long; whether there were any."""
        taken_before = self.taken
        for under_way in self._by_age:
            if under_way.has_place and under_way.begun_at <= begun_before:
                under_way.has_place = False
                self.taken -= 1
                self._goes_on(under_way)
        self._by_age = deque(under_way for under_way in self._by_age if under_way.has_place)
        return self.taken < taken_before

    def _goes_on(self, under_way: UnderWay) -> None:
        self._slow_of[under_way.work.account_id] += 1
        self._now_slow(self._slow + 1)

    def _now_slow(self, count: int) -> None:
        self._slow = count
        self.is_tight = not may_hold_more(count, self.most_under_way - count)
