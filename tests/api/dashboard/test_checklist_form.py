"""Writing a checklist: what is typed is taken, or told at its field what is wrong with it; it is never lost."""

import json
from typing import Any

import pytest

from api.dashboard.json_places import line_of
from tests.api.dashboard.reading import HOSTILE, Browser, Page
from tests.api_client import ApiClient

FLOWS = """[
  {"name": "list",
   "steps": [
     {"act": "ask", "request": {"url": "http://127.0.0.1:9/"}},
     {"check": "all", "observe": "body.items"}
   ]}
]"""


def fill(**fields: str) -> dict[str, str]:
    """The form of a new checklist, filled in well."""
    return {
        "name": "shop",
        "source": "flows",
        "worker_url": "",
        "flows": FLOWS,
        "queue": "",
        "timeout_seconds": "60",
        "first_value": "accept",
        "rules": "",
        "variables": "",
    } | fields


def sent(browser: Browser, **fields: str) -> Page:
    return browser.post("/ui/checklists/new", on="/ui/checklists/new", **fill(**fields))


def error_at(page: Page, field: str) -> str:
    """The message under this field, which the field names as its description."""
    [described] = [element for element in page.elements if element.attributes.get("name") == field]
    assert described.attributes.get("aria-invalid") == "true"
    assert f"{field}-error" in described.attributes["aria-describedby"].split()
    return page.one("p", id=f"{field}-error").text


def test_a_new_checklist_with_flows_is_made(browser: Browser, account: ApiClient) -> None:
    rules, variables = '[{"path": "/*/at", "match": "ignore"}]', '{"user": "ada"}'
    answer = sent(browser, rules=rules, variables=variables, timeout_seconds="90", first_value="review")
    [made] = account.get("/checklists").json["data"]
    assert (answer.status, answer.location) == (303, f"/ui/checklists/{made['id']}")
    assert made["flows"] == json.loads(FLOWS)
    assert (made["rules"], made["variables"]) == (json.loads(rules), json.loads(variables))
    assert (made["name"], made["timeout_seconds"], made["first_value"]) == ("shop", 90, "review")
    assert "The checklist is there." in browser.follow(answer).text


@pytest.mark.parametrize(("source", "value"), [("worker_url", "http://127.0.0.1:9/observe"), ("queue", "observers")])
def test_only_the_chosen_source_is_taken_whatever_stands_in_the_others(
    browser: Browser, account: ApiClient, source: str, value: str
) -> None:
    typed = {"flows": "no JSON", "worker_url": "no url", "queue": "no queue"}
    assert sent(browser, source=source, **(typed | {source: value})).status == 303
    [made] = account.get("/checklists").json["data"]
    assert {name: made[name] for name in typed} == {"flows": None, "worker_url": None, "queue": None, source: value}


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("name", "", "must be a string of 1 to 200 characters"),
        ("name", "n" * 201, "must be a string of 1 to 200 characters"),
        ("timeout_seconds", "901", "must be a whole number from 1 to 900"),
        ("timeout_seconds", "soon", "must be a whole number from 1 to 900"),
        ("timeout_seconds", "٣", "must be a whole number from 1 to 900"),
        ("first_value", "perhaps", "must be one of: accept, review"),
        ("flows", "", "must be a list of 1 to 200"),
        ("flows", "{}", "must be a list of 1 to 200"),
        ("flows", '[\n{"name" "x"}]', "not JSON: Expecting ':' delimiter, at line 2 column 9"),
        ("flows", '[{"name": "a", "name": "b"}]', 'the key "name" appears twice'),
        ("rules", "[}", "not JSON"),
        ("rules", '[\n{"path": "at", "match": "ignore"}]', "Line 2, /rules/0/path: a JSON Pointer starts with /"),
        ("variables", '{"a": 1}', "Line 1, /variables/a: must be a string"),
        ("variables", "[]", "must be an object of strings"),
    ],
)
def test_what_is_refused_is_told_at_its_field_and_nothing_is_lost(
    browser: Browser, account: ApiClient, field: str, typed: str, words: str
) -> None:
    page = sent(browser, **{field: typed})
    assert page.status == 422
    assert words in error_at(page, field)
    assert "everything you typed is still here" in page.one("div", role="alert").text
    for name, value in fill(**{field: typed}).items():
        if name not in ("first_value", "source"):
            assert page.field(name).split() == value.split(), name
    assert account.get("/checklists").json["data"] == []


def test_a_message_from_inside_the_flows_names_its_pointer_and_its_line(browser: Browser) -> None:
    broken = FLOWS.replace("body.items", "body.[").replace('"url": "http://127.0.0.1:9/"', '"url": "ftp://x/"')
    message = error_at(sent(browser, flows=broken), "flows")
    assert "Line 5, /flows/0/steps/1/observe: " in message
    assert "Line 4, /flows/0/steps/0/request/url: " in message


def test_a_thousand_messages_are_told_in_part(browser: Browser) -> None:
    flows = json.dumps([{"name": "f", "steps": [{"check": ""}] * 90}])
    message = error_at(sent(browser, flows=flows), "flows")
    assert message.count("Line 1, ") == 20
    assert message.endswith("and 70 more")


def test_all_texts_that_are_no_json_are_told_at_once(browser: Browser) -> None:
    page = sent(browser, flows="[", rules="{", variables="x")
    assert all("not JSON" in error_at(page, field) for field in ("flows", "rules", "variables"))


