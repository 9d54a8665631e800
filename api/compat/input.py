"""Input as other systems take it: what they do not know they pass over, and everything else is judged as ours is."""

from typing import Any

from marshmallow import EXCLUDE, ValidationError

from api.errors import FieldProblem, InvalidInput
from api.json_body import invalid_input, json_body
from api.schemas.fields import Object


class Lenient(Object):
    """An object that may have members that nobody asks for."""

    class Meta:
        unknown = EXCLUDE


def read_input(schema: Lenient) -> dict[str, Any]:
    """The body by this schema, to be asked for before a transaction begins: none waits for a client.

    Raises a Problem for any that is not JSON, no object, or not valid.
    """
    body = json_body()
    if not isinstance(body, dict):
        raise InvalidInput("the body must be a JSON object", errors=[FieldProblem("", "must be an object")])
    try:
        fields: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise invalid_input(error.messages) from None
    return fields


def with_one_name(fields: dict[str, Any], name: str, other_name: str) -> dict[str, Any]:
    """These fields with what `other_name` says under `name`: their document has both for one thing.

    Raises ValidationError when they say different things.
    """
    other = fields.pop(other_name, None)
    if other is not None and fields.get(name) not in (None, other):
        raise ValidationError(f"must not differ from {name}", other_name)
    return fields if other is None else fields | {name: other}
