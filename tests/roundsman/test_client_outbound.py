"""The Python client's jobs, webhooks, deliveries and events."""

from collections.abc import Iterator

import pytest

from roundsman.client import Client
from roundsman.errors import NotFound, ServerUnreachable, UnexpectedAnswer
from tests.roundsman.outbound_objects import (
    DELIVERY_ID,
    EVENT_ID,
    JOB_ID,
    SECRET,
    a_delivery,
    a_job,
    a_pending_job,
    a_webhook,
    an_event,
)
from tests.roundsman.stub_service import LOST, Answer, StubService, ok, page

DEFINITION = {"url": "http://127.0.0.1:9/hook", "event_types": ["*"]}


@pytest.fixture
def service() -> Iterator[StubService]:
    with StubService() as stub:
        yield stub


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(service: StubService, pauses: list[float]) -> Iterator[Client]:
    with Client(service.url, "rk_a_b", pause=pauses.append, clock=lambda: sum(pauses)) as client:
        yield client


@pytest.mark.parametrize(
    ("route", "answer", "call"),
    [
        ("POST /jobs", Answer(201, a_job()), lambda client: client.jobs.create({"uri": "http://x/"})),
        (f"POST /jobs/{JOB_ID}/retry", ok(a_job()), lambda client: client.jobs.retry(JOB_ID)),
        ("POST /webhooks", Answer(201, a_webhook(secret=SECRET)), lambda client: client.webhooks.create(DEFINITION)),
        (
            "POST /webhooks/5/rotate-secret",
            ok(a_webhook(secret=SECRET)),
            lambda client: client.webhooks.rotate_secret(5),
        ),
        ("POST /webhooks/5/test", Answer(202, a_delivery()), lambda client: client.webhooks.test(5)),
        (
            f"POST /deliveries/{DELIVERY_ID}/replay",
            Answer(202, a_delivery()),
            lambda client: client.deliveries.replay(DELIVERY_ID),
        ),
    ],
    ids=["job", "retry", "webhook", "rotation", "test", "replay"],
)
def test_what_begins_something_is_sent_again_with_the_same_key_when_the_answer_was_lost(
    service, client, route, answer, call
):
    service.on(route, LOST, answer)
    assert call(client) == answer.body
    keys = {each.headers["idempotency-key"] for each in service.asked_for(route)}
    assert len(service.asked_for(route)) == 2
    assert len(keys) == 1
    call(client)
    assert service.asked[-1].headers["idempotency-key"] not in keys


def test_a_key_of_the_callers_own_is_used(service, client):
    service.on("POST /jobs", Answer(201, a_job()))
    client.jobs.create({"uri": "http://x/"}, wait_seconds=30, idempotency_key="once")
    assert service.asked[0].headers["idempotency-key"] == "once"
    assert service.asked[0].headers["prefer"] == "wait=30"


def test_what_has_another_effect_each_time_is_not_sent_twice(service, client):
    for route in ("DELETE /webhooks/5", f"DELETE /jobs/{JOB_ID}"):
        service.on(route, LOST)
    for call in (
        lambda: client.webhooks.delete(5),
        lambda: client.jobs.delete(JOB_ID),
    ):
        with pytest.raises(ServerUnreachable):
            call()
    assert len(service.asked) == 2


