"""The scheduler's clients, unchanged: its documented examples field by field, and what the document leaves open."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid1, uuid4

import pytest
from flask.testing import FlaskClient

from api.compat import scheduler as module
from api.store import pushing_schedules
from scheduler.due import fire_due_schedules
from shared.database import Database
from tests.api.bad_bodies import NOT_JSON, NOT_OBJECTS, RAW, WRONG_VALUES
from tests.api.compat.calling import SystemClient
from tests.api_client import ApiClient
from tests.recording_bell import RecordingBell

PREFIX = "/compat/scheduler"
LONG_AGO = 27_789_898  # the minute of the document's example
FAR = 60_000_000
NOWHERE = "6dc533e0-5a74-11ed-b427-6dc61c712f9d"
ENTRY = {"payload": "cool stuff", "minute": FAR, "recurring": "none"}
BODIES = [("POST", "/schedules"), ("PUT", "/schedules/{}")]
# Each is tried below with the key of another account.
ROUTES = {("GET", "/schedules"), ("POST", "/schedules")} | {
    (method, "/schedules/<uuid:job_id>") for method in ("GET", "PUT", "DELETE")
}


@pytest.fixture
def client(fresh: ApiClient) -> SystemClient:
    return SystemClient(fresh, PREFIX)


def create(client: SystemClient, **fields: Any) -> Any:
    answer = client.call("POST", "/schedules", ENTRY | fields)
    assert answer.status_code == 201, answer.text
    return answer.json


def replace(client: SystemClient, entry: Any, **fields: Any) -> Any:
    answer = client.call("PUT", f"/schedules/{entry['jobId']}", ENTRY | fields)
    assert answer.status_code == 200, answer.text
    return answer.json


def message_of(answer: Any, status: int) -> str:
    """The sentence of an error, which must be in this system's shape and of this status."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.content_type == "application/json"
    assert set(answer.json) == {"message"}
    return str(answer.json["message"])


def pop_payloads(client: SystemClient) -> list[Any]:
    """What waits on the queue, oldest first."""
    return [task["payload"] for task in client.api.pop_tasks("scheduler", max=100)]


def fire(database: Database, at: datetime) -> None:
    """What the scheduler does at that time."""
    nobody: Any = RecordingBell()
    fire_due_schedules(database, nobody, at, delivery_attempts=1)


def start_of(minute: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)


def this_minute() -> int:
    return int(datetime.now(UTC).timestamp()) // 60


def test_example_create_answers_with_the_entry_and_its_job_id(client: SystemClient) -> None:
    sent = {"payload": "cool stuff", "minute": 27789898, "recurring": "none"}
    answer = client.call("POST", "/schedules", sent)
    assert answer.status_code == 201
    job_id = answer.json["jobId"]
    assert answer.json == {"jobId": job_id, "payload": "cool stuff", "minute": 27789898, "recurring": "none"}
    assert str(UUID(job_id)) == job_id
    assert UUID(job_id).version == 1


def test_example_list_is_a_bare_array(client: SystemClient) -> None:
    assert client.get("/schedules") == []
    entry = create(client, payload="Nice one", recurring="daily", minute=27791516)
    assert client.get("/schedules") == [
        {"payload": "Nice one", "jobId": entry["jobId"], "recurring": "daily", "minute": 27791516}
    ]


def test_example_get_answers_with_the_entry(client: SystemClient) -> None:
    entry = create(client, payload="Nice one", recurring="daily", minute=27791516)
    assert client.get(f"/schedules/{entry['jobId']}") == {
        "payload": "Nice one",
        "jobId": entry["jobId"],
        "recurring": "daily",
        "minute": 27791516,
    }


def test_example_update_replaces_the_entry_under_its_job_id(client: SystemClient) -> None:
    job_id = create(client, minute=27789898)["jobId"]
    sent = {"payload": "drink more water", "minute": 27789493, "recurring": "none"}
    answer = client.call("PUT", f"/schedules/{job_id}", sent)
    assert (answer.status_code, answer.json) == (
        200,
        {"payload": "drink more water", "jobId": job_id, "recurring": "none", "minute": 27789493},
    )
    assert client.get(f"/schedules/{job_id}") == answer.json


def test_example_delete_answers_with_status_200(client: SystemClient) -> None:
    job_id, other = create(client)["jobId"], create(client)
    assert client.call("DELETE", f"/schedules/{job_id}").status_code == 200
    assert client.get("/schedules") == [other]
    message_of(client.call("GET", f"/schedules/{job_id}"), 404)
    message_of(client.call("DELETE", f"/schedules/{job_id}"), 404)


