"""Jobs as clients write and read them."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates, validates_schema

from api.schedule_targets import TARGETS
from api.schemas.answers import PageQuery
from api.schemas.attempts import AttemptSchema
from api.schemas.fields import (
    MOST_ID,
    WORK_STATES,
    Instant,
    Integer,
    Json,
    Number,
    Object,
    QueryInteger,
    TextMap,
    Timestamp,
    Url,
    Word,
    left_out,
)
from shared.domain.urls import METHODS, header_problem

MOST_HEADERS = 50
A_YEAR = 31_536_000  # in seconds
WITHOUT_BODY = ("GET", "HEAD")
DEFAULTS = TARGETS["uri"].defaults


def when_left_out(field: str, meaning: str = "") -> dict[str, str]:
    """The description of a field of a call, with its default."""
    return {"description": f"{meaning}; {DEFAULTS[field]} when left out".removeprefix("; ")}


class CallInput(Object):
    """The call that a job makes. Defaults are not filled in here: a schedule wants to know what was given."""

    uri = Url(description="what to call")
    method = Word(*METHODS, metadata=when_left_out("method"))
    headers = TextMap(
        "header",
        valid_name=lambda _: True,  # a name is judged with its value, below
        most=MOST_HEADERS,
    )
    payload = Json(metadata={"description": "any JSON, sent as the body"})
    error_uri = Url(description="gets the same payload when the job has failed for good")
    timeout_seconds = Integer(least=1, most=900, metadata=when_left_out("timeout_seconds", "of one attempt"))
    max_attempts = Integer(least=1, most=20, metadata=when_left_out("max_attempts"))
    backoff_seconds = Number(
        least=0,
        most=3_600,
        metadata=when_left_out("backoff_seconds", "before the second attempt, and four times more before each further"),
    )

    @validates("headers")
    def check_headers(self, headers: dict[str, str], **_: Any) -> None:
        problems = {name: [problem] for name, value in headers.items() if (problem := _problem_of(name, value))}
        if problems:
            raise ValidationError(problems)

    @validates_schema
    def check_payload(self, data: dict[str, Any], **_: Any) -> None:
        if "payload" in data and data.get("method") in WITHOUT_BODY:
            raise ValidationError(f"must be left out with {data['method']}, which has no body", "payload")


class JobInput(CallInput):
    uri = Url(description="what to call", required=True)
    execute_at = Instant(metadata={"description": "when; at once if that is past, or if nothing is said"})
    delay_seconds = Number(least=0, most=A_YEAR, metadata={"description": "instead of execute_at: from now on"})

    example: ClassVar[dict[str, Any]] = {
        "uri": "https://example.com/reminders",
        "delay_seconds": 3_600,
        "payload": {"user": "ada"},
        "error_uri": "https://example.com/failures",
    }

    @validates_schema
    def check_when(self, data: dict[str, Any], **_: Any) -> None:
        if "execute_at" in data and "delay_seconds" in data:
            raise ValidationError("only one of execute_at and delay_seconds may be given", "delay_seconds")


class JobQuery(PageQuery):
    state = Word(*WORK_STATES, load_default=left_out)
    schedule_id = QueryInteger(least=1, most=MOST_ID, load_default=left_out)


class JobSchema(Object):
    """A URL that is called at a time, until that succeeds or no attempt is left."""

    id = fields.UUID(required=True)
    uri = fields.String(required=True)
    method = Word(*METHODS, required=True)
    headers = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    payload = Json(metadata={"description": "left out when none was given"})
    error_uri = fields.String(required=True, allow_none=True)
    execute_at = Timestamp(required=True, metadata={"description": "when it was to be done first"})
    timeout_seconds = fields.Integer(required=True)
    max_attempts = fields.Integer(required=True)
    backoff_seconds = fields.Float(required=True)
    schedule_id = fields.Integer(required=True, allow_none=True)
    scheduled_for = Timestamp(required=True, allow_none=True)
    trigger = Word("manual", "schedule", "api", required=True)
    state = Word(*WORK_STATES, required=True)
    error = fields.String(required=True, allow_none=True)
    error_of = fields.UUID(
        required=True, allow_none=True, metadata={"description": "the failed job that this one tells of"}
    )
    error_job_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "the job that tells the error_uri of this one"}
    )
    next_attempt_at = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "null unless it is pending, and while it waits for an earlier occurrence"},
    )
    attempt_count = fields.Integer(required=True, metadata={"description": "how often it was begun"})
    created_at = Timestamp(required=True)
    started_at = Timestamp(required=True, allow_none=True)
    finished_at = Timestamp(required=True, allow_none=True)


class JobWithAttemptsSchema(JobSchema):
    attempts = fields.List(
        fields.Nested(AttemptSchema), required=True, metadata={"description": "in their order; of very many the last"}
    )


class JobPage(Object):
    data = fields.List(fields.Nested(JobSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


def _problem_of(name: str, value: str) -> str | None:
    """Why a job cannot send this header: it cannot be sent at all, or Roundsman itself does."""
    if name.lower() == "idempotency-key" or name.lower().startswith("roundsman-"):
        return f"the header {name[:128]} is set by Roundsman itself"
    return header_problem(name, value)
