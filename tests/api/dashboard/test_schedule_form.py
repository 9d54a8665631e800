"""Writing schedules: what is typed becomes what the API has, and what it refuses is told at the field."""

from typing import Any

import pytest

from tests.api.dashboard.reading import HOSTILE, Browser, Page
from tests.api_client import ApiClient

NEW = "/ui/schedules/new"


def filled_in(page: Page) -> dict[str, str]:
    """The fields of its largest form as a browser would send them untouched."""
    sent: dict[str, str] = {}
    select = ""
    for element in page.elements[page.elements.index(page.one("form", class_="schedule-form")) :]:
        given, name = element.attributes, element.attributes.get("name", "")
        if element.name == "select":
            select = name
        elif element.name == "option" and select and "selected" in given:
            sent[select] = given["value"]
        elif element.name == "textarea":
            sent[name] = "".join(element.words)
        elif element.name == "input" and (given["type"] not in ("radio", "checkbox") or "checked" in given):
            sent[name] = given["value"]
        elif element.name == "datalist":
            break
    return {name: value for name, value in sent.items() if name != "csrf"}


def made(account: ApiClient) -> list[Any]:
    return list(account.get("/schedules").json["data"])


def error(page: Page, field: str) -> str:
    return page.one("p", id=f"{field}-error").text


def test_a_checklist_at_times_of_a_zone(browser: Browser, account: ApiClient) -> None:
    checklist = account.make_checklist("shop")
    form = browser.get(NEW, checklist_id=checklist["id"])
    fields = filled_in(form) | {
        "name": "mornings",
        "cron": " 30 9 * * MON-FRI ",
        "timezone": "Europe/Berlin",
        "variables": '{"user": "ada"}',
        "uri": "http://127.0.0.1:9/left-over",
        "payload": "not read",
        "starts_at": "2090-06-01T08:30",
        "ends_at": "2091-06-01T08:30:15",
        "max_occurrences": "3",
        "jitter_seconds": "5",
        "overlap": "cancel_running",
        "catchup_window_seconds": "0",
        "coalesce": "all",
        "pause_on_change": "yes",
        "paused": "yes",
        "note": "not yet",
    }
    assert fields["checklist_id"] == str(checklist["id"]), "chosen before"
    answer = browser.post(NEW, **fields)
    [schedule] = made(account)
    assert answer.location == f"/ui/schedules/{schedule['id']}"
    expected = {
        "name": "mornings",
        "cron": "30 9 * * MON-FRI",
        "timezone": "Europe/Berlin",
        "checklist_id": checklist["id"],
        "variables": {"user": "ada"},
        "uri": None,
        "starts_at": "2090-06-01T08:30:00Z",
        "ends_at": "2091-06-01T08:30:15Z",
        "max_occurrences": 3,
        "jitter_seconds": 5,
        "overlap": "cancel_running",
        "catchup_window_seconds": 0,
        "coalesce": "all",
        "pause_on_failure": False,
        "pause_on_change": True,
        "paused": True,
        "note": "not yet",
    }
    assert {name: schedule[name] for name in expected} == expected


def test_a_call_every_so_often(browser: Browser, account: ApiClient) -> None:
    call = {
        "uri": "http://127.0.0.1:9/x",
        "method": "PUT",
        "headers": {"X-Team": "shop"},
        "payload": [1, None],
        "error_uri": "http://127.0.0.1:9/y",
        "timeout_seconds": 5,
        "max_attempts": 2,
        "backoff_seconds": 0.5,
    }
    typed = call | {"headers": '{"X-Team": "shop"}', "payload": "[1, null]"}
    browser.post(NEW, when="interval_seconds", interval_seconds="90", what="uri", **typed)
    [schedule] = made(account)
    assert schedule["interval_seconds"] == 90
    assert {name: schedule[name] for name in call} == call


def test_a_task_once(browser: Browser, account: ApiClient) -> None:
    browser.post(NEW, when="run_at", run_at="2090-06-01T08:30:00", what="queue", queue="reports", priority="-5")
    [schedule] = made(account)
    assert (schedule["run_at"], schedule["queue"], schedule["priority"]) == ("2090-06-01T08:30:00Z", "reports", -5)
    assert "payload" not in schedule


