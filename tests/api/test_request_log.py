"""The log of requests: one line each, under an id that the client is told, without secrets."""

import json
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from tests.api_client import ApiClient


def lines(api: ApiClient, method: str, path: str, **options: Any) -> list[Any]:
    with capture_logs() as logged:
        api.call(method, path, **options)
    return [line for line in logged if line["event"] == "request"]


def test_a_request_is_logged_once_with_what_became_of_it(api: ApiClient) -> None:
    [line] = lines(api, "GET", "/checklists/999999")
    assert (line["method"], line["path"], line["status"], line["log_level"]) == (
        "GET",
        "/checklists/999999",
        404,
        "info",
    )
    assert line["milliseconds"] >= 0
    assert line["account_id"] >= 1


def test_a_request_without_a_key_has_no_account(api: ApiClient) -> None:
    [line] = lines(api.without_key(), "GET", "/checklists")
    assert (line["status"], line["account_id"]) == (401, None)


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/metrics"])
def test_what_is_asked_every_few_seconds_is_logged_for_debugging_only(api: ApiClient, path: str) -> None:
    assert [line["log_level"] for line in lines(api, "GET", path)] == ["debug"]


def test_the_id_that_a_client_gives_is_told_back_and_bound_to_the_log(api: ApiClient) -> None:
    answer = api.get("/health", headers={"X-Request-Id": "trace-1.2_3"})
    assert answer.headers["X-Request-Id"] == "trace-1.2_3"
    assert structlog.contextvars.get_contextvars()["request_id"] == "trace-1.2_3"


@pytest.mark.parametrize("given", ["", "a b", "x" * 101, "é", '"', "<script>"])
def test_an_id_that_is_none_is_replaced(api: ApiClient, given: str) -> None:
    told = api.get("/health", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert told != given
    assert len(told) == 32


def test_every_answer_tells_its_id_also_those_that_fail(api: ApiClient) -> None:
    answers = [api.get("/nothing"), api.without_key().get("/runs"), api.call("PATCH", "/runs"), api.get("/runs")]
    told = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(told)) == len(told)


def test_no_secret_is_logged(api: ApiClient) -> None:
    with capture_logs() as logged:
        made = api.make("/api-keys", {"name": "n"})
        api.get("/checklists", headers={"Authorization": f"Basic {made['api_key']}"})
        api.post("/checklists", {"name": "n", "worker_url": f"http://127.0.0.1/?token={made['api_key']}"})
        api.get(f"/checklists?cursor={made['api_key']}")
    text = json.dumps(logged, default=repr)
    assert "/api-keys" in text
    assert made["api_key"] not in text
    assert (api.key or "no key") not in text
