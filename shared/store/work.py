"""The work protocol: claim, finish, expire, cancel. Every change of state is one guarded UPDATE, in bulk.

A lease token is fresh for every claim; whoever finishes must hold the one that is in force. Times are the database's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg2.extras import Json

from shared.database import Cursor

State = Literal["pending", "running", "succeeded", "failed", "canceled"]
TERMINAL = ("succeeded", "failed", "canceled")
RUN_MAX_ATTEMPTS = 3  # begun again when its worker died; after the third worker it is the run that is suspected
OUR_KINDS = ("run", "job", "delivery")  # what our own workers perform; tasks are popped by external ones


@dataclass(frozen=True, slots=True)
class ClaimedWork:
    """A piece of work whose lease the claimer holds until `timeout_seconds` plus the margin are over."""

    id: UUID
    account_id: int
    kind: str
    attempt: int
    max_attempts: int
    lease_token: UUID
    timeout_seconds: int
    checklist_id: int | None
    schedule_id: int | None
    scheduled_for: datetime | None
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FinishedAttempt:
    """How one attempt ended, and what that makes of its work: a terminal state, or pending until `due_at`."""

    id: UUID
    lease_token: UUID
    state: State
    attempt_outcome: Literal["succeeded", "failed", "timeout", "released"]
    outcome: str | None = None
    result: Any = None
    error: str | None = None
    due_at: datetime | None = None
    status_code: int | None = None
    elapsed_ms: int | None = None
    response_excerpt: str | None = None


# The accounts with pending work are found by hopping along the index, one probe each; every account's oldest due
# items then take turns. SKIP LOCKED sits under the LIMIT of a CTE: in a sub-select the planner may run it twice.
# The lease begins with the statement: a process may have been frozen since its transaction began.
# locked_work asks again what candidates has asked: by the time a row is locked it may be pending for a later retry.
CLAIM = """
WITH RECURSIVE waiting_accounts AS (
    (
        SELECT account_id
        FROM work
        WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery')
        ORDER BY account_id
        LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT work.account_id
        FROM work
        WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery')
          AND work.account_id > waiting_accounts.account_id
        ORDER BY work.account_id
        LIMIT 1
    )
    FROM waiting_accounts
    WHERE waiting_accounts.account_id IS NOT NULL
),
candidates AS (
    SELECT due_items.id, due_items.due_at,
           row_number() OVER (PARTITION BY waiting_accounts.account_id ORDER BY due_items.due_at, due_items.id) AS turn
    FROM waiting_accounts
    CROSS JOIN LATERAL (
        SELECT id, due_at
        FROM work
        WHERE work.account_id = waiting_accounts.account_id
          AND state = 'pending' AND kind IN ('run', 'job', 'delivery')
          AND kind = ANY(%(kinds)s)
          AND due_at <= coalesce(%(now)s, now())
        ORDER BY due_at, id
        LIMIT 2 * %(limit)s
    ) AS due_items
),
locked_work AS (
    SELECT work.id
    FROM candidates
    JOIN work ON work.id = candidates.id
    WHERE work.state = 'pending' AND work.due_at <= coalesce(%(now)s, now())
    ORDER BY candidates.turn, candidates.due_at, work.id
    LIMIT %(limit)s
    FOR UPDATE OF work SKIP LOCKED
),
claimed_work AS (
    UPDATE work
    SET state = 'running',
        attempt = attempt + 1,
        lease_token = gen_random_uuid(),
        lease_expires_at =
            coalesce(%(now)s, statement_timestamp()) + make_interval(secs => timeout_seconds + %(margin_seconds)s),
        started_at = coalesce(started_at, %(now)s, statement_timestamp())
    FROM locked_work
    WHERE work.id = locked_work.id
    RETURNING work.id, account_id, kind, attempt, max_attempts, lease_token, timeout_seconds,
              checklist_id, schedule_id, scheduled_for, spec
),
begun_attempts AS (
    INSERT INTO attempts (work_id, number, worker, started_at)
    SELECT id, attempt, %(worker)s, coalesce(%(now)s, statement_timestamp())
    FROM claimed_work
)
SELECT id, account_id, kind, attempt, max_attempts, lease_token, timeout_seconds,
       checklist_id, schedule_id, scheduled_for, spec
