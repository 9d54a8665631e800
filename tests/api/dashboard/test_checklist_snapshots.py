"""Snapshots on pages: those in force, what one check has ever had, and forgetting one."""

from typing import Any

import pytest

from shared.database import Database
from tests.api.dashboard.reading import Browser, Page
from tests.api_client import ApiClient
from tests.runs import end_run


@pytest.fixture
def shop(account: ApiClient) -> Any:
    return account.make_checklist("shop")


def accept(account: ApiClient, checklist: Any, flow: str, **values: Any) -> None:
    snapshots = [{"name": name, "value": value} for name, value in values.items()]
    body = {"flows": [{"name": flow, "snapshots": snapshots}]}
    assert account.post(f"/checklists/{checklist['id']}/snapshots", body).status_code == 201


def ran(account: ApiClient, database: Database, checklist: Any, **values: Any) -> str:
    """A run that observed these values in the flow f; its id."""
    run = str(account.start_run(checklist["id"])["id"])
    end_run(database, run, {"f": values})
    return run


def rows(page: Page) -> list[str]:
    return [row.text for row in page.all("tr")[1:]]


def test_its_snapshots_are_shown_with_who_accepted_them(
    browser: Browser, account: ApiClient, database: Database, shop: Any
) -> None:
    run = ran(account, database, shop, all={"long": "x" * 100})
    accept(account, shop, "g", c=1)
    page = browser.get(f"/ui/checklists/{shop['id']}")
    table = page.one("table", aria_label="Snapshots in force")
    assert "as the first value from a run" in table.text
    assert "by test" in table.text, "the name of the key"
    assert f"/ui/runs/{run}" in page.links()
    assert page.all("summary")[1].text.endswith("…"), "one line, the rest in the details"
    assert "x" * 100 in page.one("pre").text


def test_a_snapshot_that_was_not_observed_again_is_marked_obsolete(
    browser: Browser, account: ApiClient, database: Database, shop: Any
) -> None:
    ran(account, database, shop, all=1)
    ran(account, database, shop, other=1)
    page = browser.get(f"/ui/checklists/{shop['id']}")
    assert "f all obsolete 1" in page.one("table", aria_label="Snapshots in force").text


def test_a_large_value_is_shown_on_the_page_of_its_check(browser: Browser, account: ApiClient, shop: Any) -> None:
    accept(account, shop, "f", big=[f"{number * 7_919:x}" for number in range(20_000)])
    page = browser.get(f"/ui/checklists/{shop['id']}")
    assert "A large value" in page.one("table", aria_label="Snapshots in force").text
    assert len(page.source) < 50_000
    history = browser.get(f"/ui/checklists/{shop['id']}/history", flow="f", name="big")
    assert "characters in all" in history.one("pre").text
    assert len(history.source) < 200_000


def test_many_snapshots_have_pages_of_their_own(browser: Browser, account: ApiClient, shop: Any) -> None:
    accept(account, shop, "f", **{f"check {number:02}": number for number in reversed(range(60))})
    path = f"/ui/checklists/{shop['id']}/snapshots"
    assert path in browser.get(f"/ui/checklists/{shop['id']}").links()
    first = browser.get(path)
    [following] = [link.attributes["href"] for link in first.all("a", rel="next")]
    shown = rows(first) + rows(browser.get(following))
    assert [row.split()[2] for row in shown] == [f"{number:02}" for number in range(60)], "by flow and check"


def test_history_shows_every_value_of_one_check_newest_first(browser: Browser, account: ApiClient, shop: Any) -> None:
    for value in range(12):
        accept(account, shop, "buy", price={"amount": value}, other=99)
    first = browser.get(f"/ui/checklists/{shop['id']}/history", flow="buy", name="price")
    assert first.one("h1").text == "buy: price"
    [following] = [link.attributes["href"] for link in first.all("a", rel="next")]
    shown = [first, browser.get(following)]
    values = [value.text for page in shown for value in page.all("pre")]
    assert values == [f'{{ "amount": {value} }}' for value in reversed(range(12))]
    assert [len(page.all("section", class_="past")) for page in shown] == [10, 2]
    newest, before, *_ = first.all("section", class_="past")
    assert newest.text.startswith("in force")
    assert before.text.startswith("superseded")


def test_a_check_without_history_says_so(browser: Browser, shop: Any) -> None:
    page = browser.get(f"/ui/checklists/{shop['id']}/history", flow="a", name="b")
    assert "No value was ever approved for this check." in page.text
    assert browser.get(f"/ui/checklists/{shop['id']}/history").status == 422


def test_forget_removes_one_snapshot_and_no_other(browser: Browser, account: ApiClient, shop: Any) -> None:
    accept(account, shop, "f", a=1, b=2)
    after = browser.follow(browser.post(f"/ui/checklists/{shop['id']}/forget", flow="f", name="a"))
    assert "The snapshot of f: a is forgotten." in after.text
    [left] = account.get(f"/checklists/{shop['id']}/snapshots").json["data"]
    assert left["name"] == "b"
    refused = browser.follow(browser.post(f"/ui/checklists/{shop['id']}/forget", flow="f", name=""))
    assert "Nothing was forgotten" in refused.text
    assert len(account.get(f"/checklists/{shop['id']}/snapshots").json["data"]) == 1
