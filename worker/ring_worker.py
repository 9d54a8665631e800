"""The RQ side of a worker process: an RQ worker that answers rings, whatever becomes of Redis."""

import signal
import threading
from types import FrameType
from typing import Any
from uuid import uuid4

import redis
import structlog
from rq import SimpleWorker, worker_registration
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer

from shared.queues import QUEUE_NAME, connect
from worker import jobs

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
# RQ lets its blocking pop end 15 s before this, and shows itself alive then.
WORKER_TTL_SECONDS = 30


class RingWorker(SimpleWorker):
    """Does not fork, calls only our functions, and tells its process when it is asked to stop."""

    job_class = jobs.Ring
    max_connection_wait_time = LONGEST_PAUSE_SECONDS

    def __init__(self, connection: redis.Redis, name: str, stopping: threading.Event) -> None:
        super().__init__(
            [QUEUE_NAME],
            connection=connection,
            name=name,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_SECONDS,
            log_job_description=False,
        )
        self._stopping = stopping

    def handle_warm_shutdown_request(self) -> None:
        self._stopping.set()

    def check_for_suspension(self, burst: bool) -> None:
        """Also notice a signal that came before RQ listened for signals: it would wait for rings for ever."""
        if self._stopping.is_set():
            raise StopRequested
        super().check_for_suspension(burst)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Also register again with a Redis that was emptied or restarted: RQ does so only once."""
        if pipeline is None and not self.connection.sismember(worker_registration.REDIS_WORKER_KEYS, self.key):
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]  # rq leaves it bare
        super().heartbeat(timeout, pipeline)


def answer_rings(redis_url: str, name: str, stopping: threading.Event) -> None:
    """Work for RQ until told to stop; while Redis is away, try again ever less often: the rounds go on without it."""
    pause = FIRST_PAUSE_SECONDS
    while not stopping.is_set():
        _install_handlers(stopping)
        try:
            # A new name each time: Redis may still remember the worker that lost its connection.
            worker = RingWorker(connect(redis_url, timeout_seconds=None), f"{name}.{uuid4().hex[:8]}", stopping)
            worker.work(logging_level="WARNING")
            pause = FIRST_PAUSE_SECONDS
        except StopRequested:
            return
        except redis.RedisError as error:
            log.warning("bell_out_of_reach", error=str(error), pause_seconds=pause)
        _install_handlers(stopping)
        stopping.wait(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _install_handlers(stopping: threading.Event) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
