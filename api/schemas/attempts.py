"""Attempts as clients read them."""

from marshmallow import fields

from api.schemas.fields import Object, Timestamp, Word

OUTCOMES = ("succeeded", "failed", "timeout", "lease_expired", "released", "canceled")


class AttemptSchema(Object):
    """One execution that was begun; outcome and finished_at are null while it goes on."""

    number = fields.Integer(required=True, metadata={"description": "counted from 1"})
    started_at = Timestamp(required=True)
    finished_at = Timestamp(required=True, allow_none=True)
    outcome = Word(*OUTCOMES, required=True, allow_none=True)
    status_code = fields.Integer(required=True, allow_none=True, metadata={"description": "of the HTTP answer"})
    error = fields.String(required=True, allow_none=True)
    elapsed_ms = fields.Integer(required=True, allow_none=True)
    response_excerpt = fields.String(
        required=True, allow_none=True, metadata={"description": "the beginning of the answer's body"}
    )
