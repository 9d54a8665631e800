"""An account in which there is something of everything to see: what went well, what went wrong, what is to come."""

from dataclasses import dataclass
from typing import Any

from tests.processes import RunningApi, wait_until
from tests.target import Target

TODOS = {"todos": [{"id": 1, "title": "water the plants", "done": False}, {"id": 2, "title": "pay rent", "done": True}]}
CHANGED = {
    "todos": [
        {"id": 1, "title": "water the plants", "done": True},
        {"id": 3, "title": "call <b>mum</b>", "done": False},
    ]
}

LOOKS = {"all to-dos": "body.todos", "the first is done": "body.todos[0].done"}


@dataclass(frozen=True)
class Showcase:
    """Where the interesting objects are."""

    checklist_id: int
    missed_run_id: str
    schedule_id: int
    failed_job_id: str
    queue: str
    failed_task_id: str
    webhook_id: int
    failed_delivery_id: str


def fill(api: RunningApi, target: Target) -> Showcase:
    """Make it all through the API, and wait until the workers have done their part."""
    target.answers |= {"/ok/todos": TODOS, "/ok/price": {"amount": 12.5, "currency": "EUR"}}
    webhook = api.make(
        "/webhooks", {"url": target.url("/status/500"), "event_types": ["*"], "description": "team chat"}
    )
    checklist_id = _checklists(api, target)
    target.answers["/ok/todos"] = CHANGED
    missed = api.run(checklist_id)
    schedule_id = _schedules(api, checklist_id, target)
    failed_job_id = _jobs(api, target)
    failed_task_id = _tasks(api)
    wait_until(lambda: _failed_deliveries(api), "a delivery has failed once")
    return Showcase(
        checklist_id, missed["id"], schedule_id, failed_job_id, "emails", failed_task_id,
        webhook["id"], _failed_deliveries(api)[0]["id"],
    )  # fmt: skip


def _checklists(api: RunningApi, target: Target) -> int:
    flows = [
        {"name": "to-dos", "steps": [_ask(target, "todos"), *(_check(name, path) for name, path in LOOKS.items())]},
        {"name": "price", "steps": [_ask(target, "price"), _check("amount", "body.amount")]},
    ]
    shop = api.make("/checklists", {"name": "shop", "flows": flows})
    alive = [{"name": "health", "steps": [_ask(target, "price"), {"check": "answer"}]}]
    health = api.make("/checklists", {"name": "health", "flows": alive})
    broken = api.make("/checklists", {"name": "payments", "worker_url": target.url("/status/500")})
    review = api.make("/checklists", {"name": "catalogue", "worker_url": target.url("/hang"), "timeout_seconds": 2})
    for checklist in (shop, health, health, broken, review):
        api.run(checklist["id"])
    return int(shop["id"])


def _ask(target: Target, what: str) -> dict[str, Any]:
    return {"act": f"ask for {what}", "request": {"url": target.url(f"/ok/{what}")}}


def _check(name: str, path: str) -> dict[str, Any]:
    return {"check": name, "observe": path}


def _schedules(api: RunningApi, checklist_id: int, target: Target) -> int:
    nightly = {
        "name": "shop every five minutes",
        "cron": "*/5 * * * *",
        "timezone": "Europe/Berlin",
        "checklist_id": checklist_id,
    }
    made = api.make("/schedules", nightly)
    api.make("/schedules", {"name": "heartbeat", "interval_seconds": 3, "uri": target.url("/ok")})
    api.make(
        "/schedules",
        {"name": "monthly report", "cron": "0 6 1 * *", "queue": "reports", "payload": {"kind": "monthly"}},
    )
    paused = api.make(
        "/schedules", {"name": "while the shop moves", "interval_seconds": 60, "checklist_id": checklist_id}
    )
    api.make(f"/schedules/{paused['id']}/pause", {"note": "until the move is over"})
    return int(made["id"])


def _jobs(api: RunningApi, target: Target) -> str:
    api.make("/jobs", {"uri": target.url("/ok/hook"), "payload": {"order": 1}})
    api.make("/jobs", {"uri": target.url("/ok/hook"), "delay_seconds": 1800, "payload": {"order": 2}})
    failing = {"uri": target.url("/status/500"), "payload": {"order": 3}, "max_attempts": 2, "backoff_seconds": 0.1}
    job = api.make("/jobs", failing)
    wait_until(lambda: api.call("GET", f"/jobs/{job['id']}").json()["state"] == "failed", "the job has failed")
    return str(job["id"])


def _tasks(api: RunningApi) -> str:
    api.make(
        "/queues/emails/tasks", {"tasks": [{"payload": {"to": f"user-{number}@example.org"}} for number in range(6)]}
    )
    done, failing, running = api.make("/queues/emails/pop", {"max": 3, "worker": "mailer-1", "lease_seconds": 3600})[
        "tasks"
    ]
    api.make(f"/tasks/{done['id']}/log", _of(done, messages=["connected to the mail server", "250 OK"]))
    api.make(f"/tasks/{done['id']}/ack", _of(done, result={"message_id": "<1@example.org>"}))
    api.make(f"/tasks/{failing['id']}/log", _of(failing, messages=["connected to the mail server", "550 no such user"]))
    api.make(f"/tasks/{failing['id']}/fail", _of(failing, error="550 no such user", retry=False))
    api.make(f"/tasks/{running['id']}/log", _of(running, messages=["rendering <script>alert(1)</script>"]))
    return str(failing["id"])


def _of(task: dict[str, Any], **body: Any) -> dict[str, Any]:
    return {"lease_token": task["lease_token"], **body}


def _failed_deliveries(api: RunningApi) -> list[dict[str, Any]]:
    deliveries = api.call("GET", "/deliveries").json()["data"]
    return [delivery for delivery in deliveries if delivery["attempt_count"] > 0]
