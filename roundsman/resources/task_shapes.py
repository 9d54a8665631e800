"""Queues and tasks as they come from the API; a service of a newer version may add members."""

from typing import Any, NotRequired, TypedDict


class TaskAttempt(TypedDict):
    """One lease that was given; `outcome` is null while it is in force."""

    number: int
    worker: str | None
    started_at: str
    finished_at: str | None
    outcome: str | None
    error: str | None
    elapsed_ms: int | None


class LogLine(TypedDict):
    """What a worker said in an attempt."""

    attempt: int
    message: str
    logged_at: str


class Task(TypedDict):
    """A payload for an external worker; `attempts` and `logs` are left out in lists.

    `failures` counts the attempts that failed or timed out, `expirations` those whose lease ran out.
    """

    id: str
    queue: str
    payload: Any
    state: str
    priority: int
    attempt_count: int
    failures: int
    expirations: int
    max_attempts: int
    timeout_seconds: int | None
    dedup_key: str | None
    worker: str | None
    lease_expires_at: str | None
    cancel_requested: bool
    error: str | None
    result: Any
    schedule_id: int | None
    scheduled_for: str | None
    run_id: str | None
    next_attempt_at: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    deduplicated: NotRequired[bool]
    attempts: NotRequired[list[TaskAttempt]]
    logs: NotRequired[list[LogLine]]


class PoppedTask(TypedDict):
    """A task that was taken from its queue; `lease_token` is what it is acked, failed and extended with."""

    id: str
    queue: str
    payload: Any
    attempt: int
    lease_token: str
    lease_expires_at: str
    timeout_seconds: int | None
    scheduled_for: str | None


class Lease(TypedDict):
    """How long a task is still its worker's; `cancel_requested` asks that worker to give it up."""

    lease_expires_at: str
    cancel_requested: bool


class AckResult(TypedDict):
    """What came of one of many acks: acked, acked_before, lease_lost, job_timed_out, result_refused, unknown."""

    id: str
    outcome: str
    detail: NotRequired[str]


class Queue(TypedDict):
    """A queue and how it stands; `unattended_since` is null while somebody looks after it."""

    name: str
    pending: int
    running: int
    failed: int
    oldest_pending_seconds: float | None
    last_popped_at: str | None
    unattended_after_seconds: int | None
    unattended_since: str | None
    created_at: str


class RetriedFailed(TypedDict):
    """How many tasks were begun afresh, and whether there are `more` that have failed."""

    retried: int
    more: bool
