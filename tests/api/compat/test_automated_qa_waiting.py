"""Waiting for a run as automated-qa's clients do: without a place, without its client, and without the database."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from api.compat.automated_qa import running
from api.services import Services
from api.store import work_states
from shared.errors import DatabaseUnavailable
from tests.api.compat.automated_qa_client import WORKER, made, plain
from tests.api.compat.calling import SystemClient
from tests.api_client import pages
from tests.processes import wait_until

__all__ = ["plain"]


def services_of(client: SystemClient) -> Services:
    return cast(Services, client.api.client.application.extensions["roundsman"])


def away(*_: object) -> None:
    raise DatabaseUnavailable("away")


@pytest.fixture
def checklist(plain: SystemClient) -> Any:
    return made(plain, "/checklists", workerUrl=WORKER)["id"]


def test_when_too_many_wait_no_run_is_begun(
    plain: SystemClient, checklist: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_of(plain).waiting_requests, "most_of_account", 0)
    answer = plain.call("POST", f"/checklists/{checklist}/run")
    assert (answer.status_code, answer.json["error"]["code"]) == (429, 5000)
    assert answer.headers["Retry-After"] == "1"
    assert pages(plain.api, "/runs", 10) == []


def test_a_client_that_hung_up_is_waited_with_no_longer(plain: SystemClient, checklist: int) -> None:
    client, server = socket.socketpair()
    with server, ThreadPoolExecutor(1) as pool:
        other = SystemClient(plain.api.for_another_thread(), plain.prefix)
        environ = {"gunicorn.socket": server}
        waiting = pool.submit(other.call, "POST", f"/checklists/{checklist}/run", environ_overrides=environ)
        wait_until(lambda: pages(plain.api, "/runs", 10), "the run is there")
        assert not waiting.done()
        began = time.monotonic()
        client.close()
        assert waiting.result(10).status_code == 504
        assert time.monotonic() - began < 5


def test_without_the_database_the_run_goes_on(
    plain: SystemClient, checklist: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "SLACK_SECONDS", -59.5)
    monkeypatch.setattr(work_states, "state_of", away)
    monkeypatch.setattr(running.runs, "get", away)
    answer = plain.call("POST", f"/checklists/{checklist}/run")
    monkeypatch.undo()
    [run] = pages(plain.api, "/runs", 10)
    assert answer.status_code == 504
    assert answer.json["error"]["cause"] == f"the database is out of reach; run {run['id']} goes on"
