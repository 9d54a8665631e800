"""One log line for every request, under an id that the client is told."""

import re
import time
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request

from api.auth import CALLER

log = structlog.get_logger("api")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
QUIET = frozenset({"service.health", "service.ready", "service.metrics", "service.root"})


def log_requests(app: Flask) -> None:
    """Give each request an id (the client's X-Request-Id, if it is one), log its answer, and tell the id."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        g.request_began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        write = log.debug if request.endpoint in QUIET or CALLER in request.environ else log.info
        write(
            "request",
            method=request.method,
            path=request.path[:200],
            status=response.status_code,
            milliseconds=round((time.perf_counter() - g.get("request_began", time.perf_counter())) * 1000, 1),
            account_id=g.key.account_id if "key" in g else None,
        )
        return response