def test_the_key_works_as_a_bearer_token_too(client: SystemClient) -> None:
    assert client.api.get(f"{PREFIX}/schedules").json == []


@pytest.mark.parametrize("payload", [None, "", "text", 0, 1.5, True, [], {"a": [None]}, {"jobId": 1}])
def test_any_json_is_a_payload(client: SystemClient, payload: Any) -> None:
    entry = create(client, payload=payload, minute=LONG_AGO)
    assert entry["payload"] == payload
    assert client.get(f"/schedules/{entry['jobId']}") == entry
    assert pop_payloads(client) == [payload]


def test_what_is_left_out_does_not_recur(client: SystemClient) -> None:
    answer = client.call("POST", "/schedules", {"payload": 1, "minute": FAR})
    assert answer.json["recurring"] == "none"


def test_members_that_a_client_read_are_taken_back_and_passed_over(client: SystemClient) -> None:
    entry = create(client)
    answer = client.call("PUT", f"/schedules/{entry['jobId']}", entry | {"jobId": NOWHERE, "payload": 2, "more": 1})
    assert (answer.status_code, answer.json) == (200, entry | {"payload": 2})
    assert create(client, jobId=NOWHERE)["jobId"] != NOWHERE


@pytest.mark.parametrize("recurring", ["none", "daily", "weekly"])
@pytest.mark.parametrize("minutes_ago", [0, 1, 10_000_000])
def test_a_minute_that_is_not_in_the_future_fires_at_once(
    client: SystemClient, recurring: str, minutes_ago: int
) -> None:
    create(client, minute=this_minute() - minutes_ago, recurring=recurring)
    assert pop_payloads(client) == ["cool stuff"]


def test_a_minute_in_the_future_fires_then_and_once(client: SystemClient, database: Database) -> None:
    create(client, minute=FAR)
    fire(database, start_of(FAR) - timedelta(seconds=1))
    assert pop_payloads(client) == []
    fire(database, start_of(FAR))
    [task] = client.api.get("/tasks?queue=scheduler").json["data"]
    assert (task["payload"], task["scheduled_for"]) == ("cool stuff", "2084-01-29T16:00:00Z")
    fire(database, start_of(FAR) + timedelta(days=8))
    assert len(client.api.get("/tasks?queue=scheduler").json["data"]) == 1


@pytest.mark.parametrize(("recurring", "days"), [("daily", 1), ("weekly", 7)])
def test_what_recurs_fires_again_after_its_period_also_if_nobody_took_the_task_before(
    client: SystemClient, database: Database, recurring: str, days: int
) -> None:
    create(client, minute=FAR, recurring=recurring)
    for number in range(3):
        fire(database, start_of(FAR) + timedelta(days=number * days))
        fire(database, start_of(FAR) + timedelta(days=number * days + days, seconds=-1))
        assert len(client.api.get("/tasks?queue=scheduler").json["data"]) == number + 1


def test_what_recurs_and_has_begun_fires_at_once_and_goes_on_with_its_next_minute(
    client: SystemClient, database: Database
) -> None:
    minute = this_minute() - 10
    create(client, minute=minute, recurring="daily")
    assert pop_payloads(client) == ["cool stuff"]
    [schedule] = client.api.get("/schedules").json["data"]
    next_run_at = start_of(minute) + timedelta(days=1)
    assert schedule["next_run_at"] == next_run_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    fire(database, next_run_at)
    assert counters(client) == {"fired": 2, "skipped": 0, "missed": 0}
    assert occurrences(client)[0]["scheduled_for"] == schedule["next_run_at"]


def counters(client: SystemClient) -> Any:
    [schedule] = client.api.get("/schedules").json["data"]
    return schedule["counters"]


def occurrences(client: SystemClient) -> list[Any]:
    [schedule] = client.api.get("/schedules").json["data"]
    return list(client.api.get(f"/schedules/{schedule['id']}/occurrences").json["data"])


@pytest.mark.parametrize("recurring", ["none", "daily"])
def test_what_fires_at_once_is_an_occurrence_and_is_counted(client: SystemClient, recurring: str) -> None:
    entry = create(client, minute=LONG_AGO, recurring=recurring)
    [task] = client.api.get("/tasks?queue=scheduler").json["data"]
    [schedule] = client.api.get("/schedules").json["data"]
    assert schedule["counters"] == {"fired": 1, "skipped": 0, "missed": 0}
    assert schedule["last_run_at"] == task["scheduled_for"]
    assert occurrences(client) == [
        {
            "scheduled_for": task["scheduled_for"],
            "outcome": "fired",
            "reason": None,
            "kind": "task",
            "work_id": task["id"],
        }
    ]
    replace(client, entry, payload="again", minute=LONG_AGO + 1, recurring=recurring)
    assert counters(client) == {"fired": 2, "skipped": 0, "missed": 0}
    assert [occurrence["outcome"] for occurrence in occurrences(client)] == ["fired", "fired"]


