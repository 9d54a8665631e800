"""Messages of workers, as they are read: JSON objects by their `type`, judged as the bodies of requests are."""

import json
from typing import Any, Final

from marshmallow import ValidationError, fields

from api.json_body import invalid_input
from api.schemas.fields import Boolean, Integer, Object, Text, left_out
from api.schemas.tasks import LONGEST_LEASE, AckInput, ExtendInput, FailInput, LogInput, Uuid
from api.sockets.hand import MOST_IN_HAND
from shared.domain.json_text import InvalidJson, parse

LONGEST_TOLD: Final = 100


class InvalidMessage(Exception):
    """the message is none that we know; the text says what was expected"""


class Ready(Object):
    type = fields.Constant("ready")
    max = Integer(least=0, most=MOST_IN_HAND, load_default=1)
    lease_seconds = Integer(least=1, most=LONGEST_LEASE, load_default=60)
    worker = Text(most=200, load_default=left_out)
    extend_leases = Boolean(load_default=True)


class Done(AckInput):
    type = fields.Constant("done")
    id = Uuid(required=True)


class Fail(FailInput):
    type = fields.Constant("fail")
    id = Uuid(required=True)


class Extend(ExtendInput):
    type = fields.Constant("extend")
    id = Uuid(required=True)


class Log(LogInput):
    type = fields.Constant("log")
    id = Uuid(required=True)


class Messages:
    """The messages of one protocol, by type."""

    def __init__(self, **schemas: Object) -> None:
        self._schemas = schemas

    def about(self, text: str | bytes) -> tuple[str | None, dict[str, str]]:
        """The type of a refused message, if it is one of these, and its members, as far as they can be told."""
        said = loosely_read(text)
        kind = said.get("type")
        return (kind, said) if kind in self._schemas else (None, {})

    def read(self, text: str | bytes) -> tuple[str, dict[str, Any]]:
        """A message's type and its other members. Raises InvalidMessage."""
        body = parse_object(text)
        schema = self._schemas.get(body["type"]) if isinstance(body.get("type"), str) else None
        if schema is None:
            raise InvalidMessage(f"type must be one of: {', '.join(self._schemas)}")
        try:
            members: dict[str, Any] = schema.load(body)
        except ValidationError as error:
            problems = invalid_input(error.messages).errors
            raise InvalidMessage("; ".join(f"{problem.pointer} {problem.detail}" for problem in problems)) from None
        return members.pop("type"), members


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Raises InvalidMessage."""
    if isinstance(text, bytes):
        raise InvalidMessage("a message must be text, not binary")
    try:
        body = parse(text)
    except InvalidJson as error:
        raise InvalidMessage(f"a message must be JSON: {error.pointer} {error.detail}") from None
    if not isinstance(body, dict):
        raise InvalidMessage("a message must be a JSON object")
    return body


def loosely_read(text: str | bytes) -> dict[str, str]:
    """The short texts of a message that is refused, by member, so that the answer can say what it is about.

    A value that no JSON of ours may hold does not keep the others from being read.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(body, dict):
        return {}
    return {name: value for name, value in body.items() if isinstance(value, str) and is_tellable(value)}


def is_tellable(text: str) -> bool:
    """Whether it may be sent back as it came.

    >>> is_tellable("00000000-0000-7000-8000-000000000000"), is_tellable("x" * 101), is_tellable("\ud800")
    (True, False, False)
    """
    return len(text) <= LONGEST_TOLD and text.isascii() and text.isprintable()


NATIVE: Final = Messages(ready=Ready(), log=Log(), done=Done(), fail=Fail(), extend=Extend())
