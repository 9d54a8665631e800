"""The example API over HTTP."""

import json
import re
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from roundsman.demo.todos import Todos, shown

MAX_BODY_BYTES = 65_536
CLIENT_SECONDS = 10.0
ONE_TODO = re.compile(r"/todos/([0-9]{1,9})")


class Refused(Exception):
    """A request that cannot be answered as asked."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class DemoServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1; `version` is how it shows to-dos."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), DemoHandler)
        self.todos = Todos()
        self.version = 1


class DemoHandler(BaseHTTPRequestHandler):
    """One connection."""

    server: DemoServer
    protocol_version = "HTTP/1.1"
    timeout = CLIENT_SECONDS

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 (http.server's names)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's name)
        """Keep quiet: the example is about what Roundsman shows."""

    def _answer(self) -> None:
        try:
            status, answer = self._handle(self.path.split("?", 1)[0], self._body())
        except Refused as refusal:
            status, answer = refusal.status, {"error": str(refusal)}
        content = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        if answer is not None:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _handle(self, path: str, body: Any) -> tuple[HTTPStatus, Any]:
        match = ONE_TODO.fullmatch(path)
        if match:
            return self._handle_one(int(match[1]), body)
        if path == "/todos" and self.command == "GET":
            return HTTPStatus.OK, [shown(todo, self.server.version) for todo in self.server.todos.all()]
        if path == "/todos" and self.command == "POST":
            title, priority = body.get("title"), body.get("priority", 1)
            if not isinstance(title, str) or type(priority) is not int:
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "title must be a text and priority a whole number")
            todo = self.server.todos.add(title, priority, datetime.now(UTC))
            return HTTPStatus.CREATED, shown(todo, self.server.version)
        if path == "/demo/version" and self.command == "PUT":
            if body.get("version") not in (1, 2):
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "version must be 1 or 2")
            self.server.version = body["version"]
            return HTTPStatus.OK, {"version": self.server.version}
        raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _handle_one(self, number: int, body: Any) -> tuple[HTTPStatus, Any]:
        if self.command == "DELETE" and self.server.todos.remove(number):
            return HTTPStatus.NO_CONTENT, None
        if self.command == "GET" and (todo := self.server.todos.get(number)):
            return HTTPStatus.OK, shown(todo, self.server.version)
        if self.command == "PATCH":
            kinds = {"title": str, "priority": int, "done": bool}
            if any(type(value) is not kinds.get(name) for name, value in body.items()):
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "title, priority and done can be changed")
            if todo := self.server.todos.change(number, body):
                return HTTPStatus.OK, shown(todo, self.server.version)
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such to-do")

    def _body(self) -> dict[str, Any]:
        """The body, always read, or the connection could not be used again."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {MAX_BODY_BYTES} bytes")
        content = self.rfile.read(int(length))
        try:
            body = json.loads(content or b"{}")
        except (ValueError, RecursionError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is no JSON") from error
        if not isinstance(body, dict):
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "the body must be a JSON object")
        return body
