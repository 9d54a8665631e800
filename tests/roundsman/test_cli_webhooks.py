"""`roundsman webhooks`, `deliveries` and `events`."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.roundsman.command_line import environment_of, typed
from tests.roundsman.outbound_objects import DELIVERY_ID, EVENT_ID, SECRET, a_delivery, a_webhook, an_attempt, an_event
from tests.roundsman.stub_service import Answer, StubService, ok, page, problem

TEST = "POST /webhooks/5/test"
REPLAY = f"POST /deliveries/{DELIVERY_ID}/replay"


@pytest.fixture
def service() -> Iterator[StubService]:
    answers = {
        "GET /webhooks": page(
            a_webhook(description="the pager"),
            a_webhook(id=6, event_types=["run.finished", "job.failed"], failing_since="2026-03-01T12:00:00Z"),
            a_webhook(id=7, enabled=False, disabled_reason="it answered 410"),
        ),
        "POST /webhooks": Answer(201, a_webhook(secret=SECRET)),
        "DELETE /webhooks/5": Answer(204),
        TEST: ok(a_delivery(event_type="webhook.test", inert=True)),
        "GET /webhooks/5/deliveries": page(a_delivery()),
        "GET /deliveries": page(a_delivery(), a_delivery(state="failed", error="timed out", webhook_id=None)),
        f"GET /deliveries/{DELIVERY_ID}": ok(a_delivery()),
        REPLAY: ok(a_delivery(replay_of=DELIVERY_ID, inert=True, max_attempts=1)),
        "GET /events": page(an_event()),
    }
    with StubService(answers) as stub:
        yield stub


@pytest.fixture
def environment(service: StubService) -> dict[str, str]:
    return environment_of(service.url)


def test_webhooks_are_listed_with_what_they_are_told_and_how_they_do(environment):
    result = typed("webhooks", environment=environment)
    assert result.exit_code == 0
    _, first, failing, disabled = result.stdout.splitlines()
    assert first.split() == ["5", "http://127.0.0.1:9/hook", "everything", "enabled", "the", "pager"]
    assert "run.finished, job.failed  failing since 2026-03-01T12:00:00Z (" in failing
    assert disabled.rstrip().endswith("disabled: it answered 410")


def test_the_secret_of_a_new_webhook_is_printed_and_said_to_be_shown_once(service, environment):
    result = typed("webhooks", "create", "http://127.0.0.1:9/hook", environment=environment)
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "webhook 5: http://127.0.0.1:9/hook is told everything",
            f"secret, which is shown this once: {SECRET}",
        ],
    )
    (asked,) = service.asked_for("POST /webhooks")
    assert asked.body == {"url": "http://127.0.0.1:9/hook", "event_types": ["*"]}
    assert asked.headers["idempotency-key"]


def test_a_webhook_is_told_the_types_that_are_asked_for(service, environment):
    types = ["--type", "run.finished", "--type", "job.failed", "--description", "the pager"]
    result = typed("webhooks", "create", "http://127.0.0.1:9/hook", *types, "--json", environment=environment)
    assert json.loads(result.stdout)["secret"] == SECRET
    body = service.asked_for("POST /webhooks")[0].body
    assert body["event_types"] == ["run.finished", "job.failed"]
    assert body["description"] == "the pager"


def test_a_webhook_is_deleted(service, environment):
    assert typed("webhooks", "delete", "5", environment=environment).stdout == "deleted: 5\n"
    assert len(service.asked_for("DELETE /webhooks/5")) == 1


def test_what_came_of_a_test_is_printed(service, environment):
    result = typed("webhooks", "test", "5", environment=environment)
    assert result.exit_code == 0
    assert result.stdout.startswith("webhook.test to webhook 5: succeeded\n")
    assert result.stdout.splitlines()[-1].split() == [
        *("1", "2026-03-01T12:00:00Z", "35", "ms", "succeeded", "200", "thanks")
    ]
    (asked,) = service.asked_for(TEST)
    assert asked.headers["prefer"] == "wait=25"
    assert asked.headers["idempotency-key"]


def test_a_test_that_was_not_delivered_exits_with_1_and_one_that_goes_on_with_3(service, environment):
    refused = an_attempt(outcome="failed", status_code=500, error="500 Internal Server Error")
    service.on(TEST, ok(a_delivery(state="failed", error="500 Internal Server Error", attempts=[refused])))
    failed = typed("webhooks", "test", "5", environment=environment)
    assert failed.exit_code == 1
    assert "500 Internal Server Error" in failed.stdout
    service.on(TEST, Answer(202, a_delivery(state="running", finished_at=None)))
    running = typed("webhooks", "test", "5", environment=environment)
    assert running.exit_code == 3
    assert f"still running; `roundsman deliveries show {DELIVERY_ID}`" in running.stderr


def test_deliveries_of_a_webhook_are_listed(service, environment):
    line = typed("webhooks", "deliveries", "5", "--limit", "3", environment=environment).stdout.splitlines()[1]
    expected = [DELIVERY_ID, "5", "run.finished", "succeeded", "1", "of", "8", "2026-03-01T12:00:00Z"]
    assert line.split() == expected
    assert service.asked[0].query == "limit=3"


def test_deliveries_are_listed_and_filtered_by_the_service(service, environment):
    result = typed("deliveries", "--webhook", "5", "--state", "failed", environment=environment)
    assert result.stdout.splitlines()[2].split()[1:4] == ["deleted", "run.finished", "failed"]
    assert service.asked_for("GET /deliveries")[0].query == "limit=20&webhook_id=5&state=failed"


def test_a_delivery_is_shown_with_its_attempts(service, environment):
    attempts = [
        an_attempt(1, outcome="failed", status_code=None, error="connection refused"),
        an_attempt(2, started_at="2026-03-01T12:05:00.035Z"),
    ]
    service.on(f"GET /deliveries/{DELIVERY_ID}", ok(a_delivery(attempts=attempts, attempt_count=2)))
    result = typed("deliveries", "show", DELIVERY_ID, environment=environment)
    assert result.exit_code == 0
    assert f"  event: {EVENT_ID}\n" in result.stdout
    first, second = result.stdout.splitlines()[-2:]
    assert first.rstrip().endswith("35 ms  failed             connection refused")
    assert second.split()[2:4] == ["5", "min"]


def test_a_delivery_is_replayed_and_what_came_of_it_is_printed(service, environment):
    result = typed("deliveries", "replay", DELIVERY_ID, environment=environment)
    assert result.exit_code == 0
    assert f"  replay of: {DELIVERY_ID}\n" in result.stdout
    assert service.asked_for(REPLAY)[0].headers["prefer"] == "wait=25"
    service.on(REPLAY, problem(409, "its webhook is gone"))
    gone = typed("deliveries", "replay", DELIVERY_ID, environment=environment)
    assert (gone.exit_code, gone.stderr) == (4, "Error: its webhook is gone\n")


def test_events_are_listed_by_type(service, environment):
    result = typed("events", "--type", "run.finished", environment=environment)
    assert result.exit_code == 0
    line = result.stdout.splitlines()[1]
    assert line.split() == [EVENT_ID, "run.finished", "2026-03-01T12:00:00Z", '{"outcome":', '"changed"}']
    assert service.asked_for("GET /events")[0].query == "limit=20&type=run.finished"


def test_all_of_it_is_json_when_asked_for(environment):
    def printed(*arguments: str) -> Any:
        return json.loads(typed(*arguments, "--json", environment=environment).stdout)

    assert len(printed("webhooks")) == 3
    assert printed("webhooks", "test", "5")["event_type"] == "webhook.test"
    assert printed("webhooks", "deliveries", "5") == [a_delivery()]
    assert len(printed("deliveries")) == 2
    assert printed("deliveries", "show", DELIVERY_ID) == a_delivery()
    assert printed("deliveries", "replay", DELIVERY_ID)["replay_of"] == DELIVERY_ID
    assert printed("events") == [an_event()]


@pytest.mark.parametrize(
    "arguments",
    [
        *(["webhooks", "create"], ["webhooks", "test", "five"], ["webhooks", "delete", "0"], ["webhooks", "dance"]),
        *(["deliveries", "show", "7"], ["deliveries", "--state", "done"], ["events", "--limit", "0"]),
        *(["webhooks", "listen", "--status", "100"], ["webhooks", "listen", "--port", "65536"]),
        ["webhooks", "listen", "--secret", "whsec_"],
        ["webhooks", "listen", "--secret", SECRET, "--type", "run.finished"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(service, environment, arguments):
    assert typed(*arguments, environment=environment).exit_code == 2
    assert service.asked == []


def test_nothing_of_them_acts_on_the_terminal(service, environment):
    hostile = "\x1b[2J[bold]\u202e\nx"
    service.on("GET /webhooks", page(a_webhook(url=hostile, description=hostile, event_types=[hostile])))
    service.on("POST /webhooks", Answer(201, a_webhook(url=hostile, secret=hostile)))
    hostile_attempt = an_attempt(error=hostile, outcome=hostile, started_at=hostile)
    delivery = a_delivery(event_type=hostile, error=hostile, state="failed", attempts=[hostile_attempt])
    service.on("GET /deliveries", page(delivery))
    service.on(f"GET /deliveries/{DELIVERY_ID}", ok(delivery))
    service.on("GET /events", page(an_event(type=hostile, timestamp=hostile, data={hostile: hostile})))
    commands = ["webhooks", "webhooks create x", "deliveries", f"deliveries show {DELIVERY_ID}", "events"]
    for command in commands:
        result = typed(*command.split(), environment=environment)
        assert result.exit_code == 0
        assert not set(result.stdout) & {"\x1b", "\u202e"}
        assert r"\x1b[2J[bold]" in result.stdout
