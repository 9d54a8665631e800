"""The list of schedules: what one sees of each, and how one finds it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.database import Database
from tests.api.dashboard.reading import HOSTILE, Browser, Page
from tests.api_client import ApiClient


def names(page: Page) -> list[str]:
    return [link.text for link in page.all("a", class_="strong")]


def row_of(page: Page, schedule: Any) -> str:
    [row] = [each.text for each in page.all("tr", **{"data-go": ""}) if f"Schedule {schedule['id']}" in each.text]
    return row


def test_an_account_without_schedules_is_led_to_its_first(browser: Browser) -> None:
    page = browser.get("/ui/schedules")
    assert "Nothing is scheduled yet" in page.text
    assert "/ui/schedules/new" in page.links()
    assert not page.all("table")


def test_a_row_says_when_and_what_and_how_it_stands(browser: Browser, account: ApiClient, database: Database) -> None:
    shop = account.make_checklist("shop")
    run = account.make_schedule(cron="30 9 * * MON-FRI", timezone="Europe/Berlin", checklist_id=shop["id"])
    call = account.make("/schedules", {"interval_seconds": 60, "uri": "http://127.0.0.1:9/x", "method": "PUT"})
    task = account.make("/schedules", {"cron": "@daily", "queue": "reports"})
    account.post(f"/schedules/{call['id']}/pause", {"note": "the shop moves"})
    begun = account.make(f"/schedules/{run['id']}/trigger", {})
    with database.reading() as cursor:
        cursor.execute("UPDATE schedules SET fired = 1234, missed = 5 WHERE id = %(id)s", run)
    page = browser.get("/ui/schedules")
    of_run = row_of(page, run)
    assert "At 09:30, Monday through Friday, in Europe/Berlin" in of_run
    assert "Runs shop" in of_run
    assert "active in" in of_run
    assert "pending now" in of_run
    assert "5 missed 1,234 fired" in of_run
    assert f"/ui/runs/{begun['id']}" in page.links()
    assert f"/ui/checklists/{shop['id']}" in page.links()
    assert "Calls PUT http://127.0.0.1:9/x paused the shop moves –" in row_of(page, call)
    assert "Pushes a task to reports" in row_of(page, task)


def test_schedules_are_found_by_state_checklist_and_a_part_of_the_name(browser: Browser, account: ApiClient) -> None:
    shop, other = account.make_checklist(), account.make_checklist()
    account.make_schedule(name="Shop at night", checklist_id=shop["id"])
    account.make_schedule(name="100% of the shop", checklist_id=shop["id"], paused=True)
    account.make_schedule(name="elsewhere", checklist_id=other["id"])
    assert names(browser.get("/ui/schedules", name="SHOP")) == ["Shop at night", "100% of the shop"]
    assert names(browser.get("/ui/schedules", name="0% o")) == ["100% of the shop"]
    assert names(browser.get("/ui/schedules", checklist_id=other["id"])) == ["elsewhere"]
    chosen = browser.get("/ui/schedules", state="paused", checklist_id=shop["id"])
    assert names(chosen) == ["100% of the shop"]
    assert f"/ui/schedules/new?checklist_id={shop['id']}" in chosen.links()
    assert f"/ui/schedules?checklist_id={shop['id']}" in chosen.links(), "one filter taken away keeps the other"
    nothing = browser.get("/ui/schedules", name="nowhere")
    assert "No schedule is like that" in nothing.text
    assert browser.get("/ui/schedules", checklist_id=999_999_999).status == 200


@pytest.mark.parametrize("query", [{"state": "nope"}, {"checklist_id": "x"}, {"cursor": "!"}])
def test_a_filter_that_is_none_is_told_of_on_a_page(browser: Browser, query: dict[str, str]) -> None:
    page = browser.get("/ui/schedules", **query)
    assert page.status == 422
    assert page.one("h1")


def test_many_schedules_come_in_pages_that_keep_the_filters(browser: Browser, account: ApiClient) -> None:
    checklist_id = account.make_checklist()["id"]
    for number in range(51):
        account.make_schedule(name=f"number {number}", checklist_id=checklist_id)
    first = browser.get("/ui/schedules", name="number")
    [following] = [link for link in first.links() if "cursor=" in link]
    assert "name=number" in following
    assert names(first) + names(browser.get(following)) == [f"number {number}" for number in range(51)]


def test_what_is_hostile_is_shown_as_text(browser: Browser, account: ApiClient) -> None:
    checklist_id = account.make_checklist(HOSTILE)["id"]
    account.make_schedule(name=HOSTILE, note=HOSTILE, checklist_id=checklist_id)
    account.make("/schedules", {"name": "call", "cron": "@daily", "uri": "http://127.0.0.1/<img%20src=x>'\""})
    page = browser.get("/ui/schedules", name=HOSTILE[:20])
    assert names(page) == [HOSTILE]
    assert f"Runs {HOSTILE}" in page.text
    assert [each.attributes["src"] for each in page.all("script")] == ["/ui/assets/dashboard.js"]
    assert [each.attributes["src"] for each in browser.get("/ui/schedules").all("img")] == ["/ui/assets/icon.svg"]


def test_the_schedules_of_others_are_not_listed(browser: Browser, api: ApiClient) -> None:
    other = api.without_key().signed_up()
    theirs = other.make_schedule(name="theirs", run_at=f"{datetime.now(UTC).year + 1}-01-01T00:00:00Z")
    assert "theirs" not in browser.get("/ui/schedules").text
    assert "theirs" not in browser.get("/ui/schedules", checklist_id=theirs["checklist_id"]).text