def test_the_other_sources_keep_what_was_typed(browser: Browser) -> None:
    page = sent(browser, source="queue", queue="no such name!", worker_url="http://kept/", flows="kept")
    assert "letters, digits, dot" in error_at(page, "queue")
    assert (page.field("worker_url"), page.field("flows")) == ("http://kept/", "kept")
    [chosen] = [box.attributes["value"] for box in page.all("input", type="radio") if "checked" in box.attributes]
    assert chosen == "queue"


def test_a_name_that_is_taken_is_told_at_the_name(browser: Browser, account: ApiClient) -> None:
    account.make_checklist("shop")
    assert "another checklist of this name" in error_at(sent(browser), "name")


def test_editing_begins_with_what_is_there_and_changes_nothing_else(browser: Browser, account: ApiClient) -> None:
    made = account.make_checklist(
        "shop",
        flows=json.loads(FLOWS),
        rules=[{"path": "/a", "match": "type"}, {"path": "/b", "match": "approx", "value": 0.5}],
        variables={"user": "ada & <b>"},
        first_value="review",
        timeout_seconds=7,
    )
    path = f"/ui/checklists/{made['id']}/edit"
    form = browser.get(path)
    fields = {name: form.field(name) for name in fill() if name not in ("source", "first_value")}
    answer = browser.post(path, on=path, read_at=form.field("read_at"), source="flows", first_value="review", **fields)
    assert answer.status == 303
    assert "Saved." in browser.follow(answer).text
    saved = account.get(f"/checklists/{made['id']}").json
    assert saved | {"updated_at": None} == made | {"updated_at": None}


def test_editing_can_change_the_source(browser: Browser, account: ApiClient) -> None:
    made = account.make_checklist("shop", worker_url="http://127.0.0.1:9/")
    path = f"/ui/checklists/{made['id']}/edit"
    read_at = browser.get(path).field("read_at")
    assert browser.post(path, on=path, read_at=read_at, **fill(name="store", source="queue", queue="q")).status == 303
    saved = account.get(f"/checklists/{made['id']}").json
    assert (saved["name"], saved["worker_url"], saved["queue"]) == ("store", None, "q")


def test_what_somebody_else_saved_meanwhile_is_not_overwritten_unasked(browser: Browser, account: ApiClient) -> None:
    made = account.make_checklist("shop")
    path = f"/ui/checklists/{made['id']}/edit"
    read_at = browser.get(path).field("read_at")
    account.put(f"/checklists/{made['id']}", {"name": "theirs", "worker_url": "http://127.0.0.1:9/"})
    told = browser.post(path, on=path, read_at=read_at, **fill(name="mine"))
    assert told.status == 422
    assert "Somebody else has changed this checklist" in told.one("div", role="alert").text
    assert told.field("name") == "mine"
    assert account.get(f"/checklists/{made['id']}").json["name"] == "theirs"
    again = browser.post(path, on=path, read_at=told.field("read_at"), **fill(name="mine"))
    assert again.status == 303
    assert account.get(f"/checklists/{made['id']}").json["name"] == "mine"


def test_an_edit_that_is_refused_is_told_at_its_field(browser: Browser, account: ApiClient) -> None:
    account.make_checklist("taken")
    made = account.make_checklist("shop")
    path = f"/ui/checklists/{made['id']}/edit"
    read_at = browser.get(path).field("read_at")
    page = browser.post(path, on=path, read_at=read_at, **fill(name="taken"))
    assert "another checklist of this name" in error_at(page, "name")
    assert account.get(f"/checklists/{made['id']}").json == made


@pytest.mark.parametrize("field", ["name", "worker_url", "flows", "queue", "timeout_seconds", "rules", "variables"])
def test_nothing_that_was_typed_becomes_markup(browser: Browser, field: str) -> None:
    closing = f"</textarea>{HOSTILE}"
    source = field if field in ("worker_url", "queue") else "flows"
    page = sent(browser, **({"timeout_seconds": "0", "source": source} | {field: closing}))
    assert page.status == 422
    assert page.field(field) == closing
    assert [script.attributes["src"] for script in page.all("script")] == ["/ui/assets/dashboard.js"]
    assert all("onerror" not in image.attributes for image in page.all("img"))


@pytest.mark.parametrize("value", [HOSTILE, f"</textarea>{HOSTILE}"])
def test_messages_that_repeat_what_was_typed_stay_text(browser: Browser, value: str) -> None:
    typed: Any = {"flows": json.dumps([{"name": "f", value: 1, "steps": [{"check": "x"}]}])}
    page = sent(browser, **typed)
    assert value.replace("/", "~1")[:20] in error_at(page, "flows")
    assert len(page.all("script")) == 1


TEXT = '{"a/b": [1,\n {"c": "}]",\r\n "d~": [[], {}, 3]}],\n "e": {"f":\n  null}}'


@pytest.mark.parametrize(
    ("pointer", "line"),
    [
        ("", 1),
        ("/a~1b", 1),
        ("/a~1b/1", 2),
        ("/a~1b/1/c", 2),
        ("/a~1b/1/d~0/2", 3),
        ("/e/f", 5),
        ("/e/nothing/there", 4),
        ("/a~1b/7", 1),
        ("/e/f/g", 5),
    ],
)
def test_the_line_of_a_pointer_is_where_its_value_begins(pointer: str, line: int) -> None:
    assert line_of(TEXT, pointer) == line
