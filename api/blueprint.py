"""The blueprint that all routes are made of: guarded input, and answers documented with their problems."""

from collections.abc import Callable
from typing import Any, TypeVar

import flask_smorest

from api.json_body import GuardedParser
from api.schemas.answers import ProblemSchema

View = TypeVar("View", bound=Callable[..., Any])

PROBLEMS = {
    400: "The body is not JSON that we accept.",
    401: "No key, or not a valid one.",
    404: "There is no such object in this account.",
    409: "The object's state does not allow this.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The input is not valid; `errors` says where and why.",
    429: "Too many requests wait for tasks already; try again after Retry-After seconds.",
    503: "The database is out of reach; try again after Retry-After seconds.",
}

IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": 255},
    "description": "Repeating the request with the same key and body gives the first answer again, for 24 hours.",
}
PREFER = {
    "in": "header",
    "name": "Prefer",
    "schema": {"type": "string", "examples": ["wait=10"]},
    "description": "`wait=N`: answer with the finished object if that takes at most N seconds (30 at most).",
}


class Blueprint(flask_smorest.Blueprint):
    """flask-smorest's blueprint with our parser of input."""

    ARGUMENTS_PARSER = GuardedParser()

    def problems(self, *statuses: int) -> Callable[[View], View]:
        """Document that a view answers with these problems, besides those that every view may answer with."""

        def decorate(view: View) -> View:
            for status in sorted({*statuses, 503}, reverse=True):
                view = self.alt_response(
                    status,
                    schema=ProblemSchema,
                    description=PROBLEMS[status],
                    content_type="application/problem+json",
                )(view)
            return view

        return decorate
