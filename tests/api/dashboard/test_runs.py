"""The list of runs: what each found, whatever it was started by; filtered, paged, and of this account alone."""

from typing import Any

import pytest

from shared.database import Database
from tests.api.dashboard.reading import HOSTILE, Browser, Page
from tests.api_client import ApiClient
from tests.runs import end_run


def rows(page: Page) -> list[str]:
    return [row.text for row in page.all("tr")[1:]]


def runs_on(page: Page) -> list[str]:
    return [link.removeprefix("/ui/runs/") for link in page.links() if link.startswith("/ui/runs/")]


@pytest.fixture
def found(account: ApiClient, database: Database) -> dict[str, str]:
    """One run of each outcome, and one that waits; by outcome or state."""
    shop, stock = account.make_checklist("shop"), account.make_checklist("stock", first_value="review")
    ids = {}
    for word, checklist, values in (
        ("passed", shop, {"a": 1, "b": 1}),
        ("changed", shop, {"a": 2, "b": 1, "c": 1}),
        ("new", stock, {"a": 1}),
    ):
        ids[word] = account.start_run(checklist["id"])["id"]
        end_run(database, ids[word], {"f": values})
    ids["error"] = account.start_run(shop["id"])["id"]
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "UPDATE work SET state = 'failed', outcome = 'error', error = %s, finished_at = now() WHERE id = %s",
            (f"not reached: {HOSTILE}", ids["error"]),
        )
    ids["pending"] = account.start_run(shop["id"])["id"]
    ids["canceled"] = account.start_run(shop["id"])["id"]
    assert account.post(f"/runs/{ids['canceled']}/cancel").status_code == 200
    return ids


def test_who_has_not_logged_in_is_asked_to(browser: Browser) -> None:
    nobody = Browser(browser.client.application.test_client())
    assert nobody.get("/ui/runs?outcome=new").location == "/ui/login?next=/ui/runs?outcome%3Dnew"


def test_an_account_without_runs_is_told_how_they_begin(browser: Browser) -> None:
    page = browser.get("/ui/runs")
    assert "Nothing has run yet." in page.text
    assert not page.all("table")


def test_every_run_says_what_it_found_newest_first(browser: Browser, found: dict[str, str]) -> None:
    page = browser.get("/ui/runs")
    assert runs_on(page) == [found[word] for word in ("canceled", "pending", "error", "new", "changed", "passed")]
    canceled, pending, error, new, changed, passed = rows(page)
    assert canceled.startswith("canceled shop")
    assert pending.startswith("pending shop – the API")
    assert error.startswith("error shop not reached: <script>")
    assert new.startswith("new stock 1 new the API")
    assert changed.startswith("changed shop 1 miss 1 new 1 match the API")
    assert passed.startswith("passed shop 2 new the API")


def test_runs_of_a_schedule_lead_to_it(browser: Browser, account: ApiClient) -> None:
    named, nameless = account.make_schedule(name="nightly"), account.make_schedule()
    for schedule in (named, nameless):
        account.post(f"/schedules/{schedule['id']}/trigger")
    page = browser.get("/ui/runs")
    assert f"/ui/schedules/{named['id']}" in page.links()
    assert ["nightly" in rows(page)[1], f"schedule {nameless['id']}" in rows(page)[0]] == [True, True]
    assert len(rows(browser.get("/ui/runs", schedule_id=named["id"]))) == 1
    assert "Of the schedule nightly" in browser.get("/ui/runs", schedule_id=named["id"]).text