SCHEDULES = [
    {"cron": "*/5 * * * *", "timezone": "Asia/Tokyo", "name": "a", "variables": {"user": "é"}, "note": "one\ntwo"},
    {"interval_seconds": 60, "starts_at": "2090-01-01T00:00:00.123456Z", "uri": "http://127.0.0.1:9/", "payload": None},
    {"run_at": "2090-01-01T00:00:00.5Z", "queue": "reports", "payload": {"a": [1.5, "</textarea>"]}, "paused": True},
    {"minute": 63_200_000, "recurring": "weekly", "queue": "q", "timeout_seconds": 43_200, "max_attempts": 100},
    {"cron": "@daily", "uri": "http://127.0.0.1:9/", "method": "GET", "headers": {"A": "b"}, "backoff_seconds": 0.25},
]


@pytest.mark.parametrize("fields", SCHEDULES)
def test_saving_what_was_not_touched_changes_nothing(
    browser: Browser, account: ApiClient, fields: dict[str, Any]
) -> None:
    is_other = {"uri", "queue"} & set(fields)
    what = {} if is_other else {"checklist_id": account.make_checklist()["id"]}
    schedule = account.make("/schedules", what | fields)
    path = f"/ui/schedules/{schedule['id']}"
    answer = browser.post(f"{path}/edit", **filled_in(browser.get(f"{path}/edit")))
    assert (answer.status, answer.location) == (303, path)
    after = account.get(f"/schedules/{schedule['id']}").json
    assert after | {"updated_at": None} == schedule | {"updated_at": None}


def test_another_rhythm_begins_when_it_is_saved(browser: Browser, account: ApiClient) -> None:
    schedule = account.make_schedule(cron="@daily")
    path = f"/ui/schedules/{schedule['id']}/edit"
    fields = filled_in(browser.get(path)) | {"when": "run_at", "run_at": "2090-06-01T08:30:00"}
    page = browser.follow(browser.post(path, **fields))
    assert "Once, on 2090-06-01 at 08:30 UTC" in page.text
    assert account.get(f"/schedules/{schedule['id']}").json["cron"] is None


def test_what_somebody_changed_meanwhile_is_not_overwritten_unseen(browser: Browser, account: ApiClient) -> None:
    schedule = account.make_schedule()
    path = f"/ui/schedules/{schedule['id']}/edit"
    fields = filled_in(browser.get(path)) | {"name": "mine"}
    account.post(f"/schedules/{schedule['id']}/pause", {"note": "look at it first"})
    refused = browser.post(path, **fields)
    assert refused.status == 422
    assert "changed or paused since you began" in refused.one("div", role="alert").text
    assert refused.field("name") == "mine"
    assert account.get(f"/schedules/{schedule['id']}").json["state"] == "paused"
    assert browser.post(path, **filled_in(refused)).status == 303, "sent again it is meant"


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"cron": ""}, "cron", "Say at what times"),
        ({"cron": "61 * * * *"}, "cron", "expected a number from 0 to 59"),
        ({"cron": "0 0 31 2 *"}, "cron", "no such day in these months"),
        ({"timezone": "Europe/Berli"}, "timezone", "there is no time zone"),
        ({"when": "interval_seconds", "interval_seconds": "often"}, "interval_seconds", "a whole number from 1"),
        ({"when": "interval_seconds", "interval_seconds": "0"}, "interval_seconds", "a whole number from 1"),
        ({"when": "run_at"}, "run_at", "Say on which day"),
        ({"when": "run_at", "run_at": "tomorrow"}, "run_at", "must be a time in RFC 3339"),
        ({"what": "checklist_id"}, "checklist_id", "Choose the checklist"),
        ({"what": "checklist_id", "checklist_id": "999999999"}, "checklist_id", "no such checklist"),
        ({"what": "checklist_id", "checklist_id": HOSTILE}, "checklist_id", "a whole number from 1"),
        ({"uri": "ftp://x"}, "uri", "must begin with http"),
        ({"uri": ""}, "uri", "Say which URL"),
        ({"method": "GET", "payload": "1"}, "payload", "must be left out with GET"),
        ({"headers": "{"}, "headers", "at line 1 column 2"),
        ({"headers": '{"A": "b",\r\n"X-Team": 5}'}, "headers", "Line 2, /headers/X-Team: must be a string"),
        ({"headers": "[]"}, "headers", "must be an object of strings"),
        ({"timeout_seconds": "901"}, "timeout_seconds", "from 1 to 900"),
        ({"backoff_seconds": "1e9"}, "backoff_seconds", "a number from 0 to 3600"),
        ({"what": "queue", "queue": "a b"}, "queue", "letters, digits, dot"),
        ({"what": "queue", "queue": "a", "priority": "101"}, "priority", "from -100 to 100"),
        ({"starts_at": "2090-01-02T00:00", "ends_at": "2090-01-01T00:00"}, "ends_at", "must not be before starts_at"),
        ({"overlap": HOSTILE}, "overlap", "must be one of"),
        ({"note": "n" * 1_001}, "note", "must be a string of 1 to 1000"),
        ({"name": "taken"}, "name", "another schedule of this name"),
    ],
)
def test_what_is_refused_is_told_at_its_field_and_nothing_typed_is_lost(
    browser: Browser, account: ApiClient, fields: dict[str, str], field: str, message: str
) -> None:
    account.make_schedule(name="taken")
    typed = {"cron": "@daily", "timezone": "UTC", "what": "uri", "uri": "http://127.0.0.1:9/kept"} | fields
    refused = browser.post(NEW, **typed)
    assert refused.status == 422
    assert message in error(refused, field)
    assert "everything you typed is still here" in refused.one("div", role="alert").text
    sent = filled_in(refused)
    unknown = {"checklist_id", "overlap"}  # what was never offered cannot be chosen again
    for name, value in typed.items():
        assert name in unknown or sent[name] == value.replace("\r\n", "\n")
    assert len(made(account)) == 1
    assert not refused.all("img", src="x")


