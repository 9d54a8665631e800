"""Events: what happened, by type, with the way to what it is about."""

import pytest

from shared.database import Database
from tests.api.dashboard.reading import HOSTILE, Browser
from tests.api_client import ApiClient
from tests.factories import an_event


@pytest.fixture
def account_id(account: ApiClient, database: Database) -> int:
    checklist = account.make_checklist()
    with database.reading() as cursor:
        cursor.execute("SELECT account_id FROM checklists WHERE id = %(id)s", checklist)
        [(found,)] = cursor.fetchall()
    return int(found)


def test_an_event_leads_to_what_it_is_about(browser: Browser, account_id: int, database: Database) -> None:
    run_id = "01a1ff76-ea92-7970-a315-1f949b98abc7"
    with database.transaction() as transaction:
        an_event(transaction.cursor, account_id, "run.finished", run_id=run_id, checklist_id=7, outcome="changed")
        an_event(transaction.cursor, account_id, "queue.unattended", queue="emails")
    page = browser.get("/ui/events")
    assert {f"/ui/runs/{run_id}", "/ui/checklists/7", "/ui/queues/emails"} <= set(page.links())


def test_events_are_filtered_by_type_and_come_in_pages(browser: Browser, account_id: int, database: Database) -> None:
    with database.transaction() as transaction:
        for number in range(60):
            an_event(transaction.cursor, account_id, "job.failed", error=f"error {number}")
        an_event(transaction.cursor, account_id, "run.finished", outcome="passed")
    first = browser.get("/ui/events", type="job.failed")
    assert "run.finished" not in first.one("tbody").text
    [onward] = [link for link in first.links() if "cursor=" in link]
    assert "type=job.failed" in onward
    second = browser.get(onward)
    assert "error 0" in second.one("tbody").text
    assert "error 59" in first.one("tbody").text


def test_what_an_event_tells_is_text(browser: Browser, account_id: int, database: Database) -> None:
    with database.transaction() as transaction:
        an_event(transaction.cursor, account_id, "schedule.paused", name=HOSTILE, note=HOSTILE)
    page = browser.get("/ui/events")
    assert HOSTILE not in page.source
    assert HOSTILE in page.text


def test_an_unknown_type_is_told(browser: Browser) -> None:
    assert browser.get("/ui/events", type="nonsense").status == 422


def test_without_events_it_says_so(browser: Browser) -> None:
    assert "Nothing of this kind" in browser.get("/ui/events").text
