"""The stores are tested on a database with nothing in it but what the test puts there; imported by their conftests."""

from collections.abc import Iterator

import pytest

from shared.database import Cursor, Database


@pytest.fixture(autouse=True)
def nothing_is_there(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM accounts")
        transaction.cursor.execute("DELETE FROM processes")


@pytest.fixture
def cursor(database: Database) -> Iterator[Cursor]:
    """A cursor of single statements, each committed at once."""
    with database.reading() as single_statements:
        yield single_statements
