"""Deliveries over real connections: what a webhook is sent, and what its answers make of the delivery."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from api.store import deliveries, webhooks
from shared.database import Cursor, Database
from shared.domain.instants import write_instant
from shared.settings import Settings
from shared.store.events import NewEvent, record
from tests import performing, store_fixtures
from tests.factories import SEAL, WEBHOOK_SECRET, a_delivery, a_webhook, an_account, an_event
from tests.performing import Caller
from tests.rows import attempts, inconsistent_work, work_row
from tests.target import Seen, Target
from worker.outbound import Outbound

cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there
caller = performing.caller
outbound = performing.outbound
target = performing.target

OLD, NEW = b"the secret of yesterday.", b"the secret of today....."


def verified(seen: Seen, secret: bytes) -> Any:
    """The message as a receiver with the library of the standard reads it."""
    return Receiver(secret).verify(seen.body, dict(seen.headers))


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_message_is_signed_as_the_standard_has_it_and_tells_the_event(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    account = an_account(cursor)
    webhook = a_webhook(cursor, account, url=target.url("/hook?team=a"))
    event = an_event(cursor, account, "run.finished", outcome="passed", note="grün")
    delivery = a_delivery(cursor, webhook, event)
    caller.perform_one()
    [seen] = target.requests
    cursor.execute("SELECT created_at FROM events")
    [(happened,)] = cursor.fetchall()
    assert verified(seen, WEBHOOK_SECRET) == {
        "type": "run.finished",
        "timestamp": write_instant(happened),
        "data": {"outcome": "passed", "note": "grün"},
    }
    assert (seen.method, seen.path, seen.header("content-type")) == ("POST", "/hook?team=a", "application/json")
    assert seen.header("webhook-id") == str(event)
    assert abs(int(seen.header("webhook-timestamp") or 0) - time.time()) < 60
    assert (work_row(cursor, delivery).state, attempts(cursor, delivery)) == ("succeeded", [(1, "succeeded")])


def test_a_changed_body_or_another_secret_does_not_verify(caller: Caller, cursor: Cursor, target: Target) -> None:
    a_delivery(cursor, a_webhook(cursor, url=target.url()))
    caller.perform_one()
    [seen] = target.requests
    for secret, body in ((NEW, seen.body), (WEBHOOK_SECRET, seen.body + b" ")):
        with pytest.raises(WebhookVerificationError):
            verified(replace(seen, body=body), secret)


def test_after_a_rotation_both_secrets_sign_until_the_old_one_has_ended(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    account = an_account(cursor)
    webhook = a_webhook(cursor, account, url=target.url(), secret=OLD)
    webhooks.rotate(cursor, account, webhook.id, SEAL.seal(NEW))
    a_delivery(cursor, webhook)
    caller.perform_one()
    cursor.execute("UPDATE webhooks SET previous_secret_until = now()")
    a_delivery(cursor, webhook)
    caller.perform_one()
    during, afterwards = target.requests
    assert verified(during, OLD) == verified(during, NEW)
    assert len((during.header("webhook-signature") or "").split(" ")) == 2
    assert len((afterwards.header("webhook-signature") or "").split(" ")) == 1
    verified(afterwards, NEW)
    with pytest.raises(WebhookVerificationError):
        verified(afterwards, OLD)


def test_each_attempt_is_signed_anew_and_keeps_its_id(caller: Caller, cursor: Cursor, target: Target) -> None:
    a_delivery(cursor, a_webhook(cursor, url=target.url("/status/500"), secret=OLD))
    caller.perform_one()
    cursor.execute("UPDATE webhooks SET secret = %s", (SEAL.seal(NEW),))
    caller.perform_one(now=in_seconds(60))
    first, second = target.requests
    assert first.header("webhook-id") == second.header("webhook-id")
    assert first.body == second.body
    verified(first, OLD)
    verified(second, NEW)


@pytest.mark.parametrize("mode", ["status/500", "status/404", "redirect/1", "reset", "hang"])
def test_anything_but_2xx_is_tried_again_by_the_list_of_delays(
    caller: Caller, cursor: Cursor, target: Target, mode: str
) -> None:
    delivery = a_delivery(cursor, a_webhook(cursor, url=target.url(f"/{mode}")))
    ended = caller.perform_one(timeout_seconds=0.2)
    assert ended.attempt.retry_in_seconds is not None
    assert 4 <= ended.attempt.retry_in_seconds <= 6
    assert work_row(cursor, delivery).state == "pending"
    assert attempts(cursor, delivery) == [(1, "timeout" if mode == "hang" else "failed")]
    assert len(target.requests) == 1


def test_the_waits_are_those_of_the_settings_and_then_it_has_failed(
    database: Database, outbound: Outbound, settings: Settings, cursor: Cursor, target: Target
) -> None:
    settings = replace(settings, webhook_retry_seconds=(1, 100))
    caller = Caller(database, outbound, settings)
    delivery = a_delivery(cursor, a_webhook(cursor, url=target.url("/status/500")), max_attempts=3)
    waits = [caller.perform_one(now=in_seconds(3_600)).attempt.retry_in_seconds for _ in range(3)]
    assert waits[0] is not None
    assert waits[1] is not None
    assert (0.8 <= waits[0] <= 1.2, 80 <= waits[1] <= 120, waits[2]) == (True, True, None)
    assert (work_row(cursor, delivery).state, len(attempts(cursor, delivery))) == ("failed", 3)


def test_a_delivery_whose_webhook_was_deleted_meanwhile_is_canceled_without_a_request(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    delivery = a_delivery(cursor, a_webhook(cursor, url=target.url()))
    cursor.execute("DELETE FROM webhooks")
    caller.perform_one()
    row = work_row(cursor, delivery)
    assert (row.state, row.error) == ("canceled", "the webhook was deleted")
    assert attempts(cursor, delivery) == [(1, "canceled")]
    assert target.requests == []


def test_a_delivery_whose_webhook_was_disabled_meanwhile_is_canceled_without_a_request(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    delivery = a_delivery(cursor, a_webhook(cursor, url=target.url(), enabled=False))
    caller.perform_one()
    row = work_row(cursor, delivery)
    assert (row.state, row.error) == ("canceled", "the webhook was disabled")
    assert target.requests == []


def test_a_delivery_asked_for_by_hand_goes_to_a_disabled_webhook_too(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    account = an_account(cursor)
    webhook = a_webhook(cursor, account, url=target.url(), enabled=False)
    asked_for = deliveries.test(cursor, account, webhook.id)
    assert asked_for is not None
    caller.perform_one()
    assert work_row(cursor, asked_for.id).state == "succeeded"
    assert verified(target.requests[0], WEBHOOK_SECRET)["type"] == "webhook.test"


def test_a_replay_has_the_id_of_the_first_delivery_and_the_secret_of_now(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    account = an_account(cursor)
    webhook = a_webhook(cursor, account, url=target.url(), secret=OLD)
    first = a_delivery(cursor, webhook)
    caller.perform_one()
    cursor.execute("UPDATE webhooks SET secret = %s", (SEAL.seal(NEW),))
    assert deliveries.replay(cursor, account, first) is not None
    caller.perform_one()
    before, again = target.requests
    assert (before.header("webhook-id"), before.body) == (again.header("webhook-id"), again.body)
    verified(again, NEW)


def test_a_batch_of_deliveries_goes_to_the_webhook_of_each(caller: Caller, cursor: Cursor, target: Target) -> None:
    accounts = [an_account(cursor) for _ in range(3)]
    for account in accounts:
        for path in ("/one", "/two"):
            a_webhook(cursor, account, url=target.url(f"{path}/{account}"))
    record(cursor, [NewEvent(account, "job.failed", {"account": account}) for account in accounts], delivery_attempts=8)
    assert len(caller.perform_due()) == 6
    told = {(seen.path, seen.json()["data"]["account"]) for seen in target.requests}
    assert told == {(f"{path}/{account}", account) for path in ("/one", "/two") for account in accounts}
    assert inconsistent_work(cursor) == []
