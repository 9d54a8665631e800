"""Workers and schedulers that die, freeze or are told to stop; a Redis that loses everything or goes away."""

import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
import requests

from roundsman.local.redis import EmbeddedRedis
from shared.crash_points import CrashPoint
from shared.database import Database
from tests.processes import RunningApi, ServiceProcess, wait_until
from tests.reliability.checker import check
from tests.reliability.conftest import Start
from tests.reliability.test_faults_of_schedulers import FIRING_POINTS
from tests.target import Target


@pytest.fixture
def checklist(service: RunningApi, target: Target, request: pytest.FixtureRequest) -> Any:
    return service.make("/checklists", {"name": request.node.name, "worker_url": target.url("/"), "timeout_seconds": 2})


def pending_run(service: RunningApi, checklist: Any) -> str:
    return str(service.make(f"/checklists/{checklist['id']}/run")["id"])


def state_of(service: RunningApi, run_id: str) -> Any:
    return service.call("GET", f"/runs/{run_id}").json()


WORKER_POINTS = [point for point in CrashPoint if point.startswith("worker.")]
SWEEP_POINTS = [CrashPoint.SCHEDULER_BEFORE_COMMIT, CrashPoint.SCHEDULER_AFTER_COMMIT]
API_POINTS = [point for point in CrashPoint if point.startswith("api.")]


def test_every_crash_point_has_a_test() -> None:
    assert {*WORKER_POINTS, *SWEEP_POINTS, *FIRING_POINTS, *API_POINTS} == set(CrashPoint)


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_run_ends_although_its_worker_dies(
    point: CrashPoint, service: RunningApi, target: Target, checklist: Any, start: Start, database: Database
) -> None:
    start("scheduler")
    run_id = pending_run(service, checklist)
    doomed = start("worker", ROUNDSMAN_CRASH_POINT=point)
    assert doomed.process.wait(15) == -signal.SIGKILL
    start("worker")
    check(database, [run_id], target)
    run = state_of(service, run_id)
    assert run["state"] == "succeeded"
    assert run["attempts"] == (1 if point is CrashPoint.WORKER_AFTER_COMMIT else 2)


@pytest.mark.parametrize("point", SWEEP_POINTS)
def test_expired_leases_are_taken_back_although_a_scheduler_dies(
    point: CrashPoint, service: RunningApi, target: Target, checklist: Any, start: Start, database: Database
) -> None:
    run_id = pending_run(service, checklist)
    assert start("worker", ROUNDSMAN_CRASH_POINT=CrashPoint.WORKER_AFTER_CLAIM).process.wait(15) == -signal.SIGKILL
    assert start("scheduler", ROUNDSMAN_CRASH_POINT=point).process.wait(15) == -signal.SIGKILL
    start("scheduler")
    start("scheduler")
    start("worker")
    check(database, [run_id], target)
    assert state_of(service, run_id)["state"] == "succeeded"


@pytest.mark.parametrize("point", API_POINTS)
def test_a_repeated_request_creates_once_although_the_api_dies(
    point: CrashPoint, environment: dict[str, str], service: RunningApi, checklist: Any, tmp_path: Path
) -> None:
    """The crash kills a gunicorn process; its master starts the next, which dies of its first creation as well."""
    path = f"/checklists/{checklist['id']}/run"
    headers = {"Idempotency-Key": f"once {point}"}
    doomed = RunningApi(environment={**environment, "ROUNDSMAN_CRASH_POINT": point}, log=tmp_path / "api.log")
    with ServiceProcess.__enter__(doomed):
        wait_until(doomed.answers, "the API answers")
        key = str(service.session.headers["Authorization"])
        with pytest.raises(requests.ConnectionError):
            doomed.call("POST", path, json={}, headers={**headers, "Authorization": key})
    first = service.call("POST", path, json={}, headers=headers)
    again = service.call("POST", path, json={}, headers=headers)
    assert first.status_code == again.status_code == 202
    assert first.json()["id"] == again.json()["id"]
    assert ("Idempotent-Replay" in first.headers) == (point is CrashPoint.API_AFTER_COMMIT)
    runs = service.call("GET", f"/runs?checklist_id={checklist['id']}").json()["data"]
    assert [run["id"] for run in runs] == [first.json()["id"]]
    assert service.call("POST", f"/runs/{first.json()['id']}/cancel").ok


