"""Waiting for work to end, without a query per waiter: one subscription per process wakes those who wait."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import redis
import structlog

from shared.queues import FINISHED_CHANNEL, connect

log = structlog.get_logger(__name__)

Found = TypeVar("Found")

# Without Redis, or when an announcement is lost, a waiter still looks for itself, ever less often.
FIRST_LOOK_SECONDS = 0.25
LONGEST_LOOK_SECONDS = 1.0
RECONNECT_SECONDS = 1.0


class Finished:
    """Hears on Redis what has ended and wakes the waiters of this process."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._waiters: dict[str, list[threading.Event]] = {}
        self._lock = threading.Lock()
        self._listener: threading.Thread | None = None
        self._closed = threading.Event()

    def wait(self, work_id: UUID, look: Callable[[], Found | None], seconds: float) -> Found | None:
        """What `look` finds as soon as it finds something; None when `seconds` are over before."""
        deadline = time.monotonic() + seconds
        event = threading.Event()
        self._enter(str(work_id), event)
        try:
            pause = FIRST_LOOK_SECONDS
            while True:
                event.clear()
                if (found := look()) is not None:
                    return found
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return None
                event.wait(min(pause, remaining))
                pause = min(pause * 2, LONGEST_LOOK_SECONDS)
        finally:
            self._leave(str(work_id), event)

    def close(self) -> None:
        """Stop listening, at the latest with the next attempt to reach Redis."""
        self._closed.set()

    def _enter(self, work_id: str, event: threading.Event) -> None:
        with self._lock:
            self._waiters.setdefault(work_id, []).append(event)
            if self._listener is None:
                # Begun with the first waiter, not with the process: gunicorn forks after loading the application.
                self._listener = threading.Thread(target=self._listen, name="finished", daemon=True)
                self._listener.start()

    def _leave(self, work_id: str, event: threading.Event) -> None:
        with self._lock:
            waiting = self._waiters[work_id]
            waiting.remove(event)
            if not waiting:
                del self._waiters[work_id]

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                self._hear()
            except redis.RedisError as error:
                log.warning("redis_away", action="listen", error=str(error))
                self._closed.wait(RECONNECT_SECONDS)

    def _hear(self) -> None:
        client: Any = connect(self._redis_url, timeout_seconds=None)
        with client.pubsub(ignore_subscribe_messages=True) as subscription:
            subscription.subscribe(FINISHED_CHANNEL)
            for message in subscription.listen():
                if self._closed.is_set():
                    return
                for work_id in message["data"].decode("ascii", "replace").split():
                    with self._lock:
                        waiting = list(self._waiters.get(work_id, ()))
                    for event in waiting:
                        event.set()
