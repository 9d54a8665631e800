"""What webhooks are told by the scheduler: instants that did not fire, and work that failed with its last lease."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.store import schedules
from scheduler import sweep
from scheduler.due import fire_due_schedules
from shared.database import Cursor, Database
from shared.store.schedules import Schedule
from tests.claiming import claim
from tests.factories import a_checklist, a_job, a_run, a_schedule, a_webhook, an_account
from tests.recording_bell import RecordingBell
from tests.rows import attempts, work_row

START = datetime(2026, 3, 1, tzinfo=UTC)
DELIVERY_ATTEMPTS = 8


@pytest.fixture
def bell() -> Any:
    return RecordingBell()


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def events(cursor: Cursor) -> list[tuple[str, dict[str, Any]]]:
    cursor.execute("SELECT type, data FROM events ORDER BY data ->> 'scheduled_for', id")
    return cursor.fetchall()


def left_out(cursor: Cursor) -> list[tuple[str, str, str, str, int]]:
    """Each event of instants that did not fire: type, reason, first, last, how many."""
    names = ("reason", "scheduled_for", "until", "count")
    return [(event_type, *(data[name] for name in names)) for event_type, data in events(cursor)]


def deliveries(cursor: Cursor) -> list[tuple[UUID, int, int]]:
    """The pending deliveries: id, webhook, attempts."""
    cursor.execute("SELECT id, webhook_id, max_attempts FROM work WHERE kind = 'delivery' AND state = 'pending'")
    return cursor.fetchall()


def again(cursor: Cursor, schedule: Schedule) -> Schedule:
    found = schedules.get(cursor, schedule.account_id, schedule.id)
    assert found is not None
    return found


def lose_all_leases(database: Database, cursor: Cursor, bell: Any) -> None:
    """Claim what is due, let the worker die, and sweep."""
    assert claim(cursor, limit=10)
    cursor.execute("UPDATE work SET lease_expires_at = now() WHERE state = 'running'")
    sweep.expire_leases(database, bell, delivery_attempts=DELIVERY_ATTEMPTS)


def test_an_instant_that_fires_is_no_event_of_its_schedule(database: Database, cursor: Cursor, bell: Any) -> None:
    a_schedule(cursor)
    fire_due_schedules(database, bell, after(0), delivery_attempts=1)
    assert events(cursor) == []


def test_instants_that_were_missed_in_a_row_for_the_same_reason_are_one_event(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    a_schedule(cursor, coalesce="latest", catchup_window_seconds=25)
    fire_due_schedules(database, bell, after(55), delivery_attempts=1)
    assert left_out(cursor) == [
        (
            "schedule.occurrence_missed",
            "outside the catch-up window",
            "2026-03-01T00:00:00Z",
            "2026-03-01T00:00:20Z",
            3,
        ),
        ("schedule.occurrence_missed", "coalesced", "2026-03-01T00:00:30Z", "2026-03-01T00:00:40Z", 2),
    ]


def test_instants_in_a_row_that_were_skipped_for_different_reasons_are_told_apart(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    a_schedule(cursor, coalesce="earliest", catchup_window_seconds=3_600)
    fire_due_schedules(database, bell, after(5), delivery_attempts=1)
    cursor.execute("UPDATE schedules SET skip_next = true, coalesce = 'all', overlap = 'skip'")
    fire_due_schedules(database, bell, after(25), delivery_attempts=1)
    assert left_out(cursor) == [
        ("schedule.occurrence_skipped", "skip-next", "2026-03-01T00:00:10Z", "2026-03-01T00:00:10Z", 1),
        ("schedule.occurrence_skipped", "overlap", "2026-03-01T00:00:20Z", "2026-03-01T00:00:20Z", 1),
    ]


def test_missed_instants_on_both_sides_of_one_that_fires_are_told_apart(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    a_schedule(cursor, coalesce="earliest", catchup_window_seconds=25)
    fire_due_schedules(database, bell, after(45), delivery_attempts=1)
    reasons = [(reason, count) for _, reason, _, _, count in left_out(cursor)]
    assert reasons == [("outside the catch-up window", 2), ("coalesced", 2)]


def test_an_event_names_its_schedule_and_is_of_its_account(database: Database, cursor: Cursor, bell: Any) -> None:
    schedule = a_schedule(cursor, name="nightly", overlap="skip")
    for seconds in (0, 10):
        fire_due_schedules(database, bell, after(seconds), delivery_attempts=1)
    [(_, data)] = events(cursor)
    assert (data["schedule_id"], data["name"]) == (schedule.id, "nightly")
    cursor.execute("SELECT account_id FROM events")
    assert cursor.fetchall() == [(schedule.account_id,)]


def test_schedules_that_are_due_together_are_told_of_apart(database: Database, cursor: Cursor, bell: Any) -> None:
    both = {a_schedule(cursor, catchup_window_seconds=0).id for _ in range(2)}
    fire_due_schedules(database, bell, after(15), delivery_attempts=1)
    assert {data["schedule_id"] for _, data in events(cursor)} == both
    assert len(events(cursor)) == 2


def test_webhooks_that_asked_for_it_are_told_and_their_deliveries_rung_for(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    checklist = a_checklist(cursor)
    webhook = a_webhook(cursor, checklist.account_id, event_types=["schedule.occurrence_missed"])
    a_webhook(cursor, checklist.account_id, event_types=["schedule.occurrence_skipped"])
    a_schedule(cursor, checklist, catchup_window_seconds=0)
    fire_due_schedules(database, bell, after(15), delivery_attempts=DELIVERY_ATTEMPTS)
    [(id, webhook_id, max_attempts)] = deliveries(cursor)
    assert (webhook_id, max_attempts) == (webhook.id, DELIVERY_ATTEMPTS)
    assert id in bell.rung


def test_a_long_outage_is_told_in_as_few_events_as_it_is_decided_in_batches(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    a_schedule(cursor, interval_seconds=1, coalesce="latest", catchup_window_seconds=60)
    while fire_due_schedules(database, bell, after(2_500.5), delivery_attempts=1):
        pass
    told = left_out(cursor)
    assert len(told) <= 5
    assert sum(count for *_, count in told) == 2_500


def test_a_run_that_failed_with_its_last_lease_is_told_of_as_any_that_ended(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    checklist = a_checklist(cursor)
    webhook = a_webhook(cursor, checklist.account_id, event_types=["run.finished"])
    run = a_run(cursor, checklist)
    cursor.execute("UPDATE work SET max_attempts = 1")
    lose_all_leases(database, cursor, bell)
    [(event_type, data)] = events(cursor)
    assert (event_type, data["run_id"], data["checklist_id"]) == ("run.finished", str(run), checklist.id)
    assert (data["state"], data["outcome"], data["misses"]) == ("failed", "error", [])
    assert data["error"] == "the lease of attempt 1 expired and no attempt is left"
    assert [(webhook_id, attempts) for _, webhook_id, attempts in deliveries(cursor)] == [(webhook.id, 8)]
    assert bell.rung == [deliveries(cursor)[0][0]]


def test_a_job_that_failed_with_its_last_lease_is_told_of_at_its_error_uri_and_to_webhooks(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    account = an_account(cursor)
    job = a_job(cursor, account, max_attempts=1, payload={"a": 1}, error_uri="http://ERRORS.example/told")
    lose_all_leases(database, cursor, bell)
    [(event_type, data)] = events(cursor)
    assert (event_type, data["job_id"], data["attempts"]) == ("job.failed", str(job.id), 1)
    assert data["error"] == "the lease of attempt 1 expired and no attempt is left"
    cursor.execute(
        "SELECT account_id, error_of, lane, spec ->> 'uri', spec -> 'payload' FROM work WHERE id <> %s", (job.id,)
    )
    assert cursor.fetchall() == [(account, job.id, "errors.example", "http://ERRORS.example/told", {"a": 1})]
    assert attempts(cursor, job.id) == [(1, "lease_expired")]


def test_nothing_is_told_of_work_that_will_be_begun_again(database: Database, cursor: Cursor, bell: Any) -> None:
    job = a_job(cursor, error_uri="http://127.0.0.1:9/errors")
    a_run(cursor)
    lose_all_leases(database, cursor, bell)
    assert (work_row(cursor, job.id).state, events(cursor), bell.rung) == ("pending", [], [])
    cursor.execute("SELECT count(*) FROM work WHERE error_of IS NOT NULL")
    assert cursor.fetchall() == [(0,)]


@pytest.mark.parametrize("pauses", [True, False])
def test_a_schedule_that_minds_failure_sleeps_after_the_last_lease_of_its_work_and_tells(
    database: Database, cursor: Cursor, bell: Any, pauses: bool
) -> None:
    schedule = a_schedule(cursor, name="nightly", pause_on_failure=pauses)
    fire_due_schedules(database, bell, after(0), delivery_attempts=1)
    cursor.execute("UPDATE work SET max_attempts = 1")
    lose_all_leases(database, cursor, bell)
    told = dict(events(cursor))
    paused = again(cursor, schedule)
    assert (paused.state == "paused") == pauses
    assert set(told) == ({"run.finished", "schedule.paused"} if pauses else {"run.finished"})
    if pauses:
        assert told["schedule.paused"] == {"schedule_id": schedule.id, "name": "nightly", "note": paused.note}
        assert "failed" in (paused.note or "")


def test_a_job_of_a_schedule_that_failed_with_its_last_lease_tells_its_instant_and_pauses_it(
    database: Database, cursor: Cursor, bell: Any
) -> None:
    target: dict[str, Any] = {
        "uri": "http://127.0.0.1:9/",
        "method": "POST",
        "headers": {},
        "error_uri": None,
        "timeout_seconds": 30,
        "max_attempts": 1,
        "backoff_seconds": 10,
    }
    schedule = a_schedule(cursor, kind="job", checklist_id=None, target=target, pause_on_failure=True)
    fire_due_schedules(database, bell, after(0), delivery_attempts=1)
    lose_all_leases(database, cursor, bell)
    told = dict(events(cursor))
    assert set(told) == {"job.failed", "schedule.paused"}
    assert (told["job.failed"]["schedule_id"], told["job.failed"]["scheduled_for"]) == (
        schedule.id,
        "2026-03-01T00:00:00Z",
    )
    assert again(cursor, schedule).state == "paused"
