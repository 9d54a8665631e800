"""Leases on tasks: who gets what, in which order, how much is read for it, and races on real connections."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.store import held_tasks, pushes, task_leases
from api.store.answers import MOST_BYTES
from api.store.held_tasks import HeldTask, NotHeld
from api.store.pushes import NewTask
from api.store.task_leases import POP, PoppedTask
from scheduler.expiry import expire_tasks
from shared.database import Cursor, Database
from shared.store import work
from tests.concurrency import wait_until_blocked
from tests.factories import an_account
from tests.popping import a_popped_task, a_task, end
from tests.rows import attempts, inconsistent_work, work_row

SOME_TASKS = """
INSERT INTO work (account_id, kind, queue, priority, due_at, max_attempts)
SELECT %(account_id)s, 'task', 'default', %(priority)s, now() + make_interval(secs => %(due_in_seconds)s), 4
FROM generate_series(1, %(count)s)
"""


def some_tasks(cursor: Cursor, account_id: int, count: int, *, priority: int = 0, due_in_seconds: float = 0) -> None:
    """Many pending tasks of the queue `default`."""
    fields = {"priority": priority, "due_in_seconds": due_in_seconds, "count": count}
    cursor.execute(SOME_TASKS, {"account_id": account_id, **fields})


def pop(
    cursor: Cursor, account_id: int, most: int = 100, *, lease_seconds: int = 60, now: datetime | None = None
) -> list[PoppedTask]:
    return task_leases.pop(
        cursor, account_id, "default", most=most, lease_seconds=lease_seconds, worker="test", now=now
    )


def held(database: Database, account_id: int, leases: Mapping[UUID, UUID]) -> dict[UUID, HeldTask | NotHeld]:
    with database.transaction() as transaction:
        return held_tasks.held(transaction.cursor, account_id, leases)


def test_a_pop_leases_a_due_task_and_counts_the_attempt(cursor: Cursor) -> None:
    account = an_account(cursor)
    id = a_task(cursor, account)
    [task] = pop(cursor, account)
    row = work_row(cursor, id)
    assert (task.id, task.attempt, task.payload) == (id, 1, None)
    assert (row.state, row.attempt, row.lease_token) == ("running", 1, task.lease_token)
    assert row.lease_expires_at == task.lease_expires_at
    assert attempts(cursor, id) == [(1, None)]
    assert pop(cursor, account) == []


def test_the_lease_begins_with_the_statement_and_ends_with_the_allowance_at_the_latest(database: Database) -> None:
    with database.transaction() as transaction:
        cursor = transaction.cursor
        account = an_account(cursor)
        for timeout_seconds in (None, 40, 90):
            a_task(cursor, account, timeout_seconds=timeout_seconds)
        pop(cursor, account, lease_seconds=60)
        cursor.execute(
            "SELECT lease_expires_at - started_at, started_at > now() AND started_at < clock_timestamp()"
            " FROM work ORDER BY id"
        )
        assert cursor.fetchall() == [(timedelta(seconds=seconds), True) for seconds in (60, 40, 60)]
        cursor.execute(
            "SELECT count(*) FROM attempts JOIN work ON id = work_id AND attempts.started_at = work.started_at"
        )
        assert cursor.fetchall() == [(3,)]


def test_what_is_due_later_waits_for_its_time_whatever_its_priority(cursor: Cursor) -> None:
    account = an_account(cursor)
    later = a_task(cursor, account, priority=100, delay_seconds=60)
    now = a_task(cursor, account, priority=-100)
    assert [task.id for task in pop(cursor, account)] == [now]
    [task] = pop(cursor, account, now=datetime.now(UTC) + timedelta(seconds=61))
    assert task.id == later


def test_every_priority_is_gone_through_from_the_highest_on(cursor: Cursor) -> None:
    account = an_account(cursor)
    asked = [NewTask(priority, priority=priority) for priority in range(-100, 101) for _ in range(2)]
    pushes.push(cursor, account, "default", asked)
    expected = [priority for priority in range(100, -101, -1) for _ in range(2)]
    taken = [task.payload for most in (1, 2, 100, 100, 100, 100) for task in pop(cursor, account, most)]
    assert taken == expected


def test_of_one_priority_what_has_been_due_longest_comes_first(cursor: Cursor) -> None:
    account = an_account(cursor)
    for age in (1, 3, 2):
        some_tasks(cursor, account, 1, due_in_seconds=-age)
    due = [work_row(cursor, task.id).due_at for task in pop(cursor, account)]
    assert due == sorted(due)


def test_tasks_of_other_queues_and_accounts_are_left_alone(cursor: Cursor) -> None:
    account = an_account(cursor)
    a_task(cursor, account, "other")
    a_task(cursor)
    assert pop(cursor, account) == []


def test_a_pop_ends_early_when_payloads_are_large_but_never_before_the_first(cursor: Cursor) -> None:
    account = an_account(cursor)
    for size, priority in ((3_000, 3), (10, 2), (1_000, 2), (1_000, 1)):
        a_task(cursor, account, payload="x" * size, priority=priority)

    def sizes() -> list[int]:
        popped = task_leases.pop(cursor, account, "default", most=10, lease_seconds=60, worker=None, most_bytes=2_000)
        return [len(task.payload) for task in popped]

    assert [sizes() for _ in range(4)] == [[3_000], [10, 1_000], [1_000], []]


def test_no_more_is_locked_than_is_popped(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    for priority in (1, 2, 3):
        some_tasks(cursor, account, 10, priority=priority)
    with database.transaction() as first:
        assert len(pop(first.cursor, account, 15)) == 15
        # Asked by another connection: whatever the first has locked is not to be had.
        assert len(pop(cursor, account, 100)) == 15


BUFFERS = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + POP


def buffers_read(cursor: Cursor, account_id: int) -> int:
    """How many pages a pop of ten tasks touches."""
    values = {"account_id": account_id, "queue": "default", "most": 10, "lease_seconds": 60, "worker": "", "now": None}
    values["most_bytes"] = MOST_BYTES
    cursor.execute(BUFFERS, values)
    plan: Any = cursor.fetchall()[0][0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_a_pop_reads_no_more_because_much_is_due_later_or_waits_behind(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    some_tasks(cursor, account, 100)
    cursor.execute("ANALYZE work")
    few = buffers_read(cursor, account)
    some_tasks(cursor, account, 200_000, priority=100, due_in_seconds=3_600)
    some_tasks(cursor, account, 10_000)
    for is_analyzed in (False, True):
        if is_analyzed:
            cursor.execute("ANALYZE work")
        assert buffers_read(cursor, account) < few + 200  # reading on would take thousands


@pytest.mark.parametrize(
    ("delays", "expected"), [([], None), ([3_600], 3_600), ([3_600, 60], 60), ([3_600, 0], 0), ([60, 3_600], 60)]
)
def test_when_the_next_task_is_due_is_known_whatever_its_priority(
    cursor: Cursor, delays: list[int], expected: float | None
) -> None:
    account = an_account(cursor)
    for place, delay_seconds in enumerate(delays):
        a_task(cursor, account, priority=-place, delay_seconds=delay_seconds)
    seconds = task_leases.seconds_until_due(cursor, account, "default")
    assert seconds == expected if expected is None else expected - 30 < (seconds or 0) <= expected


def test_how_it_stands_with_a_lease(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    running, acked, failed = (a_popped_task(cursor, account) for _ in range(3))
    end(cursor, acked)
    end(cursor, failed, "failed")
    # The token of one is worth nothing for another, though both are shown together.
    mixed = a_popped_task(cursor, account)
    standings = held(
        database,
        account,
        {
            running.id: running.lease_token,
            acked.id: acked.lease_token,
            failed.id: failed.lease_token,
            mixed.id: running.lease_token,
            (absent := uuid4()): uuid4(),
        },
    )
    task = standings.pop(running.id)
    assert isinstance(task, HeldTask)
    assert (task.attempt, task.has_attempts_left, task.lease_token) == (1, True, running.lease_token)
    assert task.began <= task.now < task.lease_expires_at
    assert standings == {
        acked.id: "acked_before",
        failed.id: "lease_lost",
        mixed.id: "lease_lost",
        absent: "unknown",
    }
    assert held(database, an_account(cursor), {running.id: running.lease_token}) == {running.id: "unknown"}


def test_a_lease_from_before_stays_lost_though_a_later_attempt_was_acked(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    first = a_popped_task(cursor, account)
    end(cursor, first, "pending")
    [second] = pop(cursor, account)
    end(cursor, second)
    assert held(database, account, {first.id: first.lease_token}) == {first.id: "lease_lost"}
    assert held(database, account, {first.id: second.lease_token}) == {first.id: "acked_before"}


def test_an_ack_that_meets_the_sweep_finds_its_lease_lost(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    task = a_popped_task(cursor, account, lease_seconds=1)
    after = datetime.now(UTC) + timedelta(seconds=2)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as sweeping:
            assert [item.id for item in expire_tasks(sweeping.cursor, limit=10, now=after)] == [task.id]
            standing = pool.submit(held, database, account, {task.id: task.lease_token})
            wait_until_blocked(database)
        assert standing.result(10) == {task.id: "lease_lost"}


def test_an_ack_that_meets_the_next_pop_of_its_task_finds_its_lease_lost(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    task = a_popped_task(cursor, account)
    end(cursor, task, "pending")
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as popping:
            [again] = pop(popping.cursor, account)
            standing = pool.submit(held, database, account, {task.id: task.lease_token})
            wait_until_blocked(database)
        assert standing.result(10) == {task.id: "lease_lost"}
    assert isinstance(held(database, account, {task.id: again.lease_token})[task.id], HeldTask)


def test_a_sweep_passes_over_what_is_being_acked(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    task = a_popped_task(cursor, account, lease_seconds=1)
    after = datetime.now(UTC) + timedelta(seconds=2)
    with database.transaction() as acking:
        held_tasks.held(acking.cursor, account, {task.id: task.lease_token})
        assert expire_tasks(cursor, limit=10, now=after) == []
        end(acking.cursor, task)
    assert expire_tasks(cursor, limit=10, now=after) == []
    assert attempts(cursor, task.id) == [(1, "succeeded")]


def test_of_two_acks_at_once_one_ends_the_task(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    task = a_popped_task(cursor, account)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as first:
            assert isinstance(held_tasks.held(first.cursor, account, {task.id: task.lease_token})[task.id], HeldTask)
            second = pool.submit(held, database, account, {task.id: task.lease_token})
            wait_until_blocked(database)
            end(first.cursor, task)
        assert second.result(10) == {task.id: "acked_before"}


def test_many_tasks_that_are_shown_in_different_orders_do_not_wait_for_each_other(
    database: Database, cursor: Cursor
) -> None:
    account = an_account(cursor)
    pushes.push(cursor, account, "default", [NewTask(None)] * 100)
    leases = {task.id: task.lease_token for task in pop(cursor, account)}
    backwards = dict(reversed(leases.items()))
    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            asking = [pool.submit(held, database, account, shown) for shown in (leases, backwards)]
            assert all(len(future.result(10)) == 100 for future in asking)


def test_sixteen_workers_pop_twenty_thousand_tasks_each_exactly_once(database_url: str, cursor: Cursor) -> None:
    account, total, workers = an_account(cursor), 20_000, 16
    for priority in (0, 1, 2, 3):
        some_tasks(cursor, account, total // 4, priority=priority)
    started = Barrier(workers)
    pool_of_connections = Database(database_url, size=workers, name="test")

    def work_until_empty(_: int) -> list[UUID]:
        taken: list[UUID] = []
        started.wait(10)
        while True:
            with pool_of_connections.transaction() as transaction:
                tasks = pop(transaction.cursor, account)
                end_all(transaction.cursor, tasks)
            if not tasks:
                return taken
            taken += [task.id for task in tasks]

    with ThreadPoolExecutor(workers) as pool:
        taken = [id for ids in pool.map(work_until_empty, range(workers)) for id in ids]
    pool_of_connections.close()
    assert len(taken) == total
    assert max(Counter(taken).values()) == 1
    assert inconsistent_work(cursor) == []
    cursor.execute("SELECT state, count(*) FROM work GROUP BY state")
    assert cursor.fetchall() == [("succeeded", total)]


def end_all(cursor: Cursor, tasks: list[PoppedTask]) -> None:
    ended = [work.FinishedAttempt(str(task.id), str(task.lease_token), "succeeded", "succeeded") for task in tasks]
    assert work.finish(cursor, ended) == {str(task.id) for task in tasks}


def test_who_comes_last_finds_nothing_while_others_still_hold_what_is_due(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    id = a_task(cursor, account)
    with database.transaction() as holder:
        assert [task.id for task in pop(holder.cursor, account)] == [id]
        assert pop(cursor, account) == []
        holder.cursor.connection.rollback()
    assert [task.id for task in pop(cursor, account)] == [id]
