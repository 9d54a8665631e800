"""Jobs and deliveries whose worker, database, bell or far end fails: each ends, is recorded, and holds up nobody."""

import os
import signal
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import redis
import requests

from roundsman.local.postgres import EmbeddedPostgres
from roundsman.local.redis import EmbeddedRedis
from shared.crash_points import CrashPoint
from shared.database import Database
from shared.migrate import migrate
from tests.certificate import ca_file
from tests.processes import RunningApi, ServiceProcess, wait_until
from tests.reliability.checker import check
from tests.reliability.conftest import (
    HeldTarget,
    ResettingTarget,
    Start,
    end_leases,
    outcomes,
    rows,
    seconds_between,
    signed_up,
    tell,
)
from tests.target import Target

WORKER_POINTS = [point for point in CrashPoint if point.startswith("worker.")]
API_POINTS = [point for point in CrashPoint if point.startswith("api.")]

IN_HAND = "SELECT kind, count(*) FROM work WHERE state = 'running' GROUP BY kind"

STATES = """
SELECT kind, state, count(*)
FROM work
WHERE account_id = (SELECT account_id FROM webhooks WHERE id = %(webhook_id)s)
GROUP BY kind, state
"""


@pytest.fixture(scope="module")
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "ROUNDSMAN_WEBHOOK_RETRY_SECONDS": "0.05,0.05,0.05"}


def a_job(service: RunningApi, uri: str, **fields: Any) -> str:
    return str(service.make("/jobs", {"uri": uri, "timeout_seconds": 1, "backoff_seconds": 0} | fields)["id"])


def a_webhook(service: RunningApi, hooks: Target, path: str) -> Any:
    wanted = ["job.succeeded", "job.failed"]
    return service.make("/webhooks", {"url": hooks.url(path), "event_types": wanted})


def states(service: RunningApi, job_ids: list[str]) -> Counter[str]:
    return Counter(service.call("GET", f"/jobs/{job_id}").json()["state"] for job_id in job_ids)


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_two_hundred_jobs_and_fifty_deliveries_outlive_the_worker_that_has_them_in_hand(
    point: CrashPoint, account: RunningApi, target: Target, hooks: Target, start: Start, database: Database
) -> None:
    webhook = a_webhook(account, hooks, "/hook")
    target.on("/broken", "status/500")
    told = {"timeout_seconds": 5, "error_uri": target.url("/told")}
    good = [a_job(account, target.url("/"), **told) for _ in range(180)]
    bad = [a_job(account, target.url("/broken"), payload=number, max_attempts=2, **told) for number in range(10)]
    once = [a_job(account, target.url("/"), payload=number, max_attempts=1, **told) for number in range(10, 20)]
    tell(database, webhook["id"], 50)

    crowded = {"ROUNDSMAN_CONCURRENCY": "400", "ROUNDSMAN_CALLS_PER_HOST": "300"}  # 200 of each host at once
    doomed = start("worker", ROUNDSMAN_CRASH_POINT=point, **crowded)
    assert doomed.process.wait(20) == -signal.SIGKILL
    in_hand = dict(rows(database, IN_HAND))
    if point is CrashPoint.WORKER_AFTER_COMMIT:
        assert sum(in_hand.values()) < 250
    else:
        assert in_hand == {"job": 200, "delivery": 50}
    end_leases(database, "job", "delivery")
    start("scheduler")
    start("worker")
    check(database, good + bad + once, target, hooks)

    lost = [number for number, job_id in enumerate(once, 10) if outcomes(account, f"/jobs/{job_id}") != ["succeeded"]]
    assert len(lost) == 10 or point is CrashPoint.WORKER_AFTER_COMMIT
    failed = 10 + len(lost)
    ends = {(kind, state): count for kind, state, count in rows(database, STATES, webhook_id=webhook["id"])}
    assert ends == {("job", "succeeded"): 200, ("job", "failed"): failed, ("delivery", "succeeded"): 250 + failed}
    assert sorted(seen.json() for seen in target.requests if seen.path == "/told") == [*range(10), *lost]
    assert len({seen.header("webhook-id") for seen in hooks.requests}) == 250 + failed


