"""Webhooks disabled, enabled again and deleted: what becomes of their record, and of deliveries that have not ended."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api import deleting_webhooks
from shared.database import Database
from shared.queues import FINISHED_CHANNEL, connect
from shared.store.events import NewEvent, record
from tests.api_client import ApiClient, pages, problem
from tests.concurrency import wait_until_blocked
from tests.deliveries import begin_delivery, end_claimed, end_delivery
from tests.processes import wait_until
from tests.rows import attempts, inconsistent_work

ALL = {"url": "http://127.0.0.1:9/hook", "event_types": ["*"]}


def sent(api: ApiClient, webhook: Any) -> Any:
    """A delivery to the webhook that has not begun."""
    return api.make(f"/webhooks/{webhook['id']}/test", {})


def note(database: Database, webhook_id: int, assignments: str) -> None:
    """What a worker writes down of a webhook."""
    with database.reading() as cursor:
        cursor.execute(f"UPDATE webhooks SET {assignments} WHERE id = %s", (webhook_id,))  # noqa: S608 (the test's own words)


def test_a_webhook_may_be_born_disabled(fresh: ApiClient) -> None:
    created = fresh.make("/webhooks", ALL | {"enabled": False})
    assert (created["enabled"], created["disabled_reason"]) == (False, "disabled by its owner")
    assert created["disabled_at"] == created["created_at"]


def test_disabled_again_it_keeps_since_when_and_why(fresh: ApiClient, database: Database) -> None:
    created = fresh.make("/webhooks", ALL)
    note(database, created["id"], "enabled = false, disabled_at = '2026-03-01T00:00:00Z', disabled_reason = 'gone'")
    after = fresh.put(f"/webhooks/{created['id']}", ALL | {"enabled": False, "description": "d"}).json
    assert (after["disabled_at"], after["disabled_reason"]) == ("2026-03-01T00:00:00Z", "gone")


def test_enabled_again_it_has_a_clean_record(fresh: ApiClient, database: Database) -> None:
    created = fresh.make("/webhooks", ALL)
    note(
        database,
        created["id"],
        "failing_since = '2026-02-24T00:00:00Z', enabled = false, disabled_at = '2026-03-01T00:00:00Z',"
        " disabled_reason = 'every attempt has failed'",
    )
    shown = fresh.get(f"/webhooks/{created['id']}").json
    assert (shown["enabled"], shown["failing_since"]) == (False, "2026-02-24T00:00:00Z")
    after = fresh.put(f"/webhooks/{created['id']}", ALL).json
    assert after["enabled"] is True
    assert [after[name] for name in ("failing_since", "disabled_at", "disabled_reason")] == [None, None, None]


@pytest.mark.parametrize(
    ("fields", "kept"),
    [({"description": "still the same"}, "2026-02-24T00:00:00Z"), ({"url": "http://127.0.0.1:10/"}, None)],
)
def test_a_record_belongs_to_the_url_and_not_to_what_is_said_of_it(
    fresh: ApiClient, database: Database, fields: Any, kept: str | None
) -> None:
    created = fresh.make("/webhooks", ALL)
    note(database, created["id"], "failing_since = '2026-02-24T00:00:00Z'")
    assert fresh.put(f"/webhooks/{created['id']}", ALL | fields).json["failing_since"] == kept


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_deliveries_that_have_not_ended_end_with_their_webhook(fresh: ApiClient, database: Database, how: str) -> None:
    webhook, other = fresh.make("/webhooks", ALL), fresh.make("/webhooks", ALL | {"url": "http://127.0.0.1:10/"})
    ended = sent(fresh, webhook)
    end_delivery(database, ended["id"])
    running = sent(fresh, webhook)
    claimed = begin_delivery(database, running["id"])
    pending, of_other = sent(fresh, webhook), sent(fresh, other)
    path = f"/webhooks/{webhook['id']}"
    answer = fresh.put(path, ALL | {"enabled": False}) if how == "disabled" else fresh.delete(path)
    assert answer.status_code == (200 if how == "disabled" else 204)
    states = {row["id"]: (row["state"], row["error"]) for row in pages(fresh, "/deliveries", 10)}
    assert states == {
        ended["id"]: ("succeeded", None),
        running["id"]: ("canceled", f"the webhook was {how}"),
        pending["id"]: ("canceled", f"the webhook was {how}"),
        of_other["id"]: ("pending", None),
    }
    with database.reading() as cursor:
        assert attempts(cursor, running["id"]) == [(1, "canceled")]
        assert attempts(cursor, pending["id"]) == []
    with pytest.raises(AssertionError):
        end_claimed(database, claimed)


def test_nobody_who_records_an_event_waits_for_the_deliveries_of_a_webhook_that_is_being_deleted(
    fresh: ApiClient, database: Database
) -> None:
    webhook, other = fresh.make("/webhooks", ALL), fresh.make("/webhooks", ALL)
    delivery = sent(fresh, webhook)
    end_delivery(database, delivery["id"])
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as holder:
            holder.cursor.execute("SELECT id FROM work WHERE id = %s FOR UPDATE", (delivery["id"],))
            deleting = pool.submit(fresh.for_another_thread().delete, f"/webhooks/{webhook['id']}")
            wait_until_blocked(database)
            holder.cursor.execute("SET LOCAL lock_timeout = '1s'")
            holder.cursor.execute("SELECT account_id FROM webhooks WHERE id = %s", (webhook["id"],))
            [(account_id,)] = holder.cursor.fetchall()
            assert len(record(holder.cursor, [NewEvent(account_id, "job.failed", {})], delivery_attempts=8)) == 1
            assert fresh.get(f"/webhooks/{webhook['id']}").json["enabled"] is False
        assert deleting.result(10).status_code == 204
    states = {row["webhook_id"]: row["state"] for row in pages(fresh, "/deliveries", 10)}
    assert states == {None: "succeeded", other["id"]: "pending"}


def test_a_webhook_with_more_deliveries_than_are_taken_away_at_once_goes_with_all_of_them(
    fresh: ApiClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting_webhooks, "AT_ONCE", 2)
    webhook = fresh.make("/webhooks", ALL)
    running, *_ = [sent(fresh, webhook)["id"] for _ in range(4)]
    begin_delivery(database, running)
    monkeypatch.setattr(deleting_webhooks, "MOST_BATCHES", 1)
    refused = problem(fresh.delete(f"/webhooks/{webhook['id']}"), 409)
    assert "delete it again" in refused["detail"]
    assert fresh.get(f"/webhooks/{webhook['id']}").json["disabled_reason"] == "it is being deleted"
    monkeypatch.setattr(deleting_webhooks, "MOST_BATCHES", 10)
    assert fresh.delete(f"/webhooks/{webhook['id']}").status_code == 204
    found = pages(fresh, "/deliveries", 10)
    assert {(row["webhook_id"], row["state"], row["error"]) for row in found} == {
        (None, "canceled", "the webhook was deleted")
    }
    with database.reading() as cursor:
        assert inconsistent_work(cursor) == []


def test_a_delivery_that_is_being_begun_while_its_webhook_is_disabled_leaves_no_open_attempt(
    fresh: ApiClient, database: Database
) -> None:
    webhook = fresh.make("/webhooks", ALL)
    delivery = sent(fresh, webhook)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as claiming:
            claiming.cursor.execute(
                "UPDATE work SET state = 'running', attempt = 1, lease_token = gen_random_uuid(),"
                " lease_expires_at = now() + interval '1 minute', started_at = now() WHERE id = %s",
                (delivery["id"],),
            )
            claiming.cursor.execute(
                "INSERT INTO attempts (work_id, number, worker, started_at) VALUES (%s, 1, 'test', now())",
                (delivery["id"],),
            )
            disabling = pool.submit(
                fresh.for_another_thread().put, f"/webhooks/{webhook['id']}", ALL | {"enabled": False}
            )
            wait_until_blocked(database)
        assert disabling.result(10).status_code == 200
    [attempt] = fresh.get(f"/deliveries/{delivery['id']}").json["attempts"]
    assert (attempt["outcome"], attempt["error"]) == ("canceled", "the webhook was disabled")


def test_a_webhook_with_another_url_waits_with_what_is_sent_there(fresh: ApiClient, database: Database) -> None:
    webhook = fresh.make("/webhooks", ALL)
    delivery = sent(fresh, webhook)
    assert fresh.put(f"/webhooks/{webhook['id']}", ALL | {"url": "http://127.0.0.1:10/"}).status_code == 200
    assert begin_delivery(database, delivery["id"]).lane == "127.0.0.1:10"


def test_who_waits_for_a_delivery_gets_it_canceled_with_its_webhook(fresh: ApiClient) -> None:
    webhook = fresh.make("/webhooks", ALL)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            fresh.for_another_thread().post, f"/webhooks/{webhook['id']}/test", headers={"Prefer": "wait=20"}
        )
        wait_until(lambda: pages(fresh, "/deliveries", 10), "the delivery is there")
        fresh.put(f"/webhooks/{webhook['id']}", ALL | {"enabled": False})
        answer = waiting.result(10)
    assert (answer.status_code, answer.json["state"]) == (200, "canceled")


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_the_end_of_canceled_deliveries_is_announced(fresh: ApiClient, redis_url: str, how: str) -> None:
    webhook = fresh.make("/webhooks", ALL)
    delivery = sent(fresh, webhook)
    path = f"/webhooks/{webhook['id']}"
    with connect(redis_url) as client, client.pubsub() as heard:
        heard.subscribe(FINISHED_CHANNEL)
        confirmed = heard.get_message(timeout=5)
        assert confirmed is not None
        assert confirmed["type"] == "subscribe"
        if how == "disabled":
            fresh.put(path, ALL | {"enabled": False})
        else:
            fresh.delete(path)
        announced = heard.get_message(timeout=5)
    assert announced is not None
    assert announced["data"].decode() == delivery["id"]
