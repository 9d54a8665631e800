"""A Postgres that is stopped at once under load, and one that loses every connection."""

import os
import signal
import threading
from contextlib import closing
from pathlib import Path

import psycopg2
import requests

from roundsman.local.postgres import EmbeddedPostgres
from shared.database import Database
from shared.migrate import migrate
from tests.processes import RunningApi, ServiceProcess, wait_until
from tests.reliability.checker import check
from tests.target import Target

TERMINATE_ALL = """
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Load:
    """A client that asks for one run after the other, and remembers which it was promised."""

    def __init__(self, api: RunningApi, checklist_id: int) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[int] = []
        self._api = api
        self._path = f"/checklists/{checklist_id}/run"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def _go_on(self) -> None:
        while not self._over.wait(0.002):
            try:
                answer = self._api.call("POST", self._path, json={})
            except requests.ConnectionError:
                continue
            if answer.status_code == 202:
                self.acknowledged.append(answer.json()["id"])
            else:
                assert "Retry-After" in answer.headers, answer.text
                self.refused.append(answer.status_code)

    def wait_for(self, count: int) -> None:
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, f"{count} more runs are promised", 30)


def test_nothing_that_was_promised_is_lost_when_postgres_is_stopped_at_once_and_when_it_hangs_up_on_everyone(
    environment: dict[str, str], target: Target, tmp_path: Path
) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        migrate(postgres.url)
        own = {**environment, "DATABASE_URL": postgres.url}
        with (
            RunningApi(environment=own, log=tmp_path / "api.log") as api,
            ServiceProcess("scheduler", environment=own, log=tmp_path / "scheduler.log"),
            ServiceProcess("worker", environment=own, log=tmp_path / "worker.log"),
        ):
            checklist = api.make("/checklists", {"name": "load", "worker_url": target.url("/"), "timeout_seconds": 2})
            with Load(api, checklist["id"]) as load:
                load.wait_for(50)
                os.kill(postgres.process.pid, signal.SIGQUIT)
                postgres.process.stop(5)
                wait_until(lambda: 503 in load.refused, "the API says that it cannot")
                postgres.process.start()
                load.wait_for(50)
                with closing(psycopg2.connect(postgres.url)) as connection, connection.cursor() as cursor:
                    cursor.execute(TERMINATE_ALL)
                load.wait_for(50)
            database = Database(postgres.url, size=1, name="test")
            check(database, load.acknowledged, target)
            database.close()
    assert set(load.refused) <= {503}
