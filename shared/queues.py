"""The bell: RQ jobs that wake workers, and announcements of what has ended, or waits for external workers. It carries
ids and names, never state.

Everything here is best effort and bounded: whoever rings has already committed, and the sweep finds what a lost ring
left behind.
"""

import threading
import time
from collections.abc import Collection, Iterable
from uuid import UUID

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

log = structlog.get_logger(__name__)

QUEUE_NAME = "rounds"
PERFORM = "worker.jobs.perform"
FINISHED_CHANNEL = "roundsman:finished"
TASKS_CHANNEL = "roundsman:tasks"

IDS_PER_RING = 500
RINGS_WAITING = 32  # one wakes one worker, which passes the bell on; more only pile up
RING_TTL_SECONDS = 60
JOB_TIMEOUT_SECONDS = 60
SILENCE_SECONDS = 1.0  # after a failure Redis is left alone for so long, or every request would pay its time-out


def connect(redis_url: str, *, timeout_seconds: float | None = 0.5) -> redis.Redis:
    """A client that fails within `timeout_seconds` instead of retrying; None waits, as RQ's blocking pop must."""
    return redis.Redis.from_url(
        redis_url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )


class Bell:
    """Rings for work and announces its end; never raises for Redis being away."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect(redis_url)
        self._queue = Queue(QUEUE_NAME, connection=self._redis, serializer=JSONSerializer)
        self._silent_until = 0.0
        self._lock = threading.Lock()

    def ring(self, ids: Collection[UUID | str]) -> bool:
        """Wake a worker for this work; whether a ring is on its way.

        A ring still waiting will be answered after this moment, hence after our commit: it serves for us too.
        """
        if self._is_silent():
            return False
        try:
            if self._redis.llen(self._queue.key) >= RINGS_WAITING:
                return True
            self._queue.enqueue_call(
                PERFORM,
                args=([str(id) for id in list(ids)[:IDS_PER_RING]],),
                description=f"ring for {len(ids)} pieces of work",
                timeout=JOB_TIMEOUT_SECONDS,
                ttl=RING_TTL_SECONDS,
                result_ttl=0,
                failure_ttl=RING_TTL_SECONDS,
            )
        except redis.RedisError as error:
            self._fall_silent("ring", error)
            return False
        return True

    def announce(self, ids: Iterable[UUID | str]) -> None:
        """Tell whoever waits for them that these pieces of work have ended."""
        self._publish(FINISHED_CHANNEL, " ".join(str(id) for id in ids))

    def announce_tasks(self, queues: Iterable[tuple[int, str]]) -> None:
        """Tell whoever waits for tasks that there are some now in these queues, by account id and name.

        Told as words `account/name`; neither part holds a slash or a space.
        """
        self._publish(TASKS_CHANNEL, " ".join(f"{account_id}/{name}" for account_id, name in dict.fromkeys(queues)))

    def answers(self) -> bool:
        """Whether Redis is there at this moment."""
        try:
            return bool(self._redis.ping())
        except redis.RedisError:
            return False

    def rings_waiting(self) -> int | None:
        """How many rings no worker has taken yet; None when Redis is away."""
        try:
            return int(self._redis.llen(self._queue.key))
        except redis.RedisError:
            return None

    def _publish(self, channel: str, text: str) -> None:
        if not text or self._is_silent():
            return
        try:
            self._redis.publish(channel, text)
        except redis.RedisError as error:
            self._fall_silent("announce", error)

    def _is_silent(self) -> bool:
        return time.monotonic() < self._silent_until

    def _fall_silent(self, action: str, error: redis.RedisError) -> None:
        with self._lock:
            self._silent_until = time.monotonic() + SILENCE_SECONDS
        log.warning("redis_away", action=action, error=str(error))
