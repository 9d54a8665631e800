"""The API as a process: what only shows behind the real server."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2
import pytest
import requests

from tests.processes import ROOT, RunningApi, wait_until

BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def api(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(environment=environment, log=tmp_path_factory.mktemp("api") / "api.log") as running:
        yield running


def test_a_request_that_waits_for_postgres_holds_up_no_other(api: RunningApi, database_url: str) -> None:
    checklist = api.make("/checklists", {"name": "locked", "worker_url": "http://127.0.0.1:9/"})
    answers: list[requests.Response] = []
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM checklists WHERE id = %(id)s FOR UPDATE", checklist)
        body = {"name": "renamed", "worker_url": "http://127.0.0.1:9/"}
        key = {"Authorization": str(api.session.headers["Authorization"])}
        url = f"{api.url}/checklists/{checklist['id']}"
        waiting = threading.Thread(target=lambda: answers.append(requests.put(url, json=body, headers=key, timeout=30)))
        waiting.start()
        wait_until(lambda: _count(database_url) == 1, "the request waits for the lock")
        assert api.call("GET", "/checklists").elapsed.total_seconds() < 1
        connection.rollback()
        waiting.join(10)
    assert [answer.status_code for answer in answers] == [200]


def test_clients_that_send_half_a_request_hold_up_nobody(api: RunningApi) -> None:
    address = ("127.0.0.1", int(api.url.rsplit(":", 1)[1]))
    with ExitStack() as stack:
        for _ in range(60):
            slow = stack.enter_context(socket.create_connection(address))
            slow.sendall(b"POST /checklists HTTP/1.1\r\nHost: here\r\nContent-Le")
        assert api.call("GET", "/checklists").elapsed.total_seconds() < 1


def test_many_clients_that_wait_for_runs_hold_up_nobody(api: RunningApi) -> None:
    checklist = api.make("/checklists", {"name": "waited for", "worker_url": "http://127.0.0.1:9/"})
    url = f"{api.url}/checklists/{checklist['id']}/run"
    headers = {"Authorization": str(api.session.headers["Authorization"]), "Prefer": "wait=30"}

    def wait_for_run() -> None:
        answers.append(requests.post(url, headers=headers, timeout=40))

    answers: list[requests.Response] = []
    threads = [threading.Thread(target=wait_for_run) for _ in range(30)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(_pending(api, checklist)) == 30, "all of them wait")
    assert api.call("GET", "/checklists").elapsed.total_seconds() < 1
    for run in _pending(api, checklist):
        assert api.call("POST", f"/runs/{run['id']}/cancel").ok
    for thread in threads:
        thread.join(10)
    assert {(answer.status_code, answer.json()["state"]) for answer in answers} == {(200, "canceled")}


def test_a_chunked_body_over_the_limit_is_refused_not_cut(api: RunningApi) -> None:
    body = (b"[" + b"1," * 32_768 for _ in range(40))
    answer = api.call("POST", "/checklists", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_chunked_body_within_the_limit_is_read_whole(api: RunningApi) -> None:
    body = (part for part in (b'{"name": "chun', b'ked", "worker_url": "http://127.0.0.1:9/"}'))
    answer = api.call("POST", "/checklists", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    assert answer.json()["name"] == "chunked"


def test_metrics_add_up_over_the_processes_of_the_api(api: RunningApi) -> None:
    api.call("GET", "/health")
    text = api.call("GET", "/metrics").text
    assert 'roundsman_http_requests_total{endpoint="service.health"' in text
    assert 'roundsman_up{part="postgres"} 1.0' in text


def test_the_log_speaks_json_and_holds_no_secret(api: RunningApi) -> None:
    key = str(api.session.headers["Authorization"]).removeprefix("Bearer ")
    api.call("GET", f"/nowhere/{key}")
    log: Path = api.log
    assert '"event": "request"' in log.read_text()
    assert key not in log.read_text()


def _count(database_url: str) -> int:
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(BLOCKED)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _pending(api: RunningApi, checklist: dict[str, int]) -> list[dict[str, str]]:
    path = f"/runs?checklist_id={checklist['id']}&state=pending&limit=200"
    return list(api.call("GET", path).json()["data"])


@pytest.mark.parametrize("command", [("api.keys", "create"), ("scheduler.retention",)])
def test_a_command_that_does_not_reach_the_database_says_so_in_a_sentence(
    command: tuple[str, ...], environment: dict[str, str]
) -> None:
    away = {**os.environ, **environment, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    ended = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=away, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("roundsman: the database is out of reach: ")
    assert "Traceback" not in ended.stderr
