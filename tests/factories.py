"""Rows with defaults, so that a test states only what matters to it."""

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg2.extras import Json

from api.store import jobs, keys, runs, schedules, webhooks
from api.store.jobs import Job
from api.store.webhooks import Webhook
from shared.database import Cursor, only_row
from shared.seal import Seal
from shared.store import checklists
from shared.store.checklists import Checklist, Definition
from shared.store.schedules import Schedule
from shared.store.work import ClaimedWork, FinishedAttempt, State
from tests.claiming import claim

_numbers = itertools.count(1)

SEAL = Seal(["a key for tests alone"])  # as the environment of tests/conftest.py has it
WEBHOOK_SECRET = b"twenty-four secret bytes"


def an_account(cursor: Cursor) -> int:
    return keys.open_account(cursor)


def a_checklist(cursor: Cursor, account_id: int | None = None, **fields: Any) -> Checklist:
    definition: dict[str, Any] = {
        "name": f"checklist {next(_numbers)}",
        "worker_url": None if {"flows", "queue"} & set(fields) else "http://127.0.0.1:9/",
        "flows": None,
        "queue": None,
        "timeout_seconds": 60,
        "first_value": "accept",
        "rules": [],
        "variables": {},
    }
    return checklists.create(cursor, account_id or an_account(cursor), Definition(**(definition | fields)))


def a_run(cursor: Cursor, checklist: Checklist | None = None, **variables: str) -> UUID:
    """A pending run, due now."""
    checklist = checklist or a_checklist(cursor)
    run = runs.create(cursor, checklist.account_id, checklist.id, trigger="api", variables=variables)
    assert run is not None
    return run.id


SOME_WORK = """
INSERT INTO work (account_id, kind, queue, max_attempts, timeout_seconds, due_at)
SELECT %(account_id)s, %(kind)s, %(queue)s, %(max_attempts)s, %(timeout_seconds)s,
       now() + make_interval(secs => %(due_in_seconds)s)
FROM generate_series(1, %(count)s)
RETURNING id
"""


def some_work(
    cursor: Cursor,
    account_id: int | None = None,
    *,
    count: int = 1,
    kind: str = "job",
    max_attempts: int = 4,
    timeout_seconds: int = 30,
    due_in_seconds: float = 0,
) -> list[UUID]:
    """Pending work, due now."""
    cursor.execute(
        SOME_WORK,
        {
            "account_id": account_id or an_account(cursor),
            "kind": kind,
            "queue": "default" if kind == "task" else None,
            "max_attempts": max_attempts,
            "timeout_seconds": timeout_seconds,
            "due_in_seconds": due_in_seconds,
            "count": count,
        },
    )
    return [row[0] for row in cursor.fetchall()]


def claimed_work(cursor: Cursor, *, limit: int = 1, timeout_seconds: int = 30, **fields: Any) -> list[ClaimedWork]:
    """Work that a worker has just claimed; nothing else is due."""
    some_work(cursor, count=limit, timeout_seconds=timeout_seconds, **fields)
    return claim(cursor, limit=limit, margin_seconds=15)


def an_ended(claimed: ClaimedWork, state: State = "succeeded", **fields: Any) -> FinishedAttempt:
    """How a claimed piece of work ended: well, unless something else is said."""
    outcome = {"attempt_outcome": "succeeded" if state == "succeeded" else "failed"}
    return FinishedAttempt(claimed.id, claimed.lease_token, state, **(outcome | fields))


def a_schedule(cursor: Cursor, checklist: Checklist | None = None, **fields: Any) -> Schedule:
    """An active schedule, every 10 seconds from `anchor` on unless `fields` say otherwise."""
    checklist = checklist or a_checklist(cursor)
    definition: dict[str, Any] = {
        "name": None,
        "cron": None,
        "timezone": "UTC",
        "interval_seconds": None if {"cron", "run_at", "minute"} & set(fields) else 10,
        "run_at": None,
        "minute": None,
        "recurring": None,
        "kind": "run",
        "checklist_id": checklist.id,
        "target": {"variables": {}},
        "paused": False,
        "note": None,
        "starts_at": None,
        "ends_at": None,
        "max_occurrences": None,
        "jitter_seconds": 0,
        "overlap": "allow",
        "catchup_window_seconds": 3600,
        "coalesce": "all",
        "pause_on_failure": False,
        "pause_on_change": False,
    }
    anchor = fields.pop("anchor", datetime(2026, 3, 1, tzinfo=UTC))
    first = fields.pop("next_run_at", fields.get("run_at") or anchor)
    return schedules.create(
        cursor,
        checklist.account_id,
        schedules.Definition(**(definition | fields)),
        anchor=anchor,
        next_run_at=first,
    )


