"""Tasks while the API, its databases or the scheduler fails: none is lost, and what was taken comes back."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # psutil has no types
import pytest
import redis
import requests

from roundsman import Client, LeaseLost
from roundsman.errors import NotFound
from roundsman.local.postgres import EmbeddedPostgres
from roundsman.local.redis import EmbeddedRedis
from shared.crash_points import CrashPoint
from shared.database import Database
from shared.migrate import migrate
from shared.queues import TASKS_CHANNEL
from tests.acceptance.test_waiting_pops import WaitingClient, waiting
from tests.processes import RunningApi, ServiceProcess, wait_until
from tests.reliability.checker import check
from tests.reliability.conftest import Start, client_of, end_leases, signed_up
from tests.reliability.external_work import histories, named, push, states
from tests.reliability.task_load import Crowd, Pushing

API_POINTS = [point for point in CrashPoint if point.startswith("api.")]


def test_an_ack_counts_once_and_only_with_the_token_that_is_in_force(
    service: RunningApi, account: RunningApi, client: Client, start: Start, database: Database
) -> None:
    late, [lost] = push(client, "late"), push(client, "lost")
    [overdue], [first] = client.queues.pop("late"), client.queues.pop("lost")
    end_leases(database, "task")
    # Late, but nobody has been given the task meanwhile.
    assert client.tasks.ack(overdue["id"], overdue["lease_token"], "late")["result"] == "late"
    start("scheduler")
    wait_until(lambda: states(database, [lost]) == {"pending": 1}, "the lease is taken back")
    [second] = client.queues.pop("lost")
    tasks: Any = client.tasks
    for token in (first["lease_token"], overdue["lease_token"]):
        for say, what in ((tasks.ack, "done"), (tasks.fail, "no"), (tasks.extend, 9), (tasks.log, "hello")):
            with pytest.raises(LeaseLost):
                say(lost, token, what)
    acks = [
        {"id": lost, "lease_token": first["lease_token"]},
        {"id": overdue["id"], "lease_token": second["lease_token"]},
    ]
    assert [result["outcome"] for result in tasks.ack_many(acks)] == ["lease_lost", "lease_lost"]

    done = client.tasks.ack(lost, second["lease_token"], "in time")
    assert client.tasks.ack(lost, second["lease_token"], "once more") == done
    assert (done["state"], done["result"], done["expirations"]) == ("succeeded", "in time", 1)
    own_key = account.session.headers["Authorization"]
    service.session.headers["Authorization"] = signed_up(service)
    with client_of(service) as stranger, pytest.raises(NotFound):
        stranger.tasks.ack(lost, second["lease_token"])
    service.session.headers["Authorization"] = own_key
    check(database, [*late, lost])


@pytest.mark.parametrize("point", API_POINTS)
def test_a_pop_that_is_repeated_because_the_api_died_brings_what_it_took_and_no_more(
    point: CrashPoint,
    environment: dict[str, str],
    account: RunningApi,
    client: Client,
    database: Database,
    tmp_path: Path,
) -> None:
    ids = push(client, "popped", 3)
    headers = {"Idempotency-Key": f"once {point}", "Authorization": str(account.session.headers["Authorization"])}
    dying = {**environment, "ROUNDSMAN_CRASH_POINT": point}
    with (
        RunningApi(environment=dying, log=tmp_path / "api.log") as doomed,
        pytest.raises(requests.ConnectionError),
    ):
        doomed.call("POST", "/queues/popped/pop", json={"max": 2}, headers=headers)
    is_taken = point is CrashPoint.API_AFTER_COMMIT
    assert states(database, ids) == ({"running": 2, "pending": 1} if is_taken else {"pending": 3})
    first = account.call("POST", "/queues/popped/pop", json={"max": 2}, headers=headers)
    again = account.call("POST", "/queues/popped/pop", json={"max": 2}, headers=headers)
    assert ("Idempotent-Replay" in first.headers) == is_taken
    assert again.json() == first.json()
    assert states(database, ids) == {"running": 2, "pending": 1}
    client.tasks.ack_many([named(task) for task in [*first.json()["tasks"], *client.queues.pop("popped")]])
    check(database, ids)
    assert histories(database, ids) == {"succeeded": 3}


def test_five_hundred_that_wait_while_redis_is_emptied_are_all_served(
    account: RunningApi, client: Client, database: Database, redis_url: str
) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(WaitingClient(account, "awaited")) for _ in range(500)]
        wait_until(lambda: waiting(account) == 500, "all of them wait")
        ids = []
        with closing(redis.Redis.from_url(redis_url)) as connection:
            for _ in range(10):
                connection.flushall()
                ids += push(client, "awaited", 50)
                connection.flushall()
        tasks = [task for each in clients for task in each.answer()[1]]
    assert sorted(task["id"] for task in tasks) == sorted(ids)
    client.tasks.ack_many([named(task) for task in tasks])
    check(database, ids)
    assert histories(database, ids) == {"succeeded": 500}


def test_who_waits_is_served_while_redis_is_away_and_told_again_when_it_is_back(
    environment: dict[str, str], account: RunningApi, database: Database, tmp_path: Path
) -> None:
    with (
        EmbeddedRedis(tmp_path) as own,
        RunningApi(environment={**environment, "REDIS_URL": own.url}, log=tmp_path / "api.log") as api,
        client_of(api) as client,
        closing(redis.Redis.from_url(own.url)) as connection,
        ExitStack() as stack,
    ):

        def wait(count: int) -> list[WaitingClient]:
            clients = [stack.enter_context(WaitingClient(api, "awaited")) for _ in range(count)]
            wait_until(lambda: waiting(api) == count, "they wait")
            return clients

        def is_heard() -> bool:
            try:
                return dict(connection.pubsub_numsub(TASKS_CHANNEL)) == {TASKS_CHANNEL.encode(): 1}
            except redis.RedisError:
                return False

        clients = wait(20)
        wait_until(is_heard, "it listens")
        own.process.stop(1)
        ids = push(client, "awaited", 20)
        tasks = [task for each in clients for task in each.answer()[1]]
        clients = wait(20)
        own.process.start()
        wait_until(is_heard, "it listens again")
        ids += push(client, "awaited", 20)
        tasks += [task for each in clients for task in each.answer()[1]]
        assert sorted(task["id"] for task in tasks) == sorted(ids)
        client.tasks.ack_many([named(task) for task in tasks])
    check(database, ids)
    assert histories(database, ids) == {"succeeded": 40}


def test_no_task_and_no_ack_that_was_promised_is_lost_when_postgres_is_stopped_at_once_under_load(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with EmbeddedPostgres(tmp_path) as postgres:
        migrate(postgres.url)
        own = {**environment, "DATABASE_URL": postgres.url}
        with (
            RunningApi(environment=own, log=tmp_path / "api.log") as api,
            ServiceProcess("scheduler", environment=own, log=tmp_path / "scheduler.log"),
            closing(Database(postgres.url, size=2, name="test")) as database,
        ):
            with (
                Crowd(api, "stormy", 4, most=5, lease_seconds=1) as crowd,
                Pushing(api, "stormy") as first,
                Pushing(api, "stormy") as second,
            ):
                for pushing in (first, second):
                    pushing.wait_for(100)
                os.kill(postgres.process.pid, signal.SIGQUIT)
                postgres.process.stop(5)
                postgres.process.start()
                for pushing in (first, second):
                    pushing.wait_for(100)
            promised = first.promised + second.promised
            acked = set(crowd.acked)
            with Crowd(api, "stormy", 4, most=100):
                check(database, promised)
            assert states(database, promised) == {"succeeded": len(promised)}
            assert states(database, acked) == {"succeeded": len(acked)}
            assert acked


def test_what_a_frozen_api_has_in_hand_is_done_by_another_and_what_it_says_once_it_thaws_counts_no_more(
    environment: dict[str, str], account: RunningApi, client: Client, start: Start, database: Database, tmp_path: Path
) -> None:
    start("scheduler")
    with RunningApi(environment=environment, log=tmp_path / "api.log") as frozen, client_of(frozen, account) as slow:
        ids = push(slow, "frozen", 20)
        held = slow.queues.pop("frozen", most=20, lease_seconds=1)
        [process] = psutil.Process(frozen.process.pid).children()
        frozen.session.headers["Authorization"] = account.session.headers["Authorization"]
        with Crowd(frozen, "frozen", 4, most=2, lease_seconds=1, patience_seconds=0):
            ids += push(slow, "frozen", 500)
            wait_until(lambda: states(database, ids).get("succeeded", 0) >= 50, "it works")
            process.suspend()
            try:
                with ThreadPoolExecutor(1) as pool, Crowd(account, "frozen", 2, most=10):
                    acking = pool.submit(slow.tasks.ack_many, [named(task) for task in held])
                    taken = [task["id"] for task in held]
                    wait_until(lambda: states(database, taken) == {"succeeded": 20}, "others have done it")
                    process.resume()
                    assert {result["outcome"] for result in acking.result(20)} == {"lease_lost"}
            finally:
                process.resume()
            check(database, ids)
    assert histories(database, taken) == {"lease_expired succeeded": 20}


def test_leases_that_end_while_no_scheduler_is_there_come_back_with_it(
    client: Client, start: Start, database: Database
) -> None:
    ids = push(client, "unswept", 200)
    assert len(client.queues.pop("unswept", most=100) + client.queues.pop("unswept", most=100)) == 200
    end_leases(database, "task")
    assert client.queues.pop("unswept") == []
    # The one that begins to sweep dies with its first batch undone, the next with it done.
    for point in (CrashPoint.SCHEDULER_BEFORE_COMMIT, CrashPoint.SCHEDULER_AFTER_COMMIT):
        assert start("scheduler", ROUNDSMAN_CRASH_POINT=point).process.wait(15) == -signal.SIGKILL
    start("scheduler")
    start("scheduler")
    wait_until(lambda: states(database, ids) == {"pending": 200}, "they are back")
    for _ in range(2):
        client.tasks.ack_many([named(task) for task in client.queues.pop("unswept", most=100)])
    check(database, ids)
    assert histories(database, ids) == {"lease_expired succeeded": 200}