def test_lists_are_asked_for_with_their_filters(service, client):
    service.on("GET /jobs", page(a_job()))
    service.on("GET /webhooks", page(a_webhook()))
    service.on("GET /deliveries", page(a_delivery()))
    service.on("GET /webhooks/5/deliveries", page(a_delivery()))
    service.on("GET /events", page(an_event()))
    assert [each["id"] for each in client.jobs.each(state="failed", schedule_id=7)] == [JOB_ID]
    assert client.jobs.page(limit=3, cursor="c")["next_cursor"] is None
    assert [each["id"] for each in client.webhooks.each(enabled=False)] == [5]
    assert client.webhooks.page(enabled=True)["data"] == [a_webhook()]
    assert [each["id"] for each in client.deliveries.each(webhook_id=5, event_id=EVENT_ID)] == [DELIVERY_ID]
    assert client.deliveries.page(state="failed")["data"] == [a_delivery()]
    assert [each["id"] for each in client.webhooks.deliveries(5, most=2)] == [DELIVERY_ID]
    assert [each["id"] for each in client.events.each(type="run.finished")] == [EVENT_ID]
    assert client.events.page()["data"] == [an_event()]
    assert [f"{each.path}?{each.query}" for each in service.asked] == [
        "/jobs?limit=50&state=failed&schedule_id=7",
        "/jobs?limit=3&cursor=c",
        "/webhooks?limit=50&enabled=false",
        "/webhooks?limit=50&enabled=true",
        f"/deliveries?limit=50&webhook_id=5&event_id={EVENT_ID}",
        "/deliveries?limit=50&state=failed",
        "/webhooks/5/deliveries?limit=2",
        "/events?limit=50&type=run.finished",
        "/events?limit=50",
    ]


def test_single_ones_are_read_replaced_and_canceled(service, client):
    service.on(f"GET /jobs/{JOB_ID}", ok(a_job()))
    service.on(f"POST /jobs/{JOB_ID}/cancel", ok(a_job(state="canceled")))
    service.on("GET /webhooks/5", ok(a_webhook()))
    service.on("PUT /webhooks/5", ok(a_webhook(enabled=False)))
    service.on("POST /webhooks/5/rotate-secret", ok(a_webhook(secret=SECRET)))
    service.on(f"GET /deliveries/{DELIVERY_ID}", ok(a_delivery()))
    service.on(f"GET /events/{EVENT_ID}", ok(an_event()))
    assert client.jobs.get(JOB_ID)["attempts"][0]["elapsed_ms"] == 35
    assert client.jobs.cancel(JOB_ID)["state"] == "canceled"
    assert client.webhooks.get(5)["url"] == DEFINITION["url"]
    assert client.webhooks.replace(5, {**DEFINITION, "enabled": False})["enabled"] is False
    assert client.webhooks.rotate_secret(5)["secret"] == SECRET
    assert client.deliveries.get(DELIVERY_ID)["event_id"] == EVENT_ID
    assert client.events.get(EVENT_ID)["data"] == {"outcome": "changed"}


def test_an_answer_without_its_secret_is_noticed(service, client):
    service.on("POST /webhooks", Answer(201, a_webhook()))
    with pytest.raises(UnexpectedAnswer, match="lacks secret"):
        client.webhooks.create(DEFINITION)


def test_waiting_looks_ever_less_often_until_the_job_has_ended(service, client, pauses):
    service.on(f"GET /jobs/{JOB_ID}", *[ok(a_pending_job())] * 4, ok(a_job()))
    states = []
    assert client.jobs.wait(JOB_ID, seconds=60, watch=lambda job: states.append(job["state"]))["state"] == "succeeded"
    assert states == ["pending"] * 4 + ["succeeded"]
    assert pauses == sorted(pauses)
    assert len(pauses) == 4


def test_waiting_ends_when_its_time_is_over(service, client, pauses):
    service.on(f"GET /deliveries/{DELIVERY_ID}", ok(a_delivery(state="pending")))
    assert client.deliveries.wait(DELIVERY_ID, seconds=7)["state"] == "pending"
    assert sum(pauses) == pytest.approx(7)


def test_waiting_outlives_a_restart_of_the_service(service, client):
    service.on(f"GET /jobs/{JOB_ID}", *[LOST] * 6, ok(a_job()))
    assert client.jobs.wait(JOB_ID, seconds=60)["state"] == "succeeded"


def test_an_id_stays_within_its_place_in_the_path(service, client):
    for get in (client.jobs.get, client.deliveries.get, client.events.get):
        with pytest.raises(NotFound):
            get("../api-keys?x=1")
    assert [each.path for each in service.asked] == [
        f"/{kind}/..%2Fapi-keys%3Fx%3D1" for kind in ("jobs", "deliveries", "events")
    ]
