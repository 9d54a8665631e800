"""Rows with defaults, so that a test states only what matters to it."""

import itertools
from typing import Any
from uuid import UUID

from api.store import keys
from shared.database import Cursor
from shared.store import checklists, runs
from shared.store.checklists import Checklist, Definition

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
