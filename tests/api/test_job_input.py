"""Jobs that are refused: each wrong field is named, with what was expected."""

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.test_schedule_input import INSTANT
from tests.api_client import ApiClient, pages, problem

URI = "http://127.0.0.1:9/hook"
URLS = ("/jobs", "/schedules")
WHEN = ("execute_at", "delay_seconds")


def problems_with(api: ApiClient, body: Any, path: str = "/jobs") -> dict[str, str]:
    """Where and why the API refuses this job, or this schedule of jobs."""
    when = {"cron": "@daily"} if path == "/schedules" else {}
    answer = problem(api.post(path, when | body), 422)
    return {error["pointer"]: error["detail"] for error in answer["errors"]}


@pytest.mark.parametrize("path", URLS)
@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"uri": ""}, "/uri", "the URL must begin with http:// or https://"),
        ({"uri": None}, "/uri", "null"),
        ({"uri": 5}, "/uri", "must be a string of 1 to 2048 characters"),
        ({"uri": "http://a/" + "x" * 2_040}, "/uri", "the URL must not be longer than 2,048 characters"),
        ({"uri": "ftp://example.com/"}, "/uri", "the URL must begin with http:// or https://"),
        ({"uri": "file:///etc/passwd"}, "/uri", "the URL must begin with http:// or https://"),
        ({"uri": "http://me:pw@127.0.0.1/"}, "/uri", "the URL must not contain a user name or password"),
        ({"uri": "http://127.0.0.1/\r\nHost: x"}, "/uri", "must not contain spaces, control characters"),
        ({"uri": "http://127.0.0.1\\@example.com/"}, "/uri", "backslashes"),
        ({"uri": "http://127.0.0.1:0/"}, "/uri", "must be a number from 1 to 65535"),
        ({"error_uri": 5}, "/error_uri", "must be a string of 1 to 2048 characters"),
        ({"error_uri": None}, "/error_uri", "null"),
        ({"error_uri": "gopher://example.com/"}, "/error_uri", "the URL must begin with http:// or https://"),
        ({"method": "TRACE"}, "/method", "must be one of: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ({"method": "post"}, "/method", "must be one of"),
        ({"method": "POST\r\n"}, "/method", "must be one of"),
        ({"method": None}, "/method", "null"),
        ({"method": 1}, "/method", "must be one of"),
        ({"method": "GET", "payload": {}}, "/payload", "must be left out with GET, which has no body"),
        ({"method": "HEAD", "payload": None}, "/payload", "must be left out with HEAD, which has no body"),
        ({"headers": []}, "/headers", "must be an object of strings"),
        ({"headers": None}, "/headers", "null"),
        ({"headers": {"X-A": 1}}, "/headers/X-A", "must be a string of at most 10000 characters"),
        ({"headers": {"X-A": "x" * 4_097}}, "/headers/X-A", "must have at most 4,096 characters"),
        ({"headers": {"X-A": "b\r\nX-C: d"}}, "/headers/X-A", "without line breaks"),
        ({"headers": {"X-A": "€"}}, "/headers/X-A", "must be printable characters of Latin-1"),
        ({"headers": {"": "b"}}, "/headers/", "the name of a header must be 1 to 128 letters"),
        ({"headers": {"X A": "b"}}, "/headers/X A", "the name of a header must be 1 to 128 letters"),
        ({"headers": {"Host": "x"}}, "/headers/Host", "the header Host cannot be set"),
        ({"headers": {"content-length": "1"}}, "/headers/content-length", "cannot be set"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "/headers/Transfer-Encoding", "cannot be set"),
        ({"headers": {"idempotency-KEY": "x"}}, "/headers/idempotency-KEY", "is set by Roundsman itself"),
        ({"headers": {"Roundsman-Attempt": "1"}}, "/headers/Roundsman-Attempt", "is set by Roundsman itself"),
        ({"headers": {"roundsman-x": "1"}}, "/headers/roundsman-x", "is set by Roundsman itself"),
        ({"headers": {f"X-{n}": "" for n in range(51)}}, "/headers", "must have at most 50 members"),
        ({"timeout_seconds": 0}, "/timeout_seconds", "must be a whole number from 1 to 900"),
        ({"timeout_seconds": 901}, "/timeout_seconds", "must be a whole number from 1 to 900"),
        ({"timeout_seconds": 1.0}, "/timeout_seconds", "must be a whole number from 1 to 900"),
        ({"timeout_seconds": True}, "/timeout_seconds", "must be a whole number from 1 to 900"),
        ({"max_attempts": 0}, "/max_attempts", "must be a whole number from 1 to 20"),
        ({"max_attempts": 21}, "/max_attempts", "must be a whole number from 1 to 20"),
        ({"max_attempts": "4"}, "/max_attempts", "must be a whole number from 1 to 20"),
        ({"backoff_seconds": -0.1}, "/backoff_seconds", "must be a number from 0 to 3600"),
        ({"backoff_seconds": 3_600.1}, "/backoff_seconds", "must be a number from 0 to 3600"),
        ({"backoff_seconds": "10"}, "/backoff_seconds", "must be a number from 0 to 3600"),
        ({"backoff_seconds": True}, "/backoff_seconds", "must be a number from 0 to 3600"),
        ({"backoff_seconds": None}, "/backoff_seconds", "null"),
        ({"surprise": 1}, "/surprise", "is no field of this object"),
        ({"attempts": []}, "/attempts", "is no field of this object"),
        ({"error_of": "x"}, "/error_of", "is no field of this object"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_is_expected(
    api: ApiClient, path: str, fields: dict[str, Any], pointer: str, detail: str
) -> None:
    found = problems_with(api, {"uri": URI} | fields, path)
    assert list(found) == [pointer]
    assert detail in found[pointer]


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"delay_seconds": -1}, "/delay_seconds", "must be a number from 0 to 31536000"),
        ({"delay_seconds": 31_536_000.5}, "/delay_seconds", "must be a number from 0 to 31536000"),
        ({"delay_seconds": "60"}, "/delay_seconds", "must be a number from 0 to 31536000"),
        ({"delay_seconds": True}, "/delay_seconds", "must be a number from 0 to 31536000"),
        ({"delay_seconds": None}, "/delay_seconds", "null"),
        ({"execute_at": None}, "/execute_at", "null"),
        ({"execute_at": "2026-03-01T12:00:00"}, "/execute_at", INSTANT),
        ({"execute_at": "2026-02-30T12:00:00Z"}, "/execute_at", INSTANT),
        ({"execute_at": "2101-01-01T00:00:00Z"}, "/execute_at", INSTANT),
        ({"execute_at": 1_772_366_400}, "/execute_at", INSTANT),
        ({"execute_at": "tomorrow"}, "/execute_at", INSTANT),
        (
            {"execute_at": "2026-03-01T12:00:00Z", "delay_seconds": 0},
            "/delay_seconds",
            "only one of execute_at and delay_seconds may be given",
        ),
        ({"cron": "@daily"}, "/cron", "is no field of this object"),
        ({"schedule_id": 1}, "/schedule_id", "is no field of this object"),
    ],
)
def test_a_time_that_is_wrong_is_named_with_what_is_expected(
    api: ApiClient, fields: dict[str, Any], pointer: str, detail: str
) -> None:
    found = problems_with(api, {"uri": URI} | fields)
    assert list(found) == [pointer]
    assert detail in found[pointer]