def test_answers_in_hand_while_postgres_is_away_are_recorded_within_their_lease_and_asked_for_again_beyond_it(
    environment: dict[str, str], held: HeldTarget, hooks: Target, tmp_path: Path
) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        migrate(postgres.url)
        own = {**environment, "DATABASE_URL": postgres.url}
        with (
            RunningApi(environment=own, log=tmp_path / "api.log") as api,
            ServiceProcess("scheduler", environment=own, log=tmp_path / "scheduler.log"),
            ServiceProcess("worker", environment=own, log=tmp_path / "worker.log") as worker,
        ):
            a_webhook(api, hooks, "/hook")
            patient = [a_job(api, held.url("/patient"), timeout_seconds=30) for _ in range(8)]
            brief = [a_job(api, held.url("/brief")) for _ in range(8)]
            held.wait_for(16)
            os.kill(postgres.process.pid, signal.SIGQUIT)
            postgres.process.stop(5)
            held.let_go()
            lost = '"the database stayed away"'
            wait_until(lambda: worker.log.read_text().count(lost) == len(brief), "the short leases are over")
            postgres.process.start()
            wait_until(lambda: api.call("GET", "/jobs").ok, "Postgres is back")
            with closing(Database(postgres.url, size=1, name="test")) as database:
                check(database, patient + brief, held, hooks)
            assert [outcomes(api, f"/jobs/{job_id}") for job_id in patient] == [["succeeded"]] * 8
            assert [outcomes(api, f"/jobs/{job_id}") for job_id in brief] == [["lease_expired", "succeeded"]] * 8
    called = Counter(seen.header("idempotency-key") for seen in held.requests)
    assert called == dict.fromkeys(patient, 1) | dict.fromkeys(brief, 2)


UNANSWERED = ("hang", "mute", "trickled-header", "trickled-body", "endless-1xx")
ONCE, TWICE, NEVER_IN_TIME = ["failed"], ["failed", "failed"], ["timeout", "timeout"]

ENDS: dict[str, tuple[list[str], int | None]] = {
    **dict.fromkeys(("ok", "echo", "html", "cookie", "huge", "gzip", "gzip-bomb"), (["succeeded"], 200)),
    "status/500": (TWICE, 500),
    "status/503": (TWICE, 503),
    "status/408": (TWICE, 408),
    "status/425": (TWICE, 425),
    "retry-after/1": (TWICE, 429),
    "status/404": (ONCE, 404),
    "status/410": (ONCE, 410),
    "redirect/1": (ONCE, 302),
    **dict.fromkeys(("headers/200", "header-bytes/50000", "gzip-transfer"), (TWICE, None)),
    **dict.fromkeys(("garbage", "http09", "reset", "reset-body", "hang-up", "short-body"), (TWICE, None)),
    **dict.fromkeys(UNANSWERED, (NEVER_IN_TIME, None)),
    "reset-on-accept": (TWICE, None),
}


def test_every_mode_of_a_far_end_makes_the_end_it_should_in_time_and_is_told_once(
    account: RunningApi, target: Target, start: Start, database: Database
) -> None:
    """Those that let a call time out get a host of their own: as a lane they would wait for each other."""
    start("scheduler")
    start("worker", SSL_CERT_FILE=ca_file())
    jobs: dict[tuple[str, bool], str] = {}
    with ExitStack() as stack:
        ends = []
        for tls in (False, True):
            shared = stack.enter_context(Target(tls=tls))
            ends.append(shared)
            for mode in ENDS:
                far_end, path = shared, f"/mode/{mode}"
                if mode in (*UNANSWERED, "reset-on-accept"):
                    far_end = stack.enter_context(Target(mode, tls=tls))
                    ends.append(far_end)
                far_end.on(path, mode)
                jobs[mode, tls] = a_job(
                    account,
                    far_end.url(path),
                    payload=[mode, tls],
                    max_attempts=2,
                    backoff_seconds=0.05,
                    error_uri=target.url("/told"),
                )
        check(database, jobs.values(), *ends, target)
        assert not any(seen.path.startswith("/redirect") for far_end in ends for seen in far_end.requests)

    failed = []
    for (mode, tls), job_id in jobs.items():
        job = account.call("GET", f"/jobs/{job_id}").json()
        expected, status_code = ENDS[mode]
        found = [attempt["outcome"] for attempt in job["attempts"]]
        assert (found, job["attempts"][-1]["status_code"]) == (expected, status_code), (mode, tls, job)
        assert max(attempt["elapsed_ms"] for attempt in job["attempts"]) < 1_500, (mode, tls)
        if expected == ["succeeded"]:
            assert (job["state"], job["error_job_id"]) == ("succeeded", None), (mode, tls)
            continue
        failed.append([mode, tls])
        told = account.call("GET", f"/jobs/{job['error_job_id']}").json()
        assert (job["state"], told["state"], told["payload"]) == ("failed", "succeeded", [mode, tls])
        assert told["attempts"][0]["started_at"] >= job["finished_at"]
    assert sorted(seen.json() for seen in target.requests) == sorted(failed)
    for tls in (False, True):
        first, second = account.call("GET", f"/jobs/{jobs['retry-after/1', tls]}").json()["attempts"]
        assert seconds_between(first["finished_at"], second["started_at"]) >= 1


