"""Schedules that are refused: each wrong field is named, with what was expected."""

from typing import Any

import pytest

from tests.api_client import ApiClient, problem

WHAT = {"checklist_id": 1}


def problems_with(api: ApiClient, body: Any, path: str = "/schedules") -> dict[str, str]:
    """Where and why the API refuses this schedule."""
    return {error["pointer"]: error["detail"] for error in problem(api.post(path, body), 422)["errors"]}


INSTANT = "must be a time in RFC 3339 with its offset from UTC, such as 2026-03-01T12:00:00Z, in the years 2000 to 2100"


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"name": ""}, "/name", "must be a string of 1 to 200 characters"),
        ({"name": "x" * 201}, "/name", "must be a string of 1 to 200 characters"),
        ({"name": 5}, "/name", "must be a string of 1 to 200 characters"),
        ({"checklist_id": 0}, "/checklist_id", "must be a whole number from 1"),
        ({"checklist_id": "1"}, "/checklist_id", "must be a whole number from 1"),
        ({"checklist_id": True}, "/checklist_id", "must be a whole number from 1"),
        ({"variables": {"9x": "1"}}, "/variables/9x", "is not a valid variable name"),
        ({"variables": {"x": 1}}, "/variables/x", "must be a string"),
        ({"paused": "true"}, "/paused", "must be true or false"),
        ({"paused": 1}, "/paused", "must be true or false"),
        ({"note": "x" * 1_001}, "/note", "must be a string of 1 to 1000 characters"),
        ({"max_occurrences": 0}, "/max_occurrences", "must be a whole number from 1 to 1000000000"),
        ({"max_occurrences": 1_000_000_001}, "/max_occurrences", "must be a whole number from 1 to 1000000000"),
        ({"max_occurrences": 1.0}, "/max_occurrences", "must be a whole number from 1 to 1000000000"),
        ({"jitter_seconds": -1}, "/jitter_seconds", "must be a whole number from 0 to 86400"),
        ({"jitter_seconds": 86_401}, "/jitter_seconds", "must be a whole number from 0 to 86400"),
        ({"overlap": "maybe"}, "/overlap", "must be one of: skip, queue_one, allow, cancel_running"),
        ({"overlap": None}, "/overlap", "null"),
        ({"catchup_window_seconds": 31_536_001}, "/catchup_window_seconds", "a whole number from 0 to 31536000"),
        ({"coalesce": ["all"]}, "/coalesce", "must be one of: latest, earliest, all"),
        ({"pause_on_failure": 0}, "/pause_on_failure", "must be true or false"),
        ({"pause_on_change": "no"}, "/pause_on_change", "must be true or false"),
        ({"ends_at": "2026-03-01T12:00:00Z", "starts_at": "2026-03-01T12:00:01Z"}, "/ends_at", "before starts_at"),
        ({"timezone": "UTC", "cron": None}, "/cron", "null"),
        ({"recurring": "daily"}, "/recurring", "may only be given with minute"),
        ({"uri": "http://127.0.0.1/"}, "", "only one of checklist_id, uri, queue may be given"),
        ({"queue": "default"}, "", "only one of checklist_id, uri, queue may be given"),
        ({"surprise": 1}, "/surprise", "is no field of this object"),
        ({"state": "active"}, "/state", "is no field of this object"),
        ({"next_run_at": "2026-03-01T12:00:00Z"}, "/next_run_at", "is no field of this object"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_is_expected(
    api: ApiClient, fields: dict[str, Any], pointer: str, detail: str
) -> None:
    found = problems_with(api, {"cron": "@daily", **WHAT, **fields})
    assert list(found) == [pointer]
    assert detail in found[pointer]


@pytest.mark.parametrize(
    ("cron", "detail"),
    [
        ("", "expected 5 fields"),
        (" ", "expected 5 fields"),
        ("* * * *", "expected 5 fields"),
        ("* * * * * * *", "years are not supported"),
        ("*/0 * * * *", "the minute field is wrong at character 3: the step must be a number from 1 to 60"),
        ("60 * * * *", "the minute field is wrong at character 1: expected a number from 0 to 59"),
        ("0 24 * * *", "the hour field is wrong at character 3: expected a number from 0 to 23"),
        ("R * * * *", "the minute field is wrong at character 1: H and R stand for random times"),
        ("0 H * * *", "the hour field is wrong at character 3: H and R stand for random times"),
        ("0 0 30 2 *", "the day-of-month field is wrong at character 5: there is no such day in these months"),
        ("0 0 31 4,6 *", "there is no such day in these months"),
        ("0 0 * 13 *", "the month field is wrong at character 7"),
        ("0 0 * * 8", "the day-of-week field is wrong at character 9"),
        ("9" * 5_000 + " * * * *", "a cron expression has at most 200 characters"),
        ("9" * 150 + " * * * *", "the minute field is wrong at character 1"),
        ("@reboot", "at character 1: of the words with @, only these are known"),
        ("\u0665 * * * *", "character 1 is not"),
        ("*\t* * * *", "character 2 is not"),
        (5, "must be a string of 1 to 200 characters"),
        (["@daily"], "must be a string of 1 to 200 characters"),
    ],
)
def test_a_cron_that_is_none_is_refused_with_the_place_of_its_fault(api: ApiClient, cron: Any, detail: str) -> None:
    found = problems_with(api, {"cron": cron, **WHAT})
    assert list(found) == ["/cron"]
    assert detail in found["/cron"]


@pytest.mark.parametrize(
    ("zone", "detail"),
    [
        ("../../etc/passwd", "there is no time zone '../../etc/passwd'; expected a name of the IANA database"),
        ("/etc/localtime", "there is no time zone"),
        ("posixrules", "there is no time zone"),
        ("posix/Europe/Berlin", "there is no time zone"),
        ("right/UTC", "there is no time zone"),
        ("localtime", "there is no time zone"),
        ("tzdata.zi", "there is no time zone"),
        ("Europe", "there is no time zone"),
        ("Europe/", "there is no time zone"),
        ("europe/berlin", "it is spelled Europe/Berlin"),
        (" UTC", "there is no time zone"),
        ("+02:00", "there is no time zone"),
        ("CEST", "there is no time zone"),
        ("Ünited/Zone", "there is no time zone"),
        ("", "there is no time zone"),
        ("x" * 5_000, "there is no time zone 'xxx"),
        (0, "must be a string of 1 to 100 characters"),
    ],
)
def test_a_zone_that_is_none_is_refused(api: ApiClient, zone: Any, detail: str) -> None:
    found = problems_with(api, {"cron": "@daily", "timezone": zone, **WHAT})
    assert list(found) == ["/timezone"]
    assert detail in found["/timezone"]


@pytest.mark.parametrize("field", ["run_at", "starts_at", "ends_at"])
@pytest.mark.parametrize(
    "text",
    [
        *("2026-03-01", "2026-03-01T12:00:00", "2026-03-01T12:00Z", "2026-03-01 12:00:00Z", "2026-3-1T12:00:00Z"),
        *("2026-02-30T12:00:00Z", "2026-13-01T12:00:00Z", "2026-03-01T24:01:00Z", "2026-06-30T23:59:60Z"),
        *("2026-03-01T12:00:00+2", "2026-03-01T12:00:00+0200", "2026-03-01T12:00:00+24:00", "2026-03-01T12:00:00.Z"),
        *("1999-12-31T23:59:59Z", "2101-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
        *("2000-01-01T00:00:00+00:01", "2100-12-31T23:59:59-00:01", "20260301T120000Z", "2026-W09-7T12:00:00Z"),
        *("\u0662026-03-01T12:00:00Z", "2026-03-01T12:00:00Z ", "2026-03-01T12:00:00Z\n", "", "now", "1" * 5_000),
        *(1_772_366_400, 1.5, True, ["2026-03-01T12:00:00Z"], {}),
    ],
)
def test_a_time_that_is_none_is_refused(api: ApiClient, field: str, text: Any) -> None:
    body = {field: text, **WHAT} | ({} if field == "run_at" else {"cron": "@daily"})
    assert problems_with(api, body) == {f"/{field}": INSTANT}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-03-29T02:30:00+02:00", "2026-03-29T00:30:00Z"),
        ("2026-03-01t12:00:00.1z", "2026-03-01T12:00:00.100000Z"),
        ("2026-03-01T12:00:00.123456789-00:00", "2026-03-01T12:00:00.123456Z"),
        ("2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z"),
        ("2101-01-01T00:59:59+01:00", "2100-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_told_back_in_utc(fresh: ApiClient, text: str, shown: str) -> None:
    assert fresh.make_schedule(run_at=text)["run_at"] == shown


@pytest.mark.parametrize(
    ("when", "pointer", "detail"),
    [
        ({"interval_seconds": 0}, "/interval_seconds", "must be a whole number from 1 to"),
        ({"interval_seconds": 2**31}, "/interval_seconds", "must be a whole number from 1 to"),
        ({"interval_seconds": 0.5}, "/interval_seconds", "must be a whole number from 1 to"),
        ({"interval_seconds": "60"}, "/interval_seconds", "must be a whole number from 1 to"),
        ({"minute": -1}, "/minute", "must be a whole number from 0 to 68374079"),
        ({"minute": 68_374_080}, "/minute", "must be a whole number from 0 to 68374079"),
        ({"minute": 5, "recurring": "monthly"}, "/recurring", "must be one of: none, daily, weekly"),
        ({"minute": 5, "recurring": None}, "/recurring", "null"),
        ({"interval_seconds": 60, "timezone": "UTC"}, "/timezone", "may only be given with cron"),
        ({"run_at": "2026-03-01T12:00:00Z", "timezone": "UTC"}, "/timezone", "may only be given with cron"),
        ({"run_at": "2026-03-01T12:00:00Z", "recurring": "none"}, "/recurring", "may only be given with minute"),
    ],
)
def test_a_when_that_is_wrong_is_named(api: ApiClient, when: dict[str, Any], pointer: str, detail: str) -> None:
    found = problems_with(api, when | WHAT)
    assert list(found) == [pointer]
    assert detail in found[pointer]


@pytest.mark.parametrize(
    "whens",
    [
        {},
        {"cron": "@daily", "interval_seconds": 60},
        {"run_at": "2026-03-01T12:00:00Z", "minute": 5},
        {"cron": "@daily", "interval_seconds": 60, "run_at": "2026-03-01T12:00:00Z", "minute": 5},
    ],
)
def test_there_is_exactly_one_when(api: ApiClient, whens: dict[str, Any]) -> None:
    told = {"": "exactly one of cron, interval_seconds, run_at and minute must be given"}
    assert problems_with(api, whens | WHAT) == told
    assert problems_with(api, whens, "/schedules/preview") == told


def test_there_is_something_to_begin(api: ApiClient) -> None:
    assert problems_with(api, {"cron": "@daily"}) == {"": "one of checklist_id, uri, queue must be given"}
    assert problems_with(api, {"cron": "@daily", "variables": {}}, "/schedules/preview") == {
        "/variables": "may only be given with checklist_id"
    }


def test_all_that_is_wrong_is_told_at_once(api: ApiClient) -> None:
    found = problems_with(api, {"cron": "x", "timezone": "y", "run_at": 1, "note": 2, "checklist_id": "z"})
    assert set(found) == {"/cron", "/timezone", "/run_at", "/note", "/checklist_id"}


def test_the_widest_bounds_are_accepted(fresh: ApiClient) -> None:
    for when in (
        {"interval_seconds": 2**31 - 1, "starts_at": "2100-12-31T23:59:59.999999Z"},
        {"minute": 68_374_079},
        {"run_at": "2100-12-31T23:59:59.999999999Z"},
        {"cron": "0 0 29 2 *", "starts_at": "2100-12-31T00:00:00Z"},
    ):
        created = fresh.make_schedule(max_occurrences=1_000_000_000, jitter_seconds=86_400, **when)
        assert created["state"] == "active"
        assert fresh.post("/schedules/preview", when).status_code == 200
