"""Webhooks as clients write and read them."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validates

from api.schemas.answers import PageQuery
from api.schemas.fields import Boolean, Items, Object, Text, Timestamp, Url, Word, left_out

EVENT_TYPES = (
    "run.started",
    "run.finished",
    "job.succeeded",
    "job.failed",
    "task.succeeded",
    "task.failed",
    "queue.unattended",
    "queue.attended",
    "schedule.occurrence_skipped",
    "schedule.occurrence_missed",
    "schedule.paused",
    "webhook.disabled",
)
EVERY_TYPE = "*"
MOST_EVENT_TYPES = 20


class WebhookInput(Object):
    url = Url(required=True)
    event_types = Items(
        Word(*EVENT_TYPES, EVERY_TYPE),
        least=1,
        most=MOST_EVENT_TYPES,
        required=True,
        metadata={"uniqueItems": True, "description": "what it is told of; `*` alone stands for everything"},
    )
    description = Text(most=1_000)
    enabled = Boolean(load_default=True)

    example: ClassVar[dict[str, Any]] = {
        "url": "https://example.com/hooks/roundsman",
        "event_types": ["run.finished", "schedule.paused"],
        "description": "tells the team's chat",
    }

    @validates("event_types")
    def check_event_types(self, event_types: list[str], **_: Any) -> None:
        if len(set(event_types)) < len(event_types):
            raise ValidationError("must name every type once")
        if EVERY_TYPE in event_types and len(event_types) > 1:
            raise ValidationError(f"{EVERY_TYPE} stands for every type, and must be alone")


class WebhookQuery(PageQuery):
    enabled = Word("true", "false", load_default=left_out)


class WebhookSchema(Object):
    id = fields.Integer(required=True)
    url = fields.String(required=True)
    event_types = fields.List(Word(*EVENT_TYPES, EVERY_TYPE), required=True)
    description = fields.String(required=True, allow_none=True)
    enabled = fields.Boolean(required=True)
    failing_since = Timestamp(
        required=True, allow_none=True, metadata={"description": "since when every attempt has failed"}
    )
    disabled_at = Timestamp(required=True, allow_none=True)
    disabled_reason = fields.String(required=True, allow_none=True)
    previous_secret_until = Timestamp(
        required=True,
        allow_none=True,
        metadata={"description": "until when the secret before the last rotation signs as well"},
    )
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


class WebhookWithSecretSchema(WebhookSchema):
    secret = fields.String(
        required=True, metadata={"description": "whsec_ and the key in base64, as Standard Webhooks has it; shown once"}
    )


class WebhookPage(Object):
    data = fields.List(fields.Nested(WebhookSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
