"""What is written as an array literal is what Postgres reads."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from shared.array import array
from shared.database import Database


@pytest.mark.parametrize(
    ("type_name", "values"),
    [
        ("text", ["plain", "", "NULL", "null", "a,b", "{c}", '"', "\\", '\\"', "'", "x\ny", "ü→", None, " "]),
        ("bigint", [0, -1, 2**62, None]),
        ("boolean", [True, False, None]),
        ("uuid", [UUID(int=7), None]),
        (
            "timestamptz",
            [
                datetime(2026, 3, 29, 1, 2, 3, 456789, tzinfo=UTC),
                datetime(2100, 1, 1, tzinfo=timezone(timedelta(hours=5))),
            ],
        ),
        ("text", []),
    ],
)
def test_every_element_comes_back_as_it_was(database: Database, type_name: str, values: list[object]) -> None:
    statement = f"SELECT element FROM unnest(%(text)s::{type_name}[]) AS element"  # noqa: S608 (a test's own words)
    with database.reading() as cursor:
        cursor.execute(statement, {"text": array(values)})
        assert [row[0] for row in cursor.fetchall()] == values
