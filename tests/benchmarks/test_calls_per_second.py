"""Jobs per second of one worker process, beside Dramatiq, a stock RQ worker, and a bare pycurl loop."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker
from rq import Queue

from roundsman.local.postgres import EmbeddedPostgres
from roundsman.local.redis import EmbeddedRedis
from shared.database import Database
from shared.migrate import migrate
from tests.benchmarks import calling_peers
from tests.benchmarks.nginx import Nginx
from tests.factories import an_account
from tests.processes import ServiceProcess, wait_until

ROUNDS = 3
JOBS, DRAMATIQ_JOBS, RQ_JOBS, BARE_CALLS = 20_000, 3_000, 150, 60_000
MANY = 100_000
GOAL_DRAMATIQ, GOAL_RQ = 10, 80
MOST_GROWTH_BYTES = 32 * 1_048_576

INSERT_JOBS = """
INSERT INTO work (account_id, kind, lane, spec, max_attempts, timeout_seconds, scheduled_for)
SELECT %(account_id)s, 'job', lane_of(%(url)s),
       jsonb_build_object('uri', %(url)s, 'method', 'POST', 'headers', '{}'::jsonb, 'error_uri', NULL,
                          'backoff_seconds', 10, 'payload', %(payload)s::jsonb),
       4, 30, now()
FROM generate_series(1, %(count)s)
"""

RATE = """
SELECT count(*) FILTER (WHERE state = 'succeeded' AND attempt = 1),
       extract(epoch FROM max(finished_at) - min(started_at))::float8
FROM work
WHERE account_id = %(account_id)s
"""

UNFINISHED = "SELECT count(*) FROM work WHERE account_id = %(account_id)s AND finished_at IS NULL"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Postgres that really syncs, a Redis, nothing else running."""
    directory = tmp_path_factory.mktemp("servers")
    with EmbeddedPostgres(directory) as postgres, EmbeddedRedis(directory) as redis_server:
        migrate(postgres.url)
        yield {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis_server.url,
            "ROUNDSMAN_EGRESS_ALLOW": "127.0.0.0/8",
            "ROUNDSMAN_LOG_LEVEL": "warning",
        }


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


