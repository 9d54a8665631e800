"""What goes wrong, as a client reads it: RFC 9457 problem details, and one table from exception to status."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, current_app, request
from psycopg2.errors import ForeignKeyViolation
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from shared.domain.json_text import InvalidJson
from shared.errors import CommitUnknown, DatabaseBusy, DatabaseUnavailable, SealBroken

log = structlog.get_logger(__name__)

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="roundsman", Basic realm="roundsman"'}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one place of the input, by JSON Pointer."""

    pointer: str
    detail: str


class Problem(Exception):
    """An answer other than the one that was asked for; `type` tells apart what has the same status."""

    status = 500
    type = "about:blank"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.status = status or type(self).status


class MalformedBody(Problem):
    status = 400


class BodyTooSlow(Problem):
    status = 408


class Unauthorized(Problem):
    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers=CHALLENGE)


class NotFound(Problem):
    status = 404


class Conflict(Problem):
    status = 409


class LeaseLost(Conflict):
    """The lease of an attempt is not in force: it has ended, or the task has been taken back."""

    type = "lease_lost"

    def __init__(self) -> None:
        super().__init__("lease_lost: the lease with this token is not in force; leave the task to whoever has it now")


class JobTimedOut(Conflict):
    """An attempt has taken longer than the task's timeout_seconds."""

    type = "job_timed_out"

    def __init__(self) -> None:
        super().__init__("job_timed_out: the attempt has taken longer than the timeout_seconds of its task")


class BodyTooLarge(Problem):
    status = 413


class WrongContentType(Problem):
    status = 415


class InvalidInput(Problem):
    status = 422


class TooManyRequests(Problem):
    """Over a limit, for now; after so many seconds it is worth another try."""

    status = 429

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})


# Writes a problem; the headers that it asks for are added to that.
Dialect = Callable[[Problem], Response]


def tell_in_words_of(app: Flask, prefix: str, write: Dialect) -> None:
    """Let what goes wrong at this path and below it be told as another system tells it."""
    app.extensions.setdefault("dialects", {})[prefix] = write


def problem_response(problem: Problem) -> Response:
    """The problem as application/problem+json, or in the words of the system that the path belongs to."""
    response = _dialect()(problem)
    response.headers.update(problem.headers)
    return response


def _dialect() -> Dialect:
    dialects: Mapping[str, Dialect] = current_app.extensions.get("dialects", {})
    path = request.path
    return next((write for prefix, write in dialects.items() if f"{path}/".startswith(f"{prefix}/")), _problem_details)


def _problem_details(problem: Problem) -> Response:
    title = HTTPStatus(problem.status).phrase
    body: dict[str, Any] = {
        "type": problem.type,
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
        "errors": [{"pointer": error.pointer, "detail": error.detail} for error in problem.errors],
    }
    return Response(json.dumps(body), problem.status, mimetype="application/problem+json")


def register_error_handlers(app: Flask) -> None:
    """One table from exception to status, for every route."""
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(InvalidJson, _invalid_json)
    app.register_error_handler(DatabaseUnavailable, _database_unavailable)
    app.register_error_handler(SealBroken, _seal_broken)
    app.register_error_handler(ForeignKeyViolation, _gone_meanwhile)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _accident)


def _invalid_json(error: InvalidJson) -> Response:
    errors = [FieldProblem(error.pointer, error.detail)] if error.pointer else []
    return problem_response(MalformedBody(f"the body is not the JSON that we accept: {error.detail}", errors=errors))


def _database_unavailable(error: DatabaseUnavailable) -> Response:
    log.warning("database_away", error=str(error))
    return problem_response(Problem(_what_became(error), status=503, headers={"Retry-After": "2"}))


def _what_became(error: DatabaseUnavailable) -> str:
    match error:
        case CommitUnknown():
            return (
                "the database went out of reach while this was being recorded: it may or may not have happened;"
                " repeat the request, with the same Idempotency-Key if it has one"
            )
        case DatabaseBusy():
            return "the database is busy, and gave this up; nothing was changed, try again"
        case _:
            return "the database is out of reach; nothing was changed"


def _seal_broken(error: SealBroken) -> Response:
    """Without Retry-After: nothing but the operator's hand mends it."""
    log.error("seal_broken", error=str(error))
    return problem_response(Problem(f"{error}; nothing was changed", status=503))


def _gone_meanwhile(error: ForeignKeyViolation) -> Response:
    """What a row was to belong to was there when the request came, and was deleted before its transaction ended."""
    if (error.diag.constraint_name or "").endswith("_account_id_fkey"):
        return problem_response(Unauthorized("the account of this API key has been closed"))
    return problem_response(NotFound("what this belongs to has just been deleted"))


def _http_exception(error: HTTPException) -> WerkzeugResponse:
    if error.code is None or error.code < 400:
        return error.get_response()
    kept = ("allow", "retry-after")
    headers = {name: value for name, value in error.get_headers() if name.lower() in kept}
    return problem_response(Problem(error.description or error.name, status=error.code, headers=headers))


def _accident(error: Exception) -> Response:
    log.exception("accident", error=type(error).__name__)
    return problem_response(Problem("something went wrong here; it has been logged under the request id"))
