"""API keys as clients write and read them."""

from marshmallow import fields

from api.schemas.fields import Object, Text, Timestamp


class KeyInput(Object):
    may_be_empty = True
    name = Text(most=200, load_default="default")


class NewApiKeySchema(Object):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    api_key = fields.String(required=True, metadata={"example": "rk_7Fh2…_…", "description": "shown this once"})
    created_at = Timestamp(required=True)


class ApiKeySchema(Object):
    id = fields.Integer(required=True)
    name = fields.String(required=True)
    prefix = fields.String(required=True, metadata={"example": "rk_7Fh2"})
    created_at = Timestamp(required=True)
    last_used_at = Timestamp(required=True, allow_none=True)


class ApiKeyPage(Object):
    data = fields.List(fields.Nested(ApiKeySchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DeletedSchema(Object):
    deleted = fields.Boolean(required=True)


class LoginLinkSchema(Object):
    path = fields.String(required=True, metadata={"example": "/ui/login?token=…", "description": "works once"})
    expires_at = Timestamp(required=True)