def test_calls_per_second_of_one_worker_beside_its_peers(
    environment: dict[str, str],
    tcp_redis: str,
    nginx: Nginx,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sides: dict[str, Callable[[int], float]] = {
        "roundsman": lambda number: ours(environment, nginx, tmp_path / f"worker-{number}.log"),
        "Dramatiq, 32 threads": lambda number: dramatiq(tcp_redis, nginx, tmp_path / f"dramatiq-{number}.log"),
        "stock RQ, preloaded": lambda number: stock_rq(tcp_redis, nginx, tmp_path / f"rq-{number}.log"),
        "bare pycurl, 32": lambda _: bare_pycurl(nginx),
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(ROUNDS):
        for name, measure in sides.items():
            rates[name].append(measure(number))
    medians = {name: statistics.median(measured) for name, measured in rates.items()}
    with capsys.disabled():
        for name, measured in rates.items():
            listed = ", ".join(f"{rate:,.0f}" for rate in measured)
            sys.stdout.write(f"\n{name:22} {medians[name]:9,.0f}/s (of {listed})")
        for name in list(sides)[1:]:
            sys.stdout.write(f"\nratio to {name}: {medians['roundsman'] / medians[name]:.2f}")
        sys.stdout.write("\n")
    assert medians["roundsman"] / medians["Dramatiq, 32 threads"] >= GOAL_DRAMATIQ
    assert medians["roundsman"] / medians["stock RQ, preloaded"] >= GOAL_RQ


def test_a_hundred_thousand_due_jobs_leave_the_memory_flat(
    environment: dict[str, str], nginx: Nginx, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Database(environment["DATABASE_URL"], size=1, name="benchmark")) as database:
        account_id = _insert(database, environment, nginx, MANY)
        before = nginx.requests()
        with ServiceProcess("worker", environment=environment, log=tmp_path / "worker.log") as worker:
            process = psutil.Process(worker.process.pid)
            nginx.seconds_for(MANY // 5, before, limit_seconds=60)
            early = process.memory_info().rss
            nginx.seconds_for(MANY, before, limit_seconds=180)
            wait_until(lambda: _left(database, account_id) == 0, "all jobs have ended", 10)
            late = process.memory_info().rss
            user, system = process.cpu_times()[:2]
        rate = _rate(database, account_id, MANY)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{MANY:,} due jobs: {rate:,.0f}/s; memory {early / 2**20:.1f} MiB after a fifth, {late / 2**20:.1f} MiB"
            f" after all; {(user + system) / MANY * 1e6:.0f} us of the worker's CPU each\n"
        )
    assert late - early <= MOST_GROWTH_BYTES


def ours(environment: Mapping[str, str], nginx: Nginx, log: Path) -> float:
    with closing(Database(environment["DATABASE_URL"], size=1, name="benchmark")) as database:
        account_id = _insert(database, environment, nginx, JOBS)
        before = nginx.requests()
        with ServiceProcess("worker", environment=environment, log=log):
            # Asked of the witness: counting rows again and again would be a load of its own.
            nginx.seconds_for(JOBS, before, limit_seconds=120)
            wait_until(lambda: _left(database, account_id) == 0, "all jobs have ended", 10)
        return _rate(database, account_id, JOBS)


def dramatiq(url: str, nginx: Nginx, log: Path) -> float:
    with closing(redis.Redis.from_url(url)) as client, log.open("w") as output:
        client.flushall()
        broker = RedisBroker(url=url)
        broker.declare_queue("default")
        for _ in range(DRAMATIQ_JOBS):
            broker.enqueue(calling_peers.call.message(nginx.url))
        before = nginx.requests()
        command = [
            *(sys.executable, "-m", "dramatiq", "tests.benchmarks.calling_peers"),
            *("--processes", "1", "--threads", "32"),
        ]
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "PEER_REDIS_URL": url})
        try:
            return DRAMATIQ_JOBS / nginx.seconds_for(DRAMATIQ_JOBS, before, limit_seconds=120)
        finally:
            process.terminate()
            process.wait()


def stock_rq(url: str, nginx: Nginx, log: Path) -> float:
    with closing(redis.Redis.from_url(url)) as client, log.open("w") as output:
        client.flushall()
        queue = Queue("peer", connection=client)
        for _ in range(RQ_JOBS):
            queue.enqueue(calling_peers.call_for_rq, nginx.url)
        before = nginx.requests()
        command = [sys.executable, "-m", "tests.benchmarks.calling_peers"]
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "PEER_REDIS_URL": url})
        try:
            return RQ_JOBS / nginx.seconds_for(RQ_JOBS, before, limit_seconds=120)
        finally:
            process.wait()


def bare_pycurl(nginx: Nginx) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.bare_pycurl", nginx.url, str(BARE_CALLS)]
    return float(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)


def _insert(database: Database, environment: Mapping[str, str], nginx: Nginx, count: int) -> int:
    with database.transaction() as transaction:
        transaction.cursor.execute("TRUNCATE accounts CASCADE")
        account_id = an_account(transaction.cursor)
        values = {"url": nginx.url, "payload": json.dumps(calling_peers.PAYLOAD), "count": count}
        transaction.cursor.execute(INSERT_JOBS, {"account_id": account_id, **values})
    with closing(psycopg2.connect(environment["DATABASE_URL"])) as connection:
        connection.autocommit = True
        connection.cursor().execute("VACUUM ANALYZE")
    return account_id


def _left(database: Database, account_id: int) -> int:
    with database.reading() as cursor:
        cursor.execute(UNFINISHED, {"account_id": account_id})
        return int(cursor.fetchall()[0][0])


def _rate(database: Database, account_id: int, count: int) -> float:
    with database.reading() as cursor:
        cursor.execute(RATE, {"account_id": account_id})
        [(succeeded, seconds)] = cursor.fetchall()
    assert succeeded == count, f"{count - succeeded} jobs were lost or failed: no rate to speak of"
    return float(count / seconds)
