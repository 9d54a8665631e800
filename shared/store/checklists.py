"""What is to be checked: the table of checklists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.errors import UniqueViolation
from psycopg2.extras import Json

from shared.database import Cursor, only_row
from shared.store import work


@dataclass(frozen=True, slots=True)
class Definition:
    """What a client says of a checklist; exactly one of worker_url, flows and queue is given."""

    name: str
    worker_url: str | None
    flows: list[dict[str, Any]] | None
    queue: str | None
    timeout_seconds: int
    first_value: str
    rules: list[dict[str, Any]]
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class Checklist:
    id: int
    account_id: int
    name: str
    worker_url: str | None
    flows: list[dict[str, Any]] | None
    queue: str | None
    timeout_seconds: int
    first_value: str
    rules: list[dict[str, Any]]
    variables: dict[str, str]
    created_at: datetime
    updated_at: datetime


class NameTaken(Exception):
    """the account has a checklist of this name already"""


CREATE = """
INSERT INTO checklists (
    account_id, name, worker_url, flows, queue, timeout_seconds, first_value, rules, variables
)
VALUES (
    %(account_id)s, %(name)s, %(worker_url)s, %(flows)s, %(queue)s, %(timeout_seconds)s, %(first_value)s,
    %(rules)s, %(variables)s
)
RETURNING id, account_id, name, worker_url, flows, queue, timeout_seconds, first_value, rules, variables,
       created_at, updated_at
"""


def create(cursor: Cursor, account_id: int, definition: Definition) -> Checklist:
    """Add a checklist; raises NameTaken."""
    try:
        cursor.execute(CREATE, {"account_id": account_id, **_values(definition)})
    except UniqueViolation as violation:
        raise NameTaken from violation
    return Checklist(*only_row(cursor))


REPLACE = """
UPDATE checklists
SET name = %(name)s,
    worker_url = %(worker_url)s,
    flows = %(flows)s,
    queue = %(queue)s,
    timeout_seconds = %(timeout_seconds)s,
    first_value = %(first_value)s,
    rules = %(rules)s,
    variables = %(variables)s,
    updated_at = now()
WHERE account_id = %(account_id)s AND id = %(id)s
RETURNING id, account_id, name, worker_url, flows, queue, timeout_seconds, first_value, rules, variables,
       created_at, updated_at
"""


def replace(cursor: Cursor, account_id: int, checklist_id: int, definition: Definition) -> Checklist | None:
    """Put another definition in the place of this checklist's; raises NameTaken."""
    try:
        cursor.execute(REPLACE, {"account_id": account_id, "id": checklist_id, **_values(definition)})
    except UniqueViolation as violation:
        raise NameTaken from violation
    row = cursor.fetchone()
    return Checklist(*row) if row else None


GET = """
SELECT id, account_id, name, worker_url, flows, queue, timeout_seconds, first_value, rules, variables,
       created_at, updated_at
FROM checklists
WHERE account_id = %(account_id)s AND id = %(id)s
"""


def get(cursor: Cursor, account_id: int, checklist_id: int) -> Checklist | None:
    cursor.execute(GET, {"account_id": account_id, "id": checklist_id})
    row = cursor.fetchone()
    return Checklist(*row) if row else None


LIST = """
SELECT id, account_id, name, worker_url, flows, queue, timeout_seconds, first_value, rules, variables,
       created_at, updated_at
FROM checklists
WHERE account_id = %(account_id)s
  AND id > %(after)s
  AND (%(name)s IS NULL OR name = %(name)s)
ORDER BY id
LIMIT %(limit)s
"""


def page(cursor: Cursor, account_id: int, *, after: int, limit: int, name: str | None = None) -> list[Checklist]:
    """The account's checklists by id, from behind `after`."""
    cursor.execute(LIST, {"account_id": account_id, "after": after, "limit": limit, "name": name})
    return [Checklist(*row) for row in cursor.fetchall()]


LOCK = """
SELECT id
FROM checklists
WHERE account_id = %(account_id)s AND id = %(id)s
FOR UPDATE
"""


def lock(cursor: Cursor, account_id: int, checklist_id: int) -> bool:
    """Hold the checklist until the transaction ends, so that approvals take turns; whether it is there."""
    cursor.execute(LOCK, {"account_id": account_id, "id": checklist_id})
    return cursor.fetchone() is not None


FOR_RUNS = """
SELECT id, account_id, name, worker_url, flows, queue, timeout_seconds, first_value, rules, variables,
       created_at, updated_at
FROM checklists
WHERE id = ANY(%(ids)s)
"""


def for_runs(cursor: Cursor, checklist_ids: Sequence[int]) -> dict[int, Checklist]:
    """The checklists that claimed runs are to perform, of whatever accounts."""
    cursor.execute(FOR_RUNS, {"ids": list(checklist_ids)})
    return {row[0]: Checklist(*row) for row in cursor.fetchall()}


DELETE = """
DELETE FROM checklists
WHERE account_id = %(account_id)s AND id = %(id)s
"""


def delete(cursor: Cursor, account_id: int, checklist_id: int) -> tuple[bool, list[UUID]]:
    """Remove the checklist with its snapshots and schedules; its runs that have not ended are canceled.

    Answers whether it was there, and the ids of the canceled runs.
    """
    canceled = work.cancel(cursor, account_id, checklist_id=checklist_id, reason="its checklist was deleted")
    cursor.execute(DELETE, {"account_id": account_id, "id": checklist_id})
    return cursor.rowcount == 1, canceled


def _values(definition: Definition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "worker_url": definition.worker_url,
        "flows": None if definition.flows is None else Json(definition.flows),
        "queue": definition.queue,
        "timeout_seconds": definition.timeout_seconds,
        "first_value": definition.first_value,
        "rules": Json(definition.rules),
        "variables": Json(definition.variables),
    }
