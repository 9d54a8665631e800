"""The work protocol: finish and cancel; claiming is in worker.store.claims, expiry in scheduler.expiry. Every change of
state is one guarded UPDATE, in bulk.

A lease token is fresh for every claim; whoever finishes must hold the one that is in force. Times are the database's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from shared.array import array
from shared.database import Cursor
from shared.domain.json_value import written

State = Literal["pending", "running", "succeeded", "failed", "canceled"]
TERMINAL = ("succeeded", "failed", "canceled")
RUN_MAX_ATTEMPTS = 3  # begun again when its worker died; after the third worker it is the run that is suspected


# Tuples, as thousands of each are made every second: a frozen dataclass takes eight times as long to make. Ids and
# tokens are the texts of UUIDs here, for nobody computes with them: a UUID costs 1 us to make and 1 us to write.
class ClaimedWork(NamedTuple):
    """A piece of work whose lease the claimer holds until `timeout_seconds` plus the margin are over.

    `payload` is the JSON text of what a job sends, if it sends anything.
    """

    id: str
    account_id: int
    kind: str
    lane: str
    attempt: int
    released: int
    max_attempts: int
    lease_token: str
    timeout_seconds: int
    checklist_id: int | None
    schedule_id: int | None
    scheduled_for: datetime | None
    webhook_id: int | None
    event_id: UUID | None
    inert: bool
    error_of: UUID | None
    trigger: str
    spec: Mapping[str, Any]
    payload: str | None = None

    @property
    def counted_attempt(self) -> int:
        """Which attempt this is of those that count against the limit."""
        return self.attempt - self.released

    @property
    def is_last_attempt(self) -> bool:
        return self.counted_attempt >= self.max_attempts


class FinishedAttempt(NamedTuple):
    """How one attempt ended, and what that makes of its work: a terminal state, or pending until it is tried again."""

    id: str
    lease_token: str
    state: State
    attempt_outcome: Literal["succeeded", "failed", "timeout", "lease_expired", "released", "canceled"]
    outcome: str | None = None
    result: Any = None
    error: str | None = None
    retry_in_seconds: float | None = None
    status_code: int | None = None
    elapsed_ms: int | None = None
    response_excerpt: str | None = None


# Only running work has a lease token, which a constraint sees to. Asking for the state as well would make the planner
# go through all that is running, the hundred thousand tasks of external workers included.
FINISH = """
WITH ended AS (
    SELECT *
    FROM unnest(
        %(ids)s::uuid[], %(lease_tokens)s::uuid[], %(states)s::text[], %(attempt_outcomes)s::text[],
        %(outcomes)s::text[], %(results)s::jsonb[], %(errors)s::text[], %(retry_in_seconds)s::float8[],
        %(status_codes)s::integer[], %(elapsed_ms)s::integer[], %(response_excerpts)s::text[]
    ) AS ended (
        id, lease_token, state, attempt_outcome, outcome, result, error, retry_in_seconds,
        status_code, elapsed_ms, response_excerpt
    )
),
finished_work AS (
    UPDATE work
    SET state = ended.state,
        outcome = ended.outcome,
        result = ended.result,
        error = ended.error,
        due_at = coalesce(
            coalesce(%(now)s, now()) + make_interval(secs => ended.retry_in_seconds), work.due_at
        ),
        released = work.released + (ended.attempt_outcome = 'released')::integer,
        lease_token = NULL,
        lease_expires_at = NULL,
        finished_at = CASE WHEN ended.state = 'pending' THEN NULL ELSE coalesce(%(now)s, now()) END
    FROM ended
    WHERE work.id = ended.id AND work.lease_token = ended.lease_token
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
SELECT id::text
FROM finished_work
"""


def finish(cursor: Cursor, ended: Sequence[FinishedAttempt], now: datetime | None = None) -> set[str]:
    """End these attempts; the ids of those whose lease was still held. The others changed nothing."""
    if not ended:
        return set()
    cursor.execute(
        FINISH,
        {
            "now": now,
            "ids": array(item.id for item in ended),
            "lease_tokens": array(item.lease_token for item in ended),
            "states": array(item.state for item in ended),
            "attempt_outcomes": array(item.attempt_outcome for item in ended),
            "outcomes": array(item.outcome for item in ended),
            "results": array(None if item.result is None else written(item.result) for item in ended),
            "errors": array(item.error for item in ended),
            "retry_in_seconds": array(item.retry_in_seconds for item in ended),
            "status_codes": array(item.status_code for item in ended),
            "elapsed_ms": array(item.elapsed_ms for item in ended),
            "response_excerpts": array(item.response_excerpt for item in ended),
        },
    )
    return {row[0] for row in cursor.fetchall()}


# In the order of their ids, as everybody else locks tasks, so that no two wait for each other. The task of a run comes
# before the run itself: whoever brings observations locks them in this order.
CANCEL_TASKS_OF_RUNS = """
WITH chosen_tasks AS (
    SELECT tasks.id
    FROM work AS runs
    JOIN work AS tasks ON tasks.run_id = runs.id
    WHERE (%(account_id)s IS NULL OR runs.account_id = %(account_id)s)
      AND runs.state = 'pending'
      AND (
          runs.id = ANY(%(ids)s::uuid[])
          OR runs.checklist_id = %(checklist_id)s
          OR runs.schedule_id = ANY(%(schedule_ids)s::bigint[])
      )
      AND tasks.state IN ('pending', 'running')
    ORDER BY tasks.id
    FOR NO KEY UPDATE OF tasks
)
UPDATE work
SET state = CASE state WHEN 'pending' THEN 'canceled' ELSE state END,
    error = CASE state WHEN 'pending' THEN %(reason)s ELSE error END,
    finished_at = CASE state WHEN 'pending' THEN now() END,
    cancel_requested = true
FROM chosen_tasks
WHERE work.id = chosen_tasks.id
RETURNING work.id, state
"""

# An external worker that has begun a task is asked to stop, and may still end it well; our own lose their leases.
CANCEL = """
WITH chosen_work AS (
    SELECT id
    FROM work
    WHERE (%(account_id)s IS NULL OR account_id = %(account_id)s)
      AND state IN ('pending', 'running')
      AND (
          id = ANY(%(ids)s::uuid[])
          OR checklist_id = %(checklist_id)s
          OR webhook_id = %(webhook_id)s
          OR schedule_id = ANY(%(schedule_ids)s::bigint[])
      )
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE work
SET state = CASE WHEN kind = 'task' AND state = 'running' THEN state ELSE 'canceled' END,
    error = CASE WHEN kind = 'task' AND state = 'running' THEN error ELSE %(reason)s END,
    lease_token = CASE WHEN kind = 'task' THEN lease_token END,
    lease_expires_at = CASE WHEN kind = 'task' THEN lease_expires_at END,
    finished_at = CASE WHEN kind = 'task' AND state = 'running' THEN NULL ELSE now() END,
    cancel_requested = (kind = 'task')
FROM chosen_work
WHERE work.id = chosen_work.id
RETURNING work.id, state, run_id
"""

# A statement of its own: while the other waited for a claim to commit, that claim's attempt was behind its snapshot.
END_CANCELED_ATTEMPTS = """
UPDATE attempts
SET finished_at = now(), outcome = 'canceled', error = %(reason)s
WHERE work_id = ANY(%(ids)s::uuid[]) AND finished_at IS NULL
"""


def end_canceled_attempts(cursor: Cursor, canceled: Sequence[UUID], reason: str) -> None:
    """End what was going on of work that has just been canceled."""
    if canceled:
        cursor.execute(END_CANCELED_ATTEMPTS, {"ids": array(canceled), "reason": reason})


def cancel(
    cursor: Cursor,
    account_id: int | None,
    *,
    reason: str,
    id: UUID | None = None,
    checklist_id: int | None = None,
    webhook_id: int | None = None,
    schedule_ids: Sequence[int] = (),
) -> list[UUID]:
    """Cancel one piece of work, or all of a checklist, webhook or schedules, that has not ended; what was canceled.

    A run and the task that it waits for are canceled together. A task that an external worker has begun is not among
    the canceled: it is only asked to stop. Several statements, so the cursor must be a transaction's.
    """
    chosen = {
        "account_id": account_id,
        "reason": reason,
        "ids": array([] if id is None else [id]),
        "checklist_id": checklist_id,
        "webhook_id": webhook_id,
        "schedule_ids": array(schedule_ids),
    }
    cursor.execute(CANCEL_TASKS_OF_RUNS, chosen)
    canceled = [id for id, state in cursor.fetchall() if state == "canceled"]
    cursor.execute(CANCEL, chosen)
    ended = [(id, run_id) for id, state, run_id in cursor.fetchall() if state == "canceled"]
    canceled += [id for id, _ in ended]
    if run_ids := [run_id for _, run_id in ended if run_id is not None]:
        nothing_else = {"checklist_id": None, "webhook_id": None, "schedule_ids": None}
        cursor.execute(CANCEL, chosen | nothing_else | {"ids": array(run_ids)})
        canceled += [id for id, state, _ in cursor.fetchall() if state == "canceled"]
    end_canceled_attempts(cursor, canceled, reason)
    return canceled
