"""The Python client against the real API."""

from collections.abc import Iterator

import pytest
import requests

from roundsman.client import Client
from roundsman.errors import Conflict, Invalid, NotFound, Unauthorized
from tests.processes import RunningApi
from tests.roundsman.command_line import environment_of, typed

DEFINITION = {"name": "to-do API", "worker_url": "http://127.0.0.1:9/"}


@pytest.fixture(scope="module")
def api(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(environment=environment, log=tmp_path_factory.mktemp("api") / "log") as running:
        yield running


@pytest.fixture
def client(api: RunningApi) -> Iterator[Client]:
    """A client with a fresh account."""
    with Client(api.url) as nobody:
        key = nobody.keys.create("test")["api_key"]
    with Client(api.url, key) as client:
        yield client


def test_keys_are_made_listed_and_revoked(api, client):
    second = client.keys.create("laptop")
    assert [each["name"] for each in client.keys.each()] == ["test", "laptop"]
    client.keys.revoke(second["id"])
    assert [each["name"] for each in client.keys.page()["data"]] == ["test"]
    client.keys.revoke_own()
    with pytest.raises(Unauthorized):
        client.keys.page()


def test_a_link_logs_in_to_the_dashboard_once(client):
    link = client.keys.login_link()
    first, second = (requests.get(link, allow_redirects=False, timeout=10) for _ in range(2))
    assert (first.status_code, first.headers["Location"]) == (303, "/ui")
    assert second.status_code == 200, "the form that asks for a key"


def test_the_command_ui_prints_such_a_link(api, client):
    key = client.keys.create("terminal")["api_key"]
    printed = typed("ui", environment={"ROUNDSMAN_URL": api.url, "ROUNDSMAN_API_KEY": key})
    assert printed.exit_code == 0
    assert requests.get(printed.stdout.strip(), allow_redirects=False, timeout=10).headers["Location"] == "/ui"


def test_checklists_are_created_found_replaced_and_deleted(client):
    created = client.checklists.create(DEFINITION)
    assert client.checklists.get(created["id"]) == created
    assert client.checklists.named("to-do API") == created
    assert client.checklists.named("another") is None
    replaced = client.checklists.replace(created["id"], {**DEFINITION, "timeout_seconds": 5})
    assert replaced["timeout_seconds"] == 5
    assert list(client.checklists.each()) == [replaced]
    client.checklists.delete(created["id"])
    with pytest.raises(NotFound):
        client.checklists.get(created["id"])


def test_a_creation_repeated_with_its_key_is_one_creation(client):
    first = client.checklists.create(DEFINITION, idempotency_key="once")
    assert client.checklists.create(DEFINITION, idempotency_key="once") == first
    with pytest.raises(Conflict):
        client.checklists.create(DEFINITION)


def test_what_is_not_valid_is_told_by_json_pointer(client):
    with pytest.raises(Invalid) as raised:
        client.checklists.create({"name": 5, "worker_url": "ftp://x"})
    assert {each.pointer for each in raised.value.errors} == {"/name", "/worker_url"}


def test_snapshots_are_set_read_and_forgotten(client):
    checklist_id = client.checklists.create(DEFINITION)["id"]
    for value in ([1], [1, 2]):
        client.snapshots.set(checklist_id, [{"name": "list", "snapshots": [{"name": "all", "value": value}]}])
    (current,) = client.snapshots.each(checklist_id)
    assert (current["flow"], current["name"], current["value"]) == ("list", "all", [1, 2])
    assert [each["value"] for each in client.snapshots.history(checklist_id, "list", "all")] == [[1, 2], [1]]
    client.snapshots.forget(checklist_id, [{"name": "list", "snapshots": ["all"]}])
    assert client.snapshots.page(checklist_id)["data"] == []


def test_a_run_is_started_once_listed_and_canceled(client):
    checklist_id = client.checklists.create(DEFINITION)["id"]
    run = client.runs.start(checklist_id, variables={"user": "ada"}, idempotency_key="once")
    assert client.runs.start(checklist_id, variables={"user": "ada"}, idempotency_key="once")["id"] == run["id"]
    assert [each["id"] for each in client.runs.each(checklist_id=checklist_id, state="pending")] == [run["id"]]
    with pytest.raises(Conflict):
        client.runs.accept(run["id"])
    assert client.runs.cancel(run["id"])["state"] == "canceled"
    assert client.runs.wait(run["id"], seconds=5)["state"] == "canceled"


def test_schedules_are_created_steered_triggered_and_deleted(client):
    body = {"name": "s", "cron": "@daily", "checklist_id": client.checklists.create(DEFINITION)["id"]}
    created = client.schedules.create(body, idempotency_key="once")
    assert client.schedules.create(body, idempotency_key="once") == created
    with pytest.raises(Conflict):
        client.schedules.create(body)
    id = created["id"]
    assert client.schedules.get(id) == client.schedules.named("s") == created
    assert client.schedules.preview(body)["instants"][0]["utc"] == created["next_run_at"]
    assert client.schedules.pause(id, note="why")["note"] == "why"
    assert [each["id"] for each in client.schedules.each(state="paused")] == [id]
    assert client.schedules.resume(id)["state"] == "active"
    assert client.schedules.skip_next(id)["skip_next"] is True
    run = client.schedules.trigger(id, idempotency_key="now")
    assert (run["schedule_id"], run["trigger"]) == (id, "manual")
    assert client.schedules.trigger(id, idempotency_key="now")["id"] == run["id"]
    assert client.schedules.get(id)["last"]["id"] == run["id"]
    assert client.schedules.replace(id, {**body, "cron": "@hourly"})["cron"] == "@hourly"
    assert list(client.schedules.occurrences(id)) == []
    client.schedules.delete(id)
    with pytest.raises(NotFound):
        client.schedules.get(id)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ({"checklist_id": None}, "runs"),
        ({"uri": "http://127.0.0.1:9/x", "payload": {"n": 1}}, "jobs"),
        ({"queue": "mail", "payload": {"n": 1}}, "tasks"),
    ],
    ids=["run", "job", "task"],
)
def test_whatever_a_schedule_begins_can_be_triggered(client, target, kind):
    if kind == "runs":
        target = {"checklist_id": client.checklists.create(DEFINITION)["id"]}
    id = client.schedules.create({"cron": "@daily", **target})["id"]
    begun = client.schedules.trigger(id)
    assert (begun["schedule_id"], begun["state"]) == (id, "pending")
    assert getattr(client, kind).get(begun["id"])["id"] == begun["id"]


