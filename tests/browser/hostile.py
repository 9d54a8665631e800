"""An account whose every text is hostile: what people type, what workers say, what far ends answer."""

import json
from typing import Any

from tests.browser.showcase import Showcase
from tests.processes import RunningApi, wait_until
from tests.target import Target

MARK = "hostile"
TEXT = (
    f"<script>document.title='{MARK}'</script>\"'><img src=x onerror=\"document.title='{MARK}'\">"
    f"</title></textarea></pre><svg onload=\"document.title='{MARK}'\">{{{{7*7}}}}javascript:alert(1)"
)
URL = f"/ok/%22%3E%3Cimg%20src=x%20onerror=%22document.title='{MARK}'%22%3E"

# Every text that somebody else may have written and that is kept; each is filled below.
FIELDS = (
    *("checklist.name", "checklist.flows[].name", "checklist.flows[].steps[].act", "checklist.flows[].steps[].check"),
    *("checklist.flows[].steps[].request.headers", "checklist.variables", "checklist.rules[].path", "run.variables"),
    *("run.observed value", "run.observed member names", "run.error", "run.flows[].error", "snapshot.value"),
    *("snapshot.flow", "snapshot.name", "snapshot.accepted_by (the key's name)", "schedule.name", "schedule.note"),
    *("schedule.variables", "schedule.payload", "schedule.headers", "occurrence.reason", "job.uri", "job.headers"),
    *("job.payload", "job.error", "job.attempts[].response_excerpt", "task.payload", "task.dedup_key", "task.log"),
    *("task.result", "task.error", "task.attempts[].worker", "webhook.url", "webhook.description", "event.data"),
    *("delivery.attempts[].response_excerpt", "api_key.name"),
)


def fill(api: RunningApi, target: Target) -> Showcase:
    """Put the text into all of these, and wait until the workers have done their part."""
    second = api.make("/api-keys", {"name": TEXT})
    api.session.headers["Authorization"] = f"Bearer {second['api_key']}"
    target.answers |= {"/ok/hostile": {TEXT: TEXT, "b": [TEXT]}}
    webhook = api.make("/webhooks", {"url": target.url(f"/reset{URL}"), "event_types": ["*"], "description": TEXT})
    checklist = _checklist(api, target)
    first = api.run(checklist["id"])
    target.answers["/ok/hostile"] = {TEXT: f"{TEXT}!", TEXT[:20]: 1, "b": [TEXT, TEXT]}
    missed = api.run(checklist["id"])
    assert (first["outcome"], missed["outcome"]) == ("error", "changed")
    api.make(
        f"/checklists/{checklist['id']}/snapshots",
        {"flows": [{"name": TEXT, "snapshots": [{"name": "by hand", "value": {TEXT: TEXT}}]}]},
    )
    schedule = api.make(
        "/schedules",
        {"name": TEXT[:200], "interval_seconds": 1, "checklist_id": checklist["id"], "variables": {"a": TEXT}},
    )
    api.make(
        "/schedules",
        {
            "name": f"calls {TEXT[:150]}",
            "cron": "@daily",
            "uri": target.url(URL),
            "payload": {TEXT: TEXT},
            "headers": {"X-A": TEXT},
        },
    )
    api.make(f"/schedules/{schedule['id']}/pause", {"note": TEXT[:500]})
    body = {"uri": target.url("/status/500"), "headers": {"X-A": TEXT}, "payload": {TEXT: [TEXT]}, "max_attempts": 1}
    job = api.make("/jobs", body)
    task = _task(api)
    wait_until(lambda: api.call("GET", f"/jobs/{job['id']}").json()["state"] == "failed", "the job has failed")
    wait_until(lambda: any(row["attempt_count"] for row in _deliveries(api)), "a delivery has been tried")
    return Showcase(
        checklist["id"],
        missed["id"],
        schedule["id"],
        job["id"],
        "hostile",
        task,
        webhook["id"],
        _deliveries(api)[0]["id"],
    )


def _checklist(api: RunningApi, target: Target) -> Any:
    request = {"url": target.url("/ok/hostile"), "headers": {"X-A": TEXT}}
    flows = [
        {
            "name": TEXT,
            "steps": [{"act": TEXT, "request": request}, {"check": TEXT}, {"check": "b", "observe": "body.b"}],
        },
        {
            "name": f"refused {TEXT}",
            "steps": [{"act": TEXT, "request": {"url": "http://127.0.0.1:1/"}}, {"check": "c"}],
        },
    ]
    rules = [{"path": f"/{TEXT.replace('/', '~1')}", "match": "ignore", "check": "none"}]
    return api.make("/checklists", {"name": TEXT[:200], "flows": flows, "variables": {"a": TEXT}, "rules": rules})


def _task(api: RunningApi) -> str:
    tasks = [{"payload": {TEXT: TEXT}, "dedup_key": TEXT[:200]}, {"payload": TEXT}]
    api.make("/queues/hostile/tasks", {"tasks": tasks})
    failing, done = api.make("/queues/hostile/pop", {"max": 2, "worker": TEXT[:200]})["tasks"]
    api.make(
        f"/tasks/{failing['id']}/log", {"lease_token": failing["lease_token"], "messages": [TEXT, json.dumps(TEXT)]}
    )
    body = {"lease_token": failing["lease_token"], "error": TEXT, "retry": False}
    api.make(f"/tasks/{failing['id']}/fail", body)
    api.make(f"/tasks/{done['id']}/ack", {"lease_token": done["lease_token"], "result": {TEXT: TEXT}})
    return str(failing["id"])


def _deliveries(api: RunningApi) -> Any:
    return api.call("GET", "/deliveries").json()["data"]