def test_a_job_needs_something_to_call(api: ApiClient) -> None:
    assert list(problems_with(api, {"payload": 1})) == ["/uri"]


def test_all_that_is_wrong_is_told_at_once(api: ApiClient) -> None:
    body = {
        "uri": "x",
        "error_uri": "y",
        "method": "z",
        "headers": {"Host": "a", "Roundsman-B": "c"},
        "max_attempts": 0,
    }
    found = problems_with(api, body | {"execute_at": 1, "delay_seconds": -1, "backoff_seconds": "x"})
    assert set(found) == {
        *("/uri", "/error_uri", "/method", "/headers/Host", "/headers/Roundsman-B", "/max_attempts"),
        *("/execute_at", "/delay_seconds", "/backoff_seconds"),
    }


@pytest.mark.parametrize("path", URLS)
@pytest.mark.parametrize("field", ["uri", "error_uri"])
@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.1.2.3", "224.0.0.1"),
        *(
            "167772161",
            "0xa.1",
            "012.0.0.1",
            "[::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[64:ff9b::7f00:1]",
            "[::ffff:10.0.0.1]",
        ),
    ],
)
def test_an_address_that_is_not_allowed_is_refused_where_it_is_written(
    api: ApiClient, path: str, field: str, host: str
) -> None:
    found = problems_with(api, {"uri": URI} | {field: f"http://{host}/"}, path)
    assert found == {f"/{field}": "the address of this URL is not allowed"}


def test_the_settings_say_which_addresses_are_allowed(app_with: Callable[..., ApiClient]) -> None:
    strict = app_with(egress_allow=()).signed_up()
    assert problems_with(strict, {"uri": URI}) == {"/uri": "the address of this URL is not allowed"}
    assert problems_with(strict, {"uri": URI}, "/schedules") == {"/uri": "the address of this URL is not allowed"}
    strict.make("/jobs", {"uri": "https://93.184.215.14/", "delay_seconds": 3_600})
    strict.make("/jobs", {"uri": "https://example.com/", "delay_seconds": 3_600})  # judged when its name is known
    loose = app_with(egress_allow=(ipaddress.ip_network("10.0.0.0/8"),)).signed_up()
    loose.make("/jobs", {"uri": "http://10.1.2.3/", "delay_seconds": 3_600})
    assert list(problems_with(loose, {"uri": URI})) == ["/uri"]


def test_the_widest_bounds_are_accepted(fresh: ApiClient) -> None:
    for fields in (
        {"execute_at": "2100-12-31T23:59:59.999999999Z"},
        {"execute_at": "2000-01-01T00:00:00Z"},
        {"delay_seconds": 31_536_000, "backoff_seconds": 3_600, "timeout_seconds": 900, "max_attempts": 20},
        {"delay_seconds": 1e-300, "backoff_seconds": 1e-300, "timeout_seconds": 1, "max_attempts": 1},
        {"uri": "http://127.0.0.1/" + "x" * 2_031, "method": "GET"},
        {"headers": {f"X-{number}": "x" * 4_096 for number in range(50)}},
        {"headers": {"X-A": ""}, "method": "DELETE", "payload": None},
    ):
        job = fresh.make_job(**fields)
        assert {name: job[name] for name in fields if name not in WHEN} == {
            name: value for name, value in fields.items() if name not in WHEN
        }
    assert len(pages(fresh, "/jobs", 3)) == 7


@pytest.mark.parametrize("query", ["state=done", "state=", "schedule_id=x", "schedule_id=0", "cursor=x", "limit=0"])
def test_a_filter_that_is_none_is_refused(api: ApiClient, query: str) -> None:
    name = query.split("=")[0]
    assert [error["pointer"] for error in problem(api.get(f"/jobs?{query}"), 422)["errors"]] == [f"/{name}"]


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_an_action_takes_no_fields(fresh: ApiClient, action: str) -> None:
    job = fresh.make_job(delay_seconds=3_600)
    refused = problem(fresh.post(f"/jobs/{job['id']}/{action}", {"at": 1}), 422)
    assert [error["pointer"] for error in refused["errors"]] == ["/at"]
