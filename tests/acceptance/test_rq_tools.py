"""RQ's own tools look at our queue and workers as at any other."""

import subprocess
import sys
from pathlib import Path

from shared.queues import Bell
from tests.processes import ServiceProcess, wait_until


def rq_info(redis_url: str) -> str:
    command = [sys.executable, "-m", "rq.cli", "info", "--url", redis_url]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout


def test_rq_info_shows_our_workers_and_their_queue(environment: dict[str, str], redis_url: str, tmp_path: Path) -> None:
    Bell(redis_url).ring([])
    with ServiceProcess("worker", environment=environment, log=tmp_path / "worker.log") as worker:
        wait_until(lambda: "1 workers, 1 queues" in rq_info(redis_url), "rq info shows the worker")
        shown = rq_info(redis_url)
        assert str(worker.process.pid) in shown
        assert "idle rounds" in shown
        assert worker.stop() == 0
    assert "0 workers" in rq_info(redis_url)