AN_OCCURRENCE = """
INSERT INTO occurrences (schedule_id, scheduled_for, outcome, reason, work_id)
VALUES (%(schedule_id)s, %(scheduled_for)s, %(outcome)s, %(reason)s, %(work_id)s)
"""


def an_occurrence(
    cursor: Cursor,
    schedule_id: int,
    scheduled_for: datetime = datetime(2026, 3, 1, tzinfo=UTC),
    *,
    outcome: str = "missed",
    reason: str | None = "outside the catch-up window",
    work_id: UUID | None = None,
) -> None:
    """What became of an instant: missed, unless something else is said."""
    cursor.execute(
        AN_OCCURRENCE,
        {
            "schedule_id": schedule_id,
            "scheduled_for": scheduled_for,
            "outcome": outcome,
            "reason": reason,
            "work_id": work_id,
        },
    )


def a_job(cursor: Cursor, account_id: int | None = None, *, delay_seconds: float = 0, **spec: Any) -> Job:
    """A pending job, due now: a POST without a payload to a closed port, unless `spec` says otherwise."""
    call: dict[str, Any] = {
        "uri": "http://127.0.0.1:9/",
        "method": "POST",
        "headers": {},
        "error_uri": None,
        "timeout_seconds": 30,
        "max_attempts": 4,
        "backoff_seconds": 10,
    }
    account_id = account_id or an_account(cursor)
    return jobs.create(cursor, account_id, call | spec, trigger="api", delay_seconds=delay_seconds)


def a_webhook(
    cursor: Cursor,
    account_id: int | None = None,
    *,
    seal: Seal = SEAL,
    secret: bytes = WEBHOOK_SECRET,
    **fields: Any,
) -> Webhook:
    """An enabled webhook that wants to be told of everything, at a closed port unless `fields` say otherwise."""
    definition: dict[str, Any] = {
        "url": "http://127.0.0.1:9/",
        "event_types": ["*"],
        "description": None,
        "enabled": True,
    }
    return webhooks.create(
        cursor, account_id or an_account(cursor), webhooks.Definition(**(definition | fields)), seal.seal(secret)
    )


AN_EVENT = """
INSERT INTO events (account_id, type, data)
VALUES (%(account_id)s, %(type)s, %(data)s)
RETURNING id
"""


def an_event(cursor: Cursor, account_id: int | None = None, event_type: str = "run.finished", **data: Any) -> UUID:
    """Something that happened, of which no webhook is told yet."""
    cursor.execute(AN_EVENT, {"account_id": account_id or an_account(cursor), "type": event_type, "data": Json(data)})
    id: UUID = only_row(cursor)[0]
    return id


A_DELIVERY = """
INSERT INTO work (account_id, kind, lane, webhook_id, event_id, max_attempts, timeout_seconds, inert)
SELECT account_id, 'delivery', lane_of(url), id, %(event_id)s, %(max_attempts)s, 15, %(inert)s
FROM webhooks
WHERE id = %(webhook_id)s
RETURNING id
"""


def a_delivery(
    cursor: Cursor,
    webhook: Webhook | None = None,
    event_id: UUID | None = None,
    *,
    max_attempts: int = 8,
    inert: bool = False,
) -> UUID:
    """A pending delivery, due now, of an event of its own unless one is given."""
    webhook = webhook or a_webhook(cursor)
    if event_id is None:
        cursor.execute("SELECT account_id FROM webhooks WHERE id = %s", (webhook.id,))
        event_id = an_event(cursor, only_row(cursor)[0])
    fields = {"webhook_id": webhook.id, "event_id": event_id, "max_attempts": max_attempts, "inert": inert}
    cursor.execute(A_DELIVERY, fields)
    id: UUID = only_row(cursor)[0]
    return id
