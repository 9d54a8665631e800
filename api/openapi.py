"""The OpenAPI document: what every route takes and answers, made from the schemas that validate it."""

from typing import Any

import flask_smorest
from flask import Flask, Response

from api.auth import public
from api.creating import Answer
from api.schemas.answers import ProblemSchema

DESCRIPTION = """Roundsman makes the rounds: it runs checklists against approved snapshots.

Authenticate with `Authorization: Bearer <key>`, or with the key as the Basic user name and an empty password.
Lists have the form `{"data": [...], "next_cursor": ...}`; pass `next_cursor` as `cursor` to get the next page.
Errors are RFC 9457 problem details. Unknown fields are refused, and types are strict."""


class Api(flask_smorest.Api):
    """flask-smorest without its own errors and pages: the application has one table and one form for each."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None  # every view names its problems

    def _register_error_handlers(self) -> None:
        pass

    def _register_pagination_header(self) -> None:
        pass


def openapi_settings() -> dict[str, Any]:
    """flask-smorest's configuration."""
    return {
        "API_TITLE": "Roundsman",
        "API_VERSION": "1",
        "OPENAPI_VERSION": "3.1.0",
        "API_SPEC_OPTIONS": {
            "info": {
                "description": DESCRIPTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "components": {
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "basic": {"type": "http", "scheme": "basic"},
                }
            },
            "security": [{"bearer": []}, {"basic": []}],
        },
    }


def serve_openapi(app: Flask, api: flask_smorest.Api) -> None:
    """GET /openapi.json."""

    @app.get("/openapi.json")
    @public
    def openapi() -> Response:
        return Answer(api.spec.to_dict()).response()
