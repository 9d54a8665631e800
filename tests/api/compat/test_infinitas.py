"""The clients of infinitas over HTTP, unchanged: tasks with a cron, their jobs, and what its document leaves open."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from api.compat import infinitas as module
from api.compat.infinitas_objects import STATUSES
from scheduler.due import fire_due_schedules
from shared.database import Database
from tests.api.bad_bodies import NOT_JSON, NOT_OBJECTS, RAW, WRONG_VALUES
from tests.api.compat.calling import SystemClient
from tests.api_client import ApiClient
from tests.concurrency import wait_until_blocked
from tests.recording_bell import RecordingBell

PREFIX = "/compat/infinitas"
TASK = {"name": "myTaskName", "schedule": "*/15 * * * *", "timeoutMs": 60_000, "enabled": True}
NO_JOB = "00000000-0000-7000-8000-000000000000"
# Each is tried below with the key of another account; the WebSocket has tests of its own.
ROUTES = {
    ("POST", "/api/task"),
    ("GET", "/api/tasks"),
    ("GET", "/api/task/<name>"),
    ("DELETE", "/api/task/<name>"),
    ("GET", "/api/task/trigger/<name>"),
    ("POST", "/api/task/trigger/<name>"),
    ("GET", "/api/job/<uuid:job_id>"),
}
OF_ONE_TASK = [
    ("GET", "/api/task/myTaskName"),
    ("DELETE", "/api/task/myTaskName"),
    ("GET", "/api/task/trigger/myTaskName"),
    ("POST", "/api/task/trigger/myTaskName"),
]


@pytest.fixture
def client(fresh: ApiClient) -> SystemClient:
    return SystemClient(fresh, PREFIX)


def save(client: SystemClient, status: int = 201, **fields: Any) -> Any:
    answer = client.call("POST", "/api/task", TASK | fields)
    assert answer.status_code == status, answer.text
    return answer.json


def trigger(client: SystemClient, name: str = "myTaskName", method: str = "POST") -> Any:
    answer = client.call(method, f"/api/task/trigger/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json


def task_of(client: SystemClient, name: str = "myTaskName") -> Any:
    return client.get(f"/api/task/{name}")


def pop(client: SystemClient, queue: str = "myTaskName") -> Any:
    """The job that its processor has now."""
    [task] = client.api.pop_tasks(queue)
    return task


def end(client: SystemClient, task: Any, action: str = "ack", **fields: Any) -> None:
    answer = client.api.post(f"/tasks/{task['id']}/{action}", {"lease_token": task["lease_token"]} | fields)
    assert answer.status_code == 200, answer.text


def error_of(answer: Any, status: int, code: str) -> str:
    """The sentence of an error, which must be in this system's shape, of this status and code."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.content_type == "application/json"
    assert set(answer.json) == {"error"}
    assert set(answer.json["error"]) == {"code", "message"}
    assert answer.json["error"]["code"] == code
    return str(answer.json["error"]["message"])


def fire(database: Database, at: datetime) -> None:
    """What the scheduler does at that time."""
    nobody: Any = RecordingBell()
    fire_due_schedules(database, nobody, at, delivery_attempts=1)


def test_example_the_task_of_the_quick_start_is_made(client: SystemClient) -> None:
    task = save(client)
    next_job = datetime.fromisoformat(task.pop("nextJobDate"))
    now = datetime.now(UTC)
    assert now < next_job <= now + timedelta(minutes=15)
    assert (next_job.minute % 15, next_job.second) == (0, 0)
    assert task == {
        "name": "myTaskName",
        "schedule": "*/15 * * * *",
        "timeoutMs": 60_000,
        "enabled": True,
        "lastJob": None,
        "lastSuccess": None,
        "lastFailure": None,
    }


def test_example_jobs_are_created_every_15_minutes(client: SystemClient, database: Database) -> None:
    save(client)
    [schedule] = client.api.get("/schedules").json["data"]
    first = datetime.fromisoformat(schedule["next_run_at"])
    for number in range(3):
        fire(database, first + timedelta(minutes=15 * number))
        fire(database, first + timedelta(minutes=15 * number + 15, seconds=-1))
    dates = [job["date"] for job in task_of(client)["jobs"]]
    assert [datetime.fromisoformat(date) for date in dates] == [
        first + timedelta(minutes=15 * number) for number in (2, 1, 0)
    ]


