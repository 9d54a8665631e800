"""Rows with defaults, so that a test states only what matters to it."""

import itertools
from typing import Any
from uuid import UUID

from api.store import keys, runs
from shared.database import Cursor
from shared.store import checklists, work
from shared.store.checklists import Checklist, Definition
from shared.store.work import ClaimedWork, FinishedAttempt, State

_numbers = itertools.count(1)


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
    return work.claim(cursor, worker="test", limit=limit, margin_seconds=15)


def an_ended(claimed: ClaimedWork, state: State = "succeeded", **fields: Any) -> FinishedAttempt:
    """How a claimed piece of work ended: well, unless something else is said."""
    outcome = {"attempt_outcome": "succeeded" if state == "succeeded" else "failed"}
    return FinishedAttempt(claimed.id, claimed.lease_token, state, **(outcome | fields))
