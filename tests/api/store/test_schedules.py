"""Schedules in the store: written, replaced, steered and read by their owner only."""

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.store import runs, schedules
from api.store.schedule_history import last_work, occurrences
from api.store.schedules import Definition, NameTaken, NoSuchChecklist
from shared.database import Cursor, Database
from shared.store.schedules import Schedule
from tests.factories import a_checklist, a_schedule, an_account, an_occurrence

START = datetime(2026, 3, 1, tzinfo=UTC)


def definition_of(schedule: Schedule, **changes: Any) -> Definition:
    kept = {field.name: getattr(schedule, field.name) for field in fields(Definition) if field.name != "paused"}
    return Definition(**(kept | {"paused": schedule.state == "paused"} | changes))


def put(cursor: Cursor, schedule: Schedule, next_run_at: datetime | None = START, **changes: Any) -> Schedule:
    return schedules.replace(
        cursor,
        schedule.account_id,
        schedule.id,
        definition_of(schedule, **changes),
        anchor=START,
        next_run_at=next_run_at,
    )


def again(cursor: Cursor, schedule: Schedule) -> Schedule:
    found = schedules.get(cursor, schedule.account_id, schedule.id)
    assert found is not None
    return found


def steer(cursor: Cursor, action: Callable[..., bool], schedule: Schedule, *arguments: Any) -> bool:
    return action(cursor, schedule.account_id, schedule.id, *arguments)


def test_every_column_comes_back_in_its_place(cursor: Cursor) -> None:
    given = {
        "name": "n",
        "cron": "@daily",
        "timezone": "Europe/Berlin",
        "target": {"variables": {"a": "b"}},
        "note": "why",
        "starts_at": START,
        "ends_at": START + timedelta(days=1),
        "max_occurrences": 3,
        "jitter_seconds": 4,
        "overlap": "queue_one",
        "catchup_window_seconds": 5,
        "coalesce": "earliest",
        "pause_on_failure": True,
        "pause_on_change": False,
    }
    created = a_schedule(cursor, anchor=START, next_run_at=START + timedelta(hours=1), **given)
    assert asdict(created) | given == asdict(created)
    assert (created.state, created.anchor, created.next_run_at) == ("active", START, START + timedelta(hours=1))
    assert (created.fired, created.skipped, created.missed, created.skip_next) == (0, 0, 0, False)
    assert again(cursor, created) == created
    assert schedules.page(cursor, created.account_id, after=0, limit=10) == [created]
    replaced = put(cursor, created, created.next_run_at)
    assert replaced == replace(created, updated_at=replaced.updated_at)


@pytest.mark.parametrize(
    ("paused", "next_run_at", "state"),
    [(False, START, "active"), (True, START, "paused"), (False, None, "finished"), (True, None, "finished")],
)
def test_the_state_follows_from_the_next_instant_and_from_being_paused(
    cursor: Cursor, paused: bool, next_run_at: datetime | None, state: str
) -> None:
    schedule = a_schedule(cursor, paused=paused, next_run_at=next_run_at)
    assert (schedule.state, schedule.paused_at is None) == (state, not paused)
    assert put(cursor, a_schedule(cursor), next_run_at, paused=paused).state == state


def test_a_name_is_taken_once_in_an_account(cursor: Cursor) -> None:
    mine = a_schedule(cursor, name="n")
    other = a_schedule(cursor, a_checklist(cursor, mine.account_id))
    a_schedule(cursor, name="n")
    with pytest.raises(NameTaken):
        put(cursor, other, name="n")
    with pytest.raises(NameTaken):
        a_schedule(cursor, a_checklist(cursor, mine.account_id), name="n")


def test_a_checklist_that_is_absent_or_anothers_is_told_as_such(cursor: Cursor) -> None:
    mine, theirs = a_schedule(cursor), a_checklist(cursor)
    for checklist_id in (theirs.id, 999_999):
        with pytest.raises(NoSuchChecklist):
            put(cursor, mine, checklist_id=checklist_id)
        with pytest.raises(NoSuchChecklist):
            a_schedule(cursor, a_checklist(cursor), checklist_id=checklist_id)
    assert again(cursor, mine) == mine


def test_a_replacement_that_pauses_notes_since_when_and_one_that_wakes_until_when(cursor: Cursor) -> None:
    schedule = a_schedule(cursor)
    asleep = put(cursor, schedule, paused=True)
    still = put(cursor, asleep, paused=True)
    assert asleep.paused_at == still.paused_at
    awake = put(cursor, still, paused=False)
    assert awake.paused_at is not None
    assert awake.resumed_at is not None
    assert awake.resumed_at > awake.paused_at
    later = put(cursor, awake, paused=True)
    assert later.paused_at is not None
    assert later.paused_at > awake.resumed_at


