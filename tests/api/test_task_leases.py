"""Tasks in the hands of a worker, through the API: popped, acked, failed, extended, logged about."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.store import task_logs
from shared.database import Database
from shared.queues import FINISHED_CHANNEL, TASKS_CHANNEL, Bell, connect
from tests.api.test_tasks import ack, execute, fail, popped, read, seconds_until
from tests.api_client import ApiClient, pages, problem

ACTIONS: dict[str, dict[str, Any]] = {
    "ack": {},
    "fail": {"error": "e"},
    "release": {},
    "extend": {"lease_seconds": 60},
    "log": {"message": "m"},
}
REFUSED_ENDS = re.compile(r'^roundsman_refused_ends_total\{reason="(\w+)"\} ([0-9.]+)$', re.MULTILINE)
every_action = pytest.mark.parametrize("action", ACTIONS)


def call(api: ApiClient, action: str, task: Any, **fields: Any) -> Any:
    body = {"lease_token": task["lease_token"]} | ACTIONS[action] | fields
    return api.post(f"/tasks/{task['id']}/{action}", body)


def expire(database: Database, task: Any, outcome: str = "lease_expired") -> None:
    """Take the lease back, as the scheduler does."""
    execute(
        database,
        "WITH taken AS (UPDATE work SET state = 'pending', lease_token = NULL, lease_expires_at = NULL"
        " WHERE id = %(id)s) UPDATE attempts SET finished_at = now(), outcome = %(outcome)s"
        " WHERE work_id = %(id)s AND finished_at IS NULL",
        id=task["id"],
        outcome=outcome,
    )


def begin_earlier(database: Database, task: Any, seconds: float) -> None:
    """Let the attempt have begun that long ago."""
    execute(
        database,
        "UPDATE attempts SET started_at = started_at - make_interval(secs => %(seconds)s) WHERE work_id = %(id)s",
        id=task["id"],
        seconds=seconds,
    )


def test_a_popped_task_is_leased_to_its_worker(fresh: ApiClient) -> None:
    pushed = fresh.push_task("mail", {"to": "ada"}, timeout_seconds=600)
    answer = fresh.post("/queues/mail/pop", {"lease_seconds": 90, "worker": "mailer-1"})
    assert answer.status_code == 200
    [task] = answer.json["tasks"]
    assert task == {
        "id": pushed["id"],
        "queue": "mail",
        "payload": {"to": "ada"},
        "attempt": 1,
        "lease_token": task["lease_token"],
        "lease_expires_at": task["lease_expires_at"],
        "timeout_seconds": 600,
        "scheduled_for": pushed["scheduled_for"],
    }
    assert 60 < seconds_until(task["lease_expires_at"]) <= 90
    shown = read(fresh, task)
    assert (shown["state"], shown["worker"], shown["attempt_count"]) == ("running", "mailer-1", 1)
    assert (shown["lease_expires_at"], shown["next_attempt_at"]) == (task["lease_expires_at"], None)
    [attempt] = shown["attempts"]
    assert attempt == {
        "number": 1,
        "worker": "mailer-1",
        "started_at": shown["started_at"],
        "finished_at": None,
        "outcome": None,
        "error": None,
        "elapsed_ms": None,
    }


def test_without_a_body_one_task_is_popped_for_a_minute_by_nobody_in_particular(fresh: ApiClient) -> None:
    for _ in range(2):
        fresh.push_task()
    [task] = fresh.post("/queues/default/pop").json["tasks"]
    assert 40 < seconds_until(task["lease_expires_at"]) <= 60
    assert read(fresh, task)["worker"] is None


def test_large_payloads_come_in_several_pops(fresh: ApiClient) -> None:
    for number in range(10):
        fresh.push_task(payload=[number, "x" * 1_000_000])
    taken = [[task["payload"][0] for task in fresh.pop_tasks(max=100)] for _ in range(3)]
    assert taken == [list(range(8)), [8, 9], []]


def test_a_queue_without_a_due_task_answers_with_nothing(fresh: ApiClient) -> None:
    fresh.push_task("other")
    fresh.push_task(delay_seconds=3_600)
    answer = fresh.post("/queues/default/pop", {"max": 100})
    assert (answer.status_code, answer.data) == (204, b"")


def test_the_highest_priority_comes_first_and_then_the_first_that_came(fresh: ApiClient) -> None:
    for name, priority in (("a", 0), ("b", 5), ("c", -5), ("d", 5), ("e", 100), ("f", 0)):
        fresh.push_task(payload=name, priority=priority)
    fresh.push_task(payload="later", priority=100, delay_seconds=3_600)
    taken = [[task["payload"] for task in fresh.pop_tasks(max=4)] for _ in range(2)]
    assert taken == [["e", "b", "d", "a"], ["f", "c"]]


def test_a_lease_never_ends_later_than_the_allowance_of_its_attempt(fresh: ApiClient, database: Database) -> None:
    fresh.push_task(timeout_seconds=30)
    [task] = fresh.pop_tasks(lease_seconds=43_200)
    assert 20 < seconds_until(task["lease_expires_at"]) <= 30
    begin_earlier(database, task, 10)
    extended = call(fresh, "extend", task, lease_seconds=43_200).json
    assert 10 < seconds_until(extended["lease_expires_at"]) <= 20


def test_an_acked_task_has_succeeded_and_keeps_its_result(fresh: ApiClient, redis_url: str) -> None:
    task = popped(fresh)
    with connect(redis_url) as client, client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(FINISHED_CHANNEL)
        subscription.get_message(timeout=1)
        acked = ack(fresh, task, result={"sent": [1, None]})
        assert next(iter(subscription.listen()))["data"].decode() == task["id"]
    assert [acked[name] for name in ("state", "result", "error")] == ["succeeded", {"sent": [1, None]}, None]
    assert (acked["lease_expires_at"], acked["finished_at"] is None) == (None, False)
    shown = read(fresh, task)
    assert {name: shown[name] for name in acked} == acked
    [attempt] = shown["attempts"]
    assert (attempt["outcome"], attempt["finished_at"]) == ("succeeded", shown["finished_at"])
    assert attempt["elapsed_ms"] >= 0
    [event] = pages(fresh, "/events", 10)
    assert (event["type"], event["data"]["task_id"], event["data"]["queue"]) == (
        "task.succeeded",
        task["id"],
        "default",
    )


def test_the_same_ack_again_is_answered_in_the_same_way(fresh: ApiClient) -> None:
    task = popped(fresh)
    first = call(fresh, "ack", task, result=1)
    again = call(fresh, "ack", task, result=2)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json == again.json
    assert len(pages(fresh, "/events", 10)) == 1


@every_action
def test_a_token_that_is_not_in_force_is_lost(fresh: ApiClient, database: Database, action: str) -> None:
    task = popped(fresh)
    expire(database, task)
    for holder in ("nobody", "another"):
        if holder == "another":
            fresh.pop_tasks()
        before = read(fresh, task)
        refused = problem(call(fresh, action, task), 409)
        assert refused["type"] == "lease_lost"
        assert "lease_lost" in refused["detail"]
        assert read(fresh, task) == before


@every_action
def test_a_token_that_never_was_is_lost(fresh: ApiClient, action: str) -> None:
    task = popped(fresh)
    assert problem(call(fresh, action, task, lease_token=str(uuid4())), 409)["type"] == "lease_lost"
    assert read(fresh, task)["state"] == "running"


@pytest.mark.parametrize("action", ["fail", "release", "extend", "log"])
def test_with_the_ack_the_lease_is_over(fresh: ApiClient, action: str) -> None:
    task = popped(fresh)
    ack(fresh, task)
    assert problem(call(fresh, action, task), 409)["type"] == "lease_lost"


@every_action
def test_a_lease_that_has_run_out_but_was_not_taken_back_is_in_force(
    fresh: ApiClient, database: Database, action: str
) -> None:
    task = popped(fresh)
    execute(database, "UPDATE work SET lease_expires_at = now() - interval '1 s' WHERE id = %(id)s", id=task["id"])
    assert call(fresh, action, task).status_code == 200


@every_action
@pytest.mark.parametrize("is_taken_back", [False, True])
def test_an_attempt_past_its_allowance_has_timed_out(
    fresh: ApiClient, database: Database, action: str, is_taken_back: bool
) -> None:
    task = popped(fresh, timeout_seconds=30)
    begin_earlier(database, task, 30)
    if is_taken_back:
        expire(database, task, "timeout")
    before = read(fresh, task)
    refused = problem(call(fresh, action, task), 409)
    assert refused["type"] == "job_timed_out"
    assert "job_timed_out" in refused["detail"]
    assert read(fresh, task) == before


@every_action
def test_an_absent_task_is_not_found(api: ApiClient, action: str) -> None:
    task = {"id": str(uuid4()), "lease_token": str(uuid4())}
    assert problem(call(api, action, task), 404)["detail"] == "there is no such task in this account"


def test_a_failed_attempt_is_followed_by_another_as_long_as_one_is_left(fresh: ApiClient) -> None:
    task = popped(fresh, max_attempts=2)
    failed = fail(fresh, task, retry=True)
    assert (failed["state"], failed["error"], failed["failures"]) == ("pending", "no route to host", 1)
    [again] = fresh.pop_tasks()
    assert (again["id"], again["attempt"]) == (task["id"], 2)
    assert again["lease_token"] != task["lease_token"]
    ended = fail(fresh, again, retry=True, error="still none")
    assert (ended["state"], ended["error"], ended["failures"]) == ("failed", "still none", 2)
    assert [(attempt["outcome"], attempt["error"]) for attempt in read(fresh, task)["attempts"]] == [
        ("failed", "no route to host"),
        ("failed", "still none"),
    ]
    [event] = pages(fresh, "/events", 10)
    assert (event["type"], event["data"]["attempts"], event["data"]["error"]) == ("task.failed", 2, "still none")


def test_a_failure_that_is_not_to_be_tried_again_is_final(fresh: ApiClient) -> None:
    assert fail(fresh, popped(fresh), retry=False)["state"] == "failed"
    assert fresh.pop_tasks() == []


def test_a_task_that_comes_back_waits_for_its_delay_and_its_queue_is_told(
    fresh: ApiClient, database: Database, redis_url: str
) -> None:
    task = popped(fresh, "mail")
    with connect(redis_url) as client, client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(TASKS_CHANNEL)
        subscription.get_message(timeout=1)
        failed = fail(fresh, task, retry=True, delay_seconds=90)
        assert next(iter(subscription.listen()))["data"].decode().endswith("/mail")
    assert 60 < seconds_until(failed["next_attempt_at"]) <= 90
    assert failed["scheduled_for"] == task["scheduled_for"]
    assert fresh.pop_tasks("mail") == []


def test_what_a_delivery_is_due_for_is_rung_for(fresh: ApiClient, redis_url: str) -> None:
    fresh.make("/webhooks", {"url": "http://127.0.0.1:9/", "event_types": ["task.failed"]})
    task = popped(fresh)
    with connect(redis_url) as client:
        client.flushall()
    fail(fresh, task)
    assert Bell(redis_url).rings_waiting() == 1
    [delivery] = pages(fresh, "/deliveries", 10)
    assert delivery["event_type"] == "task.failed"


def test_a_released_task_is_back_in_its_place_and_its_attempt_does_not_count(fresh: ApiClient, redis_url: str) -> None:
    task, behind = popped(fresh, max_attempts=1), fresh.push_task()
    with connect(redis_url) as client, client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(TASKS_CHANNEL)
        subscription.get_message(timeout=1)
        answer = call(fresh, "release", task)
        assert next(iter(subscription.listen()))["data"].decode().endswith("/default")
    released = answer.json
    assert (answer.status_code, released["state"], released["attempt_count"]) == (200, "pending", 1)
    assert (released["failures"], released["expirations"], released["lease_expires_at"]) == (0, 0, None)
    [attempt] = read(fresh, task)["attempts"]
    assert (attempt["outcome"], attempt["error"]) == ("released", "given back by its worker")
    assert pages(fresh, "/events", 10) == []
    again, _ = fresh.pop_tasks(max=2)
    assert (again["id"], again["attempt"]) == (task["id"], 2)
    assert fail(fresh, again, retry=True)["state"] == "failed"
    assert fresh.pop_tasks() == []
    assert read(fresh, behind)["state"] == "running"


def test_a_released_task_that_is_to_be_given_up_is_canceled(fresh: ApiClient) -> None:
    task = popped(fresh)
    fresh.post(f"/tasks/{task['id']}/cancel")
    assert call(fresh, "release", task).json["state"] == "canceled"
    assert fresh.pop_tasks() == []


def test_ends_that_are_refused_are_counted(fresh: ApiClient, database: Database) -> None:
    def refused() -> dict[str, float]:
        text = fresh.get("/metrics").text
        return {reason: float(count) for reason, count in REFUSED_ENDS.findall(text)}

    before = refused()
    late, lost, acked = (popped(fresh, timeout_seconds=30) for _ in range(3))
    ack(fresh, acked)
    begin_earlier(database, late, 30)
    expire(database, lost)
    for task in (late, lost, acked):
        call(fresh, "ack", task)
    for action in ("fail", "release"):
        call(fresh, action, lost)
    absent = {"id": str(uuid4()), "lease_token": str(uuid4())}
    acks = [{"id": task["id"], "lease_token": task["lease_token"]} for task in (absent, lost, acked)]
    fresh.post("/tasks/ack", {"acks": acks})
    counted = {reason: count - before.get(reason, 0) for reason, count in refused().items()}
    assert counted == {"lease_lost": 4, "job_timed_out": 1, "unknown": 1}


def test_a_lease_is_extended_from_now_on(fresh: ApiClient) -> None:
    fresh.push_task()
    [task] = fresh.pop_tasks(lease_seconds=5)
    extended = call(fresh, "extend", task, lease_seconds=500).json
    assert extended == {"lease_expires_at": read(fresh, task)["lease_expires_at"], "cancel_requested": False}
    assert 400 < seconds_until(extended["lease_expires_at"]) <= 500
    shortened = call(fresh, "extend", task, lease_seconds=5).json
    assert 0 < seconds_until(shortened["lease_expires_at"]) <= 5


@pytest.mark.parametrize("action", ["extend", "log"])
def test_a_worker_hears_that_its_task_is_to_be_given_up(fresh: ApiClient, action: str) -> None:
    task = popped(fresh)
    assert call(fresh, action, task).json["cancel_requested"] is False
    fresh.post(f"/tasks/{task['id']}/cancel")
    answer = call(fresh, action, task).json
    assert answer == {"lease_expires_at": read(fresh, task)["lease_expires_at"], "cancel_requested": True}


def test_log_lines_are_kept_in_their_order_with_their_attempt(fresh: ApiClient) -> None:
    task = popped(fresh)
    call(fresh, "log", task, message='say "so", \\ {1,NULL}')
    fresh.post(f"/tasks/{task['id']}/log", {"lease_token": task["lease_token"], "messages": ["", "NULL", "é\n"]})
    fail(fresh, task, retry=True)
    [again] = fresh.pop_tasks()
    call(fresh, "log", again, message="again")
    logs = read(fresh, task)["logs"]
    assert [(line["attempt"], line["message"]) for line in logs] == [
        *((1, 'say "so", \\ {1,NULL}'), (1, ""), (1, "NULL"), (1, "é\n"), (2, "again"))
    ]
    instants = [datetime.fromisoformat(line["logged_at"]) for line in logs]
    assert instants == sorted(instants)
    assert datetime.now(UTC) - instants[0] < timedelta(minutes=1)


def test_a_log_has_an_end_and_its_last_lines_are_shown(fresh: ApiClient, database: Database) -> None:
    task = popped(fresh)
    execute(
        database,
        "INSERT INTO task_logs (work_id, attempt, message)"
        " SELECT %(id)s, 1, number FROM generate_series(1, %(count)s) AS number",
        id=task["id"],
        count=task_logs.MOST_LINES - 2,
    )
    body = {"lease_token": task["lease_token"], "messages": ["x"] * 3}
    refused = problem(fresh.post(f"/tasks/{task['id']}/log", body), 409)
    assert refused["detail"] == "the log of a task has at most 10000 lines"
    assert fresh.post(f"/tasks/{task['id']}/log", body | {"messages": ["y", "z"]}).status_code == 200
    problem(call(fresh, "log", task), 409)
    shown = [line["message"] for line in read(fresh, task)["logs"]]
    assert (len(shown), shown[-3:]) == (task_logs.MOST_SHOWN, [str(task_logs.MOST_LINES - 2), "y", "z"])


def test_many_acks_are_answered_one_by_one_in_their_order(fresh: ApiClient, database: Database) -> None:
    fresh.make("/queues/default/tasks", {"tasks": [{"payload": None, "timeout_seconds": 600}] * 5})
    done, before, stale, late, wrong = fresh.pop_tasks(max=5)
    ack(fresh, before)
    expire(database, stale)
    begin_earlier(database, late, 600)
    absent = {"id": str(uuid4()), "lease_token": str(uuid4())}
    tasks = [late, absent, done, wrong | {"lease_token": done["lease_token"]}, before, stale]
    acks = [{"id": task["id"], "lease_token": task["lease_token"], "result": task["id"]} for task in tasks]
    answer = fresh.post("/tasks/ack", {"acks": acks})
    assert answer.status_code == 200
    results = answer.json["results"]
    assert [(result["id"], result["outcome"]) for result in results] == [
        (late["id"], "job_timed_out"),
        (absent["id"], "unknown"),
        (done["id"], "acked"),
        (wrong["id"], "lease_lost"),
        (before["id"], "acked_before"),
        (stale["id"], "lease_lost"),
    ]
    assert ["detail" in result for result in results] == [True, True, False, True, False, True]
    assert (read(fresh, done)["state"], read(fresh, done)["result"]) == ("succeeded", done["id"])
    assert [read(fresh, task)["state"] for task in (late, wrong, stale)] == ["running", "running", "pending"]


def test_a_thousand_tasks_are_acked_at_once(fresh: ApiClient) -> None:
    fresh.make("/queues/default/tasks", {"tasks": [{"payload": None}] * 1_000})
    tasks = [task for _ in range(10) for task in fresh.pop_tasks(max=100)]
    acks = [{"id": task["id"], "lease_token": task["lease_token"]} for task in tasks]
    results = fresh.post("/tasks/ack", {"acks": acks}).json["results"]
    assert [(result["id"], result["outcome"]) for result in results] == [(task["id"], "acked") for task in tasks]
    assert pages(fresh, "/tasks", 1, state="running") == []


def test_bringing_back_what_is_canceled_meanwhile_follows_the_owner(fresh: ApiClient) -> None:
    task = popped(fresh)
    fresh.post(f"/tasks/{task['id']}/cancel")
    fail(fresh, task)
    assert problem(fresh.post(f"/tasks/{task['id']}/retry"), 409)["detail"].startswith("the task is canceled")


def a_popped_task_of_a_run(api: ApiClient) -> Any:
    checklist = api.make("/checklists", {"name": str(uuid4()), "queue": "rounds"})
    api.start_run(checklist["id"])
    [task] = api.pop_tasks("rounds")
    return task


def test_among_many_acks_a_result_that_a_run_cannot_use_ends_its_attempt_badly(fresh: ApiClient) -> None:
    observing, other = a_popped_task_of_a_run(fresh), popped(fresh)
    acks = [{"id": task["id"], "lease_token": task["lease_token"], "result": 5} for task in (observing, other)]
    refused, acked = fresh.post("/tasks/ack", {"acks": acks}).json["results"]
    assert (refused["outcome"], acked["outcome"]) == ("result_refused", "acked")
    assert "expected an array of flows" in refused["detail"]
    shown = read(fresh, observing)
    assert (shown["state"], shown["error"], shown["attempts"][0]["outcome"]) == ("pending", refused["detail"], "failed")


def test_a_task_whose_run_has_failed_with_it_is_not_retried(fresh: ApiClient) -> None:
    task = a_popped_task_of_a_run(fresh)
    fail(fresh, task)
    refused = problem(fresh.post(f"/tasks/{task['id']}/retry"), 409)
    assert refused["detail"] == "the run of this task has failed with it; begin another run"
    assert fresh.post("/queues/rounds/retry-failed").json == {"retried": 0, "more": False}