def test_a_receiver_that_resets_its_connections_gets_every_job_and_delivery_and_no_attempt_calls_it_twice(
    account: RunningApi, start: Start, database: Database
) -> None:
    """A request that meets the RST on a kept connection is an attempt that failed: it may take a few of them."""
    start("scheduler")
    start("worker", ROUNDSMAN_WEBHOOK_RETRY_SECONDS=",".join(["0.05"] * 15))
    with ResettingTarget() as far_end:
        webhook = a_webhook(account, far_end, "/hook")
        job_ids = [a_job(account, far_end.url("/"), max_attempts=16) for _ in range(20)]
        check(database, job_ids, far_end)
        assert states(account, job_ids) == {"succeeded": 20}
        assert ("delivery", "succeeded", 20) in rows(database, STATES, webhook_id=webhook["id"])


def test_a_worker_frozen_past_its_leases_changes_nothing_once_it_thaws(
    account: RunningApi, held: HeldTarget, start: Start, database: Database
) -> None:
    webhook = a_webhook(account, held, "/hook")
    job_ids = [a_job(account, held.url("/")) for _ in range(10)]
    tell(database, webhook["id"], 5)
    frozen = start("worker")
    held.wait_for(15)
    frozen.signal(signal.SIGSTOP)
    end_leases(database, "delivery")
    start("scheduler")
    wait_until(lambda: rows(database, IN_HAND) == [], "all leases have ended")
    held.let_go()
    start("worker")
    wait_until(lambda: states(account, job_ids) == {"succeeded": 10}, "another worker has done it")
    frozen.signal(signal.SIGCONT)
    wait_until(lambda: frozen.log.read_text().count('"lease_lost"') == 15, "the first worker notices")
    check(database, job_ids, held)
    assert [outcomes(account, f"/jobs/{job_id}") for job_id in job_ids] == [["lease_expired", "succeeded"]] * 10


def is_known_to_rq(client: redis.Redis, worker: ServiceProcess) -> bool:
    return any(f".{worker.process.pid}." in str(name) for name in client.smembers("rq:workers"))


def test_a_worker_told_to_stop_waits_for_the_calls_that_end_and_gives_back_those_that_hang(
    account: RunningApi,
    held: HeldTarget,
    hooks: Target,
    target: Target,
    start: Start,
    database: Database,
    redis_url: str,
) -> None:
    target.on("/hangs", "hang")
    hooks.on("/hook", "hang")
    webhook = a_webhook(account, hooks, "/hook")
    ending = [a_job(account, held.url("/"), timeout_seconds=60) for _ in range(5)]
    hanging = [a_job(account, target.url("/hangs"), timeout_seconds=60, max_attempts=1) for _ in range(5)]
    tell(database, webhook["id"], 5)
    worker = start("worker")
    for far_end in (held, target, hooks):
        far_end.wait_for(5)
    with closing(redis.Redis.from_url(redis_url)) as client:
        wait_until(lambda: is_known_to_rq(client, worker), "it answers rings")
        worker.signal(signal.SIGTERM)
        wait_until(lambda: not is_known_to_rq(client, worker), "it answers no more rings")
    held.let_go()
    assert worker.process.wait(10) == 0
    assert states(account, ending) == {"succeeded": 5}
    assert [outcomes(account, f"/jobs/{job_id}") for job_id in hanging] == [["released"]] * 5
    assert rows(database, IN_HAND) == []
    target.on("/hangs", "ok")
    hooks.on("/hook", "ok")
    start("worker")
    check(database, ending + hanging, held, hooks, target)
    assert [outcomes(account, f"/jobs/{job_id}") for job_id in ending] == [["succeeded"]] * 5
    assert [outcomes(account, f"/jobs/{job_id}") for job_id in hanging] == [["released", "succeeded"]] * 5


def test_a_redis_that_is_emptied_and_then_goes_away_while_jobs_are_due_loses_none(
    account: RunningApi, target: Target, hooks: Target, start: Start, database: Database, tmp_path: Path
) -> None:
    a_webhook(account, hooks, "/hook")
    with EmbeddedRedis(tmp_path) as own, closing(redis.Redis.from_url(own.url)) as client:
        start("scheduler", REDIS_URL=own.url)
        worker = start("worker", REDIS_URL=own.url)
        wait_until(lambda: is_known_to_rq(client, worker), "it answers rings")
        job_ids = []
        for number in range(40):
            job_ids.append(a_job(account, target.url("/"), delay_seconds=number % 4 / 4))
            client.flushall()
        own.process.stop(1)
        job_ids += [a_job(account, target.url("/"), delay_seconds=number % 4 / 4) for number in range(40)]
        check(database, job_ids, target, hooks)
        assert worker.process.poll() is None
    assert states(account, job_ids) == {"succeeded": 80}
    assert len(target.requests) == 80