def test_the_asking_to_skip_is_kept_for_the_instant_it_was_asked_for(cursor: Cursor) -> None:
    for next_run_at, kept in ((START, True), (START + timedelta(seconds=1), False), (None, False)):
        schedule = a_schedule(cursor, next_run_at=START)
        assert steer(cursor, schedules.skip_next, schedule)
        assert put(cursor, schedule, next_run_at).skip_next is kept


def test_pausing_and_resuming_note_when_that_was(cursor: Cursor) -> None:
    schedule = a_schedule(cursor, note="old")
    assert steer(cursor, schedules.pause, schedule, None)
    paused = again(cursor, schedule)
    assert (paused.state, paused.note, paused.resumed_at) == ("paused", "old", None)
    assert steer(cursor, schedules.pause, schedule, "new")
    still = again(cursor, schedule)
    assert (still.note, still.paused_at) == ("new", paused.paused_at)
    assert steer(cursor, schedules.resume, schedule)
    resumed = again(cursor, schedule)
    assert (resumed.state, resumed.note, resumed.next_run_at) == ("active", None, schedule.next_run_at)
    assert resumed.resumed_at is not None
    assert not steer(cursor, schedules.resume, schedule)


@pytest.mark.parametrize("state", ["finished", "invalid"])
def test_what_is_finished_or_invalid_is_not_steered(cursor: Cursor, state: str) -> None:
    schedule = a_schedule(cursor)
    cursor.execute("UPDATE schedules SET state = %s WHERE id = %s", (state, schedule.id))
    assert not steer(cursor, schedules.pause, schedule, None)
    assert not steer(cursor, schedules.resume, schedule)
    assert not steer(cursor, schedules.skip_next, schedule)


def test_nothing_of_a_schedule_is_seen_or_changed_by_another_account(cursor: Cursor, database: Database) -> None:
    schedule, stranger = a_schedule(cursor), an_account(cursor)
    an_occurrence(cursor, schedule.id)
    assert schedules.get(cursor, stranger, schedule.id) is None
    assert schedules.page(cursor, stranger, after=0, limit=10) == []
    assert occurrences(cursor, stranger, schedule.id, before=None, limit=10) == []
    assert not schedules.pause(cursor, stranger, schedule.id, None)
    assert not schedules.skip_next(cursor, stranger, schedule.id)
    assert not schedules.delete(cursor, stranger, schedule.id)
    with database.transaction() as transaction:
        assert schedules.lock(transaction.cursor, stranger, schedule.id) is None
    assert again(cursor, schedule) == schedule


def test_occurrences_are_read_newest_first_from_behind_an_instant(cursor: Cursor) -> None:
    schedule = a_schedule(cursor)
    an_occurrence(cursor, a_schedule(cursor).id)
    times = [START + timedelta(microseconds=number) for number in range(4)]
    for time in times:
        an_occurrence(cursor, schedule.id, time)
    an_occurrence(cursor, schedule.id, START - timedelta(days=1), outcome="skipped", reason="paused")
    account = schedule.account_id
    first = occurrences(cursor, account, schedule.id, before=None, limit=2)
    rest = occurrences(cursor, account, schedule.id, before=first[-1].scheduled_for, limit=10)
    assert [row.scheduled_for for row in first + rest] == [*reversed(times), START - timedelta(days=1)]
    [skipped] = occurrences(cursor, account, schedule.id, before=None, limit=10, outcome="skipped")
    assert (skipped.reason, skipped.kind, skipped.work_id) == ("paused", "run", None)


def test_the_last_work_is_found_for_many_schedules_at_once(cursor: Cursor) -> None:
    one, other, idle = a_schedule(cursor), a_schedule(cursor), a_schedule(cursor)
    made = {}
    for schedule in (one, other):
        assert schedule.checklist_id is not None
        for state in ("succeeded", "failed", "succeeded", "canceled"):
            run = runs.create(
                cursor,
                schedule.account_id,
                schedule.checklist_id,
                trigger="manual",
                variables={},
                schedule_id=schedule.id,
            )
            assert run is not None
            cursor.execute("UPDATE work SET state = %s, finished_at = now() WHERE id = %s", (state, run.id))
            made[schedule.id, state] = run.id
    found = {(item.schedule_id, item.which): (item.id, item.state) for item in last_work(cursor, [one.id, other.id])}
    assert found == {
        (schedule.id, which): (made[schedule.id, state], state)
        for schedule in (one, other)
        for which, state in (("last", "canceled"), ("last_success", "succeeded"), ("last_failure", "failed"))
    }
    assert last_work(cursor, [idle.id]) == last_work(cursor, []) == []
