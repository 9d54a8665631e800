"""Pushing: what is made, in which order it comes out, and one task a key whoever pushes at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from api.store import pushes, task_leases, tasks
from api.store.pushes import NewTask, Pushed
from shared.database import Cursor, Database
from shared.errors import DatabaseUnavailable
from tests.concurrency import wait_until_blocked
from tests.factories import a_checklist, a_schedule, an_account
from tests.popping import a_popped_task, a_task, end, pop
from tests.rows import work_row


def push(database: Database, account_id: int, *keys: str | None) -> list[Pushed]:
    with database.transaction() as transaction:
        return pushes.push(transaction.cursor, account_id, "default", [NewTask(None, dedup_key=key) for key in keys])


def test_tasks_of_one_push_come_out_in_its_order(cursor: Cursor) -> None:
    account = an_account(cursor)
    keys = [None if number % 3 else f"key {1_000 - number}" for number in range(300)]
    asked = [NewTask(number, dedup_key=key) for number, key in enumerate(keys)]
    pushed = pushes.push(cursor, account, "default", asked)
    assert [item.task.spec["payload"] for item in pushed] == list(range(300))
    assert [item.task.dedup_key for item in pushed] == keys
    assert [pop(cursor, account).payload for _ in range(300)] == list(range(300))


def test_what_is_told_of_a_pushed_task_is_what_is_read_of_it(cursor: Cursor) -> None:
    account = an_account(cursor)
    asked = [NewTask({"a": 1}, 60.5, 7, 2, 30, "k"), NewTask(None)]
    pushed = [item.task for item in pushes.push(cursor, account, "default", asked)]
    assert [tasks.get(cursor, account, task.id) for task in pushed] == pushed


def test_what_a_schedule_pushes_by_hand_has_no_instant_of_it(cursor: Cursor) -> None:
    schedule = a_schedule(cursor, a_checklist(cursor))
    for _ in range(2):
        [pushed] = pushes.push(
            cursor, schedule.account_id, "default", [NewTask(None)], trigger="manual", schedule_id=schedule.id
        )
        assert (pushed.task.schedule_id, pushed.task.scheduled_for) == (schedule.id, pushed.task.created_at)
    cursor.execute("SELECT DISTINCT scheduled_for, trigger FROM work")
    assert cursor.fetchall() == [(None, "manual")]


@pytest.mark.parametrize("ends_with", ["commit", "rollback"])
def test_a_key_that_is_being_pushed_is_waited_for(database: Database, cursor: Cursor, ends_with: str) -> None:
    account = an_account(cursor)
    a_task(cursor, account)  # the queue is known
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as first:
            [made] = pushes.push(first.cursor, account, "default", [NewTask(None, dedup_key="k")])
            second = pool.submit(push, database, account, "k")
            wait_until_blocked(database)
            if ends_with == "rollback":
                first.cursor.connection.rollback()
        [pushed] = second.result(10)
    assert pushed.deduplicated is (ends_with == "commit")
    assert (pushed.task.id == made.task.id) is (ends_with == "commit")


def test_two_who_push_the_same_keys_in_different_orders_do_not_wait_for_each_other(
    database: Database, cursor: Cursor
) -> None:
    account = an_account(cursor)
    with ThreadPoolExecutor(2) as pool:
        for turn in range(10):
            keys = [f"{turn} {number}" for number in range(100)]
            pushing = [pool.submit(push, database, account, *order) for order in (keys, keys[::-1])]
            made, other = (future.result(10) for future in pushing)
            assert [item.task.id for item in made] == [item.task.id for item in other[::-1]]
    cursor.execute("SELECT count(*) FROM work")
    assert cursor.fetchall() == [(1_000,)]


class Meddling:
    """A cursor after whose pushes something happens elsewhere, before it reads on."""

    def __init__(self, cursor: Cursor, happens: Callable[[], object]) -> None:
        self._cursor = cursor
        self._happens = happens

    def execute(self, statement: str, values: Any = None) -> None:
        self._cursor.execute(statement, values)
        if statement == pushes.PUSH:
            self._happens()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def test_a_key_whose_task_ends_just_then_makes_another_task(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    using = [a_popped_task(cursor, account, dedup_key="k")]

    def end_it() -> None:
        if using:
            end(cursor, using.pop())

    with database.transaction() as transaction:
        meddling: Any = Meddling(transaction.cursor, end_it)
        [pushed] = pushes.push(meddling, account, "default", [NewTask(None, dedup_key="k")])
    assert (using, pushed.deduplicated) == ([], False)
    assert work_row(cursor, pushed.task.id).state == "pending"


def test_a_key_that_comes_and_goes_all_the_time_is_given_up(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    using = [a_popped_task(cursor, account, dedup_key="k")]
    ended = []

    def replace() -> None:
        ended.append(using.pop())
        end(cursor, ended[-1])

    class Restless(Meddling):
        def execute(self, statement: str, values: Any = None) -> None:
            if statement == pushes.PUSH and not using:
                using.append(a_popped_task(cursor, account, dedup_key="k"))
            super().execute(statement, values)

    with pytest.raises(DatabaseUnavailable, match="come and go"), database.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        restless: Any = Restless(transaction.cursor, replace)
        pushes.push(restless, account, "default", [NewTask(None, dedup_key="k")])
    assert len(ended) == pushes.ROUNDS


def test_a_push_beside_a_retry_with_its_key_is_refused_to_one_of_them(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    failed = a_popped_task(cursor, account, dedup_key="k")
    end(cursor, failed, "failed")

    def retry() -> int:
        with database.transaction() as transaction:
            return tasks.begin_afresh(transaction.cursor, account, [failed.id])

    def retry_all() -> tuple[int, bool]:
        with database.transaction() as transaction:
            return tasks.retry_failed(transaction.cursor, account, "default")

    for begin_again in (retry, retry_all):
        with ThreadPoolExecutor(1) as pool:
            with database.transaction() as first:
                pushes.push(first.cursor, account, "default", [NewTask(None, dedup_key="k")])
                retrying: Any = pool.submit(begin_again)
                wait_until_blocked(database)
            with pytest.raises(tasks.KeyInUse):
                retrying.result(10)
        assert work_row(cursor, failed.id).state == "failed"
        end(cursor, pop(cursor, account))


def test_a_push_and_a_retry_of_the_same_keys_do_not_wait_for_each_other(database: Database, cursor: Cursor) -> None:
    keys = [f"{number:03}" for number in range(200)]

    def retry_all(account: int) -> int:
        with suppress(tasks.KeyInUse), database.transaction() as transaction:
            return tasks.retry_failed(transaction.cursor, account, "default")[0]
        return 0

    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            account = an_account(cursor)
            for key in reversed(keys):  # their ids are in the other order
                end(cursor, a_popped_task(cursor, account, dedup_key=key), "failed")
            retrying, pushing = pool.submit(retry_all, account), pool.submit(push, database, account, *keys)
            assert retrying.result(10) in (0, 200)
            assert [item.task.dedup_key for item in pushing.result(10)] == keys


def test_a_task_of_a_run_is_not_retried(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    failed = a_popped_task(cursor, account)
    cursor.execute("UPDATE work SET run_id = %s WHERE id = %s", (a_task(cursor, account, "other"), failed.id))
    end(cursor, failed, "failed")
    assert tasks.begin_afresh(cursor, account, [failed.id]) == 0
    assert tasks.retry_failed(cursor, account, "default") == (0, False)
    assert task_leases.seconds_until_due(cursor, account, "default") is None
