"""The leases of a socket: kept in force all at once, and how those ended that are not in force any more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.array import array
from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class KeptLease:
    """A lease that is in force; `cancel_requested` says that its worker is asked to stop."""

    lease_token: UUID
    cancel_requested: bool


# In the order of the ids, as whoever ends tasks locks them.
KEEP = """
WITH held_tasks AS (
    SELECT work.id, attempts.started_at + make_interval(secs => work.timeout_seconds) AS deadline
    FROM unnest(%(ids)s::uuid[], %(lease_tokens)s::uuid[]) AS leases (id, lease_token)
    JOIN work ON work.id = leases.id AND work.lease_token = leases.lease_token
    JOIN attempts ON attempts.work_id = work.id AND attempts.number = work.attempt
    WHERE work.account_id = %(account_id)s AND work.kind = 'task'
    ORDER BY work.id
    FOR NO KEY UPDATE OF work
)
UPDATE work
SET lease_expires_at = least(
        statement_timestamp() + make_interval(secs => %(lease_seconds)s),
        held_tasks.deadline
    )
FROM held_tasks
WHERE work.id = held_tasks.id
  AND work.lease_token = ANY(%(lease_tokens)s::uuid[])
  AND (held_tasks.deadline IS NULL OR held_tasks.deadline > statement_timestamp())
RETURNING work.lease_token, work.cancel_requested
"""


def keep(cursor: Cursor, account_id: int, leases: Mapping[UUID, UUID], lease_seconds: int) -> dict[UUID, KeptLease]:
    """Those of these leases, by task, that are in force, by token; they now end so many seconds from now.

    None is extended beyond the allowance of its attempt.
    """
    return _kept(cursor, KEEP, {**_values(account_id, leases), "lease_seconds": lease_seconds})


IN_FORCE = """
SELECT work.lease_token, work.cancel_requested
FROM unnest(%(ids)s::uuid[], %(lease_tokens)s::uuid[]) AS leases (id, lease_token)
JOIN work ON work.id = leases.id AND work.lease_token = leases.lease_token
JOIN attempts ON attempts.work_id = work.id AND attempts.number = work.attempt
WHERE work.account_id = %(account_id)s
  AND work.kind = 'task'
  AND (
      work.timeout_seconds IS NULL
      OR attempts.started_at + make_interval(secs => work.timeout_seconds) > statement_timestamp()
  )
"""


def in_force(cursor: Cursor, account_id: int, leases: Mapping[UUID, UUID]) -> dict[UUID, KeptLease]:
    """Those of these leases, by task, that are in force, by token; their worker extends them itself."""
    return _kept(cursor, IN_FORCE, _values(account_id, leases))


# An attempt whose time is over has ended with that, whether or not the sweep was there.
OUTCOMES = """
SELECT attempts.lease_token,
       coalesce(
           attempts.outcome,
           CASE
               WHEN attempts.started_at + make_interval(secs => work.timeout_seconds) <= statement_timestamp()
               THEN 'timeout'
           END
       )
FROM unnest(%(ids)s::uuid[], %(lease_tokens)s::uuid[]) AS leases (id, lease_token)
JOIN work ON work.id = leases.id
JOIN attempts ON attempts.work_id = leases.id AND attempts.lease_token = leases.lease_token
WHERE work.account_id = %(account_id)s
"""


def outcomes(cursor: Cursor, account_id: int, leases: Mapping[UUID, UUID]) -> dict[UUID, str | None]:
    """How the attempts of these leases ended, by token; None for one that goes on. Unknown ones are not there."""
    cursor.execute(OUTCOMES, _values(account_id, leases))
    return dict(cursor.fetchall())


def _kept(cursor: Cursor, statement: str, values: Mapping[str, Any]) -> dict[UUID, KeptLease]:
    cursor.execute(statement, values)
    return {row[0]: KeptLease(*row) for row in cursor.fetchall()}


def _values(account_id: int, leases: Mapping[UUID, UUID]) -> dict[str, Any]:
    return {"account_id": account_id, "ids": array(leases), "lease_tokens": array(leases.values())}
