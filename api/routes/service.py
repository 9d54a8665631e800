"""The service itself: is it alive, is it ready, what does it count, what can it do."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import Response, current_app, render_template, send_from_directory
from prometheus_client import CONTENT_TYPE_LATEST

from api.auth import public
from api.blueprint import Blueprint
from api.creating import Answer
from api.errors import NotFound
from api.metrics import exposition
from api.readiness import readiness
from api.schemas.service import AliveSchema, ReadySchema

blueprint = Blueprint("service", __name__, description="The service itself.")

OPEN: dict[str, Any] = {"security": []}
DOCS_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-16x16.png")
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/")
@blueprint.doc(**OPEN)
@blueprint.response(200, AliveSchema)
@public
def root() -> Response:
    """Tell that the process lives"""
    return Answer({"status": "ok", "service": "roundsman", "docs": "/docs", "openapi": "/openapi.json"}).response()


@blueprint.get("/health")
@blueprint.doc(**OPEN)
@blueprint.response(200, AliveSchema)
@public
def health() -> Response:
    """Tell that the process lives, whatever it depends on"""
    return Answer({"status": "ok"}).response()


@blueprint.get("/ready")
@blueprint.doc(**OPEN)
@blueprint.response(200, ReadySchema)
@blueprint.alt_response(503, schema=ReadySchema, description="Something that the service needs is missing.")
@public
def ready() -> Response:
    """Tell whether the whole service can do its work: Postgres, Redis, schedulers, workers"""
    state = readiness()
    return Answer(state, 200 if state["status"] == "ok" else 503).response()


@blueprint.get("/metrics")
@blueprint.doc(
    **OPEN,
    responses={
        "200": {
            "description": "Counters and gauges.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
@public
def metrics() -> Response:
    """Counters and gauges in Prometheus' text format"""
    return Response(exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})


@blueprint.get("/docs")
@blueprint.doc(**OPEN, responses={"200": {"description": "The page.", "content": {"text/html": {}}}})
@public
def docs() -> Response:
    """Browse this interface"""
    response = Response(render_template("docs.html"), mimetype="text/html")
    response.headers["Content-Security-Policy"] = DOCS_POLICY
    return response


@public
def docs_asset(name: str) -> Response:
    """The files of Swagger UI, out of the package that brings them."""
    if name == "docs.js":
        folder = Path(current_app.root_path) / "static"
    elif name in DOCS_ASSETS:
        folder = Path(str(files("swagger_ui") / "static"))
    else:
        raise NotFound("there is no such file")
    return send_from_directory(folder, name, max_age=86_400)
