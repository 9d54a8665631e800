"""A worker process: answers rings in its main thread, makes its rounds in another, calls out in a third."""

import argparse
import os
import threading

import structlog

from shared.database import Database
from shared.logs import configure_logs
from shared.open_files import raise_limit
from shared.queues import Bell
from shared.settings import settings_of_process
from worker import jobs
from worker.deliveries import DeliveryPerformer
from worker.http_jobs import JobPerformer
from worker.outbound import Outbound
from worker.performer import Performer
from worker.places import SLOW_FOR_EACH_PLACE
from worker.ring_worker import answer_rings
from worker.rounds import Rounds
from worker.runs import RunPerformer

log = structlog.get_logger(__name__)


# Those that take long go on beside the brisk ones, see Dispatch; a run may make more than one call.
CALLS_FOR_EACH_PLACE = SLOW_FOR_EACH_PLACE + 1


def main() -> None:
    settings = settings_of_process()
    parser = argparse.ArgumentParser(prog="roundsman worker", description="Perform runs, jobs and deliveries.")
    parser.add_argument("--concurrency", type=int, default=settings.concurrency, help="calls in flight at once")
    concurrency = parser.parse_args().concurrency
    if not 1 <= concurrency <= 1_000:
        parser.error("--concurrency must be a whole number from 1 to 1000")
    configure_logs("worker", settings.log_format, settings.log_level)
    raise_limit()
    # libcurl looks names up on a pool of threads: a name server that is silent must not keep them for half a minute.
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:2")

    database = Database(settings.database_url, size=2, name="worker")
    stopping = threading.Event()
    with Outbound(concurrency=concurrency * CALLS_FOR_EACH_PLACE, allow=settings.egress_allow) as outbound:
        performers: dict[str, Performer] = {
            "run": RunPerformer(outbound),
            "job": JobPerformer(outbound, delivery_attempts=settings.delivery_attempts),
            "delivery": DeliveryPerformer(outbound, settings),
        }
        rounds = Rounds(
            database, Bell(settings.redis_url), outbound.loop, performers, settings, concurrency=concurrency
        )
        jobs.serve(rounds, stopping)
        rounds.start()
        log.info("worker_started", name=rounds.name, concurrency=concurrency)
        answer_rings(settings.redis_url, rounds.name.replace(":", "."), stopping)
        rounds.stop(settings.grace_seconds)
    database.close()
    log.info("worker_stopped", **rounds.counters)


if __name__ == "__main__":
    main()
