"""Jobs as they come from the API; a service of a newer version may add members."""

from typing import Any, NotRequired, TypedDict


class Attempt(TypedDict):
    """One execution that was begun, of a job or of a delivery."""

    number: int
    started_at: str
    finished_at: str | None
    outcome: str | None
    status_code: int | None
    error: str | None
    elapsed_ms: int | None
    response_excerpt: str | None


class Job(TypedDict):
    """A URL to be called at a time; `payload` is left out when none was given, `attempts` in lists."""

    id: str
    uri: str
    method: str
    headers: dict[str, str]
    payload: NotRequired[Any]
    error_uri: str | None
    execute_at: str
    timeout_seconds: int
    max_attempts: int
    backoff_seconds: float
    schedule_id: int | None
    scheduled_for: str | None
    trigger: str
    state: str
    error: str | None
    error_of: str | None
    error_job_id: str | None
    next_attempt_at: str | None
    attempt_count: int
    attempts: NotRequired[list[Attempt]]
    created_at: str
    started_at: str | None
    finished_at: str | None