def test_example_a_task_tells_of_its_last_job_failure_and_success(client: SystemClient) -> None:
    save(client)
    jobs = []
    for action, fields in (("fail", {"error": "e", "retry": False}), ("ack", {})):
        jobs.append(trigger(client))
        end(client, pop(client), action, **fields)
    jobs.append(trigger(client))
    task = task_of(client)
    for name, job, status in (
        ("lastFailure", jobs[0], "failed"),
        ("lastSuccess", jobs[1], "succeeded"),
        ("lastJob", jobs[2], "running"),
    ):
        assert task[name] == {"id": job["id"], "date": job["date"], "status": status}
        assert UUID(task[name]["id"])
        assert abs(datetime.fromisoformat(task[name]["date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert [(job["id"], job["status"]) for job in task["jobs"]] == [
        (jobs[2]["id"], "running"),
        (jobs[1]["id"], "succeeded"),
        (jobs[0]["id"], "failed"),
    ]


def test_example_what_a_processor_logs_is_read_with_its_job(client: SystemClient) -> None:
    save(client)
    job = trigger(client)
    assert client.get(f"/api/job/{job['id']}") == job | {"logs": []}
    task = pop(client)
    assert (task["id"], task["payload"], task["timeout_seconds"]) == (job["id"], None, 60)
    end(client, task, "log", message="A Fox once saw a Crow...")
    end(client, task, "ack")
    shown = client.get(f"/api/job/{job['id']}")
    [line] = shown.pop("logs")
    assert set(line) == {"date", "message"}
    assert line["message"] == "A Fox once saw a Crow..."
    assert datetime.fromisoformat(line["date"]) <= datetime.fromisoformat(shown["endedDate"])
    assert shown == job | {
        "status": "succeeded",
        "startedDate": shown["startedDate"],
        "endedDate": shown["endedDate"],
    }


def test_example_a_job_that_took_longer_than_its_timeout_failed_and_says_so(
    client: SystemClient, database: Database
) -> None:
    save(client, timeoutMs=1)
    job = trigger(client)
    task = pop(client)
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "UPDATE attempts SET started_at = started_at - interval '1 hour' WHERE work_id = %s", (job["id"],)
        )
    answer = client.api.post(f"/tasks/{job['id']}/ack", {"lease_token": task["lease_token"]})
    assert (answer.status_code, answer.json["type"]) == (409, "job_timed_out")


def test_the_key_works_as_a_bearer_token_too(client: SystemClient) -> None:
    assert client.api.get(f"{PREFIX}/api/tasks").json == []


def test_tasks_are_a_bare_array_by_name(client: SystemClient) -> None:
    tasks = [save(client, name=name) for name in ("b", "c", "a")]
    assert client.get("/api/tasks") == [tasks[2], tasks[0], tasks[1]]
    job = trigger(client, "b")
    assert [task["lastJob"] and task["lastJob"]["id"] for task in client.get("/api/tasks")] == [None, job["id"], None]
    assert "jobs" not in client.get("/api/tasks")[0]


def test_of_very_many_tasks_the_first_are_listed(client: SystemClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OBJECTS", 2)
    for name in "abc":
        save(client, name=name)
    assert [task["name"] for task in client.get("/api/tasks")] == ["a", "b"]


def test_of_very_many_jobs_the_newest_are_shown(client: SystemClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_JOBS", 2)
    save(client)
    ids = [trigger(client)["id"] for _ in range(3)]
    assert [job["id"] for job in task_of(client)["jobs"]] == [ids[2], ids[1]]


def test_what_is_left_out_means_enabled_and_as_long_as_it_takes(client: SystemClient) -> None:
    answer = client.call("POST", "/api/task", {"name": "n", "schedule": "@daily"})
    assert answer.status_code == 201
    assert (answer.json["enabled"], answer.json["timeoutMs"]) == (True, None)
    trigger(client, "n")
    assert pop(client, "n")["timeout_seconds"] is None


@pytest.mark.parametrize(("milliseconds", "seconds"), [(1, 1), (1_000, 1), (1_001, 2), (43_200_000, 43_200)])
def test_a_timeout_is_rounded_up_to_a_second(client: SystemClient, milliseconds: int, seconds: int) -> None:
    save(client, timeoutMs=milliseconds)
    trigger(client)
    assert pop(client)["timeout_seconds"] == seconds


def test_a_timeout_is_told_as_it_was_said_until_somebody_says_another(client: SystemClient) -> None:
    assert save(client, timeoutMs=1_500)["timeoutMs"] == 1_500
    assert task_of(client)["timeoutMs"] == client.get("/api/tasks")[0]["timeoutMs"] == 1_500
    [schedule] = client.api.get("/schedules").json["data"]
    definition = {"name": "myTaskName", "queue": "myTaskName", "cron": "@daily", "overlap": "allow"}
    path = f"/schedules/{schedule['id']}"
    assert client.api.put(path, definition | {"timeout_seconds": 7}).status_code == 200
    assert task_of(client)["timeoutMs"] == 7_000
    assert client.api.put(path, definition).status_code == 200
    assert task_of(client)["timeoutMs"] is None
    assert save(client, 200, timeoutMs=2_500)["timeoutMs"] == 2_500


def test_the_timeout_may_be_called_as_in_the_quick_start(client: SystemClient) -> None:
    task = {"name": "myTaskName", "schedule": "*/15 * * * *"}
    for names in (
        {"timeout": 60_000},
        {"timeout": 60_000, "timeoutMs": None},
        {"timeout": 60_000, "timeoutMs": 60_000},
    ):
        answer = client.call("POST", "/api/task", task | names)
        assert answer.status_code in (200, 201)
        assert answer.json["timeoutMs"] == 60_000
        assert "timeout" not in answer.json
    for wrong in ({"timeout": 0}, {"timeout": "1"}, {"timeout": 1, "timeoutMs": 2}):
        assert "timeout " in error_of(client.call("POST", "/api/task", task | wrong), 400, "invalid")


@pytest.mark.parametrize("schedule", ["* * * * * *", "0 */5 * * * *", "@hourly", "30 9 * * MON-FRI"])
def test_a_schedule_has_five_fields_or_seconds_first(client: SystemClient, schedule: str) -> None:
    assert save(client, schedule=schedule)["schedule"] == schedule


def test_seconds_come_first(client: SystemClient) -> None:
    next_job = datetime.fromisoformat(save(client, schedule="30 0 12 * * *")["nextJobDate"])
    assert (next_job.hour, next_job.minute, next_job.second) == (12, 0, 30)


def test_a_task_that_is_said_again_is_the_same_task(client: SystemClient, database: Database) -> None:
    first = save(client)
    job = trigger(client)
    again = save(client, 200)
    assert again == first | {"lastJob": {"id": job["id"], "date": job["date"], "status": "running"}}
    changed = save(client, 200, schedule="0 0 12 * * *", timeoutMs=5_000)
    assert (changed["schedule"], changed["timeoutMs"]) == ("0 0 12 * * *", 5_000)
    assert datetime.fromisoformat(changed["nextJobDate"]).hour == 12
    [schedule] = client.api.get("/schedules").json["data"]
    assert (schedule["cron"], schedule["timeout_seconds"]) == ("0 0 12 * * *", 5)


def test_clients_that_start_at_the_same_moment_make_one_task(client: SystemClient) -> None:
    with ThreadPoolExecutor(4) as pool:
        clients = [client.for_another_thread() for _ in range(4)]
        answers = list(pool.map(lambda each: each.call("POST", "/api/task", TASK), clients))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len(client.get("/api/tasks")) == 1


def test_a_name_that_others_always_take_first_is_given_up(
    client: SystemClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_named", lambda *_: None)
    save(client)
    assert "try again" in error_of(client.call("POST", "/api/task", TASK), 409, "conflict")


def test_a_task_that_is_not_enabled_makes_no_jobs_until_it_is(client: SystemClient, database: Database) -> None:
    task = save(client, enabled=False)
    assert (task["enabled"], task["nextJobDate"]) == (False, None)
    fire(database, datetime.now(UTC) + timedelta(hours=1))
    assert task_of(client)["jobs"] == []
    save(client, 200)
    assert task_of(client)["enabled"] is True
    fire(database, datetime.now(UTC) + timedelta(hours=2))
    assert len(task_of(client)["jobs"]) == 1


def test_disabling_is_told_as_pausing(client: SystemClient) -> None:
    save(client)
    save(client, 200, enabled=False)
    [event] = client.api.get("/events?type=schedule.paused").json["data"]
    assert event["data"]["name"] == "myTaskName"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("enabled", [True, False])
def test_a_trigger_makes_a_job_now_whether_the_task_is_enabled_or_not(
    client: SystemClient, method: str, enabled: bool
) -> None:
    save(client, enabled=enabled)
    job = trigger(client, method=method)
    assert job == {
        "id": job["id"],
        "task": "myTaskName",
        "date": job["date"],
        "status": "running",
        "startedDate": None,
        "endedDate": None,
        "error": None,
    }
    assert [each["id"] for each in task_of(client)["jobs"]] == [job["id"]]
    assert pop(client)["id"] == job["id"]


def test_head_of_a_trigger_makes_none(client: SystemClient) -> None:
    save(client)
    for path in ("/api/task/trigger/myTaskName", "/api/task/myTaskName", "/api/tasks"):
        answer = client.call("HEAD", path)
        assert (answer.status_code, answer.data) == (200, b"")
    assert client.call("HEAD", "/api/task/trigger/nothing").status_code == 404
    assert task_of(client)["jobs"] == []


def test_a_trigger_that_is_repeated_with_its_idempotency_key_is_one(client: SystemClient) -> None:
    save(client)
    ids = {
        client.call("POST", "/api/task/trigger/myTaskName", headers={"Idempotency-Key": "k"}).json["id"]
        for _ in range(2)
    }
    assert len(ids) == len(task_of(client)["jobs"]) == 1


def test_a_deleted_task_is_gone_and_its_jobs_stay(client: SystemClient, database: Database) -> None:
    save(client)
    job = trigger(client)
    assert client.call("DELETE", "/api/task/myTaskName").status_code == 200
    for method, path in OF_ONE_TASK:
        error_of(client.call(method, path), 404, "not_found")
    assert client.get("/api/tasks") == []
    fire(database, datetime.now(UTC) + timedelta(hours=1))
    assert client.get(f"/api/job/{job['id']}")["status"] == "running"
    assert pop(client)["id"] == job["id"]


def test_a_task_that_somebody_else_deletes_just_now_is_not_found(client: SystemClient, database: Database) -> None:
    save(client)
    other = client.for_another_thread()
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as transaction:
            transaction.cursor.execute("DELETE FROM schedules WHERE name = 'myTaskName'")
            deleting = pool.submit(other.call, "DELETE", "/api/task/myTaskName")
            wait_until_blocked(database)
        error_of(deleting.result(10), 404, "not_found")


@pytest.mark.parametrize(
    ("state", "status"),
    [("pending", "running"), ("canceled", "failed")],
)
def test_a_status_is_one_of_the_three_that_they_know(client: SystemClient, state: str, status: str) -> None:
    assert set(STATUSES.values()) == {"succeeded", "failed", "running"}
    save(client)
    job = trigger(client)
    if state == "canceled":
        assert client.api.post(f"/tasks/{job['id']}/cancel").status_code == 200
    assert client.api.get(f"/tasks/{job['id']}").json["state"] == state
    assert client.get(f"/api/job/{job['id']}")["status"] == status


def test_a_job_that_failed_says_why(client: SystemClient) -> None:
    save(client)
    trigger(client)
    task = pop(client)
    end(client, task, "fail", error="no crow", retry=False)
    job = client.get(f"/api/job/{task['id']}")
    assert (job["status"], job["error"]) == ("failed", "no crow")


def test_a_task_is_a_schedule_of_ours(client: SystemClient) -> None:
    save(client, schedule="0 0 12 * * *")
    [schedule] = client.api.get("/schedules").json["data"]
    expected = {"name": "myTaskName", "cron": "0 0 12 * * *", "queue": "myTaskName", "timeout_seconds": 60}
    assert schedule | expected == schedule
    assert (schedule["timezone"], schedule["overlap"], schedule["max_attempts"]) == ("UTC", "allow", 4)
    assert client.api.post(f"/schedules/{schedule['id']}/pause").status_code == 200
    assert task_of(client)["enabled"] is False
    assert client.api.delete(f"/schedules/{schedule['id']}").status_code == 204
    error_of(client.call("GET", "/api/task/myTaskName"), 404, "not_found")


def test_a_schedule_of_ours_that_pushes_into_the_queue_of_its_name_is_a_task(client: SystemClient) -> None:
    fields = {"name": "ours", "queue": "ours", "cron": "@daily", "timezone": "Europe/Berlin", "payload": {"a": 1}}
    schedule = client.api.make("/schedules", fields | {"priority": 5})
    [task] = client.get("/api/tasks")
    assert (task["name"], task["schedule"], task["timeoutMs"]) == ("ours", "@daily", None)
    save(client, 200, name="ours", schedule="0 0 12 * * *")
    after = client.api.get(f"/schedules/{schedule['id']}").json
    kept = {name: fields[name] for name in ("name", "queue", "timezone", "payload")} | {"priority": 5}
    assert after | kept == after
    assert (after["cron"], after["timeout_seconds"]) == ("0 0 12 * * *", 60)
    trigger(client, "ours")
    assert pop(client, "ours")["payload"] == {"a": 1}


def test_a_task_of_ours_in_the_queue_is_a_job(client: SystemClient) -> None:
    save(client)
    pushed = client.api.push_task("myTaskName", {"a": 1})
    assert [job["id"] for job in task_of(client)["jobs"]] == [pushed["id"]]
    assert client.get(f"/api/job/{pushed['id']}")["task"] == "myTaskName"


@pytest.mark.parametrize(
    "fields",
    [
        {"cron": "@daily", "queue": "another"},
        {"interval_seconds": 60, "queue": "myTaskName"},
        {"cron": "@daily", "uri": "http://127.0.0.1:9/"},
    ],
    ids=["another queue", "interval", "job"],
)
def test_a_schedule_of_ours_that_cannot_be_said_there_is_no_task(client: SystemClient, fields: dict[str, Any]) -> None:
    before = client.api.make("/schedules", {"name": "myTaskName", **fields})
    assert client.get("/api/tasks") == []
    for method, path in OF_ONE_TASK:
        error_of(client.call(method, path), 404, "not_found")
    assert "no task of infinitas" in error_of(client.call("POST", "/api/task", TASK), 409, "conflict")
    assert client.api.get(f"/schedules/{before['id']}").json == before


def test_no_account_sees_or_changes_anything_of_another(client: SystemClient, api: ApiClient) -> None:
    stranger = SystemClient(api.signed_up(), PREFIX)
    assert {route for route in stranger.routes() if "socket" not in route[1]} == ROUTES
    save(client)
    job = trigger(client)
    before = task_of(client)
    for method, path in (*OF_ONE_TASK, ("GET", f"/api/job/{job['id']}")):
        error_of(stranger.call(method, path), 404, "not_found")
    assert stranger.get("/api/tasks") == []
    save(stranger, schedule="@daily")
    assert trigger(stranger)["id"] != job["id"]
    assert stranger.call("DELETE", "/api/task/myTaskName").status_code == 200
    assert task_of(client) == before


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/task"), ("GET", "/api/tasks"), *OF_ONE_TASK, ("GET", f"/api/job/{NO_JOB}")]
)
def test_without_a_key_the_answer_is_401(client: SystemClient, method: str, path: str) -> None:
    save(client)
    for key in (None, "", "rk_1_x", "\xff"):
        answer = SystemClient(ApiClient(client.api.client, key), PREFIX).call(method, path)
        error_of(answer, 401, "unauthorized")
        assert "WWW-Authenticate" in answer.headers
    assert task_of(client)["jobs"] == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
        ("POST", "/api/nothing", 404, "not_found"),
        ("GET", "/api/job/1", 404, "not_found"),
        ("GET", f"/api/job/{NO_JOB}", 404, "not_found"),
        ("GET", "/api/task/nothing", 404, "not_found"),
        ("GET", "/api/task/trigger", 404, "not_found"),
        ("POST", "/api/task/trigger/nothing", 404, "not_found"),
        ("DELETE", "/api/task/%00", 404, "not_found"),
        ("GET", "/api/task/%ff%f0", 404, "not_found"),
        ("GET", "/api/task/" + "x" * 10_240, 404, "not_found"),
        ("GET", "/api/task", 405, "method_not_allowed"),
        ("DELETE", "/api/tasks", 405, "method_not_allowed"),
        ("PUT", "/api/task/trigger/myTaskName", 405, "method_not_allowed"),
    ],
)
def test_a_path_or_a_method_that_is_not_there_is_told_in_this_systems_way(
    client: SystemClient, method: str, path: str, status: int, code: str
) -> None:
    answer = client.call(method, path)
    error_of(answer, status, code)
    assert ("Allow" in answer.headers) is (status == 405)


@pytest.mark.parametrize("name", list(RAW))
def test_a_body_that_is_no_task_is_refused(client: SystemClient, name: str) -> None:
    answer = client.call("POST", "/api/task", data=RAW[name], content_type="application/json")
    message = error_of(answer, 400, "invalid")
    if name in NOT_OBJECTS:
        assert "must be an object" in message
    elif name in NOT_JSON:
        assert "not the JSON that we accept" in message
    else:
        assert "schedule" in message
    assert client.get("/api/tasks") == []


def is_one(value: Any) -> bool:
    """Whether it is the whole number: True and 1.0 are equal to it."""
    return type(value) is int and value == 1


WRONG = [
    *((name, value) for name in ("name", "schedule") for value in WRONG_VALUES if value not in ("x", "5", "null")),
    *(("timeoutMs", value) for value in [*WRONG_VALUES, 43_200_001, 1.0] if value is not None and not is_one(value)),
    *(("enabled", value) for value in WRONG_VALUES if not isinstance(value, bool)),
    *(("schedule", value) for value in ("0 0 30 2 *", "* * * *", "61 * * * *", "R * * * *", "* " * 500, "5", "x")),
    *(("name", value) for value in ("a b", "a/b", "ä", "a" * 101, "a\n", "../x")),
]


@pytest.mark.parametrize("field", ["name", "schedule", "timeoutMs", "enabled"])
def test_a_wrong_value_is_refused_and_its_field_named(client: SystemClient, field: str) -> None:
    tried = [value for name, value in WRONG if name == field]
    assert len(tried) > 20
    for wrong in tried:
        answer = client.call("POST", "/api/task", TASK | {field: wrong})
        assert f"{field} " in error_of(answer, 400, "invalid"), wrong
    assert client.get("/api/tasks") == []


@pytest.mark.parametrize("field", ["name", "schedule"])
def test_a_field_that_is_missing_is_named(client: SystemClient, field: str) -> None:
    body = {name: value for name, value in TASK.items() if name != field}
    assert field in error_of(client.call("POST", "/api/task", body), 400, "invalid")


def test_what_is_no_json_at_all_is_refused(client: SystemClient) -> None:
    large = b'"' + b"x" * 1_048_577 + b'"'
    for options, status, code in (
        ({"data": b"", "content_type": "application/json"}, 400, "invalid"),
        ({"data": json.dumps(TASK), "content_type": "text/plain"}, 415, "invalid"),
        ({"data": {"name": "n"}, "content_type": "application/x-www-form-urlencoded"}, 415, "invalid"),
        ({"data": large, "content_type": "application/json"}, 413, "too_large"),
    ):
        error_of(client.call("POST", "/api/task", **options), status, code)


@pytest.mark.parametrize("name", list(RAW))
def test_a_body_where_none_is_read_is_no_accident(client: SystemClient, name: str) -> None:
    save(client)
    for method, path in OF_ONE_TASK:
        if method != "DELETE":
            answer = client.call(method, path, data=RAW[name], content_type="application/json")
            assert answer.status_code == 200


def test_the_database_away_is_told_in_this_systems_way(client: SystemClient, app_with: Any) -> None:
    away: FlaskClient = app_with(database_url="postgresql:///none?host=/nonexistent").client
    answer = SystemClient(ApiClient(away, client.api.key), PREFIX).call("GET", "/api/tasks")
    error_of(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_an_accident_is_told_without_its_cause(client: SystemClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "task_object", lambda *_: 1 / 0)
    assert "division" not in error_of(client.call("POST", "/api/task", TASK), 500, "failed")
