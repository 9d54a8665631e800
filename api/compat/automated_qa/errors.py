"""What goes wrong, as automated-qa tells it: three codes with fixed words for requests, one for our troubles."""

import json

from flask import Response, request

from api.errors import Problem

UNAUTHORIZED = (
    401,
    {
        "code": 4000,
        "message": "Missing or invalid API key.",
        "cause": "The API key is either missing, is no longer active, or malformed.",
    },
)
BAD_REQUEST = (
    400,
    {
        "code": 4001,
        "message": "Missing or invalid request payload.",
        "cause": "The request's payload is either missing or malformed.",
    },
)
NOT_FOUND = (
    404,
    {
        "code": 4002,
        "message": "Requested resource not found",
        "cause": "The request's URI points to a resource which does not exist.",
    },
)
OUR_TROUBLE = 5000
TOO_MANY_REQUESTS = 429


class RunFailed(Problem):
    """The checklist was run, and nothing could be observed."""

    status = 502


class RunTooSlow(Problem):
    """The run has not ended in the time that its checklist has."""

    status = 504


def write_problem(problem: Problem) -> Response:
    """The problem in their form, which tells no details of a request that is wrong."""
    if problem.status >= 500 or problem.status == TOO_MANY_REQUESTS:
        error = {"code": OUR_TROUBLE, "message": "The request could not be served.", "cause": problem.detail}
        return _response(problem.status, error)
    if problem.status == 401:
        # Without a key nothing is anybody's: what a path names by its id is not there.
        return _response(*(NOT_FOUND if request.view_args else UNAUTHORIZED))
    if problem.status in (404, 405):
        return _response(*NOT_FOUND)
    return _response(*BAD_REQUEST)


def _response(status: int, error: dict[str, object]) -> Response:
    return Response(json.dumps({"error": error}), status, mimetype="application/json")
