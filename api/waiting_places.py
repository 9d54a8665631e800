"""Places of those who wait: a process has room for so many, and no account may have it all."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from api.errors import TooManyRequests

# Of requests, each of which keeps a connection of the process; those who do not wait need some as well.
MOST_REQUESTS: Final = 900
MOST_REQUESTS_OF_ACCOUNT: Final = 600
# Of threads that wait for tasks on behalf of open WebSockets. They keep no connection of their own, but one of each
# queue looks into the database now and then.
MOST_FEEDERS: Final = 1_000
MOST_FEEDERS_OF_ACCOUNT: Final = 600

RETRY_AFTER_SECONDS: Final = 1


class WaitingPlaces:
    """So many may wait at the same time, and no more than some of them for one account."""

    def __init__(self, most: int, most_of_account: int) -> None:
        self.most = most
        self.most_of_account = most_of_account
        self._taken_by_account: Counter[int] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, account_id: int) -> Iterator[None]:
        """Keep a place for as long as the block runs. Raises TooManyRequests."""
        with self._lock:
            if not self._has_room(account_id):
                raise TooManyRequests(
                    "too many requests wait already; try again later, or wait with fewer",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
            self._taken_by_account[account_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken_by_account[account_id] -= 1
                if not self._taken_by_account[account_id]:
                    del self._taken_by_account[account_id]

    def _has_room(self, account_id: int) -> bool:
        taken = self._taken_by_account
        return taken[account_id] < self.most_of_account and taken.total() < self.most


def places_of_requests() -> WaitingPlaces:
    return WaitingPlaces(MOST_REQUESTS, MOST_REQUESTS_OF_ACCOUNT)


def places_of_feeders() -> WaitingPlaces:
    return WaitingPlaces(MOST_FEEDERS, MOST_FEEDERS_OF_ACCOUNT)
