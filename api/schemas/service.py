"""What the service says of itself."""

from marshmallow import Schema, fields


class AliveSchema(Schema):
    status = fields.String(required=True, metadata={"example": "ok"})
    service = fields.String()
    docs = fields.String()
    openapi = fields.String()


class ReadySchema(Schema):
    status = fields.String(required=True, metadata={"example": "ok", "description": "ok or unavailable"})
    postgres = fields.String(required=True, metadata={"example": "ok"})
    redis = fields.String(required=True, metadata={"example": "ok"})
    schedulers = fields.Integer(required=True, metadata={"example": 1})
    workers = fields.Integer(required=True, metadata={"example": 2})