def test_what_is_refused_among_the_policies_is_not_hidden(browser: Browser) -> None:
    assert "open" not in browser.get(NEW).one("details", class_="more").attributes
    refused = browser.post(NEW, cron="@daily", what="queue", queue="a", max_occurrences="0")
    assert "open" in refused.one("details", class_="more").attributes


def test_looking_ahead_while_typing(browser: Browser) -> None:
    page = browser.post(
        "/ui/schedules/preview", cron="30 9 1 6 *", timezone="Europe/Berlin", starts_at="2090-01-01T00:00"
    )
    assert page.status == 200
    assert "At 09:30, on day 1 of the month, in June, in Europe/Berlin" in page.source
    instants = [each.text for each in page.all("li")]
    assert len(instants) == 10
    assert instants[0].startswith("Thu 01 Jun 2090, 09:30 +02:00 · in ")
    assert "<html" not in page.source, "a piece of a page"


def test_looking_ahead_says_what_is_wrong_and_what_is_missing(browser: Browser) -> None:
    def preview(**fields: str) -> str:
        return browser.post("/ui/schedules/preview", **fields).source

    assert "Say at what times" in preview()
    assert "expected a number from 0 to 59" in preview(cron="61 * * * *")
    assert "there is no time zone" in preview(cron="@daily", timezone=HOSTILE)
    assert "<img" not in preview(cron=HOSTILE, timezone=HOSTILE)
    assert "It has no instant to come" in preview(cron="@daily", ends_at="2001-01-01T00:00")


def test_looking_ahead_stores_nothing_and_heeds_the_bounds(browser: Browser, account: ApiClient) -> None:
    fields = {"when": "interval_seconds", "interval_seconds": "3600", "max_occurrences": "2"}
    page = browser.post("/ui/schedules/preview", starts_at="2090-01-01T00:00", **fields)
    assert page.source.count("<li>") == 2
    assert "Sun 01 Jan 2090, 00:00" in page.source
    assert made(account) == []


def test_the_form_of_a_stored_schedule_already_looks_ahead(browser: Browser, account: ApiClient) -> None:
    schedule = account.make_schedule(run_at="2090-06-01T08:30:00Z")
    assert "Thu 01 Jun 2090, 08:30" in browser.get(f"/ui/schedules/{schedule['id']}/edit").one("div", id="preview").text


def test_only_the_checklists_of_the_account_are_offered(browser: Browser, account: ApiClient, api: ApiClient) -> None:
    api.without_key().signed_up().make_checklist("theirs")
    account.make_checklist(HOSTILE)
    account.make_checklist("a first")
    page = browser.get(NEW)
    select = page.elements.index(page.one("select", id="checklist_id"))
    offered = [each.text for each in page.elements[select + 1 : select + 4]]
    assert (offered[0], set(offered[1:])) == ("Choose …", {"a first", HOSTILE})
    assert "theirs" not in page.text
