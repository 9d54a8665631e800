"""The API, asked from within: with the key of the session, through the routes that everybody uses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, g
from werkzeug.test import EnvironBuilder

from api.auth import CALLER, caller
from api.errors import FieldProblem, Problem

TOO_GOOD_FOR_A_FORM = (400, 409, 413, 422)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the API did not take: why, and at which places of the input, by JSON Pointer."""

    detail: str
    errors: Mapping[str, str]


def get(path: str, **query: Any) -> Any:
    """What the API answers there. Raises the Problem that it answers instead, such as NotFound."""
    status, body = _ask("GET", path, query={name: str(value) for name, value in query.items() if value is not None})
    if status >= 400:
        raise _problem(status, body)
    return body


def find(path: str, **query: Any) -> Any | None:
    """What the API answers there; None when there is no such thing."""
    try:
        return get(path, **query)
    except Problem as problem:
        if problem.status == 404:
            return None
        raise


def send(method: str, path: str, body: Any = None) -> Any | Refusal:
    """Have the API do it: what it answers, or why it refuses what was asked. Raises any other Problem."""
    status, answer = _ask(method, path, body=body)
    if status in TOO_GOOD_FOR_A_FORM:
        return Refusal(answer["detail"], {error["pointer"]: error["detail"] for error in answer.get("errors", ())})
    if status >= 400:
        raise _problem(status, answer)
    return answer


def _ask(method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
    builder = EnvironBuilder(
        path,
        method=method,
        query_string=query,
        data=data,
        content_type=None if body is None else "application/json",
        headers=[("X-Request-Id", str(g.request_id))],
    )
    try:
        environ = builder.get_environ()
    finally:
        builder.close()
    environ[CALLER] = caller()
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # the proxy cannot make contexts of its own
    with app.request_context(environ):
        response = app.full_dispatch_request()
        text = response.get_data()
    return response.status_code, json.loads(text) if text else None


def _problem(status: int, body: Any) -> Problem:
    errors = [FieldProblem(error["pointer"], error["detail"]) for error in body.get("errors", ())]
    return Problem(body["detail"], status=status, errors=errors)
