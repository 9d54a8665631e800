"""The example: its API, its checklist, and the story it tells."""

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from rich.console import Console

from roundsman.demo.calls import StoryInterrupted, call
from roundsman.demo.checklist import demo_checklist
from roundsman.demo.server import DemoServer
from roundsman.demo.story import Service, tell_story


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[str]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def todos() -> Iterator[str]:
    with served(DemoServer(0)) as url:
        yield url


def test_a_todo_lives_from_creation_to_deletion(todos: str) -> None:
    created = call("POST", f"{todos}/todos", {"title": "water the plants"})
    one = f"{todos}/todos/{created['id']}"
    assert call("GET", one) == created
    assert call("PATCH", one, {"done": True})["done"] is True
    assert [todo["id"] for todo in call("GET", f"{todos}/todos")] == [created["id"]]
    assert requests.delete(one, timeout=5).status_code == 204
    assert requests.get(one, timeout=5).status_code == 404


def test_version_two_renames_a_field_and_changes_a_type(todos: str) -> None:
    number = call("POST", f"{todos}/todos", {"title": "a", "priority": 2})["id"]
    call("PUT", f"{todos}/demo/version", {"version": 2})
    todo = call("GET", f"{todos}/todos/{number}")
    assert todo["completed"] is False
    assert todo["priority"] == "2"
    assert "done" not in todo


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", b"", 404),
        ("POST", "/todos", b"{", 400),
        ("POST", "/todos", b"[" * 60_000, 400),
        ("POST", "/todos", b"[]", 422),
        ("POST", "/todos", b'{"title": 5}', 422),
        ("POST", "/todos", b"x" * 70_000, 413),
        ("PATCH", "/todos/1", b'{"id": 5}', 422),
        ("PATCH", "/todos/1", b'{"done": true}', 404),
        ("DELETE", "/todos/1", b"", 404),
        ("PUT", "/demo/version", b'{"version": 3}', 422),
        ("PUT", "/demo/version", b'{"version": [1]}', 422),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(todos: str, method: str, path: str, body: bytes, status: int) -> None:
    assert requests.request(method, f"{todos}{path}", data=body, timeout=5).status_code == status


def test_it_runs_as_a_process_that_names_its_port() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "roundsman.demo", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            assert call("GET", f"http://127.0.0.1:{port}/todos") == []
        finally:
            process.terminate()
        assert process.wait(5) == 0


def test_the_checklist_ignores_what_differs_every_time() -> None:
    checklist = demo_checklist("http://127.0.0.1:1")
    assert {rule["path"] for rule in checklist["rules"] if rule["match"] == "ignore"} == {"/id", "/created_at"}
    json.dumps(checklist)


class FakeRoundsman(BaseHTTPRequestHandler):
    """Answers as the API does; its runs look at the to-do API's version only."""

    protocol_version = "HTTP/1.1"
    server: "FakeServer"

    def do_GET(self) -> None:
        assert self.path == "/checklists?limit=200"
        self.answer({"data": self.server.checklists, "next_cursor": None})

    def do_POST(self) -> None:
        body = self.read()
        if self.path == "/checklists":
            self.server.checklists.append({"id": 7, **body})
            self.answer({"id": 7, **body})
        elif self.path == "/checklists/7/run":
            self.answer(self.server.run())
        else:
            assert self.path == "/runs/run-id/accept"
            self.server.approved = self.server.observed()
            self.answer({})

    def do_PUT(self) -> None:
        assert self.path == "/checklists/7"
        self.server.checklists[0] = {"id": 7, **self.read()}
        self.answer(self.server.checklists[0])

    def read(self) -> Any:
        assert self.headers["Authorization"] == "Bearer rk_1"
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (http.server's name)
        pass


class FakeServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakeRoundsman)
        self.checklists: list[dict[str, Any]] = []
        self.approved: str | None = None

    def observed(self) -> str:
        todos = self.checklists[0]["variables"]["todos"]
        todo = call("POST", f"{todos}/todos", {"title": "a", "priority": 2})
        return json.dumps(todo["priority"])

    def run(self) -> dict[str, Any]:
        observed = self.observed()
        result = "NEW" if self.approved is None else "MATCH" if self.approved == observed else "MISS"
        difference = {
            "pointer": "/priority",
            "expected": json.loads(self.approved or "null"),
            "observed": json.loads(observed),
        }
        self.approved = self.approved or observed
        return {
            "id": "run-id",
            "state": "succeeded",
            "outcome": {"NEW": "passed", "MATCH": "passed", "MISS": "changed"}[result],
            "summary": {"match": 0, "miss": 0, "new": 0, "obsolete": 0, result.lower(): 1},
            "flows": [
                {
                    "name": "a to-do",
                    "assertions": [{"name": "it", "result": result, "diff": [difference] if result == "MISS" else []}],
                }
            ],
            "error": None,
        }


def told(service: Service, todos: str) -> str:
    output = io.StringIO()
    tell_story(service, todos, Console(file=output, width=120))
    return output.getvalue()


def test_the_story_goes_from_new_to_match_to_miss(todos: str) -> None:
    with served(FakeServer()) as url:
        text = told(Service(url, "rk_1"), todos)
    assert [word for word in text.split() if word in ("NEW", "MATCH", "MISS")] == ["NEW", "MATCH", "MISS"]
    assert '/priority  2 → "2"' in text
    assert "roundsman accept run-id" in text
    assert f"curl {url}/runs/run-id/accept" in text


def test_the_story_can_be_told_again_after_the_change_was_approved(todos: str) -> None:
    server = FakeServer()
    with served(server) as url:
        service = Service(url, "rk_1")
        told(service, todos)
        server.approved = '"2"'
        text = told(service, todos)
    assert len(server.checklists) == 1
    assert [word for word in text.split() if word in ("NEW", "MATCH", "MISS")] == ["MISS", "MATCH", "MISS"]


def test_an_answer_without_words_for_it_ends_the_story(todos: str) -> None:
    with pytest.raises(StoryInterrupted, match=r"GET .*/checklists.*: 404"):
        told(Service(todos, "rk_1"), todos)
