"""Events and their deliveries: born together, for the webhooks that want to know, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from shared.database import Cursor, Database
from shared.domain.instants import write_instant
from shared.store import work
from shared.store.events import DELIVERY_TIMEOUT_SECONDS, NewEvent, record, record_ended_jobs
from shared.store.work import FinishedAttempt
from tests.claiming import claim
from tests.concurrency import wait_until_blocked
from tests.factories import a_checklist, a_job, a_schedule, a_webhook, an_account
from tests.rows import row_counts

DELIVERIES = """
SELECT work.id, work.account_id, webhook_id, events.type, events.data, state, lane, max_attempts, timeout_seconds, inert
FROM work
JOIN events ON events.id = event_id
WHERE kind = 'delivery' AND due_at <= now()
ORDER BY work.id
"""


def told(cursor: Cursor) -> set[tuple[int, str]]:
    """Which webhook is told of which type."""
    cursor.execute(DELIVERIES)
    return {(row[2], row[3]) for row in cursor.fetchall()}


def test_an_event_makes_a_delivery_that_is_due_at_once(cursor: Cursor) -> None:
    account = an_account(cursor)
    webhook = a_webhook(cursor, account, url="http://HOOKS.example:8080/in?x=1")
    ids = record(cursor, [NewEvent(account, "job.failed", {"job_id": "7"})], delivery_attempts=8)
    cursor.execute(DELIVERIES)
    [row] = cursor.fetchall()
    assert row == (
        ids[0],
        account,
        webhook.id,
        "job.failed",
        {"job_id": "7"},
        "pending",
        "hooks.example:8080",
        8,
        DELIVERY_TIMEOUT_SECONDS,
        False,
    )


def test_nothing_happened_records_nothing(cursor: Cursor) -> None:
    a_webhook(cursor)
    assert record(cursor, [], delivery_attempts=8) == []
    assert row_counts(cursor)["events"] == 0


def test_an_event_is_kept_though_no_webhook_is_told_of_it(cursor: Cursor) -> None:
    assert record(cursor, [NewEvent(an_account(cursor), "job.failed", {})], delivery_attempts=8) == []
    counts = row_counts(cursor)
    assert (counts["events"], counts["work"]) == (1, 0)


@pytest.mark.parametrize(
    ("event_types", "is_told"),
    [
        (["*"], True),
        (["job.failed"], True),
        (["run.finished", "job.failed"], True),
        (["run.finished", "*"], True),
        (["job.succeeded"], False),
        (["job"], False),
        (["job.*"], False),
    ],
)
def test_a_webhook_is_told_of_the_types_it_asked_for(cursor: Cursor, event_types: list[str], is_told: bool) -> None:
    account = an_account(cursor)
    webhook = a_webhook(cursor, account, event_types=event_types)
    record(cursor, [NewEvent(account, "job.failed", {})], delivery_attempts=8)
    assert told(cursor) == ({(webhook.id, "job.failed")} if is_told else set())


def test_a_disabled_webhook_is_told_of_nothing(cursor: Cursor) -> None:
    account = an_account(cursor)
    a_webhook(cursor, account, enabled=False)
    assert record(cursor, [NewEvent(account, "job.failed", {})], delivery_attempts=8) == []


def test_the_webhooks_of_other_accounts_are_told_of_nothing(cursor: Cursor) -> None:
    account = an_account(cursor)
    ours = a_webhook(cursor, account)
    a_webhook(cursor)
    record(cursor, [NewEvent(account, "job.failed", {})], delivery_attempts=8)
    assert told(cursor) == {(ours.id, "job.failed")}


def test_each_of_many_events_goes_to_each_webhook_that_wants_it_once(cursor: Cursor) -> None:
    first, second = an_account(cursor), an_account(cursor)
    all_of_first, jobs_of_first = a_webhook(cursor, first), a_webhook(cursor, first, event_types=["job.failed"])
    all_of_second = a_webhook(cursor, second)
    ids = record(
        cursor,
        [
            NewEvent(first, "job.failed", {}),
            NewEvent(first, "run.finished", {}),
            NewEvent(second, "job.failed", {}),
        ],
        delivery_attempts=8,
    )
    assert len(ids) == len(set(ids)) == 4
    assert told(cursor) == {
        (all_of_first.id, "job.failed"),
        (jobs_of_first.id, "job.failed"),
        (all_of_first.id, "run.finished"),
        (all_of_second.id, "job.failed"),
    }


def test_data_of_any_characters_comes_back_as_it_was(cursor: Cursor) -> None:
    data = {"text": 'grün "quoted" \\ {brace}, NULL', "list": [1, 2.5, None, True], "empty": {}}
    account = an_account(cursor)
    a_webhook(cursor, account)
    record(cursor, [NewEvent(account, "job.failed", data)], delivery_attempts=8)
    cursor.execute("SELECT data FROM events")
    assert cursor.fetchall() == [(data,)]


def test_events_and_deliveries_are_undone_with_the_transaction_in_which_they_happened(
    database: Database, cursor: Cursor
) -> None:
    account = an_account(cursor)
    a_webhook(cursor, account)
    with pytest.raises(ZeroDivisionError), database.transaction() as transaction:  # noqa: PT012 (it is the transaction that ends so)
        assert len(record(transaction.cursor, [NewEvent(account, "job.failed", {})], delivery_attempts=8)) == 1
        assert row_counts(transaction.cursor)["events"] == 1
        raise ZeroDivisionError
    counts = row_counts(cursor)
    assert (counts["events"], counts["work"]) == (0, 0)


def test_nobody_sees_an_event_before_the_transaction_is_committed(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    a_webhook(cursor, account)
    with database.transaction() as transaction:
        record(transaction.cursor, [NewEvent(account, "job.failed", {})], delivery_attempts=8)
        assert (row_counts(cursor)["events"], told(cursor)) == (0, set())
    assert len(told(cursor)) == 1


INSTANTS = [datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)]


@pytest.mark.parametrize("instant", INSTANTS, ids=["whole", "fraction"])
def test_the_end_of_a_job_tells_what_was_called_how_often_and_how_it_ended(cursor: Cursor, instant: datetime) -> None:
    account = an_account(cursor)
    told_of_it = a_webhook(cursor, account, event_types=["job.failed"])
    schedule = a_schedule(cursor, a_checklist(cursor, account))
    first, job = a_job(cursor, account), a_job(cursor, account, uri="http://a/")
    cursor.execute(
        "UPDATE work SET attempt = 3, released = 1, schedule_id = %s, scheduled_for = %s, error_of = %s WHERE id = %s",
        (schedule.id, instant, first.id, job.id),
    )
    [claimed] = [item for item in claim(cursor, limit=10) if item.id == str(job.id)]
    ended = FinishedAttempt(
        claimed.id, claimed.lease_token, "failed", "failed", status_code=404, error="answered with status 404"
    )
    work.finish(cursor, [ended])
    assert len(record_ended_jobs(cursor, [claimed.id], delivery_attempts=8)) == 1
    assert told(cursor) == {(told_of_it.id, "job.failed")}
    cursor.execute("SELECT account_id, type, data FROM events")
    data = {
        "job_id": str(job.id),
        "uri": "http://a/",
        "schedule_id": schedule.id,
        "scheduled_for": write_instant(instant),
        "attempts": 3,
        "status_code": 404,
        "error": "answered with status 404",
        "error_of": str(first.id),
    }
    assert cursor.fetchall() == [(account, "job.failed", data)]


def test_the_end_of_a_job_that_went_well_tells_nothing_of_what_it_has_not(cursor: Cursor) -> None:
    job = a_job(cursor, uri="http://a/")
    cursor.execute("UPDATE work SET scheduled_for = NULL")
    [claimed] = claim(cursor, limit=1)
    work.finish(cursor, [FinishedAttempt(claimed.id, claimed.lease_token, "succeeded", "succeeded", status_code=204)])
    assert record_ended_jobs(cursor, [claimed.id], delivery_attempts=8) == []
    cursor.execute("SELECT type, data FROM events")
    data = dict.fromkeys(("schedule_id", "scheduled_for", "error", "error_of"))
    data |= {"job_id": str(job.id), "uri": "http://a/", "attempts": 1, "status_code": 204}
    assert cursor.fetchall() == [("job.succeeded", data)]


def test_no_job_has_ended_records_nothing(cursor: Cursor) -> None:
    assert record_ended_jobs(cursor, [], delivery_attempts=8) == []
    assert row_counts(cursor)["events"] == 0


@pytest.mark.parametrize(
    "how",
    ["DELETE FROM webhooks WHERE id = %s", "UPDATE webhooks SET enabled = false, disabled_at = now() WHERE id = %s"],
    ids=["deleted", "disabled"],
)
@pytest.mark.parametrize("told_by", ["an event", "the end of a job"])
def test_a_webhook_that_goes_while_something_happens_is_waited_for_and_not_told(
    database: Database, cursor: Cursor, how: str, told_by: str
) -> None:
    account = an_account(cursor)
    going, staying = a_webhook(cursor, account), a_webhook(cursor, account)
    job = a_job(cursor, account)

    def happens() -> int:
        with database.transaction() as transaction:
            if told_by == "an event":
                return len(record(transaction.cursor, [NewEvent(account, "job.failed", {})], delivery_attempts=8))
            cursor.execute("UPDATE work SET state = 'failed', finished_at = now() WHERE id = %s", (job.id,))
            return len(record_ended_jobs(transaction.cursor, [str(job.id)], delivery_attempts=8))

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as ending:
            ending.cursor.execute("SELECT id FROM webhooks WHERE id = %s FOR UPDATE", (going.id,))
            ending.cursor.execute(how, (going.id,))
            happening = pool.submit(happens)
            wait_until_blocked(database)
        assert happening.result(10) == 1
    assert told(cursor) == {(staying.id, "job.failed")}
