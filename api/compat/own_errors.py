"""Errors below a path, told as the system does whose clients call there: also those that no view has seen."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response

from api.errors import Problem, tell_in_words_of

NOT_VALID = (422,)  # other systems know but one status for a request that is not as it should be: 400


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request was refused: its status, and a sentence that names the fields at fault."""

    status: int
    message: str


def tell_errors_as(
    app: Flask, prefix: str, body_of: Callable[[Failure], Any], *, bad_input: Collection[int] = NOT_VALID
) -> None:
    """Answer every error below this path with the body made of it, in JSON; headers such as Retry-After stay.

    `bad_input` are the statuses of ours in whose place 400 is told.
    """

    def write(problem: Problem) -> Response:
        failure = Failure(400 if problem.status in bad_input else problem.status, _sentence(problem))
        return Response(json.dumps(body_of(failure)), failure.status, mimetype="application/json")

    tell_in_words_of(app, prefix, write)


def _sentence(problem: Problem) -> str:
    places = "; ".join(f"{error.pointer[1:]} {error.detail}".strip() for error in problem.errors)
    return f"{problem.detail}: {places}" if places else problem.detail
