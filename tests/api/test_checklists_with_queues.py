"""Checklists that observe through a queue: their runs, the tasks of these, and how one follows the other."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.database import Database
from shared.queues import TASKS_CHANNEL, Bell, connect
from tests.api_client import ApiClient, pages, problem
from tests.judging import judge_due_runs
from tests.processes import wait_until

OBSERVED = [{"name": "list", "assertions": [{"name": "first", "value": {"id": 1}}, {"name": "all", "snapshot": "[1]"}]}]


@pytest.fixture(autouse=True)
def _nothing_is_there(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM work")


def make_checklist(api: ApiClient, **fields: Any) -> Any:
    return api.make_checklist(queue="checks", **fields)


def pop(api: ApiClient) -> Any:
    answer = api.post("/queues/checks/pop")
    assert answer.status_code == 200, answer.text
    [task] = answer.json["tasks"]
    return task


def ack(api: ApiClient, task: Any, result: Any) -> Any:
    return api.post(f"/tasks/{task['id']}/ack", {"lease_token": task["lease_token"], "result": result})


def fail(api: ApiClient, task: Any, **fields: Any) -> Any:
    return api.post(f"/tasks/{task['id']}/fail", {"lease_token": task["lease_token"], "error": "no browser"} | fields)


def read(api: ApiClient, run: Any) -> Any:
    return api.get(f"/runs/{run['id']}").json


def test_a_checklist_may_observe_through_a_queue(fresh: ApiClient) -> None:
    checklist = make_checklist(fresh)
    assert (checklist["queue"], checklist["worker_url"], checklist["flows"]) == ("checks", None, None)
    assert fresh.get(f"/checklists/{checklist['id']}").json == checklist


@pytest.mark.parametrize("queue", ["", "a b", "q" * 101, "a/b", None, 5])
def test_its_queue_must_have_the_name_of_one(fresh: ApiClient, queue: Any) -> None:
    told = problem(fresh.post("/checklists", {"name": "n", "queue": queue}), 422)["errors"]
    assert {error["pointer"] for error in told} == {"/queue"}


def test_a_run_is_pushed_as_a_task_and_those_who_wait_are_told(fresh: ApiClient, redis_url: str) -> None:
    checklist = make_checklist(fresh, timeout_seconds=7, variables={"user": "ada"})
    with connect(redis_url, timeout_seconds=5) as client, client.pubsub(ignore_subscribe_messages=True) as heard:
        client.flushall()
        heard.subscribe(TASKS_CHANNEL)
        heard.get_message(timeout=5)
        run = fresh.start_run(checklist["id"], city="London")
        told = heard.get_message(timeout=5)
    assert told is not None
    assert told["data"].decode().endswith("/checks")
    assert Bell(redis_url).rings_waiting() == 0
    assert (run["state"], run["trigger"]) == ("pending", "api")
    task = pop(fresh)
    assert task["payload"] == {
        "run_id": run["id"],
        "checklist_id": checklist["id"],
        "name": checklist["name"],
        "variables": {"user": "ada", "city": "London"},
    }
    assert task["timeout_seconds"] == 7
    shown = fresh.get(f"/tasks/{task['id']}").json
    assert (shown["run_id"], shown["max_attempts"]) == (run["id"], 3)


def test_what_the_worker_acks_with_is_judged_as_any_other_observation(
    fresh: ApiClient, database: Database, redis_url: str
) -> None:
    checklist = make_checklist(fresh)
    for result in ("NEW", "MATCH"):
        run = fresh.start_run(checklist["id"])
        with connect(redis_url) as client:
            client.flushall()
        assert ack(fresh, pop(fresh), OBSERVED).json["state"] == "succeeded"
        assert Bell(redis_url).rings_waiting() == 1
        judge_due_runs(database)
        shown = read(fresh, run)
        assert (shown["state"], shown["outcome"], shown["attempts"]) == ("succeeded", "passed", 1)
        [flow] = shown["flows"]
        assert [(each["name"], each["result"]) for each in flow["assertions"]] == [("first", result), ("all", result)]
    changed = [{"name": "list", "assertions": [{"name": "first", "value": {"id": 2}}]}]
    run = fresh.start_run(checklist["id"])
    ack(fresh, pop(fresh), changed)
    judge_due_runs(database)
    assert (read(fresh, run)["outcome"], read(fresh, run)["summary"]["miss"]) == ("changed", 1)


def test_a_run_is_observed_as_it_was_pushed_whatever_has_become_of_its_checklist(
    fresh: ApiClient, database: Database
) -> None:
    checklist = make_checklist(fresh)
    run = fresh.start_run(checklist["id"])
    body = {"name": checklist["name"], "worker_url": "http://127.0.0.1:9/"}
    assert fresh.put(f"/checklists/{checklist['id']}", body).status_code == 200
    assert ack(fresh, pop(fresh), OBSERVED).status_code == 200
    judge_due_runs(database)
    assert read(fresh, run)["outcome"] == "passed"


def test_a_run_that_was_to_ask_a_worker_says_that_its_checklist_has_a_queue_now(
    fresh: ApiClient, database: Database
) -> None:
    checklist = fresh.make_checklist()
    run = fresh.start_run(checklist["id"])
    fresh.put(f"/checklists/{checklist['id']}", {"name": checklist["name"], "queue": "checks"})
    judge_due_runs(database)
    shown = read(fresh, run)
    assert (shown["outcome"], shown["error"]) == (
        "error",
        "its checklist has come to observe through a queue; run it again",
    )


def test_a_result_that_holds_no_observations_is_refused_and_the_task_tried_again(fresh: ApiClient) -> None:
    run = fresh.start_run(make_checklist(fresh)["id"])
    for number in range(1, 4):
        answer = problem(ack(fresh, pop(fresh), {"flows": []}), 422)
        told = answer["detail"] + "".join(error["detail"] for error in answer["errors"])
        assert "expected an array of flows, observed object" in told
        [task] = pages(fresh, "/tasks", 10)
        assert (task["state"], task["failures"]) == ("pending" if number < 3 else "failed", number)
    shown = read(fresh, run)
    assert (shown["state"], shown["outcome"]) == ("failed", "error")
    assert "expected an array of flows" in shown["error"]


def test_a_run_fails_when_its_task_does_and_webhooks_are_told(fresh: ApiClient) -> None:
    run = fresh.start_run(make_checklist(fresh)["id"])
    task = pop(fresh)
    assert fail(fresh, task, retry=False).status_code == 200
    shown = read(fresh, run)
    assert (shown["state"], shown["outcome"]) == ("failed", "error")
    assert shown["error"] == f"its task {task['id']} failed: no browser"
    assert [event["type"] for event in pages(fresh, "/events", 10)] == ["run.finished", "task.failed"]


def test_a_task_that_is_tried_again_leaves_its_run_waiting(fresh: ApiClient) -> None:
    run = fresh.start_run(make_checklist(fresh)["id"])
    fail(fresh, pop(fresh))
    assert read(fresh, run)["state"] == "pending"
    assert ack(fresh, pop(fresh), OBSERVED).status_code == 200


def test_canceling_the_run_cancels_its_task(fresh: ApiClient) -> None:
    run = fresh.start_run(make_checklist(fresh)["id"])
    assert fresh.post(f"/runs/{run['id']}/cancel").json["state"] == "canceled"
    [task] = pages(fresh, "/tasks", 10)
    assert task["state"] == "canceled"
    assert fresh.post("/queues/checks/pop").status_code == 204


def test_the_worker_of_a_canceled_run_is_asked_to_stop_and_may_end_it(fresh: ApiClient, database: Database) -> None:
    run = fresh.start_run(make_checklist(fresh)["id"])
    task = pop(fresh)
    assert fresh.post(f"/runs/{run['id']}/cancel").json["state"] == "canceled"
    lease = {"lease_token": task["lease_token"]}
    assert fresh.post(f"/tasks/{task['id']}/extend", lease | {"lease_seconds": 60}).json["cancel_requested"] is True
    assert ack(fresh, task, OBSERVED).json["state"] == "succeeded"
    assert judge_due_runs(database) == []
    assert read(fresh, run)["state"] == "canceled"


def test_canceling_the_task_cancels_its_run(fresh: ApiClient) -> None:
    run = fresh.start_run(make_checklist(fresh)["id"])
    [task] = pages(fresh, "/tasks", 10)
    assert fresh.post(f"/tasks/{task['id']}/cancel").json["state"] == "canceled"
    assert (read(fresh, run)["state"], read(fresh, run)["error"]) == ("canceled", "canceled by its owner")


def test_a_begun_task_that_is_canceled_and_fails_cancels_its_run(fresh: ApiClient) -> None:
    run = fresh.start_run(make_checklist(fresh)["id"])
    task = pop(fresh)
    assert fresh.post(f"/tasks/{task['id']}/cancel").json["cancel_requested"] is True
    assert read(fresh, run)["state"] == "pending"
    assert fail(fresh, task).json["state"] == "canceled"
    assert read(fresh, run)["state"] == "canceled"


def test_deleting_the_checklist_cancels_runs_and_tasks(fresh: ApiClient) -> None:
    checklist = make_checklist(fresh)
    run = fresh.start_run(checklist["id"])
    assert fresh.delete(f"/checklists/{checklist['id']}").status_code == 204
    [task] = pages(fresh, "/tasks", 10)
    assert (task["state"], task["error"]) == ("canceled", "its checklist was deleted")
    assert read(fresh, run)["state"] == "canceled"


def test_who_prefers_to_wait_gets_the_judged_run(fresh: ApiClient, database: Database, redis_url: str) -> None:
    checklist = make_checklist(fresh)
    with ThreadPoolExecutor(1) as pool:
        path = f"/checklists/{checklist['id']}/run"
        waiting = pool.submit(fresh.for_another_thread().post, path, headers={"Prefer": "wait=20"})
        wait_until(lambda: pages(fresh, "/tasks", 10), "the task is there")
        ack(fresh, pop(fresh), OBSERVED)
        [ended] = judge_due_runs(database)
        Bell(redis_url).announce([ended.work.id])
        answer = waiting.result(10)
    assert (answer.status_code, answer.json["outcome"]) == (200, "passed")


def test_who_prefers_to_wait_is_told_when_the_task_fails(fresh: ApiClient) -> None:
    checklist = make_checklist(fresh)
    with ThreadPoolExecutor(1) as pool:
        path = f"/checklists/{checklist['id']}/run"
        waiting = pool.submit(fresh.for_another_thread().post, path, headers={"Prefer": "wait=20"})
        wait_until(lambda: pages(fresh, "/tasks", 10), "the task is there")
        fail(fresh, pop(fresh), retry=False)
        answer = waiting.result(10)
    assert (answer.status_code, answer.json["outcome"]) == (200, "error")


def test_a_schedule_triggered_by_hand_begins_run_and_task(fresh: ApiClient) -> None:
    schedule = fresh.make_schedule(checklist_id=make_checklist(fresh)["id"], variables={"user": "ada"})
    run = fresh.post(f"/schedules/{schedule['id']}/trigger").json
    task = pop(fresh)
    assert (task["payload"]["run_id"], task["payload"]["variables"]) == (run["id"], {"user": "ada"})
    shown = fresh.get(f"/schedules/{schedule['id']}").json
    assert (shown["last"]["id"], shown["last"]["kind"]) == (run["id"], "run")
    assert fresh.get(f"/tasks/{task['id']}").json["schedule_id"] is None
