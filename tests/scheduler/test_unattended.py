"""The dead man's switch: told once when nobody asks for a queue's due tasks, and once when somebody does again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.store import queues
from scheduler import unattended
from scheduler.unattended import WatchedQueue, watch_queues
from shared.database import Cursor, Database
from tests.factories import a_webhook, an_account
from tests.popping import a_task, pop
from tests.recording_bell import RecordingBell

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def bell() -> Any:
    return RecordingBell()


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def watch(cursor: Cursor, seconds: float, *, limit: int = 10, **options: Any) -> list[tuple[str, str | None]]:
    """What has become news, so long after NOW: queues with what they are now."""
    found = unattended.watch(cursor, after=None, after_seconds=600, limit=limit, now=after(seconds), **options)
    return [(queue.name, queue.change) for queue in found if queue.change is not None]


def a_due_task(cursor: Cursor, account_id: int, queue: str = "mail", *, at: datetime = NOW, priority: int = 0) -> None:
    task_id = a_task(cursor, account_id, queue, priority=priority)
    cursor.execute("UPDATE work SET due_at = %s WHERE id = %s", (at, task_id))


def popped_at(cursor: Cursor, instant: datetime) -> None:
    cursor.execute("UPDATE queues SET last_popped_at = %s", (instant,))


def test_a_queue_is_unattended_when_its_oldest_task_has_waited_too_long_and_told_of_once(cursor: Cursor) -> None:
    a_due_task(cursor, an_account(cursor))
    assert watch(cursor, 599.9) == []
    assert watch(cursor, 600) == [("mail", "unattended")]
    assert watch(cursor, 601) == []
    cursor.execute("SELECT unattended_since FROM queues")
    assert cursor.fetchall() == [(after(600),)]


def test_a_queue_from_which_somebody_popped_lately_is_attended_however_long_tasks_wait(cursor: Cursor) -> None:
    a_due_task(cursor, an_account(cursor))
    popped_at(cursor, after(1000))
    assert watch(cursor, 1599) == []
    assert watch(cursor, 1600) == [("mail", "unattended")]


def test_tasks_that_are_not_due_have_not_waited(cursor: Cursor) -> None:
    account = an_account(cursor)
    a_due_task(cursor, account, at=after(3600))
    assert watch(cursor, 3599) == []
    assert watch(cursor, 4199) == []
    assert watch(cursor, 4200) == [("mail", "unattended")]


def test_an_empty_queue_needs_nobody(cursor: Cursor) -> None:
    account = an_account(cursor)
    a_due_task(cursor, account)
    pop(cursor, account, "mail")
    assert watch(cursor, 10_000) == []


def test_the_oldest_task_counts_whatever_its_priority(cursor: Cursor) -> None:
    account = an_account(cursor)
    for priority, seconds in ((100, 500), (0, 0), (-100, 400)):
        a_due_task(cursor, account, at=after(seconds), priority=priority)
    [queue] = unattended.watch(cursor, after=None, after_seconds=600, limit=10, now=after(600))
    assert queue == WatchedQueue(account, "mail", "unattended", 3, 600)


def test_a_queue_may_have_a_patience_of_its_own(cursor: Cursor) -> None:
    account = an_account(cursor)
    for name, patience in (("mail", 30), ("post", 3600)):
        queues.configure(cursor, account, name, unattended_after_seconds=patience)
        a_due_task(cursor, account, name)
    assert watch(cursor, 29) == []
    assert watch(cursor, 30) == [("mail", "unattended")]
    assert watch(cursor, 3600) == [("post", "unattended")]


def test_a_queue_is_attended_again_when_somebody_pops_and_told_of_once(cursor: Cursor) -> None:
    a_due_task(cursor, an_account(cursor))
    watch(cursor, 600)
    popped_at(cursor, after(600))
    assert watch(cursor, 650) == []  # that was before
    popped_at(cursor, after(660))
    assert watch(cursor, 700) == [("mail", "attended")]
    assert watch(cursor, 701) == []
    assert watch(cursor, 1260) == [("mail", "unattended")]


def test_a_queue_is_attended_again_when_no_due_task_is_left(cursor: Cursor) -> None:
    account = an_account(cursor)
    a_due_task(cursor, account)
    a_due_task(cursor, account, at=after(100_000))
    watch(cursor, 600)
    cursor.execute("UPDATE work SET state = 'canceled', finished_at = now() WHERE due_at = %s", (NOW,))
    assert watch(cursor, 700) == [("mail", "attended")]


def test_a_newer_task_does_not_make_an_unattended_queue_attended(cursor: Cursor) -> None:
    account = an_account(cursor)
    a_due_task(cursor, account)
    a_due_task(cursor, account, at=after(650))
    watch(cursor, 600)
    cursor.execute("UPDATE work SET state = 'canceled', finished_at = now() WHERE due_at = %s", (NOW,))
    assert watch(cursor, 700) == []


def test_a_queue_in_which_nothing_waits_is_not_even_looked_at(cursor: Cursor) -> None:
    account = an_account(cursor)
    cursor.execute(
        "INSERT INTO queues (account_id, name) SELECT %s, number::text FROM generate_series(1, 5) number", (account,)
    )
    a_due_task(cursor, account)
    a_due_task(cursor, account, "done")
    pop(cursor, account, "done")
    found = unattended.watch(cursor, after=None, after_seconds=600, limit=10, now=after(10_000))
    assert [queue.name for queue in found] == ["mail"]


def test_a_queue_that_was_forgotten_while_somebody_pushed_is_remembered_and_watched(cursor: Cursor) -> None:
    account = an_account(cursor)
    a_due_task(cursor, account)
    cursor.execute("DELETE FROM queues")
    assert watch(cursor, 600) == []
    assert watch(cursor, 600) == [("mail", "unattended")]


def test_the_queues_of_all_accounts_are_watched_in_batches_each_its_own(cursor: Cursor) -> None:
    accounts = [an_account(cursor) for _ in range(2)]
    for account in accounts:
        for name in ("a", "b", "c"):
            a_due_task(cursor, account, name)
    seen: list[tuple[int, str]] = []
    last = None
    for _ in range(4):
        batch = unattended.watch(cursor, after=last, after_seconds=600, limit=2, now=after(600))
        seen += [(queue.account_id, queue.name) for queue in batch if queue.change == "unattended"]
        last = batch[-1] if batch else last
    assert seen == [(account, name) for account in accounts for name in ("a", "b", "c")]


def test_two_schedulers_tell_of_it_once(database: Database, cursor: Cursor) -> None:
    a_due_task(cursor, an_account(cursor))
    with database.transaction() as first:
        assert watch(first.cursor, 600) == [("mail", "unattended")]
        assert watch(cursor, 600) == []  # passes over the locked row
    assert watch(cursor, 600) == []


def test_a_pop_that_is_being_noted_is_not_passed_over(database: Database, cursor: Cursor) -> None:
    account = an_account(cursor)
    a_due_task(cursor, account)

    def watch_too() -> list[tuple[str, str | None]]:
        with database.transaction() as second:
            return watch(second.cursor, 600)

    with database.transaction() as noting:
        popped_at(noting.cursor, after(599))
        assert watch_too() == []
    assert watch_too() == []


def test_webhooks_are_told_of_both(database: Database, cursor: Cursor, bell: Any) -> None:
    account = an_account(cursor)
    a_webhook(cursor, account)
    for _ in range(2):
        a_due_task(cursor, account)
    assert watch_queues(database, bell, after_seconds=600, delivery_attempts=8) == 1
    popped_at(cursor, datetime.now(UTC) + timedelta(seconds=1))
    assert watch_queues(database, bell, after_seconds=600, delivery_attempts=8) == 1
    assert watch_queues(database, bell, after_seconds=600, delivery_attempts=8) == 0
    cursor.execute("SELECT account_id, type, data FROM events ORDER BY id")
    (unattended_event, attended_event) = cursor.fetchall()
    waited = unattended_event[2].pop("oldest_pending_seconds")
    assert isinstance(waited, int)
    assert abs(waited - (datetime.now(UTC) - NOW).total_seconds()) < 60
    assert unattended_event == (account, "queue.unattended", {"queue": "mail", "pending": 2})
    assert attended_event == (account, "queue.attended", {"queue": "mail", "unattended_seconds": 0})
    cursor.execute("SELECT id FROM work WHERE kind = 'delivery' ORDER BY id")
    assert bell.rung == [row[0] for row in cursor.fetchall()]


def test_the_number_of_tasks_is_counted_only_so_far(cursor: Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unattended, "MOST_COUNTED", 3)
    account = an_account(cursor)
    for _ in range(5):
        a_due_task(cursor, account)
    [queue] = unattended.watch(cursor, after=None, after_seconds=600, limit=10, now=after(600))
    assert queue.pending == 3
