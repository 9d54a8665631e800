"""Schedules, their occurrences and previews as clients read them."""

from marshmallow import fields

from api.schemas.fields import Json, Object, Timestamp, Word
from api.schemas.schedules import OUTCOMES, STATES
from shared.domain.urls import METHODS


class WorkOfScheduleSchema(Object):
    """A piece of work that the schedule began."""

    id = fields.UUID(required=True)
    kind = Word("run", "job", "task", required=True)
    at = Timestamp(required=True)
    state = Word("pending", "running", "succeeded", "failed", "canceled", required=True)
    outcome = fields.String(required=True, allow_none=True)


class CountersSchema(Object):
    fired = fields.Integer(required=True)
    skipped = fields.Integer(required=True)
    missed = fields.Integer(required=True)


class ScheduleSchema(Object):
    id = fields.Integer(required=True)
    name = fields.String(required=True, allow_none=True)
    sentence = fields.String(required=True, allow_none=True, metadata={"description": "when, in words"})
    cron = fields.String(required=True, allow_none=True)
    timezone = fields.String(required=True)
    interval_seconds = fields.Integer(required=True, allow_none=True)
    run_at = Timestamp(required=True, allow_none=True)
    minute = fields.Integer(required=True, allow_none=True)
    recurring = Word("none", "daily", "weekly", required=True, allow_none=True)
    checklist_id = fields.Integer(required=True, allow_none=True)
    variables = fields.Dict(required=True, allow_none=True)
    uri = fields.String(required=True, allow_none=True)
    method = Word(*METHODS, required=True, allow_none=True)
    headers = fields.Dict(keys=fields.String(), values=fields.String(), required=True, allow_none=True)
    payload = Json(metadata={"description": "left out when none was given"})
    error_uri = fields.String(required=True, allow_none=True)
    timeout_seconds = fields.Integer(required=True, allow_none=True)
    max_attempts = fields.Integer(required=True, allow_none=True)
    backoff_seconds = fields.Float(required=True, allow_none=True)
    queue = fields.String(required=True, allow_none=True)
    priority = fields.Integer(required=True, allow_none=True)
    paused = fields.Boolean(required=True)
    note = fields.String(required=True, allow_none=True)
    starts_at = Timestamp(required=True, allow_none=True)
    ends_at = Timestamp(required=True, allow_none=True)
    max_occurrences = fields.Integer(required=True, allow_none=True)
    jitter_seconds = fields.Integer(required=True)
    overlap = fields.String(required=True)
    catchup_window_seconds = fields.Integer(required=True)
    coalesce = fields.String(required=True)
    pause_on_failure = fields.Boolean(required=True)
    pause_on_change = fields.Boolean(required=True)
    state = Word(*STATES, required=True)
    skip_next = fields.Boolean(required=True, metadata={"description": "the next occurrence is to be left out"})
    next_run_at = Timestamp(required=True, allow_none=True, metadata={"description": "null unless it is active"})
    upcoming = fields.List(Timestamp(), required=True, metadata={"description": "the next five, next_run_at included"})
    last_run_at = Timestamp(required=True, allow_none=True)
    last = fields.Nested(WorkOfScheduleSchema, required=True, allow_none=True)
    last_success = fields.Nested(WorkOfScheduleSchema, required=True, allow_none=True)
    last_failure = fields.Nested(WorkOfScheduleSchema, required=True, allow_none=True)
    counters = fields.Nested(CountersSchema, required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


class SchedulePage(Object):
    data = fields.List(fields.Nested(ScheduleSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class OccurrenceSchema(Object):
    """An instant that was due, and what became of it."""

    scheduled_for = Timestamp(required=True)
    outcome = Word(*OUTCOMES, required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "why it was not fired"})
    kind = Word("run", "job", "task", required=True)
    work_id = fields.UUID(required=True, allow_none=True)


class OccurrencePage(Object):
    data = fields.List(fields.Nested(OccurrenceSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class PreviewInstantSchema(Object):
    utc = Timestamp(required=True)
    local = fields.String(required=True, metadata={"format": "date-time", "example": "2026-03-01T13:00:00+01:00"})


class PreviewSchema(Object):
    sentence = fields.String(required=True, metadata={"example": "At 09:30, Monday through Friday, in Europe/Berlin"})
    instants = fields.List(fields.Nested(PreviewInstantSchema), required=True, metadata={"description": "the next ten"})
    timezone = fields.String(required=True)
