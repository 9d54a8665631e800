"""The WebSockets of this process: how many there may be, for which queues they are, and their end with the process."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import Gauge

from api.sockets.connection import Connection
from api.sockets.hand import Hand
from api.task_lines import Queue

OPEN = Gauge("roundsman_open_sockets", "WebSockets of workers that are open.", multiprocess_mode="livesum")

# Most connections of a process are for requests; and no account may have all the others.
MOST_OPEN: Final = 200
MOST_OPEN_OF_ACCOUNT: Final = 100


class OpenSockets:
    """Who is connected, by account."""

    def __init__(self) -> None:
        self._connections: set[Connection] = set()
        self._of_account: Counter[int] = Counter()
        self._hands: dict[Hand, Queue] = {}
        self._lock = threading.Lock()
        self.is_closed = False

    def has_room(self, account_id: int) -> bool:
        """Whether another one of this account may be opened."""
        with self._lock:
            return len(self._connections) < MOST_OPEN and self._of_account[account_id] < MOST_OPEN_OF_ACCOUNT

    @contextmanager
    def opened(self, account_id: int, connection: Connection) -> Iterator[None]:
        """Count this one as open for as long as the block runs."""
        with self._lock:
            self._connections.add(connection)
            self._of_account[account_id] += 1
        OPEN.inc()
        try:
            yield
        finally:
            OPEN.dec()
            with self._lock:
                self._connections.discard(connection)
                self._of_account[account_id] -= 1
                if not self._of_account[account_id]:
                    del self._of_account[account_id]

    def attend(self, queue: Queue, hand: Hand) -> None:
        """From now on somebody looks after this queue with this hand."""
        with self._lock:
            self._hands[hand] = queue

    def let_go(self, hand: Hand) -> None:
        """Nobody looks after a queue with this hand any longer."""
        with self._lock:
            self._hands.pop(hand, None)

    def attended(self) -> set[Queue]:
        """The queues for which a client is connected that takes tasks, even if it has no room just now."""
        with self._lock:
            return {queue for hand, queue in self._hands.items() if hand.terms.most}

    def close(self) -> None:
        """Let them all end: the process is to."""
        self.is_closed = True
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.wake()
