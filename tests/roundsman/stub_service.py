"""A service that answers as a test tells it to, on 127.0.0.1, and remembers what it was asked."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

RUN_ID = "0196b0a3-5f6e-7c2d-9a41-3f0c7e1d2b58"


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer; `body` is sent as JSON, bytes as they are. Status 0 hangs up without a word.

    What is `held` is answered when the test says so, with `go_on`.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    held: bool = False


LOST = Answer(0)


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any


class StubService:
    """A context manager; `answers` maps "GET /runs" to the answers in turn, the last of which is given for ever."""

    def __init__(self, answers: Mapping[str, list[Answer] | Answer] | None = None) -> None:
        self.asked: list[Asked] = []
        self.being_asked = threading.Event()
        self.go_on = threading.Event()
        self._answers = {
            route: list(given) if isinstance(given, list) else [given] for route, given in (answers or {}).items()
        }
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stub._answer(self)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 (http.server's names)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (http.server's name)
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def on(self, route: str, *answers: Answer) -> None:
        self._answers[route] = list(answers)

    def asked_for(self, route: str) -> list[Asked]:
        return [each for each in self.asked if f"{each.method} {each.path}" == route]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        content = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append(
            Asked(handler.command, parts.path, parts.query, headers, json.loads(content) if content else None)
        )
        given = self._answers.get(f"{handler.command} {parts.path}", [problem(404, "there is no such object")])
        answer = given.pop(0) if len(given) > 1 else given[0]
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        if answer.held:
            self.being_asked.set()
            self.go_on.wait(20)
        if answer.status == 0:
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if answer.status != 204:
            handler.wfile.write(body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


# Keeps the request waiting until the test is over.
HANGING = Answer(0, held=True)


def ok(body: Any) -> Answer:
    return Answer(200, body)


def problem(status: int, detail: str, *errors: tuple[str, str]) -> Answer:
    listed = [{"pointer": pointer, "detail": each} for pointer, each in errors]
    body = {"type": "about:blank", "title": "", "status": status, "detail": detail, "errors": listed}
    return Answer(status, body, {"Content-Type": "application/problem+json"})


def page(*rows: Any, next_cursor: str | None = None) -> Answer:
    return ok({"data": list(rows), "next_cursor": next_cursor})


def a_checklist(**fields: Any) -> dict[str, Any]:
    return {
        "id": 3,
        "name": "todo-api",
        "worker_url": "http://127.0.0.1:9/",
        "flows": None,
        "queue": None,
        "timeout_seconds": 20,
        "first_value": "accept",
        "rules": [],
        "variables": {},
        "created_at": "2026-03-01T12:00:00Z",
        "updated_at": "2026-03-01T12:00:00Z",
        **fields,
    }


def a_run(*assertions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A run that has passed, if not told otherwise, with the assertions in its one flow."""
    return {
        "id": RUN_ID,
        "checklist_id": 3,
        "schedule_id": None,
        "scheduled_for": None,
        "trigger": "api",
        "state": "succeeded",
        "outcome": "passed",
        "summary": {"match": len(assertions), "miss": 0, "new": 0, "obsolete": 0},
        "flows": [
            {
                "name": "list",
                "summary": {"match": len(assertions), "miss": 0, "new": 0, "obsolete": 0},
                "assertions": list(assertions),
            }
        ],
        "error": None,
        "attempts": 1,
        "created_at": "2026-03-01T12:00:00.123456Z",
        "started_at": "2026-03-01T12:00:00Z",
        "finished_at": "2026-03-01T12:00:01.500000Z",
        **fields,
    }


def a_pending_run(**fields: Any) -> dict[str, Any]:
    unfinished = {"state": "pending", "outcome": None, "flows": [], "started_at": None, "finished_at": None}
    return a_run(**{**unfinished, **fields})
