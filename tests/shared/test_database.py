"""The pool: it waits, it notices the dead, and a transaction is all or nothing."""

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psycopg2
import pytest

from shared.database import Cursor, Database, only_row
from shared.errors import CommitUnknown, DatabaseBusy, DatabaseUnavailable
from tests.concurrency import wait_until_blocked
from tests.processes import wait_until

TERMINATE_OTHERS = """
SELECT pg_terminate_backend(pid, 5000)
FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'roundsman victim'
"""


@pytest.fixture
def small(database_url: str) -> Iterator[Database]:
    """A pool of one connection that is waited for only shortly."""
    pool = Database(database_url, size=1, name="victim", wait_seconds=0.05, statement_seconds=5)
    yield pool
    pool.close()


@pytest.fixture(autouse=True)
def _a_table(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute("CREATE TABLE IF NOT EXISTS things (number integer)")
        transaction.cursor.execute("TRUNCATE things")


def numbers(database: Database) -> list[int]:
    with database.reading() as cursor:
        cursor.execute("SELECT number FROM things ORDER BY number")
        return [row[0] for row in cursor.fetchall()]


def lose_answers(cursor: Cursor) -> None:
    """From now on Postgres hears this connection, but is not heard by it."""
    with socket.socket(fileno=os.dup(cursor.connection.fileno())) as other_end:
        other_end.shutdown(socket.SHUT_RD)


def insert(database: Database, number: int) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute("INSERT INTO things VALUES (%s)", (number,))


def test_a_transaction_is_committed_when_its_block_ends(database: Database, small: Database) -> None:
    insert(small, 1)
    assert numbers(database) == [1]


def test_a_transaction_is_rolled_back_when_its_block_raises(database: Database, small: Database) -> None:
    with pytest.raises(ZeroDivisionError), small.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        transaction.cursor.execute("INSERT INTO things VALUES (1)")
        raise ZeroDivisionError
    assert numbers(database) == []
    insert(small, 2)  # the connection is as good as before
    assert numbers(database) == [2]


def test_an_error_of_a_statement_reaches_the_caller_and_leaves_nothing_behind(small: Database) -> None:
    with pytest.raises(psycopg2.ProgrammingError), small.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        transaction.cursor.execute("INSERT INTO things VALUES (1)")
        transaction.cursor.execute("SELECT nonsense")
    assert numbers(small) == []


def test_what_waits_for_the_commit_is_done_after_it_and_only_then(database: Database, small: Database) -> None:
    seen: list[list[int]] = []
    with small.transaction() as transaction:
        transaction.cursor.execute("INSERT INTO things VALUES (1)")
        transaction.after_commit(lambda: seen.append(numbers(database)))
        assert seen == []
    assert seen == [[1]]
    with pytest.raises(ZeroDivisionError), small.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        transaction.after_commit(lambda: seen.append([]))
        raise ZeroDivisionError
    assert seen == [[1]]


def test_a_busy_pool_is_waited_for_and_then_unavailable(small: Database) -> None:
    began = time.monotonic()
    with (
        small.transaction(),
        pytest.raises(DatabaseUnavailable, match=r"busy for 0\.05 s"),
        small.reading(),
    ):
        pass
    assert 0.05 <= time.monotonic() - began < 2
    assert numbers(small) == []  # its place was given back


def test_who_waits_gets_the_connection_that_is_given_back(database_url: str) -> None:
    pool = Database(database_url, size=1, name="victim", wait_seconds=5)
    held, give_back = Event(), Event()

    def hold() -> None:
        with pool.transaction():
            held.set()
            give_back.wait(5)

    with ThreadPoolExecutor(2) as threads:
        holding = threads.submit(hold)
        assert held.wait(5)
        waiting = threads.submit(numbers, pool)
        assert not waiting.done()
        give_back.set()
        assert waiting.result(5) == []
        holding.result(5)
    pool.close()


def test_an_idle_connection_that_the_server_ended_is_noticed_before_use(database: Database, small: Database) -> None:
    insert(small, 1)
    with database.reading() as cursor:
        cursor.execute(TERMINATE_OTHERS)
        assert cursor.rowcount >= 1
    assert numbers(small) == [1]


def test_a_connection_ended_in_mid_transaction_is_unavailable_once(database: Database, small: Database) -> None:
    with pytest.raises(DatabaseUnavailable), small.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        transaction.cursor.execute("INSERT INTO things VALUES (1)")
        with database.reading() as cursor:
            cursor.execute(TERMINATE_OTHERS)
        transaction.cursor.execute("INSERT INTO things VALUES (2)")
    assert numbers(small) == []


def test_a_connection_ended_before_the_commit_is_unavailable_too(database: Database, small: Database) -> None:
    done: list[bool] = []
    with pytest.raises(DatabaseUnavailable), small.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        transaction.after_commit(lambda: done.append(True))
        transaction.cursor.execute("INSERT INTO things VALUES (1)")
        with database.reading() as cursor:
            cursor.execute(TERMINATE_OTHERS)
    assert (numbers(small), done) == ([], [])


def test_when_the_answer_to_a_commit_is_lost_it_is_unknown_whether_it_happened(
    database: Database, small: Database
) -> None:
    with pytest.raises(CommitUnknown), small.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        transaction.cursor.execute("INSERT INTO things VALUES (1)")
        lose_answers(transaction.cursor)
    wait_until(lambda: numbers(database) == [1], "it has been committed all the same")


def test_a_single_statement_is_its_own_transaction(database: Database, small: Database) -> None:
    done: list[list[int]] = []
    with small.statement() as statement:
        statement.after_commit(lambda: done.append(numbers(database)))
        statement.cursor.execute("INSERT INTO things VALUES (1)")
        assert (numbers(database), done) == ([1], [])
    assert done == [[1]]


def test_when_the_answer_to_a_single_statement_is_lost_it_is_unknown_whether_it_happened(
    database: Database, small: Database
) -> None:
    with pytest.raises(CommitUnknown), small.statement() as statement:  # noqa: PT012 (it is the transaction that ends so)
        lose_answers(statement.cursor)
        statement.cursor.execute("INSERT INTO things VALUES (1)")
    wait_until(lambda: numbers(database) == [1], "it has been committed all the same")


def test_a_transaction_that_stood_in_the_way_of_another_is_told_so(database: Database, small: Database) -> None:
    insert(database, 1)
    insert(database, 2)
    update = "UPDATE things SET number = number WHERE number = %s"
    with ThreadPoolExecutor(1) as pool, database.transaction() as first:
        first.cursor.execute("SET LOCAL deadlock_timeout = '10s'")
        first.cursor.execute(update, (1,))
        with pytest.raises(DatabaseBusy, match="deadlock"), small.transaction() as second:  # noqa: PT012 (it is the transaction that ends so)
            second.cursor.execute("SET LOCAL deadlock_timeout = '50ms'")
            second.cursor.execute(update, (2,))
            waiting = pool.submit(first.cursor.execute, update, (2,))
            wait_until_blocked(database)
            second.cursor.execute(update, (1,))
        waiting.result(5)


def test_a_server_that_is_not_there_is_unavailable_at_once() -> None:
    away = Database("postgresql:///none?host=/nonexistent", size=1, name="test")
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable), away.reading():
            pass
    assert time.monotonic() - began < 2


