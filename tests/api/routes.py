"""Every route of our own API, taken from the URL map itself, with an account's objects to fill it with."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from api import create_app
from shared.database import Database
from shared.settings import Settings
from tests.api_client import ApiClient
from tests.factories import an_occurrence
from tests.runs import end_run

Route = tuple[str, str]  # method, rule

# Making the application opens no connection.
ROUTES: list[Route] = sorted(
    (method, rule.rule)
    for rule in create_app(Settings()).url_map.iter_rules()
    if not rule.rule.startswith("/compat/")  # other systems', which answer in their own ways: tests/api/compat
    and not rule.rule.startswith("/ui")  # pages: tests/api/dashboard and tests/browser
    and not rule.websocket  # tests/api/test_sockets.py
    for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
)

# Stands in a body for the checklist of the account whose objects fill the route.
OWN_CHECKLIST = 987_654_321
SCHEDULE = {
    "name": "a schedule with everything",
    "cron": "*/5 9-17 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "checklist_id": OWN_CHECKLIST,
    "variables": {"a": "b"},
    "paused": False,
    "note": "n",
    "starts_at": "2026-01-01T00:00:00+01:00",
    "ends_at": "2099-01-01T00:00:00Z",
    "max_occurrences": 5,
    "jitter_seconds": 5,
    "overlap": "allow",
    "catchup_window_seconds": 5,
    "coalesce": "all",
    "pause_on_failure": True,
    "pause_on_change": True,
}
WEBHOOK = {
    "url": "http://127.0.0.1:9/",
    "event_types": ["run.finished", "schedule.paused"],
    "description": "d",
    "enabled": True,
}
INTERVAL = {"interval_seconds": 60, "checklist_id": OWN_CHECKLIST}
CALL = {
    "uri": "http://127.0.0.1:9/",
    "method": "PUT",
    "headers": {"A": "b"},
    "payload": {"a": [1]},
    "error_uri": "http://127.0.0.1:9/failed",
    "timeout_seconds": 5,
    "max_attempts": 5,
    "backoff_seconds": 5.5,
}
NO_LEASE = {"lease_token": "00000000-0000-4000-8000-000000000000"}
TASK = {
    "payload": {"a": [1]},
    "delay_seconds": 5.5,
    "priority": -5,
    "max_attempts": 5,
    "timeout_seconds": 5,
    "dedup_key": "k",
}

# A body that each route takes; a route that takes none is not here.
BODIES: dict[Route, Any] = {
    ("POST", "/api-keys"): {"name": "another"},
    ("POST", "/checklists"): {
        "name": "a checklist with everything",
        "flows": [
            {
                "name": "f",
                "steps": [
                    {
                        "act": "a",
                        "request": {
                            "method": "POST",
                            "url": "http://127.0.0.1:9/",
                            "headers": {"A": "b"},
                            "query": {"a": "b"},
                            "json": {"a": 1},
                            "auth": {"basic": ["user", "password"]},
                            "follow_redirects": False,
                        },
                        "capture": {"a": "b"},
                        "expect": {"status": 200, "max_elapsed_ms": 5, "headers": {"A": "b"}, "json": {"a": 1}},
                    },
                    {"check": "c", "observe": "body"},
                ],
            }
        ],
        "timeout_seconds": 5,
        "first_value": "review",
        "rules": [{"path": "/a", "match": "regex", "flow": "f", "check": "c", "value": "x"}],
        "variables": {"a": "b"},
    },
    ("PUT", "/checklists/<id:checklist_id>"): {"name": "replaced", "worker_url": "http://127.0.0.1:9/"},
    ("POST", "/checklists/<id:checklist_id>/run"): {"variables": {"a": "b"}},
    ("POST", "/checklists/<id:checklist_id>/snapshots"): {
        "flows": [{"name": "f", "snapshots": [{"name": "c", "value": {"a": 1}}]}]
    },
    ("DELETE", "/checklists/<id:checklist_id>/snapshots"): {"flows": [{"name": "f", "snapshots": ["c"]}]},
    ("POST", "/runs/<uuid:run_id>/cancel"): {},
    ("POST", "/runs/<uuid:run_id>/accept"): {"checks": [{"flow": "f", "name": "c"}], "only": "new"},
    ("POST", "/schedules"): SCHEDULE,
    ("PUT", "/schedules/<id:schedule_id>"): {"interval_seconds": 60, **CALL},
    ("POST", "/schedules/preview"): {"minute": 30_000_000, "recurring": "weekly"},
    ("POST", "/schedules/<id:schedule_id>/pause"): {"note": "n"},
    ("POST", "/schedules/<id:schedule_id>/resume"): {},
    ("POST", "/schedules/<id:schedule_id>/skip-next"): {},
    ("POST", "/schedules/<id:schedule_id>/trigger"): {},
    ("POST", "/jobs"): {"execute_at": "2099-01-01T00:00:00+01:00", **CALL},
    ("POST", "/jobs/<uuid:job_id>/cancel"): {},
    ("POST", "/jobs/<uuid:job_id>/retry"): {},
    ("POST", "/queues/<queue_name>/tasks"): TASK,
    ("POST", "/queues/<queue_name>/pop"): {"max": 5, "lease_seconds": 5, "wait_seconds": 0, "worker": "w"},
    ("POST", "/queues/<queue_name>/retry-failed"): {},
    ("PUT", "/queues/<queue_name>"): {"unattended_after_seconds": 5},
    ("POST", "/tasks/<uuid:task_id>/ack"): NO_LEASE | {"result": {"a": [1]}},
    ("POST", "/tasks/ack"): {"acks": [NO_LEASE | {"id": "00000000-0000-7000-8000-000000000000", "result": None}]},
    ("POST", "/tasks/<uuid:task_id>/fail"): NO_LEASE | {"error": "e", "retry": False, "delay_seconds": 5.5},
    ("POST", "/tasks/<uuid:task_id>/release"): NO_LEASE,
    ("POST", "/tasks/<uuid:task_id>/extend"): NO_LEASE | {"lease_seconds": 5},
    ("POST", "/tasks/<uuid:task_id>/log"): NO_LEASE | {"messages": ["m"]},
    ("POST", "/tasks/<uuid:task_id>/cancel"): {},
    ("POST", "/tasks/<uuid:task_id>/retry"): {},
    ("POST", "/webhooks"): WEBHOOK,
    ("PUT", "/webhooks/<id:webhook_id>"): WEBHOOK,
    ("POST", "/webhooks/<id:webhook_id>/rotate-secret"): {},
    ("POST", "/webhooks/<id:webhook_id>/test"): {},
    ("POST", "/deliveries/<uuid:delivery_id>/replay"): {},
}
# Routes whose body may be left out.
BODY_IS_OPTIONAL = {
    ("POST", "/api-keys"),
    ("POST", "/checklists/<id:checklist_id>/run"),
    ("DELETE", "/checklists/<id:checklist_id>/snapshots"),
    ("POST", "/runs/<uuid:run_id>/cancel"),
    ("POST", "/runs/<uuid:run_id>/accept"),
    ("POST", "/schedules/<id:schedule_id>/pause"),
    ("POST", "/schedules/<id:schedule_id>/resume"),
    ("POST", "/schedules/<id:schedule_id>/skip-next"),
    ("POST", "/schedules/<id:schedule_id>/trigger"),
    ("POST", "/jobs/<uuid:job_id>/cancel"),
    ("POST", "/jobs/<uuid:job_id>/retry"),
    ("POST", "/queues/<queue_name>/pop"),
    ("POST", "/queues/<queue_name>/retry-failed"),
    ("POST", "/tasks/<uuid:task_id>/cancel"),
    ("POST", "/tasks/<uuid:task_id>/retry"),
    ("POST", "/webhooks/<id:webhook_id>/rotate-secret"),
    ("POST", "/webhooks/<id:webhook_id>/test"),
    ("POST", "/deliveries/<uuid:delivery_id>/replay"),
}
# What a route needs in its query.
QUERIES: dict[Route, dict[str, str]] = {
    ("GET", "/checklists/<id:checklist_id>/snapshots/history"): {"flow": "f", "name": "c"},
    ("GET", "/api/popTask/<queue_name>"): {"wait": "0"},
}
LISTS = [
    ("GET", "/api-keys"),
    ("GET", "/checklists"),
    ("GET", "/runs"),
    ("GET", "/checklists/<id:checklist_id>/snapshots"),
    ("GET", "/checklists/<id:checklist_id>/snapshots/history"),
    ("GET", "/schedules"),
    ("GET", "/schedules/<id:schedule_id>/occurrences"),
    ("GET", "/jobs"),
    ("GET", "/queues"),
    ("GET", "/tasks"),
    ("GET", "/webhooks"),
    ("GET", "/webhooks/<id:webhook_id>/deliveries"),
    ("GET", "/deliveries"),
    ("GET", "/events"),
]

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Account:
    """An account with one of everything; `values` fills the parameters of a rule by name."""

    api: ApiClient
    values: dict[str, str]

    def call(self, route: Route, *, values: dict[str, str] | None = None, **options: Any) -> Any:
        """Call a route with this account's key and objects, or with other objects."""
        method, rule = route
        filled = self.values | (values or {})
        path = PARAMETER.sub(lambda parameter: filled[parameter[1]], rule)
        if "query_string" not in options and route in QUERIES:
            options["query_string"] = QUERIES[route]
        if isinstance(body := options.get("json"), dict) and body.get("checklist_id") == OWN_CHECKLIST:
            options["json"] = body | {"checklist_id": int(filled["checklist_id"])}
        return self.api.call(method, path, **options)


