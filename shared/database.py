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

from shared.errors import CommitUnknown, DatabaseBusy, DatabaseUnavailable

__all__ = ["Connection", "Cursor", "Database", "Transaction", "only_row", "read_json"]

psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]  # the stubs leave it bare

# No integer larger than this is let in; jsonb writes 1e23 out as one, which is not the number that 1e23 is.
LARGEST_INTEGER = 2**64


def _number(digits: str) -> int | float:
    number = int(digits)
    return number if -LARGEST_INTEGER <= number <= LARGEST_INTEGER else float(digits)


read_json: Callable[[str], Any] = json.JSONDecoder(parse_int=_number).decode
psycopg2.extras.register_default_jsonb(loads=read_json, globally=True)

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 15.0
IDLE_IN_TRANSACTION_SECONDS = 10.0

# A statement that took too long, a deadlock, locks that were not to be had: Postgres itself is well.
GIVEN_UP = frozenset({"57014", "40P01", "55P03"})

# A server that went away must be noticed within seconds, also when it went without a word.
CONNECT_OPTIONS: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
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
        self, url: str, *, size: int, name: str, wait_seconds: float = 5.0, statement_seconds: float = STATEMENT_SECONDS
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
                    if not connection.closed:
                        connection.rollback()
                    raise
                _commit(connection)
        transaction.committed()

    @contextmanager
    def statement(self) -> Iterator[Transaction]:
        """One statement that writes, which is its own transaction: no BEGIN and COMMIT around it."""
        with self._connection() as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                transaction = Transaction(cursor)
                with _unknown_if_unanswered():
                    yield transaction
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
                raise _as_ours(error) from error
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


def _commit(connection: Connection) -> None:
    with _unknown_if_unanswered():
        connection.commit()


@contextmanager
def _unknown_if_unanswered() -> Iterator[None]:
    """Of what Postgres refuses it says so, with a code: when it says nothing, it may have committed."""
    try:
        yield
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if error.pgcode is None:
            raise CommitUnknown(str(error).strip()) from error
        raise


def _as_ours(error: psycopg2.Error) -> DatabaseUnavailable:
    kind = DatabaseBusy if error.pgcode in GIVEN_UP else DatabaseUnavailable
    return kind(str(error).strip())


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