def test_a_statement_that_takes_too_long_is_ended(database: Database, database_url: str) -> None:
    hasty = Database(database_url, size=1, name="victim", statement_seconds=0.2)
    with database.transaction() as holder:
        holder.cursor.execute("LOCK TABLE things")
        began = time.monotonic()
        with pytest.raises(DatabaseBusy, match="statement timeout"), hasty.transaction() as transaction:
            transaction.cursor.execute("INSERT INTO things VALUES (1)")
        assert time.monotonic() - began < 3
    assert numbers(hasty) == []
    hasty.close()


def test_connections_tell_their_process_and_speak_utc(small: Database) -> None:
    with small.reading() as cursor:
        cursor.execute("SELECT current_setting('application_name'), current_setting('TimeZone')")
        assert cursor.fetchall() == [("roundsman victim", "UTC")]


def test_a_read_opens_no_transaction(database: Database, small: Database) -> None:
    with small.reading() as cursor:
        cursor.execute("INSERT INTO things VALUES (1)")
        assert numbers(database) == [1]


def test_closing_lets_go_of_every_idle_connection(database: Database, small: Database) -> None:
    numbers(small)

    def connections() -> int:
        with database.reading() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'roundsman victim'")
            return int(only_row(cursor)[0])

    assert connections() >= 1
    small.close()
    wait_until(lambda: connections() == 0, "the server has seen them go")


def test_the_only_row_of_a_statement_without_one_is_an_accident(database: Database) -> None:
    with database.reading() as cursor:
        cursor.execute("SELECT 1 WHERE false")
        with pytest.raises(LookupError):
            only_row(cursor)
