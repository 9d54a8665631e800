"""Tasks as the API shows them."""

from marshmallow import fields

from api.schemas.attempts import OUTCOMES
from api.schemas.fields import WORK_STATES, Json, Object, Timestamp, Word


class TaskSchema(Object):
    """Something that an external worker is to do, in at most so many attempts."""

    id = fields.UUID(required=True)
    queue = fields.String(required=True)
    payload = Json(required=True)
    state = Word(*WORK_STATES, required=True)
    priority = fields.Integer(required=True)
    attempt_count = fields.Integer(required=True, metadata={"description": "how often it was popped"})
    failures = fields.Integer(required=True, metadata={"description": "attempts that failed or timed out"})
    expirations = fields.Integer(required=True, metadata={"description": "attempts whose lease expired"})
    max_attempts = fields.Integer(required=True)
    timeout_seconds = fields.Integer(required=True, allow_none=True)
    dedup_key = fields.String(required=True, allow_none=True)
    worker = fields.String(
        required=True, allow_none=True, metadata={"description": "who has it, or had it last, as it calls itself"}
    )
    lease_expires_at = Timestamp(required=True, allow_none=True)
    cancel_requested = fields.Boolean(required=True)
    error = fields.String(required=True, allow_none=True, metadata={"description": "of the last attempt that failed"})
    result = Json(required=True, metadata={"description": "what the ack brought"})
    schedule_id = fields.Integer(required=True, allow_none=True)
    scheduled_for = Timestamp(required=True, metadata={"description": "when it was to be due first"})
    run_id = fields.UUID(required=True, allow_none=True, metadata={"description": "the run that it observes for"})
    next_attempt_at = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "null unless it is pending, and while it waits for an earlier occurrence"},
    )
    created_at = Timestamp(required=True)
    started_at = Timestamp(required=True, allow_none=True)
    finished_at = Timestamp(required=True, allow_none=True)


class PushedTaskSchema(TaskSchema):
    deduplicated = fields.Boolean(
        required=True, metadata={"description": "whether this is the task that has its dedup_key already"}
    )


class PushedTasksSchema(Object):
    tasks = fields.List(fields.Nested(PushedTaskSchema), required=True)


class TaskAttemptSchema(Object):
    """One lease that was given; outcome and finished_at are null while it is in force."""

    number = fields.Integer(required=True, metadata={"description": "counted from 1"})
    worker = fields.String(required=True, allow_none=True)
    started_at = Timestamp(required=True)
    finished_at = Timestamp(required=True, allow_none=True)
    outcome = Word(*OUTCOMES, required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    elapsed_ms = fields.Integer(required=True, allow_none=True)


class LogLineSchema(Object):
    attempt = fields.Integer(required=True)
    message = fields.String(required=True)
    logged_at = Timestamp(required=True)


class TaskWithHistorySchema(TaskSchema):
    attempts = fields.List(
        fields.Nested(TaskAttemptSchema),
        required=True,
        metadata={"description": "in their order; of very many the last"},
    )
    logs = fields.List(
        fields.Nested(LogLineSchema), required=True, metadata={"description": "in their order, the last 1,000"}
    )


class TaskPage(Object):
    data = fields.List(fields.Nested(TaskSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class PoppedTaskSchema(Object):
    """A task in the hands of a worker."""

    id = fields.UUID(required=True)
    queue = fields.String(required=True)
    payload = Json(required=True)
    attempt = fields.Integer(required=True, metadata={"description": "counted from 1"})
    lease_token = fields.UUID(required=True, metadata={"description": "what the task is ended and extended with"})
    lease_expires_at = Timestamp(required=True)
    timeout_seconds = fields.Integer(required=True, allow_none=True)
    scheduled_for = Timestamp(required=True)


class PoppedTasksSchema(Object):
    tasks = fields.List(fields.Nested(PoppedTaskSchema), required=True)


class LeaseSchema(Object):
    lease_expires_at = Timestamp(required=True)
    cancel_requested = fields.Boolean(
        required=True, metadata={"description": "whether the task's owner wants it to be given up"}
    )


class AckResultSchema(Object):
    id = fields.UUID(required=True)
    outcome = Word(
        *("acked", "acked_before", "lease_lost", "job_timed_out", "unknown", "result_refused"), required=True
    )
    detail = fields.String(metadata={"description": "why it was not acked"})


class AckResultsSchema(Object):
    results = fields.List(fields.Nested(AckResultSchema), required=True, metadata={"description": "one per ack"})