@pytest.mark.parametrize("word", ["passed", "changed", "new", "error"])
def test_runs_can_be_of_one_outcome(browser: Browser, found: dict[str, str], word: str) -> None:
    page = browser.get("/ui/runs", outcome=word)
    assert runs_on(page) == [found[word]]
    assert [link.text for link in page.all("a", aria_current="true")] == [word, "Any state"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("pending", ["pending"]),
        ("running", []),
        ("succeeded", ["new", "changed", "passed"]),
        ("failed", ["error"]),
        ("canceled", ["canceled"]),
    ],
)
def test_runs_can_be_of_one_state(browser: Browser, found: dict[str, str], state: str, words: list[str]) -> None:
    page = browser.get("/ui/runs", state=state)
    assert runs_on(page) == [found[word] for word in words]
    assert ("No run is like that." in page.text) == (not words)


def test_runs_can_be_of_one_checklist_and_filters_add_up(
    browser: Browser, account: ApiClient, found: dict[str, str]
) -> None:
    shop = account.get(f"/runs/{found['passed']}").json["checklist_id"]
    page = browser.get("/ui/runs", checklist_id=shop, state="succeeded")
    assert runs_on(page) == [found["changed"], found["passed"]]
    assert "Of the checklist shop" in page.text
    assert "/ui/runs?state=succeeded" in page.links(), "the way to those of all checklists"
    assert f"/ui/runs?checklist_id={shop}&state=succeeded&outcome=passed" in page.links()


def test_a_checklist_that_is_gone_leaves_its_runs(browser: Browser, account: ApiClient, found: dict[str, str]) -> None:
    stock = account.get(f"/runs/{found['new']}").json["checklist_id"]
    account.delete(f"/checklists/{stock}")
    assert rows(browser.get("/ui/runs", outcome="new"))[0].startswith("new deleted 1 new")


def test_the_list_goes_on_from_page_to_page_and_keeps_its_filters(browser: Browser, account: ApiClient) -> None:
    checklist = account.make_checklist()["id"]
    made = [account.start_run(checklist)["id"] for _ in range(53)]
    first = browser.get("/ui/runs", state="pending")
    [following] = [link.attributes["href"] for link in first.all("a", rel="next")]
    assert "state=pending" in following
    second = browser.get(following)
    assert runs_on(first) + runs_on(second) == made[::-1]
    assert first.all("div", id="runs", data_live="3")
    assert not second.all("div", data_live="3"), "only where new ones appear"


@pytest.mark.parametrize(
    "query",
    [
        {"outcome": "passedd"},
        {"outcome": "\0"},
        {"state": HOSTILE},
        {"checklist_id": "shop"},
        {"checklist_id": "-1"},
        {"checklist_id": "9" * 30},
        {"schedule_id": "٣"},
        {"cursor": "!"},
        {"cursor": "\0"},
    ],
)
def test_a_filter_that_is_none_is_refused_in_words(browser: Browser, query: dict[str, str]) -> None:
    page = browser.get("/ui/runs", **query)
    assert page.status == 422
    assert not page.all("script")


def test_the_runs_checklists_and_schedules_of_another_account_are_not_there(browser: Browser, api: ApiClient) -> None:
    schedule = api.make_schedule(name="theirs")
    api.start_run(schedule["checklist_id"])
    for query in ({}, {"checklist_id": schedule["checklist_id"]}, {"schedule_id": schedule["id"]}):
        page = browser.get("/ui/runs", **query)
        assert (page.status, runs_on(page)) == (200, [])
        assert "theirs" not in page.text


def test_nothing_that_was_observed_or_typed_becomes_markup(
    browser: Browser, account: ApiClient, found: dict[str, str]
) -> None:
    schedule: Any = account.make_schedule(checklist_id=account.make_checklist(HOSTILE)["id"], name=HOSTILE)
    account.post(f"/schedules/{schedule['id']}/trigger")
    for query in ({}, {"checklist_id": schedule["checklist_id"]}, {"schedule_id": schedule["id"]}, {"cursor": ""}):
        page = browser.get("/ui/runs", **query)
        assert HOSTILE in page.text
        assert [script.attributes["src"] for script in page.all("script")] == ["/ui/assets/dashboard.js"]
        assert all("onerror" not in image.attributes for image in page.all("img"))
