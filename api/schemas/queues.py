"""Queues as clients write and read them."""

from typing import Any, ClassVar

from marshmallow import fields

from api.schemas.fields import Integer, Object, Timestamp
from api.store.queues import MOST_COUNTED

A_YEAR = 31_536_000  # in seconds
COUNTED = {"description": f"how many of its tasks; counting stops at {MOST_COUNTED:,}"}


class QueueInput(Object):
    unattended_after_seconds = Integer(
        least=1,
        most=A_YEAR,
        allow_none=True,
        load_default=None,
        metadata={"description": "how long tasks may be due, and nobody asks for them, before webhooks are told of it"},
    )

    example: ClassVar[dict[str, Any]] = {"unattended_after_seconds": 300}


class QueueSchema(Object):
    """A queue with the numbers of its tasks."""

    name = fields.String(required=True)
    pending = fields.Integer(required=True, metadata=COUNTED)
    running = fields.Integer(required=True, metadata=COUNTED)
    failed = fields.Integer(required=True, metadata=COUNTED)
    oldest_pending_seconds = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "how long the task has been due that is due longest; null when none is"},
    )
    last_popped_at = Timestamp(
        required=True, allow_none=True, metadata={"description": "when somebody asked for tasks last"}
    )
    unattended_after_seconds = fields.Integer(
        required=True, allow_none=True, metadata={"description": "null: as the service is set"}
    )
    unattended_since = Timestamp(
        required=True, allow_none=True, metadata={"description": "null while somebody looks after it"}
    )
    created_at = Timestamp(required=True)


class QueuePage(Object):
    data = fields.List(fields.Nested(QueueSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RetriedSchema(Object):
    retried = fields.Integer(required=True, metadata={"description": "how many; at most 10,000 by one request"})
    more = fields.Boolean(required=True, metadata={"description": "whether another request would find more"})
