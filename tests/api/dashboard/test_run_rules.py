"""From a place that differs to a rule about it: with one click, or as it is typed."""

from collections.abc import Callable
from typing import Any

import pytest

from api.dashboard import calling
from shared.database import Database
from tests.api.dashboard.observing import a_changed_run, a_flow, a_run_of
from tests.api.dashboard.reading import Browser, Page
from tests.api_client import ApiClient

FLOWS = [{"name": "flow", "steps": [{"act": "a", "request": {"url": "http://127.0.0.1:9/"}}, {"check": "check"}]}]
TODOS = [{"id": 1, "at": "8:00"}, {"id": 2, "at": "8:00"}]
LATER = [{"id": 1, "at": "9:00"}, {"id": 7, "at": "9:00"}]

Changed = Callable[..., tuple[Any, str]]


@pytest.fixture
def changed(account: ApiClient, database: Database) -> Changed:
    """A checklist and the id of its run, which found some to-dos to have changed."""

    def make(**fields: Any) -> tuple[Any, str]:
        checklist = account.make_checklist(**fields)
        return checklist, a_changed_run(account, database, TODOS, LATER, checklist=checklist)

    return make


def rules(account: ApiClient, checklist: Any) -> Any:
    return account.get(f"/checklists/{checklist['id']}").json["rules"]


def buttons(page: Page, place: str) -> list[str]:
    """What the buttons beside this place send."""
    return [
        button.attributes["value"] for button in page.all("button", name="match") if button.text.endswith(f"at {place}")
    ]


def test_each_place_has_buttons_and_a_form_of_its_own(browser: Browser, changed: Changed) -> None:
    _, run_id = changed()
    page = browser.get(f"/ui/runs/{run_id}")
    assert [place.text for place in page.all("code", class_="pointer")] == ["/*/at", "/0/at", "/1/at", "/1/id"]
    assert "2 places, such as /0/at" in page.text
    for place in ("/*/at", "/0/at", "/1/at", "/1/id"):
        assert buttons(page, place) == ["ignore", "type"]
    typed = [field.attributes["value"] for field in page.all("input", name="path", class_="code")]
    assert typed == ["/*/at", "/*/at", "/*/at", "/*/id"]


