"""Due schedules become work, and every instant is accounted for; the time is the test's."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.store import schedules
from scheduler import due
from scheduler.due import fire_due_schedules
from scheduler.store import seconds_until_due
from shared.database import Cursor, Database
from shared.domain.when import instants
from shared.queues import Bell
from shared.rhythm import when_of
from shared.store import schedules as shared_schedules
from shared.store.schedules import Schedule
from tests.claiming import claim
from tests.concurrency import wait_until_blocked
from tests.factories import a_checklist, a_schedule, some_work

START = datetime(2026, 3, 1, tzinfo=UTC)
OCCURRENCES = "SELECT scheduled_for, outcome, reason, work_id IS NOT NULL FROM occurrences ORDER BY scheduled_for"
WORK = "SELECT scheduled_for, due_at, state, trigger, kind FROM work ORDER BY scheduled_for"


@pytest.fixture
def bell(redis_url: str) -> Bell:
    return Bell(redis_url)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(cursor: Cursor) -> list[tuple[float, str, str | None]]:
    """What became of each instant: seconds from the start, outcome, reason."""
    cursor.execute(OCCURRENCES)
    rows = cursor.fetchall()
    assert all(has_work == (outcome == "fired") for _, outcome, _, has_work in rows)
    return [((instant - START).total_seconds(), outcome, reason) for instant, outcome, reason, _ in rows]


def again(cursor: Cursor, schedule: Schedule) -> Schedule:
    found = schedules.get(cursor, schedule.account_id, schedule.id)
    assert found is not None
    return found


def end_all_work(cursor: Cursor, state: str = "succeeded", outcome: str = "passed") -> None:
    cursor.execute(
        "UPDATE work SET state = %s, outcome = %s, finished_at = now(), lease_token = NULL, lease_expires_at = NULL"
        " WHERE finished_at IS NULL",
        (state, outcome),
    )


def test_an_instant_that_is_due_becomes_a_run_of_its_checklist(database: Database, cursor: Cursor, bell: Bell) -> None:
    schedule = a_schedule(cursor)
    assert fire_due_schedules(database, bell, after(0), delivery_attempts=1) == 1
    cursor.execute(WORK)
    assert cursor.fetchall() == [(START, START, "pending", "schedule", "run")]
    assert told(cursor) == [(0, "fired", None)]
    moved = again(cursor, schedule)
    assert (moved.next_run_at, moved.last_run_at, moved.fired) == (after(10), START, 1)


def test_nothing_fires_before_it_is_due(database: Database, cursor: Cursor, bell: Bell) -> None:
    a_schedule(cursor)
    assert fire_due_schedules(database, bell, after(-0.001), delivery_attempts=1) == 0
    assert told(cursor) == []


def test_an_instant_fires_once_however_often_it_is_looked_at(database: Database, cursor: Cursor, bell: Bell) -> None:
    a_schedule(cursor)
    assert [fire_due_schedules(database, bell, after(5), delivery_attempts=1) for _ in range(3)] == [1, 0, 0]
    assert told(cursor) == [(0, "fired", None)]


def test_an_instant_that_was_told_of_gets_no_more_work_and_no_more_count_even_if_the_row_is_set_back(
    database: Database, cursor: Cursor, bell: Bell
) -> None:
    schedule = a_schedule(cursor)
    fire_due_schedules(database, bell, after(0), delivery_attempts=1)
    cursor.execute("UPDATE schedules SET next_run_at = %s", (START,))
    fire_due_schedules(database, bell, after(10), delivery_attempts=1)
    assert told(cursor) == [(0, "fired", None), (10, "fired", None)]
    assert again(cursor, schedule).fired == 2


@pytest.mark.parametrize(
    ("coalesce", "outcomes"),
    [
        ("latest", ["missed", "missed", "missed", "fired"]),
        ("earliest", ["missed", "fired", "missed", "missed"]),
        ("all", ["missed", "fired", "fired", "fired"]),
    ],
)
def test_after_an_outage_the_policy_says_what_fires_and_the_rest_is_told_as_missed(
    database: Database, cursor: Cursor, bell: Bell, coalesce: str, outcomes: list[str]
) -> None:
    schedule = a_schedule(cursor, coalesce=coalesce, catchup_window_seconds=25)
    fire_due_schedules(database, bell, after(35), delivery_attempts=1)
    assert [outcome for _, outcome, _ in told(cursor)] == outcomes
    assert told(cursor)[0][2] == "outside the catch-up window"
    moved = again(cursor, schedule)
    assert (moved.fired, moved.missed) == (outcomes.count("fired"), outcomes.count("missed"))
    assert moved.next_run_at == after(40)


def test_overlap_skip_tells_that_it_was_skipped(database: Database, cursor: Cursor, bell: Bell) -> None:
    a_schedule(cursor, overlap="skip")
    for seconds in (0, 10):
        fire_due_schedules(database, bell, after(seconds), delivery_attempts=1)
    end_all_work(cursor)
    fire_due_schedules(database, bell, after(20), delivery_attempts=1)
    assert told(cursor) == [(0, "fired", None), (10, "skipped", "overlap"), (20, "fired", None)]


def test_overlap_queue_one_holds_one_until_what_runs_has_ended(database: Database, cursor: Cursor, bell: Bell) -> None:
    schedule = a_schedule(cursor, overlap="queue_one")
    fire_due_schedules(database, bell, after(0), delivery_attempts=1)
    [first] = claim(cursor, limit=5, margin_seconds=5)
    for seconds in (10, 20):
        fire_due_schedules(database, bell, after(seconds), delivery_attempts=1)
    assert [outcome for _, outcome, _ in told(cursor)] == ["fired", "fired", "skipped"]
    assert claim(cursor, limit=5, margin_seconds=5) == []
    assert shared_schedules.release_held(cursor, [schedule.id]) == []
    cursor.execute(
        "UPDATE work SET state = 'succeeded', outcome = 'passed', finished_at = now(), lease_token = NULL,"
        " lease_expires_at = NULL WHERE id = %s",
        (first.id,),
    )
    assert len(shared_schedules.release_held(cursor, [schedule.id])) == 1
    [second] = claim(cursor, limit=5, margin_seconds=5)
    assert second.scheduled_for == after(10)


def test_overlap_cancel_running_ends_what_runs(database: Database, cursor: Cursor, bell: Bell) -> None:
    a_schedule(cursor, overlap="cancel_running")
    fire_due_schedules(database, bell, after(0), delivery_attempts=1)
    claim(cursor, limit=5, margin_seconds=5)
    fire_due_schedules(database, bell, after(10), delivery_attempts=1)
    cursor.execute(WORK)
    assert [row[2] for row in cursor.fetchall()] == ["canceled", "pending"]
    cursor.execute("SELECT outcome FROM attempts")
    assert cursor.fetchall() == [("canceled",)]


def test_a_paused_schedule_tells_what_it_sleeps_through_and_never_fires_for_it(
    database: Database, cursor: Cursor, bell: Bell
) -> None:
    schedule = a_schedule(cursor)
    cursor.execute("UPDATE schedules SET state = 'paused', paused_at = %s", (after(-5),))
    fire_due_schedules(database, bell, after(5), delivery_attempts=1)
    cursor.execute("UPDATE schedules SET state = 'active', resumed_at = %s", (after(25),))
    fire_due_schedules(database, bell, after(35), delivery_attempts=1)
    assert told(cursor) == [
        (0, "skipped", "paused"),
        (10, "skipped", "paused"),
        (20, "skipped", "paused"),
        (30, "fired", None),
    ]
    assert again(cursor, schedule).skipped == 3


def test_skip_next_leaves_out_one(database: Database, cursor: Cursor, bell: Bell) -> None:
    schedule = a_schedule(cursor)
    assert schedules.skip_next(cursor, schedule.account_id, schedule.id)
    for seconds in (0, 10):
        fire_due_schedules(database, bell, after(seconds), delivery_attempts=1)
    assert told(cursor) == [(0, "skipped", "skip-next"), (10, "fired", None)]
    assert not again(cursor, schedule).skip_next


def test_a_schedule_ends_with_its_last_occurrence(database: Database, cursor: Cursor, bell: Bell) -> None:
    schedule = a_schedule(cursor, max_occurrences=2)
    fire_due_schedules(database, bell, after(100), delivery_attempts=1)
    assert told(cursor) == [(0, "fired", None), (10, "fired", None)]
    ended = again(cursor, schedule)
    assert (ended.state, ended.next_run_at, ended.fired) == ("finished", None, 2)


def test_a_schedule_ends_at_its_end(database: Database, cursor: Cursor, bell: Bell) -> None:
    schedule = a_schedule(cursor, ends_at=after(10))
    fire_due_schedules(database, bell, after(100), delivery_attempts=1)
    assert [seconds for seconds, _, _ in told(cursor)] == [0, 10]
    assert again(cursor, schedule).state == "finished"


def test_a_one_shot_fires_once_and_is_finished(database: Database, cursor: Cursor, bell: Bell) -> None:
    schedule = a_schedule(cursor, run_at=START)
    fire_due_schedules(database, bell, after(1), delivery_attempts=1)
    assert told(cursor) == [(0, "fired", None)]
    assert again(cursor, schedule).state == "finished"


def test_jitter_delays_the_work_not_the_occurrence(database: Database, cursor: Cursor, bell: Bell) -> None:
    a_schedule(cursor, jitter_seconds=30)
    fire_due_schedules(database, bell, after(0), delivery_attempts=1)
    cursor.execute(WORK)
    [(scheduled_for, due_at, *_)] = cursor.fetchall()
    assert scheduled_for == START
    assert START < due_at <= after(30)


def test_a_poisoned_row_is_set_aside_and_stops_none_of_the_others(
    database: Database, cursor: Cursor, bell: Bell
) -> None:
    poisoned, good = a_schedule(cursor, cron="0 0 * * *"), a_schedule(cursor)
    cursor.execute("UPDATE schedules SET cron = 'not a cron' WHERE id = %s", (poisoned.id,))
    assert fire_due_schedules(database, bell, after(0), delivery_attempts=1) == 2
    assert again(cursor, poisoned).state == "invalid"
    assert "next instant" in (again(cursor, poisoned).note or "")
    assert again(cursor, good).fired == 1
    assert fire_due_schedules(database, bell, after(0), delivery_attempts=1) == 0


def test_a_long_outage_is_written_in_batches_and_every_instant_is_told(
    database: Database, cursor: Cursor, bell: Bell
) -> None:
    schedule = a_schedule(cursor, interval_seconds=1, coalesce="latest", catchup_window_seconds=60)
    rounds = 0
    while fire_due_schedules(database, bell, after(3_599.5), delivery_attempts=1):
        rounds += 1
    assert rounds == 4
    counted = again(cursor, schedule)
    assert (counted.fired, counted.missed) == (1, 3_599)
    assert told(cursor)[-1] == (3_599, "fired", None)


def test_earliest_fires_once_for_a_long_outage_though_it_is_told_in_batches(
    database: Database, cursor: Cursor, bell: Bell
) -> None:
    schedule = a_schedule(cursor, interval_seconds=1, coalesce="earliest", catchup_window_seconds=86_400)
    now = after(3_599.5)
    while fire_due_schedules(database, bell, now, delivery_attempts=1):
        now += timedelta(seconds=0.1)  # the world goes on between batches
    counted = again(cursor, schedule)
    assert (counted.fired, counted.missed) == (1, 3_599)
    assert told(cursor)[0] == (0, "fired", None)
    fire_due_schedules(database, bell, after(3_601), delivery_attempts=1)
    assert again(cursor, schedule).fired == 2


def test_an_instant_that_is_a_moment_late_is_on_time_without_any_catching_up(
    database: Database, cursor: Cursor, bell: Bell
) -> None:
    a_schedule(cursor, catchup_window_seconds=0)
    fire_due_schedules(database, bell, after(0.5), delivery_attempts=1)
    assert told(cursor) == [(0, "fired", None)]


def test_two_schedulers_at_once_share_the_schedules(database: Database, cursor: Cursor, bell: Bell) -> None:
    for _ in range(3):
        a_schedule(cursor)
    with database.transaction() as other:
        other.cursor.execute("SELECT id FROM schedules ORDER BY id LIMIT 2 FOR UPDATE")
        assert fire_due_schedules(database, bell, after(0), delivery_attempts=1) == 1
    assert fire_due_schedules(database, bell, after(0), delivery_attempts=1) == 2
    assert len(told(cursor)) == 3


@pytest.mark.parametrize(
    ("policy", "state", "outcome", "is_paused"),
    [
        ("pause_on_failure", "failed", "error", True),
        ("pause_on_failure", "succeeded", "changed", False),
        ("pause_on_change", "succeeded", "changed", True),
        ("pause_on_change", "failed", "error", False),
    ],
)
def test_a_schedule_pauses_itself_after_what_it_was_told_to_mind(
    database: Database, cursor: Cursor, bell: Bell, policy: str, state: str, outcome: str, is_paused: bool
) -> None:
    policies: dict[str, Any] = {policy: True}
    schedule = a_schedule(cursor, **policies)
    fire_due_schedules(database, bell, after(0), delivery_attempts=1)
    end_all_work(cursor, state, outcome)
    cursor.execute("SELECT id FROM work")
    shared_schedules.pause_after(cursor, [row[0] for row in cursor.fetchall()])
    paused = again(cursor, schedule)
    assert (paused.state == "paused") == is_paused
    assert ((paused.note or "") != "") == is_paused


def test_the_scheduler_knows_how_long_it_may_sleep(cursor: Cursor) -> None:
    assert seconds_until_due(cursor) is None
    some_work(cursor, due_in_seconds=120)
    seconds = seconds_until_due(cursor)
    assert seconds is not None
    assert 100 < seconds <= 120
    a_schedule(cursor, next_run_at=START)
    assert seconds_until_due(cursor) == 0


def test_an_edit_waits_for_the_scheduler_that_holds_the_row(database: Database, cursor: Cursor) -> None:
    schedule = a_schedule(cursor)

    def delete() -> bool:
        with database.transaction() as transaction:
            return schedules.delete(transaction.cursor, schedule.account_id, schedule.id)

    with ThreadPoolExecutor(1) as other:
        with database.transaction() as holder:
            assert schedules.lock(holder.cursor, schedule.account_id, schedule.id) is not None
            deleting = other.submit(delete)
            wait_until_blocked(database)
        assert deleting.result(5)
    assert schedules.get(cursor, schedule.account_id, schedule.id) is None


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_due_is_fired_plus_skipped_plus_missed_whatever_happens(
    data: st.DataObject, database: Database, bell: Bell
) -> None:
    rhythm = data.draw(
        st.sampled_from(
            [
                {"interval_seconds": 7},
                {"interval_seconds": 61},
                {"cron": "*/5 * * * * *"},
                {"cron": "0 */2 * * *", "timezone": "Europe/Berlin"},
                {"cron": "15 2 * * *", "timezone": "America/New_York"},
                {"run_at": START},
                {"minute": int(START.timestamp() // 60), "recurring": "daily"},
            ]
        )
    )
    policies = {
        "overlap": data.draw(st.sampled_from(["skip", "queue_one", "allow", "cancel_running"])),
        "coalesce": data.draw(st.sampled_from(["latest", "earliest", "all"])),
        "catchup_window_seconds": data.draw(st.sampled_from([0, 30, 3600])),
        "jitter_seconds": data.draw(st.sampled_from([0, 5])),
    }
    outages = data.draw(st.lists(st.floats(0.5, 400), min_size=1, max_size=5))
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM accounts")
        schedule = a_schedule(transaction.cursor, a_checklist(transaction.cursor), **rhythm, **policies)
    now = START
    for outage in outages:
        now += timedelta(seconds=outage)
        while fire_due_schedules(database, bell, now, delivery_attempts=1):
            pass
        with database.reading() as cursor:
            if data.draw(st.booleans()):
                end_all_work(cursor)
                shared_schedules.release_held(cursor, None)
    with database.reading() as cursor:
        told_instants = [seconds for seconds, _, _ in told(cursor)]
        counted = again(cursor, schedule)
    first = schedule.next_run_at
    assert first is not None
    was_due = instants(when_of(schedule), first - timedelta(microseconds=1), now, 10_000)
    assert told_instants == [(instant - START).total_seconds() for instant in was_due]
    assert counted.fired + counted.skipped + counted.missed == len(was_due)


def test_more_than_a_batch_is_fired_at_once_by_two_hands_each_schedule_once(
    database: Database, cursor: Cursor, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "SCHEDULES_AT_ONCE", 2)
    checklist = a_checklist(cursor)
    for _ in range(9):
        a_schedule(cursor, checklist, run_at=datetime.now(UTC))
    assert due.fire_all_due(database, bell, delivery_attempts=1) == 9
    cursor.execute("SELECT count(*), count(DISTINCT schedule_id) FROM work")
    assert cursor.fetchall() == [(9, 9)]
