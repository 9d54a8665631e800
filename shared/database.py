"""Connections to Postgres: a small pool that waits, and two ways to use one."""

import json
import queue
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.extras
from psycopg2.extensions import connection as Connection  # noqa: N812 (a class that the driver spells in lower case)
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from shared.errors import DatabaseUnavailable

__all__ = ["Connection", "Cursor", "Database", "Transaction", "only_row"]

psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]  # the stubs leave it bare

# No integer larger than this is let in; jsonb writes 1e23 out as one, which is not the number that 1e23 is.
LARGEST_INTEGER = 2**64


def _number(digits: str) -> int | float:
    number = int(digits)
    return number if -LARGEST_INTEGER <= number <= LARGEST_INTEGER else float(digits)


psycopg2.extras.register_default_jsonb(loads=json.JSONDecoder(parse_int=_number).decode, globally=True)

IDLE_IN_TRANSACTION_SECONDS = 10.0

# A server that went away must be noticed within seconds, also when it went without a word.
CONNECT_OPTIONS: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Transaction:
    """A cursor whose work is committed as one, and what is to happen once it is."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self._after_commit: list[Callable[[], object]] = []

    def after_commit(self, action: Callable[[], object]) -> None:
        """Do this when, and only when, the transaction has been committed."""
        self._after_commit.append(action)

    def committed(self) -> None:
        """Do what was to wait for the commit."""
        for action in self._after_commit:
            action()


class Database:
    """A pool of at most `size` connections; asking for one waits `wait_seconds`, then raises DatabaseUnavailable."""

    def __init__(
        self, url: str, *, size: int, name: str, wait_seconds: float = 5.0, statement_seconds: float = 15.0
    ) -> None:
        self._url = url
        self._options = CONNECT_OPTIONS | {
            "application_name": f"roundsman {name}",
            # A process that is frozen between two statements would keep its rows locked for as long as it is.
            "options": (
                f"-c statement_timeout={int(statement_seconds * 1000)} -c TimeZone=UTC"
                f" -c idle_in_transaction_session_timeout={int(IDLE_IN_TRANSACTION_SECONDS * 1000)}"
            ),
        }
        self._wait_seconds = wait_seconds
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue()
        self._places = threading.BoundedSemaphore(size)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with self._connection() as connection:
            connection.autocommit = False
            with connection.cursor() as cursor:
                transaction = Transaction(cursor)
                try:
                    yield transaction
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()
        transaction.committed()

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """A cursor for single statements, each its own transaction: no BEGIN and COMMIT around a read."""
        with self._connection() as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def close(self) -> None:
        """Close every idle connection."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        if not self._places.acquire(timeout=self._wait_seconds):
            raise DatabaseUnavailable(f"every connection to Postgres was busy for {self._wait_seconds:g} s")
        try:
            connection = self._usable_connection()
            try:
                yield connection
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                connection.close()
                raise DatabaseUnavailable(str(error).strip()) from error
            finally:
                if connection.closed:
                    pass
                elif connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE:
                    self._idle.put_nowait(connection)
                else:
                    connection.close()
        finally:
            self._places.release()

    def _usable_connection(self) -> Connection:
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                return self._connect()
            if not _hung_up(connection):
                return connection
            connection.close()

    def _connect(self) -> Connection:
        try:
            connection: Connection = psycopg2.connect(self._url, **self._options)
        except psycopg2.OperationalError as error:
            raise DatabaseUnavailable(str(error).strip()) from error
        return connection


def _hung_up(connection: Connection) -> bool:
    """Whether the server closed this idle connection: an idle one has nothing to read but its end."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def only_row(cursor: Cursor) -> tuple[Any, ...]:
    """The row of a statement that always answers one."""
    row = cursor.fetchone()
    if row is None:
        raise LookupError("the statement answered no row")
    return row
