"""Queues through the API: known once they are used, counted, set up, and their failed tasks begun afresh."""

from datetime import UTC, datetime
from typing import Any

import pytest

from api import attendance
from api.schemas.queues import QueueInput
from api.store import queues, tasks
from shared.database import Database
from shared.queues import TASKS_CHANNEL, connect
from tests.api.test_tasks import ack, execute, fail, popped, read
from tests.api_client import ApiClient, pages, problem


def queue(api: ApiClient, name: str) -> Any:
    answer = api.get(f"/queues/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json


def retry_failed(api: ApiClient, name: str = "default") -> Any:
    answer = api.post(f"/queues/{name}/retry-failed")
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_queue_is_known_when_something_was_pushed_into_it(fresh: ApiClient) -> None:
    fresh.push_task("mail", delay_seconds=3_600)
    known = queue(fresh, "mail")
    assert known == {
        "name": "mail",
        "pending": 1,
        "running": 0,
        "failed": 0,
        "oldest_pending_seconds": None,
        "last_popped_at": None,
        "unattended_after_seconds": None,
        "unattended_since": None,
        "created_at": known["created_at"],
    }
    assert fresh.get("/queues").json == {"data": [known], "next_cursor": None}


def test_a_queue_is_known_when_somebody_asked_for_its_tasks(fresh: ApiClient) -> None:
    assert fresh.pop_tasks("mail") == []
    last_popped_at = datetime.fromisoformat(queue(fresh, "mail")["last_popped_at"])
    assert (datetime.now(UTC) - last_popped_at).total_seconds() < 30


def test_that_tasks_are_asked_for_is_noted_at_most_once_a_second(
    fresh: ApiClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "NOTED_SECONDS", 0)  # whatever this process has noted
    for seconds, is_noted in ((2, True), (0.5, False)):
        fresh.pop_tasks("mail")
        execute(
            database,
            "UPDATE queues SET last_popped_at = now() - make_interval(secs => %(seconds)s) WHERE name = 'mail'",
            seconds=seconds,
        )
        before = queue(fresh, "mail")["last_popped_at"]
        fresh.pop_tasks("mail")
        assert (queue(fresh, "mail")["last_popped_at"] != before) is is_noted


def test_a_pop_waits_for_nobody_who_notes_the_same(fresh: ApiClient, database: Database) -> None:
    fresh.push_task("mail")
    execute(database, "UPDATE queues SET last_popped_at = NULL WHERE name = 'mail'")
    with database.transaction() as holder:
        holder.cursor.execute("SELECT 1 FROM queues WHERE name = 'mail' FOR UPDATE")
        assert len(fresh.pop_tasks("mail")) == 1


def test_tasks_are_counted_by_state_and_the_oldest_that_is_due_is_measured(
    fresh: ApiClient, database: Database
) -> None:
    fresh.make("/queues/mail/tasks", {"tasks": [{"payload": None}] * 7})
    failed, done, _, canceled = fresh.pop_tasks("mail", max=4)
    fail(fresh, failed)
    ack(fresh, done)
    fresh.post(f"/tasks/{canceled['id']}/cancel")
    fail(fresh, canceled)
    fresh.push_task("mail", delay_seconds=3_600)
    oldest = fresh.push_task("mail", priority=-5)["id"]
    execute(database, "UPDATE work SET due_at = now() - interval '90 s' WHERE id = %(id)s", id=oldest)
    counted = queue(fresh, "mail")
    assert (counted["pending"], counted["running"], counted["failed"]) == (5, 1, 1)
    assert 90 <= counted["oldest_pending_seconds"] < 120


def test_counting_stops_at_a_bound(fresh: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        fail(fresh, popped(fresh, "mail"))
    fresh.make("/queues/mail/tasks", {"tasks": [{"payload": None}] * 6})
    fresh.pop_tasks("mail", max=3)
    monkeypatch.setitem(queues.page.__kwdefaults__ or {}, "most_counted", 2)
    counted = queue(fresh, "mail")
    assert (counted["pending"], counted["running"], counted["failed"]) == (2, 2, 2)
    assert counted["oldest_pending_seconds"] >= 0


def test_queues_are_listed_by_name_page_by_page(fresh: ApiClient) -> None:
    names = ["a", "B", "c.d", "e-f", "g_h"]
    for name in names:
        fresh.push_task(name)
    listed = [item["name"] for item in pages(fresh, "/queues", 2)]
    assert sorted(listed) == sorted(names)
    assert listed == [item["name"] for item in pages(fresh, "/queues", 200)]


def test_a_cursor_that_is_no_name_is_refused(fresh: ApiClient) -> None:
    for cursor in ("x", "YSBi", "w6k"):  # no base64; "a b"; "é"
        refused = problem(fresh.get(f"/queues?cursor={cursor}"), 422)
        assert [error["pointer"] for error in refused["errors"]] == ["/cursor"]


def test_a_queue_is_set_up_before_or_after_it_is_used(fresh: ApiClient) -> None:
    answer = fresh.put("/queues/mail", {"unattended_after_seconds": 31_536_000})
    assert (answer.status_code, answer.json["unattended_after_seconds"]) == (200, 31_536_000)
    fresh.push_task("mail")
    fresh.pop_tasks("mail")
    assert queue(fresh, "mail")["unattended_after_seconds"] == 31_536_000
    assert fresh.put("/queues/mail", QueueInput.example).json["unattended_after_seconds"] == 300
    for default in ({"unattended_after_seconds": None}, {}):
        fresh.put("/queues/mail", QueueInput.example)
        assert fresh.put("/queues/mail", default).json["unattended_after_seconds"] is None


@pytest.mark.parametrize("value", [0, -1, 31_536_001, "5", True, 1.5, []])
def test_a_time_that_no_queue_can_be_unattended_for_is_refused(fresh: ApiClient, value: Any) -> None:
    refused = problem(fresh.put("/queues/mail", {"unattended_after_seconds": value}), 422)
    [error] = refused["errors"]
    assert error["pointer"] == "/unattended_after_seconds"
    assert "must be a whole number from 1 to 31536000" in error["detail"]
    problem(fresh.get("/queues/mail"), 404)


def test_an_absent_queue_is_not_found(fresh: ApiClient) -> None:
    assert problem(fresh.get("/queues/mail"), 404)["detail"] == "there is no such queue in this account"


def test_all_failed_tasks_of_a_queue_are_begun_afresh_in_their_order(fresh: ApiClient, redis_url: str) -> None:
    failed = [popped(fresh, payload=number, max_attempts=1) for number in range(3)]
    for task in failed:
        fail(fresh, task)
    elsewhere = popped(fresh, "other")
    fail(fresh, elsewhere)
    with connect(redis_url) as client, client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(TASKS_CHANNEL)
        subscription.get_message(timeout=1)
        assert retry_failed(fresh) == {"retried": 3, "more": False}
        assert next(iter(subscription.listen()))["data"].endswith(b"/default")
    assert [task["payload"] for task in fresh.pop_tasks(max=10)] == [0, 1, 2]
    assert read(fresh, elsewhere)["state"] == "failed"
    assert retry_failed(fresh) == retry_failed(fresh, "unknown") == {"retried": 0, "more": False}


def test_more_failed_tasks_than_are_retried_at_once_are_told_of(
    fresh: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        fail(fresh, popped(fresh))
    monkeypatch.setitem(tasks.retry_failed.__kwdefaults__ or {}, "most", 2)
    assert [retry_failed(fresh) for _ in range(4)] == [
        {"retried": 2, "more": True},
        {"retried": 2, "more": True},
        {"retried": 1, "more": False},
        {"retried": 0, "more": False},
    ]


def test_of_failed_tasks_with_one_key_the_newest_is_begun_and_none_whose_key_is_in_use(fresh: ApiClient) -> None:
    made = {}
    for name, key in (("old", "a"), ("new", "a"), ("used", "b"), ("plain", None)):
        made[name] = popped(fresh, payload=name, **({"dedup_key": key} if key else {}))
        fail(fresh, made[name])
    fresh.push_task("default", "using", dedup_key="b")
    assert retry_failed(fresh) == {"retried": 2, "more": False}
    assert sorted(task["payload"] for task in fresh.pop_tasks(max=10)) == ["new", "plain", "using"]
    assert [read(fresh, made[name])["state"] for name in ("old", "used")] == ["failed", "failed"]