def test_what_has_fired_as_often_as_it_may_fires_no_more(client: SystemClient) -> None:
    client.api.make(
        "/schedules", {"minute": FAR, "recurring": "daily", "queue": "scheduler", "payload": 0, "max_occurrences": 1}
    )
    [entry] = client.get("/schedules")
    for payload in (1, 2):
        replace(client, entry, payload=payload, minute=LONG_AGO, recurring="daily")
    assert pop_payloads(client) == [1]
    [schedule] = client.api.get("/schedules").json["data"]
    assert (schedule["counters"]["fired"], schedule["next_run_at"]) == (1, None)


def test_replacing_an_entry_that_is_to_fire_moves_it(client: SystemClient, database: Database) -> None:
    replace(client, create(client, minute=FAR), payload="later", minute=FAR + 1)
    fire(database, start_of(FAR))
    assert pop_payloads(client) == []
    fire(database, start_of(FAR) + timedelta(minutes=1))
    assert [task["payload"] for task in client.api.get("/tasks?queue=scheduler").json["data"]] == ["later"]


def test_replacing_with_a_minute_that_is_not_in_the_future_fires_at_once(client: SystemClient) -> None:
    entry = create(client)
    replace(client, entry, payload="first", minute=LONG_AGO)
    replace(client, entry, payload="second", minute=LONG_AGO)
    assert pop_payloads(client) == ["first", "second"]


@pytest.mark.parametrize("recurring", ["none", "daily"])
def test_the_same_once_more_changes_nothing(client: SystemClient, recurring: str) -> None:
    entry = create(client, minute=LONG_AGO, recurring=recurring)
    assert pop_payloads(client) == ["cool stuff"]
    assert replace(client, entry, minute=LONG_AGO, recurring=recurring) == entry
    assert pop_payloads(client) == []


def test_true_is_another_payload_than_1(client: SystemClient) -> None:
    entry = create(client, payload=1)
    assert replace(client, entry, payload=True)["payload"] is True
    assert client.get(f"/schedules/{entry['jobId']}")["payload"] is True


def test_what_recurs_as_before_goes_on_with_its_new_payload(client: SystemClient) -> None:
    entry = create(client, minute=LONG_AGO, recurring="weekly")
    [before] = client.api.get("/schedules").json["data"]
    assert pop_payloads(client) == ["cool stuff"]
    replace(client, entry, payload="new", minute=LONG_AGO, recurring="weekly")
    assert pop_payloads(client) == []
    [after] = client.api.get("/schedules").json["data"]
    assert (after["payload"], after["next_run_at"]) == ("new", before["next_run_at"])


