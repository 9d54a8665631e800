"""Webhooks that are rotated, disabled, deleted or gone while they are being told: by a client, by time, in a crash."""

import signal
from collections.abc import Sequence
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from shared.crash_points import CrashPoint
from shared.database import Database
from tests.processes import RunningApi, wait_until
from tests.reliability.checker import check
from tests.reliability.conftest import HeldTarget, Start, end_leases, outcomes, seconds_between, tell
from tests.target import Seen, Target

DISABLE_SECONDS = 0.4


@pytest.fixture(scope="module")
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "ROUNDSMAN_WEBHOOK_RETRY_SECONDS": ",".join(["0.1"] * 29)}


def a_webhook(service: RunningApi, receiver: Target, path: str, *types: str, **fields: Any) -> Any:
    wanted = {"url": receiver.url(path), "event_types": list(types) or ["job.succeeded"]}
    return service.make("/webhooks", wanted | fields)


def a_job(service: RunningApi, target: Target) -> str:
    return str(service.make("/jobs", {"uri": target.url("/")})["id"])


def read(service: RunningApi, path: str) -> Any:
    return service.call("GET", path).json()


def replace(service: RunningApi, webhook: Any, *, enabled: bool) -> Any:
    body = {name: webhook[name] for name in ("url", "event_types")} | {"enabled": enabled}
    answer = service.call("PUT", f"/webhooks/{webhook['id']}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def deliveries_of(service: RunningApi, webhook: Any) -> list[Any]:
    """Newest first."""
    found: list[Any] = read(service, f"/webhooks/{webhook['id']}/deliveries")["data"]
    return found


def at(path: str, requests: Sequence[Seen]) -> list[Seen]:
    return [seen for seen in requests if seen.path == path]


def is_signed_with(seen: Seen, secret: str) -> bool:
    try:
        Webhook(secret).verify(seen.body, dict(seen.headers))
    except WebhookVerificationError:
        return False
    return True


def record_of(webhook: Any) -> tuple[bool, Any, Any, Any]:
    return webhook["enabled"], webhook["failing_since"], webhook["disabled_at"], webhook["disabled_reason"]


CLEAN = (True, None, None, None)


def test_webhooks_changed_between_two_attempts_are_told_as_they_are_now_or_not_at_all(
    account: RunningApi, target: Target, hooks: Target, start: Start, database: Database
) -> None:
    names = ("rotated", "disabled", "deleted", "gone")
    for name in names:
        hooks.on(f"/{name}", "status/500")
    made = {name: a_webhook(account, hooks, f"/{name}") for name in names}
    a_webhook(account, hooks, "/witness", "webhook.disabled")
    start("scheduler")
    start("worker")
    first_job = a_job(account, target)
    wait_until(lambda: all(at(f"/{name}", hooks.requests) for name in names), "each has refused it once")
    delivery = {name: deliveries_of(account, made[name])[0]["id"] for name in names}
    new_secret = account.make(f"/webhooks/{made['rotated']['id']}/rotate-secret")["secret"]
    replace(account, made["disabled"], enabled=False)
    assert account.call("DELETE", f"/webhooks/{made['deleted']['id']}").status_code == 204
    hooks.on("/rotated", "ok")
    hooks.on("/gone", "status/410")
    check(database, [first_job, *delivery.values()], target, hooks)

    ends = {name: read(account, f"/deliveries/{id}") for name, id in delivery.items()}
    assert {name: end["state"] for name, end in ends.items()} == {
        "rotated": "succeeded",
        "disabled": "canceled",
        "deleted": "canceled",
        "gone": "failed",
    }
    refused, *_, taken = at("/rotated", hooks.requests)
    assert refused.header("webhook-id") == taken.header("webhook-id")
    assert is_signed_with(refused, made["rotated"]["secret"])
    assert not is_signed_with(refused, new_secret)
    assert is_signed_with(taken, made["rotated"]["secret"])
    assert is_signed_with(taken, new_secret)
    assert [ends[name]["error"] for name in ("disabled", "deleted")] == [
        "the webhook was disabled",
        "the webhook was deleted",
    ]
    assert ends["gone"]["attempts"][-1]["status_code"] == 410
    gone = read(account, f"/webhooks/{made['gone']['id']}")
    assert (gone["enabled"], gone["disabled_reason"]) == (False, "it answered 410 Gone")
    [told] = at("/witness", hooks.requests)
    assert (told.json()["type"], told.json()["data"]["webhook_id"]) == ("webhook.disabled", gone["id"])

    silent = {name: len(at(f"/{name}", hooks.requests)) for name in names}
    for name in ("disabled", "gone"):
        hooks.on(f"/{name}", "ok")
        assert record_of(replace(account, made[name], enabled=True)) == CLEAN
    second_job = a_job(account, target)
    check(database, [first_job, second_job], target, hooks)
    for name in ("rotated", "disabled", "gone"):
        newest, before = deliveries_of(account, made[name])
        assert (newest["state"], newest["attempt_count"]) == ("succeeded", 1)
        assert (before["id"], before["state"]) == (delivery[name], ends[name]["state"])
        assert len(at(f"/{name}", hooks.requests)) == silent[name] + 1
        assert record_of(read(account, f"/webhooks/{made[name]['id']}")) == CLEAN
    assert len(at("/deleted", hooks.requests)) == silent["deleted"]


def test_deliveries_in_hand_of_a_webhook_that_is_disabled_or_deleted_are_over_whatever_it_answers(
    account: RunningApi, target: Target, held: HeldTarget, start: Start, database: Database
) -> None:
    made = {name: a_webhook(account, held, f"/{name}") for name in ("rotated", "disabled", "deleted")}
    start("scheduler")
    worker = start("worker")
    job_id = a_job(account, target)
    held.wait_for(3)
    delivery = {name: deliveries_of(account, webhook)[0]["id"] for name, webhook in made.items()}
    account.make(f"/webhooks/{made['rotated']['id']}/rotate-secret")
    replace(account, made["disabled"], enabled=False)
    assert account.call("DELETE", f"/webhooks/{made['deleted']['id']}").status_code == 204
    held.let_go()
    wait_until(lambda: worker.log.read_text().count('"lease_lost"') == 2, "the worker notices")
    check(database, [job_id, *delivery.values()], target, held)
    assert {name: outcomes(account, f"/deliveries/{id}") for name, id in delivery.items()} == {
        "rotated": ["succeeded"],
        "disabled": ["canceled"],
        "deleted": ["canceled"],
    }
    assert len(held.requests) == 3


def test_a_webhook_that_fails_for_too_long_is_disabled_with_one_event_and_begins_anew_when_enabled(
    account: RunningApi, target: Target, hooks: Target, start: Start, database: Database
) -> None:
    hooks.on("/failing", "status/500")
    failing = a_webhook(account, hooks, "/failing")
    a_webhook(account, hooks, "/witness", "*")
    path = f"/webhooks/{failing['id']}"
    start("scheduler")
    start("worker", ROUNDSMAN_WEBHOOK_DISABLE_SECONDS=str(DISABLE_SECONDS))
    job_ids = [a_job(account, target) for _ in range(5)]
    check(database, job_ids, target, hooks)
    disabled = read(account, path)
    assert not disabled["enabled"]
    assert disabled["disabled_reason"].startswith("every attempt has failed since ")
    assert {each["state"] for each in deliveries_of(account, failing)} == {"canceled"}
    told = [seen.json() for seen in at("/witness", hooks.requests)]
    assert sorted(each["type"] for each in told) == ["job.succeeded"] * 5 + ["webhook.disabled"]

    replayed = account.make(f"/deliveries/{deliveries_of(account, failing)[0]['id']}/replay")
    tested = account.make(f"{path}/test")
    check(database, [replayed["id"], tested["id"]], target, hooks)
    assert read(account, path) == disabled

    assert record_of(replace(account, failing, enabled=True)) == CLEAN
    job_ids.append(a_job(account, target))
    check(database, job_ids, target, hooks)
    again = read(account, path)
    assert not again["enabled"]
    assert seconds_between(disabled["disabled_at"], again["failing_since"]) > 0
    assert seconds_between(again["failing_since"], again["disabled_at"]) >= DISABLE_SECONDS
    told = [seen.json() for seen in at("/witness", hooks.requests)]
    assert [each["type"] for each in told].count("webhook.disabled") == 2

    hooks.on("/failing", "ok")
    replace(account, failing, enabled=True)
    job_ids.append(a_job(account, target))
    check(database, job_ids, target, hooks)
    assert deliveries_of(account, failing)[0]["state"] == "succeeded"
    assert record_of(read(account, path)) == CLEAN


@pytest.mark.parametrize("point", [CrashPoint.WORKER_BEFORE_COMMIT, CrashPoint.WORKER_AFTER_COMMIT])
def test_a_webhook_that_is_gone_is_disabled_with_one_event_although_the_worker_dies_of_it(
    point: CrashPoint, account: RunningApi, hooks: Target, start: Start, database: Database
) -> None:
    hooks.on("/gone", "status/410")
    gone = a_webhook(account, hooks, "/gone", "job.failed")
    a_webhook(account, hooks, "/witness", "webhook.disabled")
    tell(database, gone["id"], 1)
    doomed = start("worker", ROUNDSMAN_CRASH_POINT=point)
    assert doomed.process.wait(20) == -signal.SIGKILL
    is_committed = point is CrashPoint.WORKER_AFTER_COMMIT
    assert read(account, f"/webhooks/{gone['id']}")["enabled"] is not is_committed
    assert at("/witness", hooks.requests) == []
    end_leases(database, "delivery")
    start("scheduler")
    start("worker")
    check(database, [], hooks)
    [told] = at("/witness", hooks.requests)
    assert told.json()["data"]["webhook_id"] == gone["id"]
    assert not read(account, f"/webhooks/{gone['id']}")["enabled"]
    [delivery] = deliveries_of(account, gone)
    assert delivery["state"] == "failed"
    expected = ["failed"] if is_committed else ["lease_expired", "failed"]
    assert outcomes(account, f"/deliveries/{delivery['id']}") == expected
