"""10,000 one-shots due at one instant: how long until all of them are in RQ; beside rq-scheduler and Celery's ETA."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer
from rq_scheduler import Scheduler

from roundsman.local.postgres import EmbeddedPostgres
from roundsman.local.redis import EmbeddedRedis
from shared.database import Database
from shared.migrate import migrate
from shared.queues import QUEUE_NAME
from tests.benchmarks import celery_peer
from tests.benchmarks.rq_peer import post
from tests.factories import a_checklist
from tests.processes import ServiceProcess, wait_until

COUNT = 10_000
ROUNDS = 3
GOAL_SECONDS = 1.5
GOAL_RQ_SCHEDULER = 10
GOAL_CELERY = 5

ONE_SHOTS = """
INSERT INTO schedules (account_id, run_at, kind, checklist_id, next_run_at)
SELECT account_id, %(at)s, 'run', id, %(at)s
FROM checklists, generate_series(1, %(count)s)
WHERE id = %(checklist_id)s
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    directory = tmp_path_factory.mktemp("servers")
    with EmbeddedPostgres(directory) as postgres, EmbeddedRedis(directory) as redis_server:
        migrate(postgres.url)
        yield {"DATABASE_URL": postgres.url, "REDIS_URL": redis_server.url, "ROUNDSMAN_LOG_LEVEL": "warning"}


def test_ten_thousand_one_shots_at_one_instant(
    environment: dict[str, str], tcp_redis: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides: dict[str, Callable[[int], float]] = {
        "roundsman": lambda number: ours(environment, tmp_path / f"scheduler-{number}.log"),
        "rq-scheduler": lambda number: rq_scheduler(tcp_redis, tmp_path / f"rqscheduler-{number}.log"),
        "Celery ETA": lambda number: celery_eta(tcp_redis, tmp_path / f"celery-{number}.log"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(ROUNDS):
        for name, measure in sides.items():
            seconds[name].append(measure(number))
    medians = {name: statistics.median(measured) for name, measured in seconds.items()}
    with capsys.disabled():
        for name, measured in seconds.items():
            listed = ", ".join(f"{value:.2f}" for value in measured)
            sys.stdout.write(f"\n{name:14} {medians[name]:7.2f} s until all {COUNT:,} are queued (of {listed})")
        for name in ("rq-scheduler", "Celery ETA"):
            sys.stdout.write(f"\nratio to {name}: {medians[name] / medians['roundsman']:.1f}")
        sys.stdout.write("\n")
    assert medians["roundsman"] <= GOAL_SECONDS
    assert medians["rq-scheduler"] / medians["roundsman"] >= GOAL_RQ_SCHEDULER
    assert medians["Celery ETA"] / medians["roundsman"] >= GOAL_CELERY


def ours(environment: Mapping[str, str], log: Path) -> float:
    database = Database(environment["DATABASE_URL"], size=1, name="benchmark")
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM accounts")
        checklist = a_checklist(transaction.cursor)
        transaction.cursor.execute("SELECT now() + interval '6 seconds'")
        at: datetime = transaction.cursor.fetchall()[0][0]
        transaction.cursor.execute(ONE_SHOTS, {"at": at, "count": COUNT, "checklist_id": checklist.id})
    database.close()
    with closing(psycopg2.connect(environment["DATABASE_URL"])) as connection:
        connection.autocommit = True
        connection.cursor().execute("VACUUM ANALYZE")
    with closing(redis.Redis.from_url(environment["REDIS_URL"])) as client:
        client.flushall()
        queue = Queue(QUEUE_NAME, connection=client, serializer=JSONSerializer)
        with ServiceProcess("scheduler", environment=environment, log=log):
            wait_until(lambda: len(queue) * 500 >= COUNT and len(_rung(queue)) == COUNT, "all are in RQ", 60)
            return (datetime.now(UTC) - at).total_seconds()


def _rung(queue: Queue) -> set[str]:
    return {id for job in queue.jobs for id in job.args[0]}


def rq_scheduler(url: str, log: Path) -> float:
    with closing(redis.Redis.from_url(url)) as client, log.open("w") as output:
        client.flushall()
        at = datetime.now(UTC) + timedelta(seconds=30)
        scheduler = Scheduler("peer", connection=client)
        for _ in range(COUNT):
            scheduler.enqueue_at(at.replace(tzinfo=None), post, "http://127.0.0.1:9/")
        at = datetime.now(UTC) + timedelta(seconds=4)
        for id, _score in client.zscan_iter("rq:scheduler:scheduled_jobs"):
            client.zadd("rq:scheduler:scheduled_jobs", {id: int(at.timestamp())})
        command = [sys.executable, "-m", "rq_scheduler.scripts.rqscheduler", "--url", url, "--interval", "1"]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_until(lambda: client.llen("rq:queue:peer") >= COUNT, f"rq-scheduler has queued all ({log})", 120)
            return time.time() - int(at.timestamp())
        finally:
            process.kill()
            process.wait()


def celery_eta(url: str, log: Path) -> float:
    with closing(redis.Redis.from_url(url)) as client, log.open("w") as output:
        client.flushall()
        at = datetime.now(UTC) + timedelta(seconds=25)
        celery_peer.app.conf.broker_url = url
        with celery_peer.app.connection_for_write(url) as connection:
            for _ in range(COUNT):
                celery_peer.arrived.apply_async(eta=at, connection=connection)
        command = [
            *(sys.executable, "-m", "celery", "--app", "tests.benchmarks.celery_peer", "worker"),
            *("--pool", "threads", "--concurrency", "8", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"),
        ]
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "PEER_REDIS_URL": url})
        try:
            wait_until(lambda: int(client.get(celery_peer.ARRIVED) or 0) >= COUNT, f"Celery has run all ({log})", 150)
            return (datetime.now(UTC) - at).total_seconds()
        finally:
            process.kill()
            process.wait()
