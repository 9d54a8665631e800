"""Retention: what has ended long ago goes, with its attempts; nothing else does."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from scheduler import retention
from scheduler.chores import Done
from shared.database import Cursor, Database, only_row
from shared.store import queues, work
from tests.factories import a_schedule, an_account, an_ended, an_occurrence, claimed_work, some_work
from tests.popping import a_popped_task, end
from tests.rows import row_counts, work_row


@pytest.fixture(autouse=True)
def _nothing_is_there(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM accounts")


def ended_days_ago(database: Database, days: int, count: int = 1) -> list[UUID]:
    with database.transaction() as transaction:
        claimed = claimed_work(transaction.cursor, limit=count)
        work.finish(transaction.cursor, [an_ended(item) for item in claimed])
        return [made_days_ago(transaction.cursor, item.id, days) for item in claimed]


def made_days_ago(cursor: Cursor, id: str, days: int) -> UUID:
    """Give the work an id, and an end, of that time; its new id."""
    cursor.execute("SELECT uuid_of_instant(now() - make_interval(days => %s))", (days,))
    older = UUID(int=only_row(cursor)[0].int + UUID(id).int % 2**62)
    cursor.execute(
        "UPDATE work SET id = %(older)s, finished_at = now() - make_interval(days => %(days)s) WHERE id = %(id)s",
        {"older": older, "days": days, "id": id},
    )
    cursor.execute("UPDATE attempts SET work_id = %s WHERE work_id = %s", (older, id))
    return older


def test_work_that_ended_before_the_retention_goes_with_its_attempts(database: Database) -> None:
    ended_days_ago(database, 31, count=2)
    [young] = ended_days_ago(database, 29)
    assert retention.prune(database, days=30)["work"] == 2
    with database.reading() as cursor:
        assert work_row(cursor, young).state == "succeeded"
        assert row_counts(cursor)["attempts"] == 1


def test_work_that_has_not_ended_stays_however_old_it_is(database: Database) -> None:
    with database.transaction() as transaction:
        some_work(transaction.cursor, due_in_seconds=-90 * 86_400)
        claimed_work(transaction.cursor)
        transaction.cursor.execute("UPDATE work SET created_at = now() - interval '90 days'")
    assert retention.prune(database, days=1)["work"] == 0


def test_the_instants_of_a_schedule_are_forgotten_with_what_they_began(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 2)
    today = datetime.now(UTC)
    with database.transaction() as transaction:
        for schedule in (a_schedule(transaction.cursor), a_schedule(transaction.cursor)):
            for days in (29, 31, 40, 50):
                an_occurrence(transaction.cursor, schedule.id, today - timedelta(days=days))
    assert retention.prune(database, days=30)["occurrences"] == 6
    with database.reading() as cursor:
        assert row_counts(cursor)["occurrences"] == 2


def test_more_than_a_batch_is_deleted_batch_by_batch(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 2)
    ended_days_ago(database, 31, count=5)
    assert retention.prune(database, days=30)["work"] == 5


def test_an_event_stays_as_long_as_a_delivery_of_it(database: Database) -> None:
    with database.transaction() as transaction:
        cursor, account = transaction.cursor, an_account(transaction.cursor)
        cursor.execute(
            "INSERT INTO events (id, account_id, type, data)"
            " SELECT (left(uuid_of_instant(now() - interval '31 days')::text, 35) || number)::uuid, %s, 't', '{}'"
            " FROM generate_series(1, 2) AS number RETURNING id",
            (account,),
        )
        delivered, _ = cursor.fetchall()
        cursor.execute(
            "INSERT INTO work (account_id, kind, event_id, max_attempts, timeout_seconds)"
            " VALUES (%s, 'delivery', %s, 4, 30)",
            (account, delivered),
        )
    assert retention.prune(database, days=30)["events"] == 1
    with database.reading() as cursor:
        cursor.execute("SELECT id FROM events")
        assert cursor.fetchall() == [delivered]


def test_idempotency_keys_go_after_a_day(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "INSERT INTO idempotency_keys (account_id, key, fingerprint, created_at)"
            " SELECT %s, hours::text, '', now() - make_interval(hours => hours) FROM unnest(ARRAY[23, 25]) AS hours",
            (an_account(transaction.cursor),),
        )
    assert retention.prune(database, days=30)["idempotency_keys"] == 1


@pytest.mark.parametrize(
    ("change", "goes"),
    [
        ("last_popped_at = now() - interval '25 hours'", True),
        ("last_popped_at = NULL", True),
        ("last_popped_at = now() - interval '23 hours'", False),
        ("created_at = now(), last_popped_at = NULL", False),
        ("unattended_after_seconds = 60", False),
        ("unattended_since = now()", False),
    ],
)
def test_a_queue_goes_that_holds_nothing_and_was_not_popped_for_a_day(
    database: Database, change: str, goes: bool
) -> None:
    with database.transaction() as transaction:
        cursor, account = transaction.cursor, an_account(transaction.cursor)
        queues.make_known(cursor, [(account, "mail")])
        cursor.execute("UPDATE queues SET created_at = now() - interval '25 hours'")
        cursor.execute(f"UPDATE queues SET {change}")  # noqa: S608 (one of those above)
    assert retention.prune(database, days=30)["queues"] == goes


def test_a_queue_stays_as_long_as_one_of_its_tasks(database: Database) -> None:
    with database.transaction() as transaction:
        end(transaction.cursor, a_popped_task(transaction.cursor))
        transaction.cursor.execute("UPDATE queues SET created_at = now() - interval '25 hours', last_popped_at = NULL")
    assert retention.prune(database, days=30)["queues"] == 0
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM work")
    assert retention.prune(database, days=30)["queues"] == 1


def test_pruning_passes_over_what_another_pruner_holds(database: Database) -> None:
    [held] = ended_days_ago(database, 31)
    with database.transaction() as other:
        other.cursor.execute("SELECT id FROM work WHERE id = %s FOR UPDATE", (held,))
        assert retention.prune(database, days=30)["work"] == 0
    assert retention.prune(database, days=30)["work"] == 1


def test_schedulers_prune_a_batch_at_a_time_and_one_of_them_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 2)
    ended_days_ago(database, 31, count=3)
    with database.transaction() as other:
        other.cursor.execute(retention.TAKE_TURN)
        assert retention.prune_in_turn(database, days=30) == Done(0)
    assert retention.prune_in_turn(database, days=30) == Done(2, there_is_more=True)
    assert retention.prune_in_turn(database, days=30) == Done(1)


def test_by_hand_all_is_pruned_whoever_is_at_it(database: Database) -> None:
    ended_days_ago(database, 31)
    with database.transaction() as other:
        other.cursor.execute(retention.TAKE_TURN)
        assert retention.prune(database, days=30)["work"] == 1