@pytest.mark.parametrize("point", API_POINTS)
def test_a_job_asked_for_again_is_made_once_although_the_api_died(
    point: CrashPoint, environment: dict[str, str], account: RunningApi, target: Target, tmp_path: Path
) -> None:
    """The crash kills a gunicorn process; its master starts the next, which dies of its first creation as well."""
    job = {"uri": target.url("/"), "delay_seconds": 3_600}
    headers = {"Idempotency-Key": f"once {point}", "Authorization": str(account.session.headers["Authorization"])}
    dying = {**environment, "ROUNDSMAN_CRASH_POINT": point}
    with (
        RunningApi(environment=dying, log=tmp_path / "api.log") as doomed,
        pytest.raises(requests.ConnectionError),
    ):
        doomed.call("POST", "/jobs", json=job, headers=headers)
    first = account.call("POST", "/jobs", json=job, headers=headers)
    again = account.call("POST", "/jobs", json=job, headers=headers)
    assert first.status_code == again.status_code == 201
    assert ("Idempotent-Replay" in first.headers) == (point is CrashPoint.API_AFTER_COMMIT)
    assert [each["id"] for each in account.call("GET", "/jobs").json()["data"]] == [first.json()["id"]]
    assert again.json()["id"] == first.json()["id"]
    assert account.call("POST", f"/jobs/{first.json()['id']}/cancel").ok


# As many more of a job, due before it.
MORE_OF_IT = """
INSERT INTO work (account_id, kind, lane, due_at, scheduled_for, max_attempts, timeout_seconds, spec)
SELECT account_id, kind, lane, due_at - interval '1 minute', scheduled_for, max_attempts, timeout_seconds, spec
FROM work, generate_series(1, %(count)s)
WHERE id = %(id)s
"""


def more_of(database: Database, job_id: str, count: int) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute(MORE_OF_IT, {"id": job_id, "count": count})


CANCEL_PENDING = """
UPDATE work
SET state = 'canceled', finished_at = now()
WHERE state = 'pending'
"""


def leave_the_rest(database: Database) -> None:
    """Cancel what was not begun, and end what was, now that nobody is at work any more."""
    with database.transaction() as transaction:
        transaction.cursor.execute(CANCEL_PENDING)
    end_leases(database, "job", "delivery")


UNFINISHED_ELSEWHERE = """
SELECT count(*)
FROM work
WHERE finished_at IS NULL AND spec ->> 'uri' <> ALL(%(uris)s)
"""


def test_hosts_that_hang_for_the_whole_allowance_hold_up_no_job_to_another(
    account: RunningApi, start: Start, database: Database
) -> None:
    """Two hosts of ten hang, longer than this takes, with more jobs than the worker has places, first in the line."""
    with ExitStack() as stack:
        hanging = [stack.enter_context(Target("hang")) for _ in range(2)]
        others = [stack.enter_context(Target("ok")) for _ in range(8)]
        job_ids = [a_job(account, each.url("/"), timeout_seconds=30, max_attempts=1) for each in [*hanging, *others]]
        for job_id in job_ids:
            more_of(database, job_id, 39)
        worker = start("worker")
        uris = [each.url("/") for each in hanging]
        wait_until(lambda: rows(database, UNFINISHED_ELSEWHERE, uris=uris) == [(0,)], "all others have ended", 10)
        assert sum(len(each.requests) for each in others) == 8 * 40
        assert sum(len(each.requests) for each in hanging) < 2 * 40
        worker.kill()
        leave_the_rest(database)
        start("scheduler")
        check(database, job_ids, *hanging, *others)


def test_fifty_thousand_jobs_of_one_account_hold_up_no_other_account(
    service: RunningApi, target: Target, start: Start, database: Database
) -> None:
    """Neither one that calls a host of its own, nor one that calls the host that is flooded."""
    with Target() as flooded:
        service.session.headers["Authorization"] = signed_up(service)
        flood = a_job(service, flooded.url("/"))
        more_of(database, flood, 50_000)
        worker = start("worker")
        flooded.wait_for(100, 20)
        singles = []
        for far_end in (target, flooded):
            service.session.headers["Authorization"] = signed_up(service)
            singles.append(single := a_job(service, far_end.url("/single")))
            wait_until(lambda id=single: states(service, [id]) == {"succeeded": 1}, "the single job is done", 5)
        assert worker.stop() == 0
        assert len(flooded.requests) < 50_000
        leave_the_rest(database)
        start("scheduler")
        check(database, [flood, *singles], flooded, target)
