"""Clients that push, pop and ack all the time, whatever fails meanwhile, and remember what they were promised."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from roundsman import RoundsmanError
from tests.processes import RunningApi, wait_until
from tests.reliability.conftest import client_of
from tests.reliability.external_work import named, push


class Crowd:
    """Clients that pop and ack in threads of their own until they are told that there is enough."""

    def __init__(self, api: RunningApi, queue: str, count: int, **pop: Any) -> None:
        self.taken: Counter[str] = Counter()
        self.acked: set[str] = set()
        self._api, self._queue, self._pop = api, queue, pop
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = ThreadPoolExecutor(count)
        self._working = [self._threads.submit(self._work) for _ in range(count)]

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._threads.shutdown()
        for working in self._working:
            working.result()

    def _work(self) -> None:
        with client_of(self._api) as client:
            while not self._over.is_set():
                try:
                    tasks = client.queues.pop(self._queue, **self._pop)
                    with self._lock:
                        self.taken.update(task["id"] for task in tasks)
                    results = client.tasks.ack_many([named(task) for task in tasks])
                except RoundsmanError:
                    continue  # whatever is away; what was taken comes back
                with self._lock:
                    self.acked.update(each["id"] for each in results if each["outcome"] in ("acked", "acked_before"))


class Pushing:
    """A client that pushes one batch after the other, and remembers which tasks it was promised."""

    def __init__(self, api: RunningApi, queue: str) -> None:
        self.promised: list[str] = []
        self._api, self._queue = api, queue
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def wait_for(self, count: int) -> None:
        wanted = len(self.promised) + count
        wait_until(lambda: len(self.promised) >= wanted, f"{count} more tasks are promised", 30)

    def _work(self) -> None:
        with client_of(self._api) as client:
            while not self._over.is_set():
                try:
                    self.promised += push(client, self._queue, 10)
                except RoundsmanError:
                    continue

    def __enter__(self) -> "Pushing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)
