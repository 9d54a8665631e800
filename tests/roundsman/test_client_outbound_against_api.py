"""The Python client's and the command's jobs, webhooks, deliveries and events against the real API."""

from collections.abc import Iterator

import pytest

from roundsman.client import Client
from roundsman.errors import Conflict, Invalid, NotFound
from roundsman.webhooks import signing_key
from tests.processes import RunningApi
from tests.roundsman.command_line import environment_of, typed

JOB = {"uri": "http://127.0.0.1:9/remind", "delay_seconds": 3600, "payload": {"who": "ada"}}
WEBHOOK = {"url": "http://127.0.0.1:9/hook", "event_types": ["run.finished", "schedule.paused"]}


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


def test_jobs_are_created_once_listed_canceled_and_deleted(client):
    job = client.jobs.create(JOB, idempotency_key="once")
    assert client.jobs.create(JOB, idempotency_key="once") == job
    assert client.jobs.get(job["id"]) == job
    assert (job["payload"], job["attempts"]) == ({"who": "ada"}, [])
    assert [each["id"] for each in client.jobs.each(state="pending")] == [job["id"]]
    with pytest.raises(Conflict):
        client.jobs.retry(job["id"])
    assert client.jobs.cancel(job["id"])["state"] == "canceled"
    assert client.jobs.wait(job["id"], seconds=5)["state"] == "canceled"
    client.jobs.delete(job["id"])
    with pytest.raises(NotFound):
        client.jobs.get(job["id"])


def test_a_job_that_is_not_valid_is_told_by_json_pointer(client):
    with pytest.raises(Invalid) as raised:
        client.jobs.create({"uri": "ftp://x", "method": "DANCE"})
    assert {each.pointer for each in raised.value.errors} == {"/uri", "/method"}


def test_webhooks_are_created_once_rotated_replaced_and_deleted(client):
    made = client.webhooks.create(WEBHOOK, idempotency_key="once")
    assert client.webhooks.create(WEBHOOK, idempotency_key="once") == made
    assert len(signing_key(made["secret"])) == 24
    rotated = client.webhooks.rotate_secret(made["id"], idempotency_key="another")
    assert rotated["secret"] != made["secret"]
    assert client.webhooks.rotate_secret(made["id"], idempotency_key="another")["secret"] == rotated["secret"]
    assert "secret" not in client.webhooks.get(made["id"])
    assert client.webhooks.replace(made["id"], {**WEBHOOK, "enabled": False})["enabled"] is False
    assert [each["id"] for each in client.webhooks.each(enabled=False)] == [made["id"]]
    assert list(client.webhooks.each(enabled=True)) == []
    client.webhooks.delete(made["id"])
    with pytest.raises(NotFound):
        client.webhooks.get(made["id"])


def test_a_test_is_a_delivery_of_an_event_and_can_be_replayed(client):
    webhook_id = client.webhooks.create(WEBHOOK)["id"]
    sent = client.webhooks.test(webhook_id, idempotency_key="once")
    assert client.webhooks.test(webhook_id, idempotency_key="once")["id"] == sent["id"]
    assert (sent["event_type"], sent["inert"], sent["max_attempts"]) == ("webhook.test", True, 1)
    again = client.deliveries.replay(sent["id"])
    assert (again["replay_of"], again["event_id"]) == (sent["id"], sent["event_id"])
    newest_first = [again["id"], sent["id"]]
    assert [each["id"] for each in client.webhooks.deliveries(webhook_id)] == newest_first
    of_event = client.deliveries.each(webhook_id=webhook_id, event_id=sent["event_id"], state="pending")
    assert [each["id"] for each in of_event] == newest_first
    assert client.deliveries.get(sent["id"])["attempts"] == []
    event = client.events.get(sent["event_id"])
    assert (event["type"], event["data"]) == ("webhook.test", {"webhook_id": webhook_id})
    assert list(client.events.each(type="webhook.test")) == [event]


def test_what_the_commands_create_they_list_and_show(api, client):
    access = environment_of(api.url, client.keys.create("cli")["api_key"])

    def command(*arguments: str) -> str:
        result = typed(*arguments, environment=access)
        assert result.exit_code == 0, result.output
        return result.stdout

    created = command("jobs", "create", JOB["uri"], "--delay", "3600", "--payload", '{"who": "ada"}')
    job_id = created.removeprefix("created: ").strip()
    assert job_id in command("jobs")
    assert '{"who": "ada"}' in command("jobs", "show", job_id)
    assert command("jobs", "cancel", job_id) == f"canceled: {job_id}\n"
    made = command("webhooks", "create", WEBHOOK["url"], "--type", "run.finished")
    assert signing_key(made.split()[-1])
    (webhook,) = client.webhooks.each()
    delivery = client.webhooks.test(webhook["id"])
    assert "run.finished" in command("webhooks")
    assert delivery["id"] in command("webhooks", "deliveries", str(webhook["id"]))
    assert delivery["id"] in command("deliveries")
    assert delivery["event_id"] in command("deliveries", "show", delivery["id"])
    assert delivery["event_id"] in command("events", "--type", "webhook.test")
    assert command("webhooks", "delete", str(webhook["id"])) == f"deleted: {webhook['id']}\n"
