"""The one door for JSON: every body and query is read, bounded, parsed and validated here."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn

import gevent
import marshmallow
from flask import Request, current_app, request
from webargs.flaskparser import FlaskParser

from api.errors import BodyTooLarge, BodyTooSlow, FieldProblem, InvalidInput, MalformedBody, WrongContentType
from shared.domain.json_text import Json, parse

READING_SECONDS: Final = 30.0  # for the whole of a body: who sends none holds a place that others need


def read_body() -> bytes:
    """The whole body, never more than the limit: a chunked one is measured as it comes, not cut in silence.

    Raises BodyTooLarge, BodyTooSlow, and MalformedBody when the client ended before its body did.
    """
    cached = request.environ.get("roundsman.body")
    if cached is not None:
        return bytes(cached)
    limit: int = current_app.config["MAX_BODY_BYTES"]
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge(f"the body is larger than {limit} bytes")
    body = read_in_time(lambda: _read_at_most(limit + 1))
    if len(body) > limit:
        raise BodyTooLarge(f"the body is larger than {limit} bytes")
    if request.content_length is not None and len(body) < request.content_length:
        raise MalformedBody("the body ended before its Content-Length")
    request.environ["roundsman.body"] = body
    return body


def read_in_time(read: Callable[[], bytes]) -> bytes:
    """What is read of a body, if that does not take too long; raises BodyTooSlow."""
    if "gunicorn.socket" not in request.environ:  # another server, such as a test's, whose clients are not on a network
        return read()
    too_slow = BodyTooSlow(f"the body has not come within {READING_SECONDS:g} seconds")
    with gevent.Timeout(READING_SECONDS, too_slow):
        return read()


def _read_at_most(limit: int) -> bytes:
    chunks, size = [], 0
    stream = request.environ["wsgi.input"] if _is_chunked() else request.stream
    while size < limit and (chunk := stream.read(min(65_536, limit - size))):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _is_chunked() -> bool:
    return "chunked" in request.headers.get("Transfer-Encoding", "").lower()


def json_body(*, empty: Json = None) -> Json:
    """The body as JSON; `empty` stands for a body of no bytes, unless it is None: then JSON is required."""
    body = read_body()
    if not body and empty is not None:
        return empty
    if not body:
        raise MalformedBody("the body is empty; expected JSON")
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise WrongContentType("the body must be JSON, with Content-Type: application/json")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise WrongContentType("JSON is UTF-8; no other charset is accepted")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise WrongContentType("an encoded body is not accepted; send it as it is, without Content-Encoding")
    return parse(body)


class GuardedParser(FlaskParser):
    """webargs with our own reading of bodies and our own errors."""

    def __init__(self) -> None:
        super().__init__(unknown=marshmallow.RAISE)

    def load_json(self, req: Request, schema: marshmallow.Schema) -> Any:
        body = json_body(empty={} if getattr(schema, "may_be_empty", False) else None)
        if not isinstance(body, dict):
            raise InvalidInput("the body must be a JSON object", errors=[FieldProblem("", "must be an object")])
        return body

    def load_querystring(self, req: Request, schema: marshmallow.Schema) -> Any:
        repeated = [name for name, values in req.args.lists() if len(values) > 1]
        if repeated:
            raise InvalidInput(
                "a parameter was given more than once",
                errors=[FieldProblem(f"/{name[:100]}", "given more than once") for name in repeated[:10]],
            )
        return super().load_querystring(req, schema)

    def handle_error(
        self,
        error: marshmallow.ValidationError,
        req: Request,
        schema: marshmallow.Schema,
        *,
        error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> NoReturn:
        messages = error.messages
        if isinstance(messages, dict) and len(messages) == 1 and next(iter(messages)) in ("json", "query"):
            messages = next(iter(messages.values()))
        raise invalid_input(messages)


def invalid_input(messages: Any) -> InvalidInput:
    """marshmallow's nested messages as problems by JSON Pointer."""
    problems = [FieldProblem(pointer, detail) for pointer, detail in _problems(messages, "")]
    return InvalidInput("the input is not valid", errors=problems[:100])


def _problems(messages: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            if name == "_schema":
                yield from _problems(inner, pointer)
            else:
                escaped = str(name)[:200].replace("~", "~0").replace("/", "~1")
                yield from _problems(inner, f"{pointer}/{escaped}")
    elif isinstance(messages, list):
        for inner in messages:
            yield from _problems(inner, pointer)
    else:
        yield pointer, str(messages)
