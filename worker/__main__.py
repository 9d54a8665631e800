"""A worker process: answers rings from RQ in its main thread, makes its rounds in another, calls out in a third."""

import argparse
import os
import signal
import threading
from types import FrameType
from uuid import uuid4

import redis
import structlog
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from shared.database import Database
from shared.logs import configure_logs
from shared.queues import QUEUE_NAME, Bell, connect
from shared.settings import Settings, read_settings
from worker import jobs
from worker.outbound import Outbound
from worker.rounds import Rounds
from worker.runs import RunPerformer

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


class RingWorker(SimpleWorker):
    """An RQ worker that does not fork, calls only our functions, and tells its process when it is asked to stop."""

    job_class = jobs.Ring

    def __init__(self, connection: redis.Redis, name: str, stopping: threading.Event) -> None:
        super().__init__(
            [QUEUE_NAME],
            connection=connection,
            name=name,
            serializer=JSONSerializer,
            log_job_description=False,
        )
        self._stopping = stopping

    def handle_warm_shutdown_request(self) -> None:
        self._stopping.set()


def answer_rings(settings: Settings, name: str, stopping: threading.Event) -> None:
    """Work for RQ until told to stop; while Redis is away, try again ever less often: the rounds go on without it."""
    pause = FIRST_PAUSE_SECONDS
    while not stopping.is_set():
        _install_handlers(stopping)
        try:
            # A new name each time: Redis may still remember the worker that lost its connection.
            worker = RingWorker(
                connect(settings.redis_url, timeout_seconds=None), f"{name}.{uuid4().hex[:8]}", stopping
            )
            worker.work(logging_level="WARNING")
            pause = FIRST_PAUSE_SECONDS
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


def main() -> None:
    settings = read_settings(os.environ)
    parser = argparse.ArgumentParser(prog="roundsman worker", description="Perform runs, jobs and deliveries.")
    parser.add_argument("--concurrency", type=int, default=settings.concurrency, help="calls in flight at once")
    concurrency = max(1, min(1_000, parser.parse_args().concurrency))
    configure_logs("worker", settings.log_format, settings.log_level)

    database = Database(settings.database_url, size=2, name="worker")
    bell = Bell(settings.redis_url)
    stopping = threading.Event()
    with Outbound(concurrency=concurrency, allow=settings.egress_allow) as outbound:
        rounds = Rounds(
            database,
            bell,
            {"run": RunPerformer(outbound)},
            capacity=concurrency,
            margin_seconds=settings.lease_margin_seconds,
            sweep_seconds=settings.sweep_seconds,
        )
        jobs.serve(rounds, stopping)
        rounds.start()
        log.info("worker_started", name=rounds.name, concurrency=concurrency)
        answer_rings(settings, rounds.name.replace(":", "."), stopping)
        rounds.stop(settings.grace_seconds)
    database.close()
    log.info("worker_stopped", **rounds.counters)


if __name__ == "__main__":
    main()
