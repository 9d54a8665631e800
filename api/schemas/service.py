"""What the service says of itself."""

from marshmallow import fields

from api.schemas.fields import Object


class AliveSchema(Object):
    status = fields.String(required=True, metadata={"example": "ok"})
    service = fields.String()
    docs = fields.String()
    openapi = fields.String()


class ReadySchema(Object):
    status = fields.String(required=True, metadata={"example": "ok", "description": "ok or unavailable"})
    postgres = fields.String(required=True, metadata={"example": "ok"})
    redis = fields.String(required=True, metadata={"example": "ok"})
    schedulers = fields.Integer(required=True, metadata={"example": 1})
    workers = fields.Integer(required=True, metadata={"example": 2})
