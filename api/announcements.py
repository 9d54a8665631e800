"""What is told on Redis, heard on one connection of this process and passed on to those who wait here."""

import threading
from collections.abc import Callable
from typing import Any

import redis
import structlog

from shared.queues import connect

log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 1.0


class Announcements:
    """One subscription for all channels. What is told while Redis is away is not heard: nobody may rely on hearing."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._listeners: dict[str, Callable[[str], None]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def pass_on(self, channel: str, heard: Callable[[str], None]) -> None:
        """Call this with every text that is told on the channel, once somebody listens."""
        self._listeners[channel] = heard

    def listen(self) -> None:
        """Begin to listen, if that is still to be done; not with the process: gunicorn forks it before."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="announcements", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop listening, at the latest with the next attempt to reach Redis."""
        self._closed.set()

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
            subscription.subscribe(*self._listeners)
            for message in subscription.listen():
                if self._closed.is_set():
                    return
                heard = self._listeners[message["channel"].decode("ascii", "replace")]
                heard(message["data"].decode("ascii", "replace"))
