"""Checklist runs per second of one worker process, beside a stock RQ worker that does one requests.post per job."""

import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import redis
from rq import Queue
from rq.job import Job

from roundsman.local.postgres import EmbeddedPostgres
from roundsman.local.redis import EmbeddedRedis
from shared.database import Database
from shared.migrate import migrate
from tests.benchmarks.rq_peer import post
from tests.factories import a_checklist
from tests.processes import ServiceProcess, free_port, wait_until

ROUNDS = 3
RUNS = 10_000
PEER_JOBS = 150
GOAL = 25

INSERT_RUNS = """
INSERT INTO work (account_id, kind, checklist_id, spec, max_attempts, timeout_seconds)
SELECT %(account_id)s, 'run', %(checklist_id)s, '{"variables": {}}', 3, 60
FROM generate_series(1, %(count)s)
"""

RATE = """
SELECT count(*) FILTER (WHERE outcome = 'passed' AND attempt = 1),
       extract(epoch FROM max(finished_at) - min(started_at))::float8
FROM work
WHERE checklist_id = %(checklist_id)s
"""

UNFINISHED = "SELECT count(*) FROM work WHERE checklist_id = %(checklist_id)s AND finished_at IS NULL"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A Postgres that really syncs, a Redis, nothing else running."""
    with EmbeddedPostgres(tmp_path) as postgres, EmbeddedRedis(tmp_path) as redis_server:
        migrate(postgres.url)
        yield {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis_server.url,
            "ROUNDSMAN_EGRESS_ALLOW": "127.0.0.0/8",
            "ROUNDSMAN_LOG_LEVEL": "warning",
        }


@pytest.fixture
def server_url() -> Iterator[str]:
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.answering_server", str(port)])
    yield f"http://127.0.0.1:{port}/"
    server.kill()
    server.wait()


def test_runs_per_second_of_one_worker_beside_a_stock_rq_worker(
    environment: dict[str, str], server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, peers = [], []
    for number in range(ROUNDS):
        ours.append(runs_per_second(environment, server_url, tmp_path / f"worker-{number}.log"))
        peers.append(peer_jobs_per_second(environment, server_url, tmp_path / f"rq-{number}.log"))
    ratio = statistics.median(ours) / statistics.median(peers)
    with capsys.disabled():
        sys.stdout.write(
            f"\nchecklist runs, one worker process: {statistics.median(ours):,.0f}/s (of {_list(ours)})"
            f"\nstock RQ worker, requests.post:     {statistics.median(peers):,.0f}/s (of {_list(peers)})"
            f"\nratio: {ratio:.1f} (goal: {GOAL})\n"
        )
    assert ratio >= GOAL


def runs_per_second(environment: Mapping[str, str], server_url: str, log: Path) -> float:
    database = Database(environment["DATABASE_URL"], size=1, name="benchmark")
    with database.transaction() as transaction:
        checklist = a_checklist(transaction.cursor, worker_url=server_url)
        transaction.cursor.execute(
            INSERT_RUNS, {"account_id": checklist.account_id, "checklist_id": checklist.id, "count": RUNS}
        )
    with (
        ServiceProcess("worker", environment=environment, log=log),
        closing(psycopg2.connect(environment["DATABASE_URL"])) as connection,
    ):
        connection.autocommit = True
        cursor = connection.cursor()

        def all_ended() -> bool:
            cursor.execute(UNFINISHED, {"checklist_id": checklist.id})
            return cursor.fetchone() == (0,)

        wait_until(all_ended, "all runs have ended", seconds=120)
        cursor.execute(RATE, {"checklist_id": checklist.id})
        succeeded, seconds = cursor.fetchone() or (0, 0.0)
    database.close()
    assert succeeded == RUNS, f"{RUNS - succeeded} runs were lost or failed: no rate to speak of"
    return float(RUNS / seconds)


def peer_jobs_per_second(environment: Mapping[str, str], server_url: str, log: Path) -> float:
    with closing(redis.Redis.from_url(environment["REDIS_URL"])) as client:
        client.flushall()
        queue = Queue("peer", connection=client)
        ids = [queue.enqueue(post, server_url, result_ttl=600).id for _ in range(PEER_JOBS)]
        with log.open("w") as output:
            subprocess.run(
                [sys.executable, "-m", "rq.cli", "worker", "--burst", "--url", environment["REDIS_URL"], "peer"],
                stdout=output,
                stderr=output,
                check=True,
                timeout=120,
            )
        jobs = [Job.fetch(id, connection=client) for id in ids]
        assert all(job.is_finished for job in jobs), f"some jobs were lost or failed: no rate to speak of ({log})"
        began = min(job.started_at for job in jobs if job.started_at)
        ended = max(job.ended_at for job in jobs if job.ended_at)
    return PEER_JOBS / (ended - began).total_seconds()


def _list(rates: list[float]) -> str:
    return ", ".join(f"{rate:,.0f}" for rate in rates)
