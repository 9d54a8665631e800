"""A pop repeated with its Idempotency-Key: the same tasks as long as they are leased, and no others."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared.database import Database
from tests.api.test_task_leases import call, expire
from tests.api.test_tasks import ack, execute, fail, read
from tests.api_client import ApiClient, problem
from tests.concurrency import wait_until_blocked

KEY = {"Idempotency-Key": "once"}


def pop(api: ApiClient, body: Any = None, key: dict[str, str] = KEY) -> Any:
    return api.post("/queues/default/pop", {"max": 2} if body is None else body, headers=key)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [task["id"] for task in answer.json["tasks"]]


def test_a_repeated_pop_gives_the_same_tasks_under_the_same_tokens(fresh: ApiClient) -> None:
    for priority in (0, 5, 3):
        fresh.push_task(priority=priority)
    first, again = pop(fresh), pop(fresh)
    assert len(ids(first)) == 2
    assert again.json == first.json
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    assert [read(fresh, task)["attempt_count"] for task in first.json["tasks"]] == [1, 1]


def test_a_lease_that_was_extended_meanwhile_is_told_as_it_is(fresh: ApiClient) -> None:
    fresh.push_task()
    [task] = pop(fresh).json["tasks"]
    extended = call(fresh, "extend", task, lease_seconds=5_000).json["lease_expires_at"]
    assert pop(fresh).json["tasks"] == [task | {"lease_expires_at": extended}]


def test_only_what_is_still_held_is_given_again(fresh: ApiClient) -> None:
    for _ in range(3):
        fresh.push_task()
    first, second = pop(fresh).json["tasks"]
    ack(fresh, first)
    assert ids(pop(fresh)) == [second["id"]]


def test_when_nothing_is_held_any_longer_it_is_popped_anew_and_that_is_kept(
    fresh: ApiClient, database: Database
) -> None:
    tasks = [fresh.push_task()["id"] for _ in range(4)]
    ended, expired = pop(fresh).json["tasks"]
    fail(fresh, ended)
    expire(database, expired)
    anew = pop(fresh)
    assert "Idempotent-Replay" not in anew.headers
    assert ids(anew) == [expired["id"], tasks[2]]
    assert anew.json["tasks"][0]["lease_token"] != expired["lease_token"]
    assert pop(fresh).json == anew.json


def test_a_lease_that_has_run_out_is_not_given_again_before_it_is_taken_back(
    fresh: ApiClient, database: Database
) -> None:
    fresh.push_task()
    [task] = pop(fresh).json["tasks"]
    execute(database, "UPDATE work SET lease_expires_at = now() WHERE id = %(id)s", id=task["id"])
    assert pop(fresh).status_code == 204


def test_an_answer_without_tasks_is_not_kept(fresh: ApiClient) -> None:
    for _ in range(2):
        assert pop(fresh).status_code == 204
    task = fresh.push_task()
    assert ids(pop(fresh)) == [task["id"]]
    ack(fresh, pop(fresh).json["tasks"][0])
    assert pop(fresh).status_code == 204
    another = fresh.push_task()
    assert ids(pop(fresh)) == [another["id"]]


def test_another_request_under_the_same_key_is_refused(fresh: ApiClient) -> None:
    for _ in range(3):
        fresh.push_task()
    pop(fresh)
    refused = problem(pop(fresh, {"max": 1}), 422)
    assert "this Idempotency-Key was used for another request" in refused["detail"]
    problem(fresh.post("/queues/other/pop", {"max": 2}, headers=KEY), 422)
    problem(fresh.post("/queues/default/tasks", {"payload": 1}, headers=KEY), 422)
    assert len(fresh.pop_tasks(max=10)) == 1


def test_keys_of_their_own_bring_tasks_of_their_own(fresh: ApiClient) -> None:
    made = [fresh.push_task()["id"] for _ in range(2)]
    assert [ids(pop(fresh, {}, {"Idempotency-Key": key})) for key in ("a", "b")] == [[made[0]], [made[1]]]


def test_two_requests_with_one_key_at_the_same_time_get_the_same_tasks(fresh: ApiClient, database: Database) -> None:
    for _ in range(6):
        fresh.push_task()
    for _ in range(2):  # with a key that is new, and with one whose tasks have ended
        with ThreadPoolExecutor(2) as pool:
            with database.transaction() as holder:
                holder.cursor.execute("LOCK TABLE attempts IN SHARE MODE")  # holds up the first one's pop
                popping = [pool.submit(pop, fresh.for_another_thread()) for _ in range(2)]
                wait_until_blocked(database, 2)
            first, second = (future.result(10) for future in popping)
        assert len(ids(first)) == 2
        assert first.json == second.json
        assert sorted(answer.headers.get("Idempotent-Replay", "") for answer in (first, second)) == ["", "true"]
        for task in first.json["tasks"]:
            ack(fresh, task)


def test_a_key_that_cannot_be_kept_is_refused_and_nothing_is_popped(fresh: ApiClient) -> None:
    task = fresh.push_task()
    problem(pop(fresh, key={"Idempotency-Key": "x" * 256}), 422)
    assert read(fresh, task)["state"] == "pending"
