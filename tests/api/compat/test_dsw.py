"""dsw's clients, unchanged: its documented examples field by field, its rules of retrying, and what it leaves open."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api import create_app
from api.store import dsw_jobs
from shared.database import Database, only_row
from shared.settings import Settings
from tests import performing, store_fixtures
from tests.api.bad_bodies import NOT_JSON, NOT_OBJECTS, RAW, WRONG_VALUES
from tests.api.compat.calling import SystemClient
from tests.api_client import ApiClient
from tests.jobs import begin_job, end_begun_job
from tests.performing import Caller
from tests.target import Target

caller = performing.caller
cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there
outbound = performing.outbound
target = performing.target

PREFIX = "/compat/dsw"
HEALTHY = {"meta": {}, "response": {"message": "I'm healthy"}}
EXAMPLE = {
    "uri": "http://test.com/test",
    "execute_at": "2018-10-01T00:00:00Z",
    "payload": {"some": "data"},
    "error_uri": "http://error.com/error",
}
FAR = "2099-10-01T00:00:00Z"
ROUTES = sorted(
    (method, rule.rule.removeprefix(PREFIX))
    for rule in create_app(Settings()).url_map.iter_rules()
    if rule.rule.startswith(f"{PREFIX}/")
    for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
)


@pytest.fixture
def client(fresh: ApiClient) -> SystemClient:
    return SystemClient(fresh, PREFIX)


def create(client: SystemClient, **fields: Any) -> Any:
    """The new job; far in the future if nothing else is said."""
    answer = client.call("POST", "/jobs", {"uri": "http://127.0.0.1:9/", "execute_at": FAR} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json["response"]


def error_of(answer: Any, status: int) -> str:
    assert (answer.status_code, answer.content_type) == (status, "application/json"), answer.text[:500]
    assert set(answer.json) == {"meta", "response"}
    assert set(answer.json["meta"]) == {"error"}
    assert answer.json["response"] is None
    return str(answer.json["meta"]["error"])


# The document's examples.


@pytest.mark.parametrize("path", ["/", "", "/health"])
def test_it_is_healthy_and_says_so_to_everybody(client: SystemClient, path: str) -> None:
    assert client.get(path) == HEALTHY
    assert SystemClient(client.api.without_key(), PREFIX).get(path) == HEALTHY


def test_the_documented_job_is_created_and_listed_as_documented(client: SystemClient) -> None:
    answer = client.call("POST", "/jobs", EXAMPLE)
    assert answer.status_code == 201
    assert set(answer.json) == {"meta", "response"}
    assert answer.json["meta"] == {}
    job = answer.json["response"]
    made = {name: job[name] for name in ("id", "created_at", "updated_at")}
    assert job == EXAMPLE | made
    assert made["created_at"] == made["updated_at"]
    assert abs(datetime.fromisoformat(made["created_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert made["created_at"].endswith("Z")
    assert client.get("/jobs") == {"meta": {}, "response": [job]}


def test_the_payload_and_the_error_uri_are_optional(client: SystemClient) -> None:
    job = create(client)
    assert (job["payload"], job["error_uri"]) == (None, None)
    assert create(client, error_uri=None)["error_uri"] is None


@pytest.mark.parametrize("payload", [None, False, 0, "", "x", [], [1, {"a": None}], {}, {"a": 1.5}])
def test_a_payload_is_any_json(client: SystemClient, payload: Any) -> None:
    assert create(client, payload=payload)["payload"] == payload


def test_the_newest_jobs_come_first_and_a_thousand_at_most_or_so_many_characters(
    client: SystemClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/jobs")["response"] == []
    jobs = [create(client, payload=number) for number in range(5)]
    monkeypatch.setattr("api.compat.listing.ROWS_AT_ONCE", 2)
    assert client.get("/jobs")["response"] == jobs[::-1]
    monkeypatch.setattr("api.compat.listing.MOST_OBJECTS", 3)
    assert client.get("/jobs")["response"] == jobs[:1:-1]
    large = [create(client, payload="x" * 10_000) for _ in range(3)]
    monkeypatch.setattr("api.compat.listing.MOST_CHARACTERS", 25_000)
    assert client.get("/jobs")["response"] == large[:0:-1]
    monkeypatch.setattr("api.compat.listing.MOST_CHARACTERS", 1)
    assert client.get("/jobs")["response"] == large[:1:-1]


def test_no_more_of_a_long_list_is_read_than_is_shown(client: SystemClient, database: Database) -> None:
    for _ in range(5):
        create(client, payload="x" * 100_000)
    with database.reading() as cursor:
        cursor.execute("SELECT max(id) FROM accounts")
        account_id = only_row(cursor)[0]
        first = dsw_jobs.page(cursor, account_id, before=None, limit=50, most_characters=250_000)
        assert len(first) == 2
        assert dsw_jobs.page(cursor, account_id, before=first[-1].id, limit=50, most_characters=50_000) == []
        assert len(dsw_jobs.page(cursor, account_id, before=None, limit=50, most_characters=50_000)) == 1


def test_what_is_not_shown_takes_no_room_in_the_list(client: SystemClient, monkeypatch: pytest.MonkeyPatch) -> None:
    job = create(client)
    client.api.make_job(method="PUT", payload="x" * 10_000, delay_seconds=60)
    monkeypatch.setattr("api.compat.listing.MOST_CHARACTERS", 1_000)
    assert client.get("/jobs")["response"] == [job]


def test_the_uri_for_errors_may_be_called_error_url_as_its_document_also_does(client: SystemClient) -> None:
    url = "http://127.0.0.1:9/error"
    body = {name: value for name, value in EXAMPLE.items() if name != "error_uri"}
    for names in ({"error_url": url}, {"error_url": url, "error_uri": None}, {"error_url": url, "error_uri": url}):
        answer = client.call("POST", "/jobs", body | names)
        assert (answer.status_code, answer.json["response"]["error_uri"]) == (201, url)
        assert "error_url" not in answer.json["response"]
    assert "error_url " in error_of(client.call("POST", "/jobs", EXAMPLE | {"error_url": f"{url}/other"}), 400)
    assert "error_url " in error_of(client.call("POST", "/jobs", body | {"error_url": "ftp://a/"}), 400)


def test_a_job_was_updated_when_it_was_last_begun_or_ended(client: SystemClient, database: Database) -> None:
    job = create(client, execute_at=EXAMPLE["execute_at"])
    begun = begin_job(database, job["id"])
    [running] = client.get("/jobs")["response"]
    end_begun_job(database, begun)
    [ended] = client.get("/jobs")["response"]
    assert job["updated_at"] < running["updated_at"] < ended["updated_at"]
    assert ended | {"updated_at": job["updated_at"]} == job


# Calls: what becomes of them.


def in_hours(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def due_job(client: SystemClient, target: Target, path: str, **fields: Any) -> Any:
    return create(client, uri=target.url(path), execute_at=EXAMPLE["execute_at"], **fields)


@pytest.mark.usefixtures("nothing_is_there")
def test_a_2xx_answer_to_the_post_is_a_success(client: SystemClient, target: Target, caller: Caller) -> None:
    job = due_job(client, target, "/status/204", payload={"some": "data"}, error_uri=target.url("/error"))
    caller.perform_one()
    [seen] = target.requests
    assert (seen.method, seen.path, seen.json()) == ("POST", "/status/204", {"some": "data"})
    assert client.api.get(f"/jobs/{job['id']}").json["state"] == "succeeded"


@pytest.mark.usefixtures("nothing_is_there")
@pytest.mark.parametrize("status", [400, 404, 408, 425, 429])
def test_a_4xx_answer_is_final_and_the_error_uri_is_told(
    client: SystemClient, target: Target, caller: Caller, status: int
) -> None:
    job = due_job(client, target, f"/status/{status}", payload={"some": "data"}, error_uri=target.url("/error"))
    caller.perform_one()
    assert client.api.get(f"/jobs/{job['id']}").json["state"] == "failed"
    caller.perform_one()
    _, told = target.requests
    assert (told.method, told.path, told.json()) == ("POST", "/error", {"some": "data"})
    assert caller.claim(now=in_hours(100)) == []
    assert [each["id"] for each in client.get("/jobs")["response"]] == [job["id"]]


@pytest.mark.usefixtures("nothing_is_there")
@pytest.mark.parametrize("status", [500, 503])
def test_a_5xx_answer_is_tried_three_times_more_ever_later_and_then_the_error_uri_is_told(
    client: SystemClient, target: Target, caller: Caller, status: int
) -> None:
    due_job(client, target, f"/status/{status}", payload=[1], error_uri=target.url("/status/418"))
    waits = [caller.perform_one(now=in_hours(hours)).attempt.retry_in_seconds for hours in range(4)]
    assert 8 <= (waits[0] or 0) <= 12
    assert 32 <= (waits[1] or 0) <= 48
    assert 128 <= (waits[2] or 0) <= 192
    assert waits[3] is None
    assert [seen.path for seen in target.requests] == [f"/status/{status}"] * 4
    caller.perform_one(now=in_hours(5))
    assert target.requests[4].path == "/status/418"
    assert target.requests[4].json() == [1]
    assert caller.claim(now=in_hours(100)) == []


@pytest.mark.usefixtures("nothing_is_there")
def test_a_success_after_retries_is_one(client: SystemClient, target: Target, caller: Caller) -> None:
    target.on("/hook", "status/500")
    job = due_job(client, target, "/hook", error_uri=target.url("/error"))
    caller.perform_one()
    target.on("/hook", "status/200")
    caller.perform_one(now=in_hours(1))
    assert client.api.get(f"/jobs/{job['id']}").json["state"] == "succeeded"
    assert caller.claim(now=in_hours(100)) == []


@pytest.mark.usefixtures("nothing_is_there")
def test_without_an_error_uri_nobody_is_told_of_a_failure(client: SystemClient, target: Target, caller: Caller) -> None:
    due_job(client, target, "/status/404")
    caller.perform_one()
    assert caller.claim(now=in_hours(100)) == []


@pytest.mark.usefixtures("nothing_is_there")
def test_the_calls_of_an_error_uri_follow_the_same_rules(client: SystemClient, target: Target, caller: Caller) -> None:
    due_job(client, target, "/status/404", error_uri=target.url("/status/429"))
    caller.perform_one()
    caller.perform_one()
    assert caller.claim(now=in_hours(100)) == []


@pytest.mark.usefixtures("nothing_is_there")
def test_a_job_of_our_own_interface_is_tried_again_after_a_429(
    client: SystemClient, target: Target, caller: Caller
) -> None:
    client.api.make_job(uri=target.url("/status/429"))
    assert caller.perform_one().attempt.state == "pending"


def test_a_job_is_not_called_before_its_time(client: SystemClient, database: Database) -> None:
    job = client.api.get(f"/jobs/{create(client)['id']}").json
    assert (job["state"], job["execute_at"], job["next_attempt_at"]) == ("pending", FAR, FAR)


# Through the adapter and through our own interface, the same jobs.


def test_a_job_made_here_is_seen_in_our_own_interface(client: SystemClient) -> None:
    job = create(client, payload={"a": 1}, error_uri="http://127.0.0.1:9/error")
    own = client.api.get(f"/jobs/{job['id']}").json
    assert {name: own[name] for name in ("uri", "payload", "error_uri", "execute_at", "created_at")} == {
        name: job[name] for name in ("uri", "payload", "error_uri", "execute_at", "created_at")
    }
    assert (own["method"], own["max_attempts"], own["headers"]) == ("POST", 4, {})
    assert "refusals_are_final" not in own


def test_a_job_of_our_own_interface_is_seen_here_if_it_can_be_said(client: SystemClient) -> None:
    own = client.api.make_job(uri="http://127.0.0.1:9/a", payload=[1], delay_seconds=60)
    client.api.make_job(method="PUT", delay_seconds=60)
    [job] = client.get("/jobs")["response"]
    assert job == {
        "id": own["id"],
        "error_uri": None,
        "execute_at": own["execute_at"],
        "payload": [1],
        "uri": "http://127.0.0.1:9/a",
        "created_at": own["created_at"],
        "updated_at": own["created_at"],
    }


# Errors.


@pytest.mark.parametrize("name", list(RAW))
def test_a_body_that_is_no_job_is_refused(client: SystemClient, name: str) -> None:
    message = error_of(client.call("POST", "/jobs", data=RAW[name], content_type="application/json"), 400)
    if name in NOT_OBJECTS:
        assert "must be an object" in message
    elif name in NOT_JSON:
        assert "not the JSON that we accept" in message
    else:
        assert "uri" in message
    assert client.get("/jobs")["response"] == []


@pytest.mark.parametrize("field", ["uri", "execute_at", "error_uri"])
def test_a_wrong_value_is_refused_and_its_field_named(client: SystemClient, field: str) -> None:
    for wrong in WRONG_VALUES:
        if (field, wrong) == ("error_uri", None):
            continue
        assert f"{field} " in error_of(client.call("POST", "/jobs", EXAMPLE | {field: wrong}), 400)
    assert client.get("/jobs")["response"] == []


@pytest.mark.parametrize("field", ["uri", "execute_at"])
def test_a_field_that_is_missing_is_named(client: SystemClient, field: str) -> None:
    body = {name: value for name, value in EXAMPLE.items() if name != field}
    assert f"{field} " in error_of(client.call("POST", "/jobs", body), 400)


@pytest.mark.parametrize("time", ["2018-10-01", "2018-10-01T00:00:00", "2018-13-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_is_none_is_refused(client: SystemClient, time: str) -> None:
    assert "execute_at" in error_of(client.call("POST", "/jobs", EXAMPLE | {"execute_at": time}), 400)


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "ftp://a/", "http://u:p@a/", "/x", ""])
@pytest.mark.parametrize("field", ["uri", "error_uri"])
def test_a_url_that_may_not_be_called_is_refused(client: SystemClient, field: str, url: str) -> None:
    assert f"{field} " in error_of(client.call("POST", "/jobs", EXAMPLE | {field: url}), 400)


def test_a_member_that_nobody_asks_for_is_passed_over(client: SystemClient) -> None:
    job = create(client, id="x", created_at=5, nested={"a": [1]})
    assert job["id"] != "x"


def test_a_body_of_another_type_or_size_is_bad_input_too(client: SystemClient) -> None:
    error_of(client.call("POST", "/jobs", data=b"", content_type="application/json"), 400)
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "\xff", ""):
        error_of(client.call("POST", "/jobs", data=json.dumps(EXAMPLE), content_type=content_type), 400)
    large = b'"' + b"x" * 1_048_577 + b'"'
    error_of(client.call("POST", "/jobs", data=large, content_type="application/json"), 400)


@pytest.mark.parametrize("path", ["/nothing", "/jobs/1", "/jobs/x/y"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_that_leads_nowhere_is_not_found(client: SystemClient, method: str, path: str) -> None:
    error_of(client.call(method, path), 404)


def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(client: SystemClient) -> None:
    answer = client.call("PATCH", "/jobs")
    error_of(answer, 405)
    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(",", " ").split())


@pytest.mark.parametrize("authorization", [None, "", "Bearer rk_absent_key", "Basic !", "nonsense"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_valid_key_there_are_no_jobs(api: ApiClient, method: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    error_of(SystemClient(api.without_key(), PREFIX).call(method, "/jobs", EXAMPLE, headers=headers), 401)


def test_the_database_away_is_told_in_this_systems_shape(
    client: SystemClient, app_with: Callable[..., ApiClient]
) -> None:
    away = SystemClient(
        ApiClient(app_with(database_url="postgresql:///none?host=/nonexistent").client, client.api.key), PREFIX
    )
    answer = away.call("POST", "/jobs", EXAMPLE)
    error_of(answer, 503)
    assert int(answer.headers["Retry-After"]) >= 1
    assert away.get("/health") == HEALTHY


def test_an_accident_is_told_without_its_cause(client: SystemClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.compat.dsw._object", lambda _: 1 / 0)
    assert "division" not in error_of(client.call("POST", "/jobs", EXAMPLE), 500)


# Accounts.


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_no_account_sees_or_changes_jobs_of_another(
    client: SystemClient, api: ApiClient, route: tuple[str, str]
) -> None:
    job = create(client)
    stranger = SystemClient(api.signed_up(), PREFIX)
    answer = stranger.call(*route, EXAMPLE)
    assert answer.status_code in (200, 201)
    assert job["id"] not in answer.text
    assert client.get("/jobs")["response"] == [job]


def test_these_are_the_documented_routes() -> None:
    assert ROUTES == [("GET", "/"), ("GET", "/health"), ("GET", "/jobs"), ("POST", "/jobs")]