def test_an_entry_that_repeats_with_its_idempotency_key_is_one(client: SystemClient) -> None:
    answers = [
        client.call("POST", "/schedules", ENTRY | {"minute": LONG_AGO}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["Idempotent-Replay"] == "true"
    assert pop_payloads(client) == ["cool stuff"]
    assert len(client.get("/schedules")) == 1


def test_an_entry_is_a_schedule_of_ours(client: SystemClient) -> None:
    entry = create(client, recurring="weekly", payload={"a": 1})
    [schedule] = client.api.get("/schedules").json["data"]
    expected = {"name": None, "queue": "scheduler", "payload": {"a": 1}, "minute": FAR, "recurring": "weekly"}
    assert schedule | expected == schedule
    assert (schedule["overlap"], schedule["catchup_window_seconds"]) == ("allow", 31_536_000)
    assert client.api.delete(f"/schedules/{schedule['id']}").status_code == 204
    message_of(client.call("GET", f"/schedules/{entry['jobId']}"), 404)


def test_a_schedule_of_ours_that_can_be_said_there_is_an_entry(client: SystemClient) -> None:
    ours = client.api.make("/schedules", {"minute": FAR, "queue": "scheduler", "payload": "ours", "name": "n"})
    [entry] = client.get("/schedules")
    assert {"payload": "ours", "minute": FAR, "recurring": "none"}.items() <= entry.items()
    replace(client, entry, payload="theirs", recurring="daily")
    schedule = client.api.get(f"/schedules/{ours['id']}").json
    assert (schedule["payload"], schedule["recurring"], schedule["name"]) == ("theirs", "daily", "n")
    assert client.call("DELETE", f"/schedules/{entry['jobId']}").status_code == 200
    assert client.api.get("/schedules").json["data"] == []


def test_a_schedule_that_sleeps_is_changed_in_its_sleep(client: SystemClient) -> None:
    entry = create(client)
    [schedule] = client.api.get("/schedules").json["data"]
    assert client.api.post(f"/schedules/{schedule['id']}/pause").status_code == 200
    replace(client, entry, minute=LONG_AGO, recurring="daily")
    assert pop_payloads(client) == []
    assert client.api.get(f"/schedules/{schedule['id']}").json["paused"] is True


@pytest.mark.parametrize("minute", [LONG_AGO, this_minute() - 5])
def test_a_minute_that_has_begun_is_slept_through_by_a_schedule_that_sleeps(
    client: SystemClient, database: Database, minute: int
) -> None:
    entry = create(client)
    [schedule] = client.api.get("/schedules").json["data"]
    assert client.api.post(f"/schedules/{schedule['id']}/pause").status_code == 200
    replace(client, entry, minute=minute)
    assert client.api.get("/tasks?queue=scheduler").json["data"] == []
    fire(database, datetime.now(UTC))
    assert client.api.get("/tasks?queue=scheduler").json["data"] == []
    assert [(each["outcome"], each["reason"]) for each in occurrences(client)] == [("skipped", "paused")]
    assert counters(client) == {"fired": 0, "skipped": 1, "missed": 0}


@pytest.mark.parametrize(
    "fields",
    [
        {"minute": FAR, "queue": "another"},
        {"cron": "@daily", "queue": "scheduler"},
        {"minute": FAR, "uri": "http://127.0.0.1:9/"},
    ],
    ids=["another queue", "cron", "job"],
)
def test_what_cannot_be_said_there_is_no_entry(client: SystemClient, fields: dict[str, Any]) -> None:
    entry = create(client)
    others = client.api.make("/schedules", fields)
    created_at = datetime.fromisoformat(others["created_at"])
    job_id = module.job_id_of(others["id"], created_at)
    for method in ("GET", "PUT", "DELETE"):
        answer = client.call(method, f"/schedules/{job_id}", ENTRY)
        assert message_of(answer, 404) == f"there is no schedule with the jobId {job_id}"
    assert client.get("/schedules") == [entry]


def test_of_very_many_those_that_are_still_to_fire_are_listed_first(
    client: SystemClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.compat.listing.MOST_OBJECTS", 3)
    waiting = create(client)
    fired = [create(client, minute=LONG_AGO) for _ in range(3)]
    assert client.get("/schedules") == [waiting, *fired[1:]]


def test_of_long_payloads_no_more_are_listed_than_so_many_characters(
    client: SystemClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [create(client, payload="x" * 10_000) for _ in range(5)]
    monkeypatch.setattr("api.compat.listing.ROWS_AT_ONCE", 2)
    assert client.get("/schedules") == entries
    monkeypatch.setattr("api.compat.listing.MOST_CHARACTERS", 35_000)
    assert client.get("/schedules") == entries[2:]
    monkeypatch.setattr("api.compat.listing.MOST_CHARACTERS", 1)
    assert client.get("/schedules") == entries[4:]


def test_no_more_payloads_are_read_than_there_is_room_for(client: SystemClient, database: Database) -> None:
    for _ in range(3):
        create(client, payload="x" * 100_000)
    ids = [schedule["id"] for schedule in client.api.get("/schedules").json["data"]]
    with database.reading() as cursor:
        for most, at_least_one, count in ((250_000, True, 2), (1, True, 1), (1, False, 0)):
            found = pushing_schedules.read(cursor, ids, most_characters=most, at_least_one=at_least_one)
            assert [row.id for row in found] == ids[:count]


def test_no_account_sees_or_changes_anything_of_another(client: SystemClient, api: ApiClient) -> None:
    stranger = SystemClient(api.signed_up(), PREFIX)
    assert stranger.routes() == ROUTES
    entry = create(client)
    for method in ("GET", "PUT", "DELETE"):
        foreign = stranger.call(method, f"/schedules/{entry['jobId']}", ENTRY | {"payload": "theirs"})
        absent = stranger.call(method, f"/schedules/{NOWHERE}", ENTRY)
        assert message_of(foreign, 404).replace(entry["jobId"], NOWHERE) == message_of(absent, 404)
    assert stranger.get("/schedules") == []
    create(stranger, minute=LONG_AGO)
    assert pop_payloads(client) == []
    assert client.get("/schedules") == [entry]


def test_a_job_id_that_only_resembles_one_leads_nowhere(client: SystemClient) -> None:
    job_id = UUID(create(client)["jobId"])
    for other in (UUID(int=job_id.int ^ 1), UUID(int=job_id.int ^ (1 << 70)), uuid1(), uuid4(), UUID(int=0)):
        message_of(client.call("GET", f"/schedules/{other}"), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", "/schedules"), *BODIES, ("DELETE", "/schedules/{}")])
def test_without_a_key_the_answer_is_401(client: SystemClient, method: str, path: str) -> None:
    path = path.format(create(client)["jobId"])
    for key in (None, "", "rk_1_x", "\xff"):
        answer = SystemClient(ApiClient(client.api.client, key), PREFIX).call(method, path, ENTRY)
        message_of(answer, 401)
        assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 404),
        ("GET", "/", 404),
        ("POST", "/nothing", 404),
        ("GET", "/schedules/1", 404),
        ("GET", "/schedules/not-a-uuid", 404),
        ("PUT", "/schedules/%00", 404),
        ("GET", "/schedules/" + "x" * 10_240, 404),
        ("DELETE", "/schedules", 405),
        ("PATCH", f"/schedules/{NOWHERE}", 405),
        ("POST", f"/schedules/{NOWHERE}", 405),
    ],
)
def test_a_path_or_a_method_that_is_not_there_is_told_in_this_systems_way(
    client: SystemClient, method: str, path: str, status: int
) -> None:
    answer = client.call(method, path, ENTRY)
    message_of(answer, status)
    assert ("Allow" in answer.headers) is (status == 405)


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("name", list(RAW))
def test_a_body_that_is_no_entry_is_refused(client: SystemClient, method: str, path: str, name: str) -> None:
    entry = create(client)
    answer = client.call(method, path.format(entry["jobId"]), data=RAW[name], content_type="application/json")
    message = message_of(answer, 400)
    if name in NOT_OBJECTS:
        assert "must be an object" in message
    elif name in NOT_JSON:
        assert "not the JSON that we accept" in message
    else:
        assert "payload" in message
    assert client.get("/schedules") == [entry]


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("field", ["minute", "recurring"])
def test_a_wrong_value_is_refused_and_its_field_named(client: SystemClient, method: str, path: str, field: str) -> None:
    entry = create(client)
    for wrong in WRONG_VALUES:
        if field == "minute" and wrong in (0, 1) and not isinstance(wrong, bool):
            continue
        answer = client.call(method, path.format(entry["jobId"]), ENTRY | {field: wrong})
        assert f"{field} " in message_of(answer, 400)
    assert client.get("/schedules") == [entry]


@pytest.mark.parametrize("field", ["payload", "minute"])
def test_a_field_that_is_missing_is_named(client: SystemClient, field: str) -> None:
    body = {name: value for name, value in ENTRY.items() if name != field}
    assert field in message_of(client.call("POST", "/schedules", body), 400)


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_what_is_no_json_at_all_is_refused(client: SystemClient, method: str, path: str) -> None:
    path = path.format(create(client)["jobId"])
    large = b'"' + b"x" * 1_048_577 + b'"'
    message_of(client.call(method, path, data=b"", content_type="application/json"), 400)
    message_of(client.call(method, path, data=json.dumps(ENTRY), content_type="text/plain"), 415)
    message_of(client.call(method, path, data=large, content_type="application/json"), 413)


def test_the_database_away_is_told_in_this_systems_way(client: SystemClient, app_with: Any) -> None:
    away: FlaskClient = app_with(database_url="postgresql:///none?host=/nonexistent").client
    answer = SystemClient(ApiClient(away, client.api.key), PREFIX).call("GET", "/schedules")
    message_of(answer, 503)
    assert int(answer.headers["Retry-After"]) >= 1


def test_an_accident_is_told_without_its_cause(client: SystemClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_entry", lambda *_: 1 / 0)
    assert "division" not in message_of(client.call("POST", "/schedules", ENTRY), 500)


def test_head_changes_nothing_and_is_answered_as_get_without_a_body(client: SystemClient) -> None:
    job_id = create(client)["jobId"]
    for path in ("/schedules", f"/schedules/{job_id}"):
        answer = client.call("HEAD", path)
        assert (answer.status_code, answer.data) == (200, b"")
    assert len(client.get("/schedules")) == 1
