"""Calling the API in the process of the test, with a key."""

import itertools
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class ApiClient:
    client: FlaskClient
    key: str | None = None

    def signed_up(self) -> "ApiClient":
        """The same API, called with the key of a new account."""
        answer = self.client.post("/api-keys", json={"name": "test"})
        assert answer.status_code == 201, answer.text
        return ApiClient(self.client, answer.json["api_key"])

    def without_key(self) -> "ApiClient":
        return ApiClient(self.client)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("POST", path, json=json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("PUT", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> TestResponse:
        authorization = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        if options.get("json", ...) is None:
            del options["json"]
        return self.client.open(path, method=method, headers=authorization | (headers or {}), **options)

    def make(self, path: str, json: Any) -> Any:
        """POST, and the created object."""
        answer = self.post(path, json)
        assert answer.status_code in (201, 202), answer.text
        return answer.json

    def make_checklist(self, name: str | None = None, **fields: Any) -> Any:
        """A new checklist with a worker that is never called."""
        source = {} if {"flows", "queue"} & set(fields) else {"worker_url": "http://127.0.0.1:9/"}
        return self.make("/checklists", {"name": name or f"checklist {next(_numbers)}", **source, **fields})

    def make_schedule(self, **fields: Any) -> Any:
        """A new schedule of a new checklist, daily if nothing else is said."""
        when = {} if {"cron", "interval_seconds", "run_at", "minute"} & set(fields) else {"cron": "@daily"}
        what = {} if "checklist_id" in fields else {"checklist_id": self.make_checklist()["id"]}
        return self.make("/schedules", when | what | fields)

    def make_job(self, **fields: Any) -> Any:
        """A new job that calls nobody; due now, if nothing else is said."""
        return self.make("/jobs", {"uri": "http://127.0.0.1:9/hook"} | fields)

    def push_task(self, queue: str = "default", payload: Any = None, **fields: Any) -> Any:
        """A new task; due now, if nothing else is said."""
        return self.make(f"/queues/{queue}/tasks", {"payload": payload} | fields)

    def pop_tasks(self, queue: str = "default", **fields: Any) -> list[Any]:
        """The tasks that a worker is given; none, if there are none."""
        answer = self.post(f"/queues/{queue}/pop", fields)
        assert answer.status_code in (200, 204), answer.text
        return list(answer.json["tasks"]) if answer.status_code == 200 else []

    def start_run(self, checklist_id: int, **variables: str) -> Any:
        """A new run, pending."""
        return self.make(f"/checklists/{checklist_id}/run", {"variables": variables})

    def for_another_thread(self) -> "ApiClient":
        """The same key on a client of its own."""
        return ApiClient(self.client.application.test_client(), self.key)


def problem(answer: TestResponse, status: int) -> Any:
    """The problem details of an answer that must be one of this status."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.content_type == "application/problem+json", answer.text[:500]
    body = answer.json
    assert set(body) == {"type", "title", "status", "detail", "errors"}
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    for error in body["errors"]:
        assert set(error) == {"pointer", "detail"}
    return body


def pages(api: ApiClient, path: str, limit: int, **query: Any) -> list[Any]:
    """All rows of a list, page by page; bounded."""
    rows: list[Any] = []
    cursor: dict[str, str] = {}
    for _ in range(100):
        answer = api.get(path, query_string={"limit": limit} | query | cursor)
        assert answer.status_code == 200, answer.text
        assert set(answer.json) == {"data", "next_cursor"}
        assert len(answer.json["data"]) <= limit
        rows += answer.json["data"]
        if answer.json["next_cursor"] is None:
            return rows
        cursor = {"cursor": answer.json["next_cursor"]}
    raise AssertionError("the list has no end")