def test_a_worker_that_dies_every_time_ends_the_run_with_a_reason(
    service: RunningApi, target: Target, checklist: Any, start: Start, database: Database
) -> None:
    start("scheduler")
    run_id = pending_run(service, checklist)
    for _ in range(3):
        doomed = start("worker", ROUNDSMAN_CRASH_POINT=CrashPoint.WORKER_AFTER_CLAIM)
        assert doomed.process.wait(15) == -signal.SIGKILL
    check(database, [run_id], target)
    run = state_of(service, run_id)
    assert (run["state"], run["outcome"], run["attempts"]) == ("failed", "error", 3)
    assert "lease" in run["error"]


def test_a_frozen_worker_that_thaws_after_its_lease_changes_nothing(
    service: RunningApi, target: Target, checklist: Any, start: Start, database: Database
) -> None:
    target.on("/", "hang")
    frozen = start("worker")
    run_id = pending_run(service, checklist)
    target.wait_for(1)
    frozen.signal(signal.SIGSTOP)
    start("scheduler")
    wait_until(lambda: state_of(service, run_id)["state"] == "pending", "its lease has expired")
    target.on("/", "ok")
    start("worker")
    wait_until(lambda: state_of(service, run_id)["state"] == "succeeded", "another worker has run it")
    frozen.signal(signal.SIGCONT)
    wait_until(lambda: "lease_lost" in frozen.log.read_text(), "the first worker notices")
    check(database, [run_id], target)
    assert state_of(service, run_id)["attempts"] == 2


def test_a_worker_told_to_stop_finishes_what_it_can_and_gives_back_the_rest(
    service: RunningApi, target: Target, start: Start, database: Database
) -> None:
    target.on("/slow", "hang")
    target.answers["/"] = []
    slow = service.make("/checklists", {"name": "slow", "worker_url": target.url("/slow"), "timeout_seconds": 60})
    worker = start("worker")
    run_id = pending_run(service, slow)
    target.wait_for(1)
    assert worker.stop() == 0
    run = state_of(service, run_id)
    assert (run["state"], run["attempts"]) == ("pending", 1)
    target.on("/slow", "ok")
    target.answers["/slow"] = [{"name": "flow", "assertions": []}]
    start("worker")
    check(database, [run_id], target)
    assert state_of(service, run_id)["state"] == "succeeded"


def test_emptying_redis_in_the_middle_of_a_run_loses_nothing(
    service: RunningApi, target: Target, checklist: Any, start: Start, database: Database, redis_url: str
) -> None:
    start("scheduler")
    start("worker")
    with closing(redis.Redis.from_url(redis_url)) as client:
        run_ids = []
        for _ in range(20):
            run_ids.append(pending_run(service, checklist))
            client.flushall()
    check(database, run_ids, target)
    assert {state_of(service, run_id)["state"] for run_id in run_ids} == {"succeeded"}


def test_work_goes_on_while_redis_is_down_and_is_rung_again_when_it_is_back(
    environment: dict[str, str],
    service: RunningApi,
    target: Target,
    checklist: Any,
    start: Start,
    tmp_path: Path,
    database: Database,
) -> None:
    with EmbeddedRedis(tmp_path) as own_redis, closing(redis.Redis.from_url(own_redis.url)) as client:
        worker = start("worker", REDIS_URL=own_redis.url)
        wait_until(lambda: client.scard("rq:workers") == 1, "RQ knows the worker")
        own_redis.process.stop(1)
        run_id = pending_run(service, checklist)
        check(database, [run_id], target)
        assert state_of(service, run_id)["state"] == "succeeded"
        assert worker.process.poll() is None
        own_redis.process.start()
        wait_until(lambda: is_known_to_rq(client), "RQ knows the worker again")
        assert worker.stop() == 0


def is_known_to_rq(client: redis.Redis) -> bool:
    try:
        return client.scard("rq:workers") == 1
    except redis.RedisError:
        return False


def test_two_workers_and_two_schedulers_share_the_work_without_doing_any_twice(
    service: RunningApi, target: Target, checklist: Any, start: Start, database: Database
) -> None:
    for module in ("scheduler", "scheduler", "worker", "worker"):
        start(module)
    run_ids = [pending_run(service, checklist) for _ in range(100)]
    check(database, run_ids, target)
    assert len(target.requests) == 100
