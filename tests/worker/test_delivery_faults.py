"""Deliveries that could not be made through a fault of ours: tried again, and not held against the webhook."""

import errno
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from shared.database import Cursor, Database
from shared.seal import Seal
from shared.settings import Settings
from tests import performing, store_fixtures
from tests.factories import a_delivery, a_webhook
from tests.performing import Caller
from tests.rows import attempts, work_row
from tests.target import Target
from worker import deliveries
from worker.outbound import Outbound, transfer

cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there
caller = performing.caller
outbound = performing.outbound
target = performing.target


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def no_socket(*_: object) -> None:
    raise OSError(errno.EMFILE, "too many open files")


def failing_webhooks(cursor: Cursor) -> list[tuple[int]]:
    cursor.execute("SELECT id FROM webhooks WHERE failing_since IS NOT NULL")
    return cursor.fetchall()


def test_a_secret_that_cannot_be_opened_here_is_our_fault_and_is_tried_again_until_no_attempt_is_left(
    caller: Caller, cursor: Cursor, target: Target
) -> None:
    sealed_elsewhere = a_webhook(cursor, url=target.url(), seal=Seal(["another key, long enough"]))
    delivery = a_delivery(cursor, sealed_elsewhere, max_attempts=2)
    ended = caller.perform_one()
    assert ended.attempt.retry_in_seconds is not None
    assert 4 <= ended.attempt.retry_in_seconds <= 6
    assert work_row(cursor, delivery).state == "pending"
    caller.perform_one(now=in_seconds(60))
    row = work_row(cursor, delivery)
    assert (row.state, row.error) == ("failed", "a secret was sealed with a key that is not in ROUNDSMAN_SECRET_KEY")
    assert (attempts(cursor, delivery), target.requests) == ([(1, "failed"), (2, "failed")], [])
    assert failing_webhooks(cursor) == []


def test_a_worker_with_the_right_key_delivers_what_another_could_not_open(
    database: Database, outbound: Outbound, settings: Settings, cursor: Cursor, target: Target
) -> None:
    delivery = a_delivery(cursor, a_webhook(cursor, url=target.url()))
    without_key = Caller(database, outbound, replace(settings, secret_keys=("another key, long enough",)))
    without_key.perform_one()
    Caller(database, outbound, settings).perform_one(now=in_seconds(60))
    assert work_row(cursor, delivery).state == "succeeded"
    assert len(target.requests) == 1


@pytest.mark.parametrize("what", ["message", "ended_call"])
def test_an_internal_error_is_not_the_fault_of_the_webhook_and_is_tried_again(
    caller: Caller, cursor: Cursor, target: Target, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(deliveries, what, broken)
    delivery = a_delivery(cursor, a_webhook(cursor, url=target.url("/status/500")))
    ended = caller.perform_one()
    assert ended.attempt.retry_in_seconds is not None
    row = work_row(cursor, delivery)
    assert (row.state, row.error) == ("pending", "an internal error kept this from being delivered")
    assert failing_webhooks(cursor) == []


def test_without_a_socket_left_it_is_not_the_webhook_that_has_failed(
    caller: Caller, cursor: Cursor, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = a_delivery(cursor, a_webhook(cursor, url=target.url()))
    monkeypatch.setattr(transfer, "socket", SimpleNamespace(socket=no_socket))
    caller.perform_one()
    row = work_row(cursor, delivery)
    assert (row.state, row.error) == ("pending", "service_busy: this service had no socket left for the call")
    assert (attempts(cursor, delivery), failing_webhooks(cursor)) == ([(1, "failed")], [])