def an_account_with_everything(api: ApiClient, database: Database) -> Account:
    """A new account; its run has ended and observed f/c, and its schedule has missed an instant."""
    api = api.without_key().signed_up()
    [key] = api.get("/api-keys").json["data"]
    checklist = api.make_checklist()
    run = api.start_run(checklist["id"])
    end_run(database, run["id"], {"f": {"c": 1}})
    schedule = api.make("/schedules", INTERVAL | {"checklist_id": checklist["id"]})
    with database.reading() as cursor:
        an_occurrence(cursor, schedule["id"])
    job = api.make_job(delay_seconds=3_600)
    queue_name = f"queue-{uuid4()}"
    task = api.push_task(queue_name)
    webhook = api.make("/webhooks", WEBHOOK)
    delivery = api.make(f"/webhooks/{webhook['id']}/test", {})
    return Account(
        api,
        {
            "checklist_id": str(checklist["id"]),
            "run_id": run["id"],
            "key_id": str(key["id"]),
            "schedule_id": str(schedule["id"]),
            "job_id": job["id"],
            "queue_name": queue_name,
            "task_id": task["id"],
            "webhook_id": str(webhook["id"]),
            "delivery_id": delivery["id"],
            "event_id": delivery["event_id"],
            "name": "docs.js",
        },
    )
