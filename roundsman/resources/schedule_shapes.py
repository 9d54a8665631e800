"""Schedules as they come from the API; a service of a newer version may add members."""

from typing import TypedDict


class Counters(TypedDict):
    fired: int
    skipped: int
    missed: int


class WorkOfSchedule(TypedDict):
    """A piece of work that a schedule began; `at` is its instant."""

    id: str
    kind: str
    at: str
    state: str
    outcome: str | None


class Schedule(TypedDict):
    """When (exactly one of `cron`, `interval_seconds`, `run_at`, `minute` is not null) and what, and how it stands."""

    id: int
    name: str | None
    sentence: str | None
    cron: str | None
    timezone: str
    interval_seconds: int | None
    run_at: str | None
    minute: int | None
    recurring: str | None
    checklist_id: int | None
    variables: dict[str, str] | None
    uri: str | None
    queue: str | None
    priority: int | None
    paused: bool
    note: str | None
    starts_at: str | None
    ends_at: str | None
    max_occurrences: int | None
    jitter_seconds: int
    overlap: str
    catchup_window_seconds: int
    coalesce: str
    pause_on_failure: bool
    pause_on_change: bool
    state: str
    skip_next: bool
    next_run_at: str | None
    upcoming: list[str]
    last_run_at: str | None
    last: WorkOfSchedule | None
    last_success: WorkOfSchedule | None
    last_failure: WorkOfSchedule | None
    counters: Counters
    created_at: str
    updated_at: str


class Occurrence(TypedDict):
    """An instant that was due: fired with its work, or skipped or missed for a reason."""

    scheduled_for: str
    outcome: str
    reason: str | None
    kind: str
    work_id: str | None


class PreviewInstant(TypedDict):
    utc: str
    local: str


class Preview(TypedDict):
    """When a schedule would be due: in words, and its next ten instants."""

    sentence: str
    instants: list[PreviewInstant]
    timezone: str
