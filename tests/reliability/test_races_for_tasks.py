"""Many hands at the same tasks at once: each task is taken once, and has one end."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import pytest

from api.store import task_leases
from roundsman import Client, RoundsmanError
from roundsman.errors import Conflict
from shared.database import Database
from tests.factories import an_account
from tests.processes import RunningApi, wait_until
from tests.reliability.checker import check
from tests.reliability.conftest import Start, client_of, end_leases, rows
from tests.reliability.external_work import histories, push, states
from tests.reliability.task_load import Crowd


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Do this at the same moment, each in a thread of its own; what they return, or the error of the API."""
    meeting = threading.Barrier(len(acts))

    def begin(act: Callable[[], Any]) -> Any:
        meeting.wait(10)
        try:
            return act()
        except RoundsmanError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(begin, acts))


def test_an_ack_that_is_sent_eight_times_at_once_is_one(
    client: Client, account: RunningApi, database: Database
) -> None:
    ids = push(client, "often", 20)
    with ExitStack() as stack:
        clients = [stack.enter_context(client_of(account)) for _ in range(8)]
        for task in client.queues.pop("often", most=20):
            acks = [partial(each.tasks.ack, task["id"], task["lease_token"], "done") for each in clients]
            first, *others = together(*acks)
            assert all(other == first for other in others)
            assert first["state"] == "succeeded"
    check(database, ids)


def test_sixteen_clients_take_twenty_thousand_tasks_each_of_them_once(
    account: RunningApi, client: Client, database: Database
) -> None:
    with Crowd(account, "crowded", 16, most=50, wait_seconds=1) as crowd:
        ids = [id for _ in range(20) for id in push(client, "crowded", 1_000)]
        wait_until(lambda: len(crowd.acked) == len(ids), "all are done", 40)
    assert crowd.taken == Counter(ids)
    check(database, ids)
    assert histories(database, ids) == {"succeeded": 20_000}


MANY_TASKS = """
INSERT INTO work (account_id, kind, queue, priority, spec, max_attempts)
SELECT %(account_id)s, 'task', 'many', number %% 4, '{"payload": {}}', 4
FROM generate_series(1, %(count)s) AS number
"""

TAKEN = "SELECT count(*), count(DISTINCT work_id), max(attempt) FROM work JOIN attempts ON work_id = id AND number = 1"


def test_sixteen_connections_take_a_hundred_thousand_tasks_each_of_them_once(
    database: Database, database_url: str
) -> None:
    """Nobody works on them: they are taken away again, with all that is there, before another test counts."""
    with database.transaction() as transaction:
        transaction.cursor.execute("TRUNCATE accounts, work, attempts CASCADE")
        account_id = an_account(transaction.cursor)
        transaction.cursor.execute(MANY_TASKS, {"account_id": account_id, "count": 100_000})
    with closing(Database(database_url, size=16, name="test")) as connections:

        def take_until_empty() -> list[Any]:
            taken: list[Any] = []
            while True:
                with connections.transaction() as transaction:
                    tasks = task_leases.pop(
                        transaction.cursor, account_id, "many", most=100, lease_seconds=600, worker=None
                    )
                if not tasks:
                    return taken
                taken += [task.id for task in tasks]

        taken = [id for ids in together(*[take_until_empty] * 16) for id in ids]
    assert (len(taken), len(set(taken))) == (100_000, 100_000)
    assert rows(database, TAKEN) == [(100_000, 100_000, 1)]
    with database.transaction() as transaction:
        transaction.cursor.execute("TRUNCATE accounts, work, attempts CASCADE")


RACES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "ack": ({"result": "done"}, {"succeeded"}),
    "fail": ({"error": "no"}, {"canceled"}),
    "fail for good": ({"error": "no", "retry": False}, {"canceled", "failed"}),
}


@pytest.mark.parametrize("race", RACES)
def test_a_cancel_that_meets_the_end_of_its_task_leaves_one_end(
    race: str, account: RunningApi, client: Client, database: Database
) -> None:
    fields, ends = RACES[race]
    ids = push(client, "raced", 40)
    with client_of(account) as worker:
        end = worker.tasks.ack if race == "ack" else worker.tasks.fail
        for task in worker.queues.pop("raced", most=40):
            canceled, ended = together(
                partial(client.tasks.cancel, task["id"]),
                partial(end, task["id"], task["lease_token"], **fields),
            )
            # The worker is heard in any case; who cancels too late is told so.
            assert not isinstance(ended, Exception), ended
            if isinstance(canceled, Exception):
                assert isinstance(canceled, Conflict)
                assert ended["state"] in ("succeeded", "failed")
            else:
                assert canceled["cancel_requested"] or canceled["state"] == "canceled"
    check(database, ids)
    assert set(states(database, ids)) <= ends


def test_a_cancel_that_meets_a_pop_or_the_sweep_leaves_one_end(
    account: RunningApi, client: Client, start: Start, database: Database
) -> None:
    start("scheduler", ROUNDSMAN_SWEEP_SECONDS="0.05")
    start("scheduler", ROUNDSMAN_SWEEP_SECONDS="0.05")
    ids = push(client, "raced", 60)
    with client_of(account) as worker, client_of(account) as other:
        popped: list[Any] = []
        for id in ids:
            canceled, taken = together(partial(client.tasks.cancel, id), partial(worker.queues.pop, "raced"))
            assert canceled["state"] == "canceled" or canceled["cancel_requested"]
            popped += taken
        # What is left of them was given to the worker, and is canceled with the end of its lease.
        held = push(client, "expiring", 60)
        client.queues.pop("expiring", most=60)
        half = len(held) // 2
        together(
            lambda: end_leases(database, "task"),
            lambda: [client.tasks.cancel(id) for id in held[:half]],
            lambda: [other.tasks.cancel(id) for id in held[half:]],
        )
    check(database, ids + held)
    assert states(database, ids + held) == {"canceled": 120}
    assert histories(database, held) == {"lease_expired": 60}
    assert histories(database, [task["id"] for task in popped]) == {"lease_expired": len(popped)}


def test_failed_tasks_are_begun_afresh_once_however_many_ask_for_it_at_once(
    account: RunningApi, client: Client, start: Start, database: Database
) -> None:
    start("scheduler")
    ids = push(client, "failing", 300, max_attempts=1)
    for _ in range(3):
        client.queues.pop("failing", most=100)
    end_leases(database, "task")
    wait_until(lambda: states(database, ids) == {"failed": 300}, "all have failed")
    with ExitStack() as stack, Crowd(account, "failing", 4, most=10):
        clients = [stack.enter_context(client_of(account)) for _ in range(4)]
        asked = [partial(each.queues.retry_failed, "failing") for each in clients]
        told = together(*asked, partial(client.tasks.retry, ids[0]))
        check(database, ids)
    retried_by_hand = not isinstance(told.pop(), Exception)
    assert sum(each["retried"] for each in told) == 300 - retried_by_hand
    assert histories(database, ids) == {"lease_expired succeeded": 300}
