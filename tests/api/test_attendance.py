"""Noting that somebody looks after a queue, by a clock of the test."""

from collections.abc import Callable

import pytest

from api import attendance
from api.attendance import Attendance, Queue
from shared.database import Database
from tests.factories import an_account

NOTED = """
UPDATE queues
SET last_popped_at = NULL
WHERE last_popped_at IS NOT NULL
RETURNING account_id, name
"""


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def noted(database: Database) -> Callable[[], list[Queue]]:
    """The queues that were noted since it was last asked."""

    def take() -> list[Queue]:
        with database.reading() as cursor:
            cursor.execute(NOTED)
            return sorted(cursor.fetchall())

    take()
    return take


@pytest.fixture
def account(database: Database) -> int:
    with database.reading() as cursor:
        return an_account(cursor)


def test_a_queue_is_noted_once_a_second_and_each_by_itself(
    database: Database, account: int, noted: Callable[[], list[Queue]]
) -> None:
    clock = Clock()
    attending = Attendance(clock)
    for seconds, name, is_noted in ((0, "a", True), (0.5, "a", False), (0, "b", True), (0.5, "a", True)):
        clock.now += seconds
        attending.note(database, (account, name))
        assert noted() == ([(account, name)] if is_noted else [])


def test_no_more_queues_are_remembered_than_there_is_room_for(
    database: Database, account: int, noted: Callable[[], list[Queue]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "MOST_REMEMBERED", 2)
    attending = Attendance(Clock())
    for name in ("a", "b", "c", "a"):
        attending.note(database, (account, name))
        assert noted() == [(account, name)]
    attending.note(database, (account, "c"))
    assert noted() == []
