"""Tasks through the API: pushed, read, listed, waited for, canceled and retried."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from api.schemas.tasks import PushInput
from shared.database import Database
from shared.queues import TASKS_CHANNEL, connect
from shared.store.schedules import HELD_UNTIL
from tests.api_client import ApiClient, pages, problem
from tests.processes import wait_until

ABSENT = "/tasks/00000000-0000-7000-8000-000000000000"


def read(api: ApiClient, task: Any) -> Any:
    answer = api.get(f"/tasks/{task['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json


def popped(api: ApiClient, queue: str = "default", **fields: Any) -> Any:
    """A new task that was popped."""
    api.push_task(queue, **fields)
    [task] = api.pop_tasks(queue)
    return task


def ack(api: ApiClient, task: Any, **fields: Any) -> Any:
    answer = api.post(f"/tasks/{task['id']}/ack", {"lease_token": task["lease_token"]} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json


def fail(api: ApiClient, task: Any, **fields: Any) -> Any:
    """Fail it for good, unless `fields` say otherwise."""
    body = {"lease_token": task["lease_token"], "error": "no route to host", "retry": False} | fields
    answer = api.post(f"/tasks/{task['id']}/fail", body)
    assert answer.status_code == 200, answer.text
    return answer.json


def seconds_until(text: str) -> float:
    return (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()


def execute(database: Database, statement: str, **values: Any) -> None:
    with database.reading() as cursor:
        cursor.execute(statement, values)


def test_a_task_is_pushed_read_and_listed_as_it_was_written(fresh: ApiClient) -> None:
    given = {"priority": -100, "max_attempts": 100, "timeout_seconds": 43_200, "dedup_key": "key 1"}
    payload = {"a": [1, 1.5, None, "é", 1e23]}
    answer = fresh.post("/queues/a.b_c-D/tasks", given | {"payload": payload})
    assert answer.status_code == 201
    task = answer.json
    assert answer.headers["Location"] == f"/tasks/{task['id']}"
    assert task == given | {
        "id": task["id"],
        "queue": "a.b_c-D",
        "payload": payload,
        "state": "pending",
        "attempt_count": 0,
        "failures": 0,
        "expirations": 0,
        "worker": None,
        "lease_expires_at": None,
        "cancel_requested": False,
        "error": None,
        "result": None,
        "schedule_id": None,
        "scheduled_for": task["created_at"],
        "run_id": None,
        "next_attempt_at": task["created_at"],
        "created_at": task["created_at"],
        "started_at": None,
        "finished_at": None,
        "deduplicated": False,
    }
    del task["deduplicated"]
    assert read(fresh, task) == task | {"attempts": [], "logs": []}
    assert fresh.get("/tasks").json == {"data": [task], "next_cursor": None}


def test_what_is_left_out_has_its_default(fresh: ApiClient) -> None:
    task = fresh.push_task()
    defaults = {"priority": 0, "max_attempts": 4, "timeout_seconds": None, "dedup_key": None, "payload": None}
    assert task | defaults == task
    fresh.make("/queues/default/tasks", PushInput.example)


@pytest.mark.parametrize("payload", [None, False, 0, "", [], {}, "text", {"null": None}, 2**53])
def test_any_json_is_a_payload(fresh: ApiClient, payload: Any) -> None:
    assert fresh.push_task(payload=payload)["payload"] == payload
    [task] = fresh.pop_tasks()
    assert task["payload"] == payload


def test_many_tasks_are_pushed_at_once_and_come_out_in_their_order(fresh: ApiClient) -> None:
    answer = fresh.post("/queues/default/tasks", {"tasks": [{"payload": number} for number in range(1_000)]})
    assert answer.status_code == 201
    assert "Location" not in answer.headers
    pushed = answer.json["tasks"]
    assert [task["payload"] for task in pushed] == list(range(1_000))
    taken = [task for _ in range(10) for task in fresh.pop_tasks(max=100)]
    assert [(task["id"], task["payload"]) for task in taken] == [(task["id"], task["payload"]) for task in pushed]
    assert fresh.pop_tasks(max=100) == []


def test_a_delay_is_counted_from_now_on(fresh: ApiClient) -> None:
    task = fresh.push_task(delay_seconds=90.5)
    assert 60 < seconds_until(task["next_attempt_at"]) <= 90.5
    assert task["scheduled_for"] == task["next_attempt_at"]
    assert fresh.pop_tasks() == []


def test_a_push_is_announced_to_those_who_wait_for_the_queue(
    fresh: ApiClient, database: Database, redis_url: str
) -> None:
    with connect(redis_url) as client, client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(TASKS_CHANNEL)
        subscription.get_message(timeout=1)
        task = fresh.push_task("mail", delay_seconds=60)
        message = next(iter(subscription.listen()))
    with database.reading() as cursor:
        cursor.execute("SELECT account_id || '/mail' FROM work WHERE id = %s", (task["id"],))
        assert message["data"].decode() == cursor.fetchall()[0][0]


def test_while_a_task_with_its_key_has_not_ended_a_push_makes_no_other(fresh: ApiClient) -> None:
    first = fresh.push_task(payload=1, dedup_key="k")
    again = fresh.push_task(payload=2, dedup_key="k")
    assert (again["deduplicated"], again["id"], again["payload"]) == (True, first["id"], 1)
    [running] = fresh.pop_tasks()
    assert fresh.push_task(dedup_key="k")["state"] == "running"
    ack(fresh, running)
    afresh = fresh.push_task(payload=3, dedup_key="k")
    assert (afresh["deduplicated"], afresh["payload"]) == (False, 3)
    assert afresh["id"] != first["id"]


def test_a_key_belongs_to_its_queue(fresh: ApiClient) -> None:
    tasks = [fresh.push_task(queue, dedup_key="k") for queue in ("one", "other")]
    assert [task["deduplicated"] for task in tasks] == [False, False]


def test_in_one_push_there_may_be_tasks_with_keys_in_use_and_with_others_and_without(fresh: ApiClient) -> None:
    fresh.push_task(payload="old", dedup_key="b")
    asked = [("x", None), ("b1", "b"), ("a1", "a"), ("y", None)]
    body = {"tasks": [{"payload": payload} | ({"dedup_key": key} if key else {}) for payload, key in asked]}
    pushed = fresh.make("/queues/default/tasks", body)["tasks"]
    assert [(task["payload"], task["deduplicated"]) for task in pushed] == [
        *(("x", False), ("old", True), ("a1", False), ("y", False))
    ]
    assert [task["payload"] for task in fresh.pop_tasks(max=10)] == ["old", "x", "a1", "y"]


def test_a_key_that_is_twice_in_one_push_is_refused_where_it_is_repeated(fresh: ApiClient) -> None:
    keys = ["a", "b", None, "a", None, "b", "a"]
    body = {"tasks": [{"payload": 0} | ({"dedup_key": key} if key else {}) for key in keys]}
    refused = problem(fresh.post("/queues/default/tasks", body), 422)
    assert {error["pointer"] for error in refused["errors"]} == {f"/tasks/{place}/dedup_key" for place in (3, 5, 6)}
    assert {error["detail"] for error in refused["errors"]} == {"must not be the key of another task of the list"}
    assert pages(fresh, "/tasks", 10) == []


def test_large_tasks_that_are_there_already_are_not_all_told_at_once(fresh: ApiClient) -> None:
    for number in range(9):
        fresh.push_task(payload="x" * 1_000_000, dedup_key=f"k{number}")
    repeated = [{"payload": 0, "dedup_key": f"k{number}"} for number in range(9)]
    refused = problem(fresh.post("/queues/default/tasks", {"tasks": [{"payload": "new"}, *repeated]}), 409)
    assert "too large to be answered together; push fewer at once" in refused["detail"]
    assert fresh.get("/queues/default").json["pending"] == 9
    answer = fresh.make("/queues/default/tasks", {"tasks": repeated[:8]})
    assert [task["deduplicated"] for task in answer["tasks"]] == [True] * 8


def test_a_push_repeated_with_its_key_is_one_push(fresh: ApiClient) -> None:
    headers = {"Idempotency-Key": "once"}
    for body in ({"payload": 1}, {"tasks": [{"payload": 2}, {"payload": 3}]}):
        headers = {"Idempotency-Key": str(body)}
        first, again = (fresh.post("/queues/default/tasks", body, headers=headers) for _ in range(2))
        assert (first.status_code, first.json) == (again.status_code, again.json)
        assert again.headers["Idempotent-Replay"] == "true"
    assert len(fresh.pop_tasks(max=10)) == 3


@pytest.mark.parametrize("end", [ack, fail])
def test_who_prefers_to_wait_gets_the_finished_task(fresh: ApiClient, end: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            fresh.for_another_thread().post, "/queues/default/tasks", {"payload": 1}, headers={"Prefer": "wait=20"}
        )
        wait_until(lambda: pages(fresh, "/tasks", 10), "the task is there")
        [task] = fresh.pop_tasks()
        assert not waiting.done()
        end(fresh, task)
        answer = waiting.result(10)
    assert (answer.status_code, answer.json) == (200, read(fresh, task))
    assert len(answer.json["attempts"]) == 1
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.headers["Location"] == f"/tasks/{task['id']}"


def test_who_waits_in_vain_gets_the_task_as_it_is(fresh: ApiClient) -> None:
    answer = fresh.post("/queues/default/tasks", {"payload": 1}, headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.json["state"]) == (201, "pending")
    assert answer.headers["Preference-Applied"] == "wait=0"


def test_many_tasks_are_not_waited_for(fresh: ApiClient) -> None:
    answer = fresh.post("/queues/default/tasks", {"tasks": [{"payload": 1}]}, headers={"Prefer": "wait=30"})
    assert answer.status_code == 201
    assert "Preference-Applied" not in answer.headers


def test_tasks_are_listed_newest_first_and_pages_are_stable_under_inserts(fresh: ApiClient) -> None:
    made = sorted((fresh.push_task()["id"] for _ in range(5)), reverse=True)
    first = fresh.get("/tasks?limit=2").json
    fresh.push_task()
    second = fresh.get(f"/tasks?limit=2&cursor={first['next_cursor']}").json
    third = fresh.get(f"/tasks?limit=2&cursor={second['next_cursor']}").json
    assert [task["id"] for task in first["data"] + second["data"] + third["data"]] == made
    assert third["next_cursor"] is None


def test_tasks_are_listed_by_queue_and_state(fresh: ApiClient) -> None:
    failed = popped(fresh, "one")
    fail(fresh, failed)
    running = popped(fresh, "other")
    pending = fresh.push_task("other")

    def listed(**query: object) -> list[str]:
        return [task["id"] for task in pages(fresh, "/tasks", 10, **query)]

    assert listed() == [pending["id"], running["id"], failed["id"]]
    assert listed(queue="other") == [pending["id"], running["id"]]
    assert listed(queue="one", state="failed") == listed(state="failed") == [failed["id"]]
    assert listed(queue="other", state="running") == [running["id"]]
    assert listed(queue="other", state="failed") == listed(queue="none") == listed(state="canceled") == []


def test_a_page_ends_early_when_payloads_and_results_are_large(fresh: ApiClient) -> None:
    made = []
    for _ in range(6):
        task = popped(fresh, payload="x" * 1_000_000)
        made.append(task["id"])
        ack(fresh, task, result="y" * 1_000_000)
    page = fresh.get("/tasks?limit=200").json
    assert [task["id"] for task in page["data"]] == made[:1:-1]
    assert [task["id"] for task in pages(fresh, "/tasks", 200)] == made[::-1]


def test_a_task_that_waits_for_the_one_before_it_has_no_next_attempt_yet(fresh: ApiClient, database: Database) -> None:
    task = fresh.push_task()
    execute(database, "UPDATE work SET due_at = %(until)s WHERE id = %(id)s", until=HELD_UNTIL, id=task["id"])
    assert (read(fresh, task)["state"], read(fresh, task)["next_attempt_at"]) == ("pending", None)


def test_a_lease_token_is_shown_to_nobody_but_who_popped(fresh: ApiClient) -> None:
    task = popped(fresh)
    for shown in (read(fresh, task), fresh.get("/tasks").json, ack(fresh, task), fresh.get("/events").json):
        assert task["lease_token"] not in str(shown)


def test_a_pending_task_is_canceled(fresh: ApiClient) -> None:
    task = fresh.push_task()
    answer = fresh.post(f"/tasks/{task['id']}/cancel")
    assert (answer.status_code, answer.json["state"], answer.json["next_attempt_at"]) == (200, "canceled", None)
    assert answer.json["error"] == "canceled by its owner"
    assert fresh.post(f"/tasks/{task['id']}/cancel", {}).json == answer.json == read(fresh, task)
    assert fresh.pop_tasks() == []


def test_a_running_task_is_only_asked_for_and_may_still_end_well(fresh: ApiClient) -> None:
    task = popped(fresh)
    asked = fresh.post(f"/tasks/{task['id']}/cancel").json
    assert (asked["state"], asked["cancel_requested"], asked["error"]) == ("running", True, None)
    assert ack(fresh, task, result=1)["state"] == "succeeded"


def test_a_running_task_that_is_given_up_is_canceled_and_not_tried_again(fresh: ApiClient) -> None:
    task = popped(fresh)
    fresh.post(f"/tasks/{task['id']}/cancel")
    given_up = fail(fresh, task, retry=True, error="stopped as asked")
    assert (given_up["state"], given_up["error"]) == ("canceled", "stopped as asked")
    assert [attempt["outcome"] for attempt in read(fresh, task)["attempts"]] == ["failed"]
    assert pages(fresh, "/events", 10) == []


@pytest.mark.parametrize(("end", "state"), [(ack, "succeeded"), (fail, "failed")])
def test_a_task_that_has_ended_cannot_be_canceled(fresh: ApiClient, end: Any, state: str) -> None:
    task = popped(fresh)
    end(fresh, task)
    refused = problem(fresh.post(f"/tasks/{task['id']}/cancel"), 409)
    assert refused["detail"] == f"the task has {state} already"
    assert read(fresh, task)["state"] == state


def test_a_failed_task_is_retried_afresh(fresh: ApiClient) -> None:
    task = popped(fresh, max_attempts=1)
    failed = fail(fresh, task)
    answer = fresh.post(f"/tasks/{task['id']}/retry")
    retried = answer.json
    assert answer.status_code == 200
    assert [retried[name] for name in ("state", "error", "finished_at")] == ["pending", None, None]
    assert (retried["failures"], retried["scheduled_for"]) == (1, failed["scheduled_for"])
    [again] = fresh.pop_tasks()
    assert (again["id"], again["attempt"]) == (task["id"], 2)
    ended = ack(fresh, again)
    assert (ended["state"], ended["attempt_count"], ended["failures"]) == ("succeeded", 2, 1)
    assert [attempt["outcome"] for attempt in read(fresh, task)["attempts"]] == ["failed", "succeeded"]


def test_a_retried_task_has_all_its_attempts_before_it(fresh: ApiClient) -> None:
    task = popped(fresh, max_attempts=2)
    fail(fresh, task)
    fresh.post(f"/tasks/{task['id']}/retry")
    for state in ("pending", "failed"):
        [again] = fresh.pop_tasks()
        assert fail(fresh, again, retry=True)["state"] == state


@pytest.mark.parametrize("state", ["pending", "running", "succeeded", "canceled"])
def test_only_a_failed_task_is_retried(fresh: ApiClient, state: str) -> None:
    task = fresh.push_task() if state in ("pending", "canceled") else popped(fresh)
    if state == "succeeded":
        ack(fresh, task)
    elif state == "canceled":
        fresh.post(f"/tasks/{task['id']}/cancel")
    before = read(fresh, task)
    refused = problem(fresh.post(f"/tasks/{task['id']}/retry"), 409)
    assert refused["detail"] == f"the task is {state}; only one that has failed can be retried"
    assert read(fresh, task) == before


def test_a_task_whose_key_has_come_into_use_is_not_retried(fresh: ApiClient) -> None:
    failed = popped(fresh, dedup_key="k")
    fail(fresh, failed)
    fresh.push_task(dedup_key="k")
    refused = problem(fresh.post(f"/tasks/{failed['id']}/retry"), 409)
    assert refused["detail"] == "another task with the same dedup_key has not ended"
    assert read(fresh, failed)["state"] == "failed"


def test_a_retry_repeated_with_its_key_is_one_retry(fresh: ApiClient) -> None:
    task = popped(fresh)
    fail(fresh, task)
    headers = {"Idempotency-Key": "once"}
    first, again = (fresh.post(f"/tasks/{task['id']}/retry", headers=headers) for _ in range(2))
    assert (first.status_code, first.json) == (again.status_code, again.json)
    assert again.headers["Idempotent-Replay"] == "true"


def test_other_work_is_no_task(fresh: ApiClient) -> None:
    job = fresh.make_job(delay_seconds=60)
    for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/retry")):
        problem(fresh.call(method, f"/tasks/{job['id']}{path}"), 404)
    assert pages(fresh, "/tasks", 10) == []
    task = fresh.push_task()
    problem(fresh.get(f"/jobs/{task['id']}"), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/cancel"), ("POST", "/retry")])
def test_an_absent_task_is_not_found(api: ApiClient, method: str, path: str) -> None:
    assert problem(api.call(method, f"{ABSENT}{path}"), 404)["detail"] == "there is no such task in this account"
