"""API keys as clients write and read them."""

from marshmallow import Schema, fields

from api.schemas.fields import Text, Timestamp

INSTANT = {"type": "string", "format": "date-time", "example": "2026-03-01T12:00:00Z"}


class KeyInput(Schema):
    may_be_empty = True
    name = Text(most=200, load_default="default")


class NewApiKeySchema(Schema):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    api_key = fields.String(required=True, metadata={"example": "rk_7Fh2…_…", "description": "shown this once"})
    created_at = Timestamp(required=True, metadata=INSTANT)


class ApiKeySchema(Schema):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    prefix = fields.String(required=True, metadata={"example": "rk_7Fh2"})
    created_at = Timestamp(required=True, metadata=INSTANT)
    last_used_at = Timestamp(required=True, allow_none=True, metadata=INSTANT)


class ApiKeyPage(Schema):
    data = fields.List(fields.Nested(ApiKeySchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DeletedSchema(Schema):
    deleted = fields.Boolean(required=True)
