"""Snapshots: one value in force for every check, all that were before it, and none after a checklist is gone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from shared.database import Cursor, Database
from shared.domain.snapshot import equal
from shared.store import checklists, snapshots
from shared.store.checklists import Checklist
from shared.store.snapshots import NewSnapshot
from tests.concurrency import wait_until_blocked
from tests.factories import a_checklist, an_account


def value_of(checklist: Checklist, value: Any, name: str = "n", flow: str = "f", **fields: Any) -> NewSnapshot:
    known = {"accepted_by": "me", "run_id": None}
    return NewSnapshot(checklist.account_id, checklist.id, flow, name, value, **(known | fields))


def in_force(cursor: Cursor, checklist: Checklist) -> dict[tuple[str, str], Any]:
    found = snapshots.in_force(cursor, checklist.account_id, checklist.id)
    return {(item.flow, item.name): item.value for item in found}


def history(cursor: Cursor, checklist: Checklist, *, before: int = 0, limit: int = 10) -> list[snapshots.Snapshot]:
    return snapshots.history(cursor, checklist.account_id, checklist.id, "f", "n", before=before, limit=limit)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -0.0,
        1,
        1.0,
        0.1,
        2**53,
        -(2**53),
        2**64,
        1e22,
        1e23,
        1.5e300,
        1e308,
        5e-324,
        "",
        "é\u2028\U0001f600",
        "1",
        [],
        {},
        [1, [2, {"b": 1, "a": None}]],
    ],
    ids=repr,
)
def test_a_value_is_read_back_equal_to_what_was_put(cursor: Cursor, value: Any) -> None:
    checklist = a_checklist(cursor)
    snapshots.put(cursor, [value_of(checklist, value)])
    [kept] = in_force(cursor, checklist).values()
    assert equal(kept, value)


def test_who_accepted_it_from_which_run_and_when_it_was_seen_are_kept(cursor: Cursor) -> None:
    checklist, run, seen = a_checklist(cursor), uuid4(), datetime(2026, 1, 1, tzinfo=UTC)
    snapshots.put(cursor, [value_of(checklist, 1, accepted_by="ada", run_id=run, observed_at=seen)])
    [kept] = snapshots.in_force(cursor, checklist.account_id, checklist.id)
    assert (kept.accepted_by, kept.run_id, kept.observed_at) == ("ada", run, seen)
    assert (kept.superseded_at, kept.obsolete) == (None, False)


def test_a_new_value_takes_the_place_of_the_one_before_which_becomes_history(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    for value in (1, 2, 3):
        snapshots.put(cursor, [value_of(checklist, value)])
    assert in_force(cursor, checklist) == {("f", "n"): 3}
    found = history(cursor, checklist)
    assert [item.value for item in found] == [3, 2, 1]
    assert [item.superseded_at is None for item in found] == [True, False, False]


def test_history_is_paged_newest_first(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    for value in (1, 2, 3):
        snapshots.put(cursor, [value_of(checklist, value)])
    first = history(cursor, checklist, limit=2)
    assert [item.value for item in history(cursor, checklist, before=first[-1].id)] == [1]


def test_a_first_value_never_replaces_one_that_is_there(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    snapshots.put(cursor, [value_of(checklist, 1)])
    snapshots.put_first(cursor, [value_of(checklist, 2), value_of(checklist, 2, "other")])
    assert in_force(cursor, checklist) == {("f", "n"): 1, ("f", "other"): 2}
    assert len(history(cursor, checklist)) == 1


def test_checks_of_the_same_name_in_other_flows_and_checklists_are_others(cursor: Cursor) -> None:
    one, other = a_checklist(cursor), a_checklist(cursor)
    snapshots.put(cursor, [value_of(one, 1), value_of(one, 2, flow="g"), value_of(other, 3)])
    snapshots.put(cursor, [value_of(one, 9)])
    assert in_force(cursor, one) == {("f", "n"): 9, ("g", "n"): 2}
    assert in_force(cursor, other) == {("f", "n"): 3}


def test_the_values_of_many_checklists_are_read_in_one_statement(cursor: Cursor) -> None:
    one, other = a_checklist(cursor), a_checklist(cursor)
    snapshots.put(cursor, [value_of(one, 1), value_of(one, 2, "m")])
    snapshots.mark_obsolete(cursor, {(one.id, "f", "m"): True})
    approved, obsolete = snapshots.for_runs(cursor, [one.id, other.id])
    assert approved == {one.id: {("f", "n"): 1, ("f", "m"): 2}, other.id: {}}
    assert obsolete == {(one.id, "f", "m")}


def test_a_snapshot_that_was_obsolete_is_current_again_when_observed(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    snapshots.put(cursor, [value_of(checklist, 1)])
    for mark in (True, False):
        snapshots.mark_obsolete(cursor, {(checklist.id, "f", "n"): mark})
        assert [item.obsolete for item in snapshots.in_force(cursor, checklist.account_id, checklist.id)] == [mark]


def test_marks_and_values_of_nothing_are_nothing(cursor: Cursor) -> None:
    snapshots.mark_obsolete(cursor, {})
    snapshots.put(cursor, [])
    snapshots.put_first(cursor, [])


@pytest.mark.parametrize(
    ("forgotten", "left"),
    [
        (None, set()),
        ([], {("f", "n"), ("f", "m"), ("g", "n")}),
        ([("f", None)], {("g", "n")}),
        ([("f", "n")], {("f", "m"), ("g", "n")}),
        ([("f", "n"), ("g", None)], {("f", "m")}),
        ([("none", None)], {("f", "n"), ("f", "m"), ("g", "n")}),
    ],
)
def test_all_whole_flows_or_single_checks_are_forgotten(
    cursor: Cursor, forgotten: list[tuple[str, str | None]] | None, left: set[tuple[str, str]]
) -> None:
    checklist = a_checklist(cursor)
    snapshots.put(cursor, [value_of(checklist, 1), value_of(checklist, 1, "m"), value_of(checklist, 1, flow="g")])
    snapshots.forget(cursor, checklist.account_id, checklist.id, forgotten)
    assert set(in_force(cursor, checklist)) == left


def test_what_is_forgotten_has_no_history_either(cursor: Cursor) -> None:
    checklist = a_checklist(cursor)
    for value in (1, 2):
        snapshots.put(cursor, [value_of(checklist, value)])
    snapshots.forget(cursor, checklist.account_id, checklist.id, [("f", "n")])
    assert history(cursor, checklist) == []


def test_another_account_sees_and_forgets_nothing(cursor: Cursor) -> None:
    checklist, other = a_checklist(cursor), an_account(cursor)
    snapshots.put(cursor, [value_of(checklist, 1)])
    assert snapshots.in_force(cursor, other, checklist.id) == []
    assert snapshots.history(cursor, other, checklist.id, "f", "n", before=0, limit=10) == []
    snapshots.forget(cursor, other, checklist.id, None)
    snapshots.forget(cursor, other, checklist.id, [("f", None)])
    assert in_force(cursor, checklist) == {("f", "n"): 1}


def test_two_first_values_at_once_leave_one(database: Database, cursor: Cursor) -> None:
    checklist = a_checklist(cursor)

    def put_too() -> None:
        with database.transaction() as second:
            snapshots.put_first(second.cursor, [value_of(checklist, 2)])

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as first:
            snapshots.put_first(first.cursor, [value_of(checklist, 1)])
            late = pool.submit(put_too)
            wait_until_blocked(database)
        late.result(10)
    assert in_force(cursor, checklist) == {("f", "n"): 1}


def test_a_first_value_for_a_checklist_that_is_being_deleted_is_dropped(database: Database, cursor: Cursor) -> None:
    checklist, other = a_checklist(cursor), a_checklist(cursor)

    def put_late() -> None:
        with database.transaction() as second:
            snapshots.put_first(second.cursor, [value_of(checklist, 1), value_of(other, 2)])

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as first:
            checklists.delete(first.cursor, checklist.account_id, checklist.id)
            late = pool.submit(put_late)
            wait_until_blocked(database)
        late.result(10)
    assert in_force(cursor, checklist) == {}
    assert in_force(cursor, other) == {("f", "n"): 2}