FROM claimed_work
"""


def claim(
    cursor: Cursor,
    *,
    worker: str,
    limit: int,
    margin_seconds: float,
    kinds: Sequence[str] = OUR_KINDS,
    now: datetime | None = None,
) -> list[ClaimedWork]:
    """Lease at most `limit` due pieces of work of these kinds, fairly between accounts."""
    cursor.execute(
        CLAIM,
        {"worker": worker, "limit": limit, "margin_seconds": margin_seconds, "kinds": list(kinds), "now": now},
    )
    return [ClaimedWork(*row) for row in cursor.fetchall()]


FINISH = """
WITH ended AS (
    SELECT *
    FROM unnest(
        %(ids)s::uuid[], %(lease_tokens)s::uuid[], %(states)s::text[], %(attempt_outcomes)s::text[],
        %(outcomes)s::text[], %(results)s::jsonb[], %(errors)s::text[], %(due_ats)s::timestamptz[],
        %(status_codes)s::integer[], %(elapsed_ms)s::integer[], %(response_excerpts)s::text[]
    ) AS ended (
        id, lease_token, state, attempt_outcome, outcome, result, error, due_at,
        status_code, elapsed_ms, response_excerpt
    )
),
finished_work AS (
    UPDATE work
    SET state = ended.state,
        outcome = ended.outcome,
        result = ended.result,
        error = ended.error,
        due_at = coalesce(ended.due_at, work.due_at),
        released = work.released + (ended.attempt_outcome = 'released')::integer,
        lease_token = NULL,
        lease_expires_at = NULL,
        finished_at = CASE WHEN ended.state = 'pending' THEN NULL ELSE coalesce(%(now)s, now()) END
    FROM ended
    WHERE work.id = ended.id AND work.state = 'running' AND work.lease_token = ended.lease_token
    RETURNING work.id, work.attempt
),
closed_attempts AS (
    UPDATE attempts
    SET finished_at = coalesce(%(now)s, now()),
        outcome = ended.attempt_outcome,
        status_code = ended.status_code,
        error = ended.error,
        elapsed_ms = ended.elapsed_ms,
        response_excerpt = ended.response_excerpt
    FROM finished_work
    JOIN ended ON ended.id = finished_work.id
    WHERE attempts.work_id = finished_work.id AND attempts.number = finished_work.attempt
)
SELECT id
FROM finished_work
"""


def finish(cursor: Cursor, ended: Sequence[FinishedAttempt], now: datetime | None = None) -> set[UUID]:
    """End these attempts; the ids of those whose lease was still held. The others changed nothing."""
    if not ended:
        return set()
    cursor.execute(
        FINISH,
        {
            "now": now,
            "ids": [item.id for item in ended],
            "lease_tokens": [item.lease_token for item in ended],
            "states": [item.state for item in ended],
            "attempt_outcomes": [item.attempt_outcome for item in ended],
            "outcomes": [item.outcome for item in ended],
            "results": [None if item.result is None else Json(item.result) for item in ended],
            "errors": [item.error for item in ended],
            "due_ats": [item.due_at for item in ended],
            "status_codes": [item.status_code for item in ended],
            "elapsed_ms": [item.elapsed_ms for item in ended],
            "response_excerpts": [item.response_excerpt for item in ended],
        },
    )
    return {row[0] for row in cursor.fetchall()}


EXPIRE = """
WITH lost_work AS (
    SELECT id
    FROM work
    WHERE state = 'running' AND lease_expires_at <= coalesce(%(now)s, now())
    ORDER BY lease_expires_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
),
expired_work AS (
    UPDATE work
    SET state = CASE WHEN attempt - released < max_attempts THEN 'pending' ELSE 'failed' END,
        outcome = CASE WHEN attempt - released >= max_attempts AND kind = 'run' THEN 'error' END,
        error = CASE
            WHEN attempt - released >= max_attempts
            THEN format('the lease of attempt %%s expired and no attempt is left', attempt)
        END,
        lease_token = NULL,
        lease_expires_at = NULL,
        finished_at = CASE WHEN attempt - released >= max_attempts THEN coalesce(%(now)s, now()) END
    FROM lost_work
    WHERE work.id = lost_work.id
    RETURNING work.id, work.attempt, work.state
),
closed_attempts AS (
    UPDATE attempts
    SET finished_at = coalesce(%(now)s, now()),
        outcome = 'lease_expired',
        error = 'the worker did not finish before its lease expired'
    FROM expired_work
    WHERE attempts.work_id = expired_work.id AND attempts.number = expired_work.attempt
)
SELECT id, state
FROM expired_work
"""


def expire(cursor: Cursor, *, limit: int, now: datetime | None = None) -> dict[UUID, State]:
    """Take back the leases that ran out: the work is pending again, or failed when no attempt is left."""
    cursor.execute(EXPIRE, {"limit": limit, "now": now})
    return dict(cursor.fetchall())


CANCEL = """
UPDATE work
SET state = 'canceled',
    error = %(reason)s,
    lease_token = NULL,
    lease_expires_at = NULL,
    finished_at = now()
WHERE account_id = %(account_id)s
  AND state IN ('pending', 'running')
  AND (id = %(id)s OR checklist_id = %(checklist_id)s)
RETURNING id
"""

# A statement of its own: while CANCEL waited for a claim to commit, that claim's attempt was behind its snapshot.
END_CANCELED_ATTEMPTS = """
UPDATE attempts
SET finished_at = now(), outcome = 'canceled', error = %(reason)s
WHERE work_id = ANY(%(ids)s) AND finished_at IS NULL
"""


def cancel(
    cursor: Cursor,
    account_id: int,
    *,
    reason: str,
    id: UUID | None = None,
    checklist_id: int | None = None,
) -> list[UUID]:
    """Cancel one piece of work, or all of a checklist, that has not ended; a worker that runs it loses its lease.

    Two statements, so the cursor must be a transaction's.
    """
    cursor.execute(CANCEL, {"account_id": account_id, "id": id, "checklist_id": checklist_id, "reason": reason})
    canceled = [row[0] for row in cursor.fetchall()]
    if canceled:
        cursor.execute(END_CANCELED_ATTEMPTS, {"ids": canceled, "reason": reason})
    return canceled


DUE = """
SELECT id
FROM work
WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery') AND due_at <= now()
ORDER BY due_at
LIMIT %(limit)s
"""


def due(cursor: Cursor, *, limit: int) -> list[UUID]:
    """Work that is due and was not begun, oldest first."""
    cursor.execute(DUE, {"limit": limit})
    return [row[0] for row in cursor.fetchall()]