def test_of_very_many_places_those_that_are_alike_but_for_an_index_are_one_by_one_on_a_page_of_their_own(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    many = [{"id": number, "at": "8:00"} for number in range(30)]
    run_id = a_changed_run(account, database, many, [{"id": -number, "at": "8:00"} for number in range(30)])
    page = browser.get(f"/ui/runs/{run_id}")
    assert [place.text for place in page.all("code", class_="pointer")] == ["/*/id"]
    alone = f"/ui/runs/{run_id}?flow=flow&name=check"
    assert alone in page.links()
    assert len(browser.get(alone).all("code", class_="pointer")) == 1 + 29


@pytest.mark.parametrize("match", ["ignore", "type"])
def test_a_rule_is_added_with_one_click_and_holds_from_the_next_run_on(
    browser: Browser, account: ApiClient, database: Database, changed: Changed, match: str
) -> None:
    checklist, run_id = changed(rules=[{"path": "/x", "match": "unordered"}])
    here = {"flow": "flow", "name": "check", "about": "/1/id", "at": "check-0-0"}
    added = browser.post(f"/ui/runs/{run_id}/rules", on=f"/ui/runs/{run_id}", path="/1/id", match=match, **here)
    assert added.location == f"/ui/runs/{run_id}#check-0-0"
    assert rules(account, checklist) == [
        {"path": "/x", "match": "unordered"},
        {"path": "/1/id", "match": match, "flow": "flow", "check": "check"},
    ]
    page = browser.follow(added)
    assert f"The rule is there: {match} /1/id in check." in page.one("p", role="status", class_="notice").text
    assert f"rule: {match}" in page.text
    assert not buttons(page, "/1/id"), "there is a rule for it"
    assert "The checklist was changed after this run" in page.text
    again = a_run_of(account, database, checklist, a_flow(check=[TODOS[0], TODOS[1] | {"id": 7}]))
    assert account.get(f"/runs/{again}").json["outcome"] == "passed"


@pytest.mark.parametrize(
    ("scope", "where"), [("check", {"flow": "flow", "check": "check"}), ("flow", {"flow": "flow"}), ("everywhere", {})]
)
def test_a_rule_holds_where_it_is_said_to(
    browser: Browser, account: ApiClient, changed: Changed, scope: str, where: dict[str, str]
) -> None:
    checklist, run_id = changed()
    typed = {"flow": "flow", "name": "check", "about": "/0/at", "path": " /*/at ", "match": "ignore", "scope": scope}
    assert browser.post(f"/ui/runs/{run_id}/rules", **typed).status == 303
    assert rules(account, checklist) == [{"path": "/*/at", "match": "ignore", **where}]
    assert "rule: ignore" in browser.get(f"/ui/runs/{run_id}").text


@pytest.mark.parametrize(("match", "text", "value"), [("approx", "0.5", 0.5), ("regex", "[0-9]:00", "[0-9]:00")])
def test_a_rule_takes_its_pattern_or_tolerance(
    browser: Browser, account: ApiClient, changed: Changed, match: str, text: str, value: Any
) -> None:
    checklist, run_id = changed()
    browser.post(f"/ui/runs/{run_id}/rules", path="/*/at", match=match, value=text, scope="everywhere")
    assert rules(account, checklist) == [{"path": "/*/at", "match": match, "value": value}]


@pytest.mark.parametrize(
    ("typed", "field", "message"),
    [
        ({"path": "at", "match": "ignore"}, "path", "starts with /"),
        ({"path": "/at", "match": "regex"}, "value", "the match regex needs a value"),
        ({"path": "/at", "match": "approx", "value": "much"}, "value", "takes a number"),
        ({"path": "/at", "match": "approx", "value": "true"}, "value", "takes a number"),
        ({"path": "/at", "match": "like"}, "match", "must be one of"),
    ],
)
def test_a_rule_that_says_nothing_sensible_is_refused_at_its_field_and_stays_typed(
    browser: Browser, account: ApiClient, changed: Changed, typed: dict[str, str], field: str, message: str
) -> None:
    checklist, run_id = changed()
    here = {"flow": "flow", "name": "check", "about": "/1/id", "scope": "flow"}
    page = browser.post(f"/ui/runs/{run_id}/rules", **here, **typed)
    assert page.status == 422
    assert page.one("div", role="alert").text == "The rule was not added: what has to change is told at its field."
    form = page.one("details", id="rule-typed")
    assert "open" in form.attributes
    assert message in page.one("p", class_="error").text
    assert page.one("p", class_="error").attributes["id"].endswith(f"-{field}-error")
    assert [wrong.attributes["name"] for wrong in page.elements if "aria-invalid" in wrong.attributes] == [field]
    assert typed["path"] in [element.attributes["value"] for element in page.all("input", name="path", class_="code")]
    assert "flow" in [option.attributes["value"] for option in page.all("option", selected="")]
    assert rules(account, checklist) == []


def test_a_rule_that_is_there_already_is_not_added_twice(
    browser: Browser, account: ApiClient, changed: Changed
) -> None:
    rule = {"path": "/*/at", "match": "ignore"}
    checklist, run_id = changed(rules=[rule])
    before = account.get(f"/checklists/{checklist['id']}").json
    assert browser.post(f"/ui/runs/{run_id}/rules", scope="everywhere", **rule).status == 303
    assert account.get(f"/checklists/{checklist['id']}").json == before


def test_too_many_rules_are_refused_in_words(browser: Browser, account: ApiClient, changed: Changed) -> None:
    checklist, run_id = changed(rules=[{"path": f"/{number}", "match": "ignore"} for number in range(200)])
    page = browser.post(f"/ui/runs/{run_id}/rules", path="/at", match="ignore", scope="everywhere")
    assert page.status == 422
    assert "must be a list of 0 to 200" in page.one("div", role="alert").text
    assert len(rules(account, checklist)) == 200


@pytest.mark.parametrize("source", [{"flows": FLOWS}, {"queue": "observers"}, {"worker_url": "http://127.0.0.1:9/"}])
def test_all_else_of_the_checklist_stays_as_it_was(
    browser: Browser, account: ApiClient, changed: Changed, source: dict[str, Any]
) -> None:
    checklist, run_id = changed()
    fields = {"timeout_seconds": 7, "variables": {"user": "ada"}, "first_value": "review", "name": "as it was"}
    checklist = account.put(f"/checklists/{checklist['id']}", source | fields).json
    browser.post(f"/ui/runs/{run_id}/rules", path="", match="type", scope="everywhere")
    after = account.get(f"/checklists/{checklist['id']}").json
    assert after == checklist | {"rules": [{"path": "", "match": "type"}], "updated_at": after["updated_at"]}


def test_a_rule_that_another_change_has_overwritten_is_told_to_be_lost(
    browser: Browser, account: ApiClient, changed: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    checklist, run_id = changed()
    send = calling.send

    def overtaken(method: str, path: str, body: Any = None) -> Any:
        answer = send(method, path, body)
        if method == "PUT":
            assert account.put(path, body | {"rules": [{"path": "/theirs", "match": "type"}]}).status_code == 200
        return answer

    monkeypatch.setattr(calling, "send", overtaken)
    page = browser.post(f"/ui/runs/{run_id}/rules", path="/at", match="ignore", scope="everywhere")
    assert page.status == 422
    assert "somebody else changed the checklist at the same moment" in page.one("div", role="alert").text
    assert rules(account, checklist) == [{"path": "/theirs", "match": "type"}]
