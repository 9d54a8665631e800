"""Shapes that every route shares: problems, and the parameters of a list."""

from marshmallow import fields

from api.schemas.fields import Object, QueryInteger, Text, left_out


class FieldProblemSchema(Object):
    pointer = fields.String(required=True, metadata={"description": "where, as a JSON Pointer", "example": "/name"})
    detail = fields.String(required=True, metadata={"example": "must be a string of 1 to 200 characters"})


class ProblemSchema(Object):
    """RFC 9457 problem details."""

    type = fields.String(required=True, metadata={"example": "about:blank"})
    title = fields.String(required=True, metadata={"example": "Unprocessable Content"})
    status = fields.Integer(required=True, metadata={"example": 422})
    detail = fields.String(required=True, metadata={"example": "the input is not valid"})
    errors = fields.List(fields.Nested(FieldProblemSchema), required=True)


class PageQuery(Object):
    limit = QueryInteger(least=1, most=200, load_default=50, metadata={"description": "rows of a page"})
    cursor = Text(most=200, load_default=left_out, metadata={"description": "the next_cursor of an earlier page"})


class NothingSchema(Object):
    """A body without members, or no body at all."""

    may_be_empty = True