def test_a_schedule_that_is_not_valid_is_told_by_json_pointer(client):
    with pytest.raises(Invalid) as raised:
        client.schedules.preview({"cron": "*/0 * * * *", "timezone": "../etc"})
    assert {each.pointer for each in raised.value.errors} == {"/cron", "/timezone"}


def test_schedules_are_listed_and_shown_by_the_command(api, client):
    checklist_id = client.checklists.create(DEFINITION)["id"]
    client.schedules.create({"name": "s", "interval_seconds": 3600, "checklist_id": checklist_id})
    access = environment_of(api.url, client.keys.create("cli")["api_key"])
    for command in (["schedules"], ["schedules", "show", "s"], ["schedules", "preview", "--every", "3600"]):
        result = typed(*command, environment=access)
        assert result.exit_code == 0
        assert "Every hour" in result.stdout


def test_pages_go_on_where_the_last_one_ended(client):
    checklist_id = client.checklists.create(DEFINITION)["id"]
    started = [client.runs.start(checklist_id)["id"] for _ in range(5)]
    first = client.runs.page(limit=2)
    second = client.runs.page(limit=2, cursor=first["next_cursor"])
    assert [each["id"] for each in (*first["data"], *second["data"])] == started[:0:-1]
    assert [each["id"] for each in client.runs.each(most=3)] == started[:1:-1]
