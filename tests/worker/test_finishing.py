"""Batches that Postgres refuses: what clashed is done again, what is too much is divided, one row spoils no other."""

from collections.abc import Callable, Sequence

import pytest

from shared.database import Cursor, Database
from shared.errors import DatabaseUnavailable
from shared.store.events import NewEvent
from shared.store.work import ClaimedWork
from tests import store_fixtures
from tests.factories import claimed_work
from tests.performing import finished
from tests.pieces import an_end
from tests.rows import attempts, inconsistent_work, work_row
from worker.finishing import Finishing
from worker.performer import End, Ended, Prepared

cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there

FOREIGN_KEY_VIOLATION, DEADLOCK, PROGRAM_LIMIT, QUERY_CANCELED = "23503", "40P01", "54000", "57014"


class Refusing:
    """Records nothing, and lets Postgres refuse some batches with a SQLSTATE."""

    def __init__(self, state: str, refuses: Callable[[int, Sequence[Ended]], bool]) -> None:
        self.tries: list[int] = []
        self._state = state
        self._refuses = refuses

    def prepare(self, cursor: Cursor, items: Sequence[ClaimedWork]) -> list[Prepared]:
        raise NotImplementedError

    def perform(self, piece: Prepared, timeout_seconds: float, end: End) -> Callable[[], object]:
        raise NotImplementedError

    def record(self, cursor: Cursor, ended: Sequence[Ended]) -> list[NewEvent]:
        self.tries.append(len(ended))
        if self._refuses(len(self.tries), ended):
            cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{self._state}'; END $$")
        return []


def ended_jobs(cursor: Cursor, count: int, *, spoiled: int | None = None) -> list[Ended]:
    """Jobs that went well; the findings of one of them say that it is the one to be refused."""
    claimed = claimed_work(cursor, limit=count)
    return [Ended(item, an_end(item), number == spoiled) for number, item in enumerate(claimed)]


def holds_the_spoiled(_tries: int, ended: Sequence[Ended]) -> bool:
    return any(item.findings for item in ended)


@pytest.mark.parametrize("state", [FOREIGN_KEY_VIOLATION, DEADLOCK])
@pytest.mark.parametrize("count", [1, 3])
def test_what_clashed_with_another_transaction_goes_well_the_second_time(
    database: Database, cursor: Cursor, state: str, count: int
) -> None:
    ended = ended_jobs(cursor, count)
    performer = Refusing(state, lambda tries, _: tries == 1)
    held = finished(Finishing(database, {"job": performer}, delivery_attempts=1), ended)
    assert held == {item.work.id for item in ended}
    assert {work_row(cursor, item.work.id).state for item in ended} == {"succeeded"}
    assert performer.tries == [count, count]


def test_what_clashes_again_and_again_is_kept_for_later(database: Database, cursor: Cursor) -> None:
    ended = ended_jobs(cursor, 2)
    performer = Refusing(DEADLOCK, lambda *_: True)
    with pytest.raises(DatabaseUnavailable):
        finished(Finishing(database, {"job": performer}, delivery_attempts=1), ended)
    assert (work_row(cursor, ended[0].work.id).state, performer.tries) == ("running", [2, 2])


@pytest.mark.parametrize("state", [FOREIGN_KEY_VIOLATION, PROGRAM_LIMIT])
def test_one_result_that_is_refused_fails_alone(database: Database, cursor: Cursor, state: str) -> None:
    ended = ended_jobs(cursor, 5, spoiled=3)
    finishing = Finishing(database, {"job": Refusing(state, holds_the_spoiled)}, delivery_attempts=1)
    assert finished(finishing, ended) == {item.work.id for item in ended}
    rows = [work_row(cursor, item.work.id) for item in ended]
    assert [row.state for row in rows] == ["succeeded"] * 3 + ["failed", "succeeded"]
    assert (rows[3].error, attempts(cursor, ended[3].work.id)) == (
        "what was observed could not be stored",
        [(1, "failed")],
    )
    assert inconsistent_work(cursor) == []


def test_a_batch_that_takes_too_long_is_divided_until_its_parts_do_not(database: Database, cursor: Cursor) -> None:
    ended = ended_jobs(cursor, 4)
    performer = Refusing(QUERY_CANCELED, lambda _, part: len(part) > 1)
    held = finished(Finishing(database, {"job": performer}, delivery_attempts=1), ended)
    assert (len(held), performer.tries) == (4, [4, 2, 1, 1, 2, 1, 1])
    assert {work_row(cursor, item.work.id).state for item in ended} == {"succeeded"}


def test_a_single_result_that_takes_too_long_has_met_a_lock_and_is_kept_for_later(
    database: Database, cursor: Cursor
) -> None:
    ended = ended_jobs(cursor, 1)
    performer = Refusing(QUERY_CANCELED, lambda *_: True)
    with pytest.raises(DatabaseUnavailable):
        finished(Finishing(database, {"job": performer}, delivery_attempts=1), ended)
    assert (work_row(cursor, ended[0].work.id).state, performer.tries) == ("running", [1])
