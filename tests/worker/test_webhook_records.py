"""The record of a webhook: since when it has refused everything, when that disables it, and what counts for nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from threading import Barrier
from typing import Any

import pytest

from api.store.webhooks import Webhook
from shared.database import Cursor, Database, only_row
from shared.settings import Settings
from tests import performing, store_fixtures
from tests.factories import a_delivery, a_webhook, an_account
from tests.performing import Caller
from tests.rows import attempts, inconsistent_work, work_row
from tests.target import Target
from worker import deliveries
from worker.outbound import Outbound
from worker.performer import Ended

cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there
outbound = performing.outbound
target = performing.target

DISABLE_SECONDS = 432_000


@pytest.fixture
def caller(database: Database, outbound: Outbound, settings: Settings) -> Caller:
    return Caller(database, outbound, replace(settings, webhook_disable_seconds=DISABLE_SECONDS))


def failing_since(cursor: Cursor, webhook: Webhook) -> datetime | None:
    cursor.execute("SELECT failing_since FROM webhooks WHERE id = %s", (webhook.id,))
    since: datetime | None = only_row(cursor)[0]
    return since


def is_enabled(cursor: Cursor, webhook: Webhook) -> tuple[bool, str | None]:
    """Whether it is, and why it is not."""
    cursor.execute("SELECT enabled, disabled_reason FROM webhooks WHERE id = %s", (webhook.id,))
    enabled, reason = only_row(cursor)
    return enabled, reason


def told_of_disabling(cursor: Cursor) -> list[tuple[int, dict[str, Any]]]:
    cursor.execute("SELECT account_id, data FROM events WHERE type = 'webhook.disabled'")
    return cursor.fetchall()


def has_failed_for(cursor: Cursor, webhook: Webhook, seconds: float) -> None:
    cursor.execute(
        "UPDATE webhooks SET failing_since = now() - make_interval(secs => %s) WHERE id = %s", (seconds, webhook.id)
    )


@pytest.mark.parametrize("mode", ["status/500", "hang", "reset"])
def test_the_first_refusal_is_noted_and_those_after_it_change_nothing(
    caller: Caller, cursor: Cursor, target: Target, mode: str
) -> None:
    webhook = a_webhook(cursor, url=target.url(f"/{mode}"))
    assert failing_since(cursor, webhook) is None
    a_delivery(cursor, webhook)
    caller.perform_one(timeout_seconds=0.2)
    since = failing_since(cursor, webhook)
    assert since is not None
    a_delivery(cursor, webhook)
    caller.perform_one(timeout_seconds=0.2)
    assert failing_since(cursor, webhook) == since


def test_one_success_makes_the_record_clean(caller: Caller, cursor: Cursor, target: Target) -> None:
    webhook = a_webhook(cursor, url=target.url("/hook"))
    has_failed_for(cursor, webhook, DISABLE_SECONDS - 60)
    a_delivery(cursor, webhook)
    caller.perform_one()
    assert failing_since(cursor, webhook) is None


def test_in_a_batch_of_both_a_success_outweighs_the_refusals(caller: Caller, cursor: Cursor, target: Target) -> None:
    webhook = a_webhook(cursor, url=target.url("/hook"))
    has_failed_for(cursor, webhook, DISABLE_SECONDS + 60)
    a_delivery(cursor, webhook)
    first = caller.call(caller.claim())
    target.on("/hook", "status/500")
    a_delivery(cursor, webhook)
    second = caller.call(caller.claim())
    assert len(caller.finish(second + first)) == 2
    assert (failing_since(cursor, webhook), is_enabled(cursor, webhook)) == (None, (True, None))


def test_a_webhook_that_says_it_is_gone_is_disabled_at_once_with_all_that_waits_for_it(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    account = an_account(cursor)
    gone = a_webhook(cursor, account, url=target.url("/status/410"))
    other = a_webhook(cursor, account, url=target.url("/hook"), event_types=["webhook.disabled"])
    first, waiting, running = (a_delivery(cursor, gone) for _ in range(3))
    cursor.execute("UPDATE work SET due_at = now() + interval '1 hour' WHERE id = %s", (waiting,))
    answered, under_way = caller.claim()
    assert (answered.work.id, under_way.work.id) == (str(first), str(running))
    caller.finish(caller.call([answered]))
    assert is_enabled(cursor, gone) == (False, "it answered 410 Gone")
    row = work_row(cursor, first)
    assert (row.state, row.error, attempts(cursor, first)) == ("failed", "answered with status 410", [(1, "failed")])
    row = work_row(cursor, waiting)
    assert (row.state, row.error, attempts(cursor, waiting)) == ("canceled", "the webhook was disabled", [])
    assert caller.finish(caller.call([under_way])) == {str(running)}, "what is under way ends by itself"
    assert (work_row(cursor, running).state, attempts(cursor, running)) == ("failed", [(1, "failed")])
    assert told_of_disabling(cursor) == [
        (account, {"webhook_id": gone.id, "url": gone.url, "reason": "it answered 410 Gone"})
    ]
    ended = caller.perform_one()
    assert ended.work.webhook_id == other.id
    assert target.requests[-1].json()["type"] == "webhook.disabled"
    assert inconsistent_work(cursor) == []


def test_a_webhook_that_has_failed_for_so_long_is_disabled_with_its_next_refusal(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    account = an_account(cursor)
    webhook = a_webhook(cursor, account, url=target.url("/status/500"))
    has_failed_for(cursor, webhook, DISABLE_SECONDS + 1)
    delivery = a_delivery(cursor, webhook)
    caller.perform_one()
    enabled, reason = is_enabled(cursor, webhook)
    since = failing_since(cursor, webhook)
    assert since is not None
    assert (enabled, reason) == (False, f"every attempt has failed since {since:%Y-%m-%dT%H:%M:%SZ}")
    assert (work_row(cursor, delivery).state, attempts(cursor, delivery)) == ("canceled", [(1, "failed")])
    assert told_of_disabling(cursor) == [(account, {"webhook_id": webhook.id, "url": webhook.url, "reason": reason})]


def test_a_webhook_that_has_not_failed_for_so_long_yet_is_given_more_time(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    webhook = a_webhook(cursor, url=target.url("/status/500"))
    has_failed_for(cursor, webhook, DISABLE_SECONDS - 60)
    a_delivery(cursor, webhook)
    caller.perform_one()
    assert (is_enabled(cursor, webhook), told_of_disabling(cursor)) == ((True, None), [])


def test_a_webhook_is_disabled_once_however_many_say_that_it_is_gone(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    webhook = a_webhook(cursor, url=target.url("/status/410"))
    for _ in range(3):
        a_delivery(cursor, webhook)
    caller.perform_due()
    assert len(told_of_disabling(cursor)) == 1


@pytest.mark.parametrize("mode", ["status/410", "status/500", "ok"])
def test_an_answer_says_nothing_about_a_webhook_that_leads_elsewhere_by_now(
    caller: Caller, cursor: Cursor, target: Target, mode: str
) -> None:
    webhook = a_webhook(cursor, url=target.url(f"/{mode}"))
    has_failed_for(cursor, webhook, DISABLE_SECONDS + 60)
    a_delivery(cursor, webhook)
    answered = caller.call(caller.claim())
    cursor.execute("UPDATE webhooks SET url = %s WHERE id = %s", (target.url("/new"), webhook.id))
    since = failing_since(cursor, webhook)
    assert len(caller.finish(answered)) == 1
    assert (failing_since(cursor, webhook), is_enabled(cursor, webhook)) == (since, (True, None))


def test_so_many_deliveries_are_canceled_with_their_webhook_and_the_rest_when_they_are_due(
    caller: Caller, cursor: Cursor, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST_CANCELED", 1)
    webhook = a_webhook(cursor, url=target.url("/status/410"))
    waiting = [a_delivery(cursor, webhook) for _ in range(2)]
    cursor.execute("UPDATE work SET due_at = now() + interval '1 hour'")
    a_delivery(cursor, webhook)
    caller.perform_one()
    assert [work_row(cursor, id).state for id in waiting] == ["canceled", "pending"]
    cursor.execute("UPDATE work SET due_at = now() WHERE state = 'pending'")
    caller.perform_one()
    assert [work_row(cursor, id).error for id in waiting] == ["the webhook was disabled"] * 2


def test_the_webhooks_of_others_keep_their_records(caller: Caller, cursor: Cursor, target: Target) -> None:
    gone, other = a_webhook(cursor, url=target.url("/status/410")), a_webhook(cursor, url=target.url("/status/500"))
    has_failed_for(cursor, other, 3_600)
    since = failing_since(cursor, other)
    waiting = a_delivery(cursor, other)
    cursor.execute("UPDATE work SET due_at = now() + interval '1 hour'")
    a_delivery(cursor, gone)
    caller.perform_one()
    assert (failing_since(cursor, other), is_enabled(cursor, other)) == (since, (True, None))
    assert work_row(cursor, waiting).state == "pending"


@pytest.mark.parametrize("mode", ["status/410", "status/500", "ok"])
def test_what_was_asked_for_by_hand_changes_nothing_of_the_record(
    caller: Caller, cursor: Cursor, target: Target, mode: str
) -> None:
    webhook = a_webhook(cursor, url=target.url(f"/{mode}"))
    has_failed_for(cursor, webhook, DISABLE_SECONDS + 3_600)
    since = failing_since(cursor, webhook)
    waiting = a_delivery(cursor, webhook)
    cursor.execute("UPDATE work SET due_at = now() + interval '1 hour'")
    asked_for = a_delivery(cursor, webhook, max_attempts=1, inert=True)
    caller.perform_one()
    assert work_row(cursor, asked_for).state == ("succeeded" if mode == "ok" else "failed")
    assert (failing_since(cursor, webhook), is_enabled(cursor, webhook)) == (since, (True, None))
    assert (work_row(cursor, waiting).state, told_of_disabling(cursor)) == ("pending", [])


def test_workers_that_learn_at_once_that_a_webhook_is_gone_disable_it_once(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    webhook = a_webhook(cursor, url=target.url("/status/410"))
    for _ in range(4):
        a_delivery(cursor, webhook)
    answered = caller.call(caller.claim())
    together = Barrier(2)

    def finish(part: list[Ended]) -> set[str]:
        together.wait(5)
        return caller.finish(part)

    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(finish, part) for part in (answered[:2], answered[2:])]
        assert [len(ids.result(15)) for ids in held] == [2, 2], "neither waits for what the other has in hand"
    assert (len(told_of_disabling(cursor)), inconsistent_work(cursor)) == (1, [])
