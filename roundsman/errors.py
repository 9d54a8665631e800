"""What can go wrong between a client and the service; every class has a `code` that programs can rely on."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

SHOWN_PROBLEMS = 3


class RoundsmanError(Exception):
    """The service did not do what it was asked for."""

    code = "roundsman_error"


class ServerUnreachable(RoundsmanError):
    """No answer came: whether the request arrived is not known."""

    code = "server_unreachable"


class UnexpectedAnswer(RoundsmanError):
    """Somebody answered, but not as Roundsman does."""

    code = "unexpected_answer"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one place of the input; `pointer` is a JSON Pointer, empty for the whole."""

    pointer: str
    detail: str


class ApiError(RoundsmanError):
    """The service refused: an RFC 9457 problem with its `status`, `detail` and `errors`."""

    code = "refused"

    def __init__(
        self,
        status: int,
        detail: str,
        errors: tuple[FieldProblem, ...] = (),
        retry_after_seconds: int | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds
        super().__init__(status, detail, errors, retry_after_seconds)

    def __str__(self) -> str:
        shown = [f"{problem.pointer}: {problem.detail}".lstrip(": ") for problem in self.errors[:SHOWN_PROBLEMS]]
        if len(self.errors) > SHOWN_PROBLEMS:
            shown.append(f"and {len(self.errors) - SHOWN_PROBLEMS} more")
        return f"{self.detail} ({'; '.join(shown)})" if shown else self.detail


class Invalid(ApiError):
    """The input is not valid, too large, or no JSON."""

    code = "invalid"


class Unauthorized(ApiError):
    """There is no key, or it is not known."""

    code = "unauthorized"


class NotFound(ApiError):
    """There is no such object in this account."""

    code = "not_found"


class Conflict(ApiError):
    """The object's state does not allow this."""

    code = "conflict"


class LeaseLost(Conflict):
    """The lease on a task is not in force: it ran out, or the task has ended or is somebody else's by now."""

    code = "lease_lost"


class JobTimedOut(Conflict):
    """The attempt took longer than the task's `timeout_seconds`."""

    code = "job_timed_out"


class OverLimit(ApiError):
    """Too much at once; `retry_after_seconds` says when to come back."""

    code = "over_limit"


class Unavailable(ApiError):
    """The service is there, but something that it needs is not."""

    code = "unavailable"


class JobDone(RoundsmanError):
    """The task in hand was done before; nothing more can be said of it."""

    code = "job_done"


class JobFailed(RoundsmanError):
    """The task has failed, or was canceled."""

    code = "job_failed"


class JobCanceled(RoundsmanError):
    """The task in hand is to be given up: somebody has canceled it."""

    code = "job_canceled"


class NotEnded(RoundsmanError):
    """What was waited for has not ended within the time."""

    code = "not_ended"


KINDS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: OverLimit,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}

# Conflicts that a client deals with in ways of their own, by the problem's `type`.
CONFLICTS: dict[str, type[ApiError]] = {each.code: each for each in (LeaseLost, JobTimedOut)}


def api_error(status: int, problem: Any, headers: Mapping[str, str]) -> ApiError:
    """The error that an answer of 4xx or 5xx stands for; `problem` is its body as JSON, whatever that may be.

    >>> api_error(404, {"detail": "there is no such run"}, {})
    NotFound(404, 'there is no such run', (), None)
    >>> api_error(502, None, {}).detail
    '502 Bad Gateway'
    >>> api_error(409, {"type": "lease_lost", "detail": "the lease is not in force"}, {}).code
    'lease_lost'
    """
    body = problem if isinstance(problem, dict) else {}
    kind = KINDS.get(status, ApiError)
    if kind is Conflict:
        kind = CONFLICTS.get(str(body.get("type")), kind)
    detail = body.get("detail")
    listed = body.get("errors")
    retry_after = headers.get("Retry-After", "")
    return kind(
        status,
        detail if isinstance(detail, str) and detail else _status_line(status),
        tuple(
            FieldProblem(str(each.get("pointer", "")), str(each.get("detail", "")))
            for each in (listed if isinstance(listed, list) else ())
            if isinstance(each, dict)
        ),
        int(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10 else None,
    )


def _status_line(status: int) -> str:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return f"{status} {phrase}".rstrip()
