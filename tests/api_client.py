"""Calling the API in the process of the test, with a key."""

from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


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
