"""Calling an adapter as its system's client does: below its path, with the key as user name of the base URL."""

import base64
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from tests.api_client import ApiClient

LEFT_OUT: Any = object()


@dataclass(frozen=True, slots=True)
class SystemClient:
    api: ApiClient
    prefix: str

    def call(self, method: str, path: str, json: Any = LEFT_OUT, **options: Any) -> TestResponse:
        """Any JSON may be sent, null too."""
        body = {} if json is LEFT_OUT else {"json": json}
        user = base64.b64encode(f"{self.api.key}:".encode()).decode()
        headers = {"Authorization": f"Basic {user}"} if self.api.key else {}
        headers |= options.pop("headers", {})
        return self.api.client.open(self.prefix + path, method=method, headers=headers, **body, **options)

    def get(self, path: str) -> Any:
        """What is there."""
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        assert answer.content_type == "application/json"
        return answer.json

    def routes(self) -> set[tuple[str, str]]:
        """Method and rule of every route below the path."""
        return {
            (method, rule.rule.removeprefix(self.prefix))
            for rule in self.api.client.application.url_map.iter_rules()
            if rule.rule.startswith(f"{self.prefix}/")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }

    def for_another_thread(self) -> "SystemClient":
        return SystemClient(self.api.for_another_thread(), self.prefix)
