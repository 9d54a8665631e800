"""Checklists on pages: the list with what their runs found, one of them with its snapshots, and what buttons do."""

from typing import Any

import pytest

from shared.database import Database
from tests.api.dashboard.reading import HOSTILE, Browser, Page
from tests.api_client import ApiClient
from tests.runs import end_run


@pytest.fixture
def shop(account: ApiClient) -> Any:
    return account.make_checklist("shop")


def ran(account: ApiClient, database: Database, checklist: Any, *values: Any) -> list[str]:
    """Runs of this checklist, each of which observed one of these values; their ids."""
    runs = []
    for value in values:
        runs.append(account.start_run(checklist["id"])["id"])
        end_run(database, runs[-1], {"list": {"all": value}})
    return runs


def rows(page: Page) -> list[str]:
    return [row.text for row in page.all("tr")[1:]]


@pytest.mark.parametrize("path", ["", "/new", "/1", "/1/edit", "/1/history", "/1/snapshots"])
def test_who_has_not_logged_in_is_asked_to(browser: Browser, path: str) -> None:
    nobody = Browser(browser.client.application.test_client())
    assert (nobody.get(f"/ui/checklists{path}").location or "").startswith("/ui/login")


def test_an_account_without_checklists_is_shown_the_way_to_its_first(browser: Browser) -> None:
    page = browser.get("/ui/checklists")
    assert "There are no checklists yet" in page.text
    assert "/ui/checklists/new" in page.links()
    assert not page.all("table")


def test_the_list_tells_where_observations_come_from(browser: Browser, account: ApiClient) -> None:
    account.make_checklist("by url", worker_url="http://127.0.0.1:9/observe")
    account.make_checklist("by queue", queue="observers")
    flow = {"name": "a", "steps": [{"act": "x", "request": {"url": "http://127.0.0.1:9/"}}, {"check": "y"}]}
    account.make_checklist("by itself", flows=[flow])
    listed = rows(browser.get("/ui/checklists"))
    assert [row.split("Last")[0] for row in listed][:2] == listed[:2]
    for row, words in zip(listed, ("Worker http://127.0.0.1:9/observe", "Queue observers", "1 flow"), strict=True):
        assert words in row
        assert "never run" in row


def test_the_list_shows_the_last_runs_as_bars_with_words(
    browser: Browser, account: ApiClient, database: Database, shop: Any
) -> None:
    runs = ran(account, database, shop, 1, 1, 2)
    waiting = account.start_run(shop["id"])["id"]
    page = browser.get("/ui/checklists")
    picture = page.one("svg", role="img")
    assert picture.attributes["aria-label"] == "Last 4 runs: 1 changed, 2 passed, 1 pending; the latest pending"
    titles = [title.text.split(",")[0] for title in page.all("title")[1:]]
    assert titles == ["passed", "passed", "changed", "pending"], "the newest on the right"
    classes = [bar.attributes["class"] for bar in page.all("path") if "class" in bar.attributes]
    assert classes == ["fill-line"] * 16 + ["fill-good", "fill-good", "fill-bad", "fill-waiting"]
    assert f"/ui/runs/{waiting}" in page.links()
    assert f"/ui/runs/{runs[0]}" not in page.links()


def test_the_list_can_be_searched_by_a_part_of_the_name(browser: Browser, account: ApiClient) -> None:
    for name in ("Shop of ada", "workshop", "100% of _it_"):
        account.make_checklist(name)
    for part, found in (("shop", 2), ("SHOP", 2), ("%", 1), ("_", 1), ("nowhere", 0), ("", 3), ("\0shop", 2)):
        page = browser.get("/ui/checklists", name=part)
        assert len(rows(page)) == found, part
    assert "No checklist has “nowhere” in its name." in browser.get("/ui/checklists", name="nowhere").text
    assert browser.get("/ui/checklists", name="shop").field("name") == "shop"


def test_the_list_goes_on_from_page_to_page_and_keeps_the_search(browser: Browser, account: ApiClient) -> None:
    for number in range(53):
        account.make_checklist(f"round {number:02}")
    account.make_checklist("another")
    first = browser.get("/ui/checklists", name="round")
    [following] = [link.attributes["href"] for link in first.all("a", rel="next")]
    assert "name=round" in following
    second = browser.get(following)
    assert [len(rows(page)) for page in (first, second)] == [50, 3]
    assert "First page" in second.text
    assert browser.get("/ui/checklists", cursor="!").status == 422


def test_run_begins_a_run_and_leads_to_it(browser: Browser, account: ApiClient, shop: Any) -> None:
    answer = browser.post(f"/ui/checklists/{shop['id']}/run")
    [run] = account.get("/runs").json["data"]
    assert (answer.status, answer.location) == (303, f"/ui/runs/{run['id']}")
    assert run["checklist_id"] == shop["id"]


def test_delete_removes_it_and_says_so(browser: Browser, account: ApiClient, shop: Any) -> None:
    page = browser.get(f"/ui/checklists/{shop['id']}")
    [form] = page.all("form", action=f"/ui/checklists/{shop['id']}/delete")
    assert "with its snapshots and schedules" in form.attributes["data-confirm"]
    after = browser.follow(browser.post(f"/ui/checklists/{shop['id']}/delete"))
    assert "The checklist shop is deleted." in after.text
    assert account.get(f"/checklists/{shop['id']}").status_code == 404


def test_a_checklist_shows_what_it_is_made_of(browser: Browser, account: ApiClient) -> None:
    steps = [
        {
            "act": "order",
            "request": {"method": "POST", "url": "http://127.0.0.1:9/{{shop}}"},
            "expect": {"status": 201},
        },
        {"check": "answer", "observe": "body.id"},
    ]
    rules = [{"path": "/*/at", "match": "ignore"}, {"path": "", "match": "approx", "value": 0.5, "flow": "buy"}]
    made = account.make_checklist(
        "shop",
        flows=[{"name": "buy", "steps": steps}],
        rules=rules,
        variables={"shop": "north"},
        timeout_seconds=90,
        first_value="review",
    )
    page = browser.get(f"/ui/checklists/{made['id']}")
    for words in (
        "order POST http://127.0.0.1:9/{{shop}} expects",
        "check answer body.id",
        "/*/at ignore everywhere",
        "the whole value approx flow buy 0.5",
        "shop north",
        "wait for review",
    ):
        assert words in page.text, words
    assert page.one("h1").text == "shop"


def test_a_checklist_of_very_many_flows_is_shown_in_part(browser: Browser, account: ApiClient) -> None:
    flows = [{"name": f"flow {number}", "steps": [{"check": "x"}] * 40} for number in range(23)]
    page = browser.get(f"/ui/checklists/{account.make_checklist(flows=flows)['id']}")
    assert "and 3 more flows" in page.text
    assert "and 10 more steps" in page.text
    assert len(page.all("li")) < 700


def test_a_checklist_shows_its_schedules_and_no_others(browser: Browser, account: ApiClient, shop: Any) -> None:
    mine = account.make_schedule(checklist_id=shop["id"], name="nightly", cron="0 3 * * *")
    other = account.make_schedule(name="of another")
    page = browser.get(f"/ui/checklists/{shop['id']}")
    assert "nightly active At 03:00" in page.text
    assert f"/ui/schedules/{mine['id']}" in page.links()
    assert f"/ui/schedules/{other['id']}" not in page.links()
    assert f"/ui/schedules?checklist_id={shop['id']}" in page.links()


def test_its_runs_can_be_filtered_by_outcome_and_paged(
    browser: Browser, account: ApiClient, database: Database, shop: Any
) -> None:
    runs = ran(account, database, shop, *range(12))
    path = f"/ui/checklists/{shop['id']}"
    first = browser.get(path)
    assert [link for link in first.links() if link.startswith("/ui/runs/")][:10] == [
        f"/ui/runs/{run}" for run in reversed(runs[2:])
    ]
    [following] = [link.attributes["href"] for link in first.all("a", rel="next")]
    assert f"/ui/runs/{runs[0]}" in browser.get(following).links()
    passed = browser.get(path, outcome="passed").one("table", aria_label="Runs of this checklist")
    assert passed.text.count("passed 1 new") == 1, "only the first was not changed"
    assert "changed" not in passed.text
    assert "No run of this checklist is like that." in browser.get(path, outcome="error").text
    assert browser.get(path, outcome=HOSTILE).status == 422


def test_the_list_and_the_runs_follow_the_service(browser: Browser, account: ApiClient, shop: Any) -> None:
    assert browser.get("/ui/checklists").all("div", id="checklists", data_live="5")
    assert browser.get(f"/ui/checklists/{shop['id']}").all("div", id="runs", data_live="3")


@pytest.mark.parametrize("path", ["", "/edit", "/snapshots", "/history?flow=a&name=b"])
def test_the_checklist_of_another_account_is_not_there(browser: Browser, api: ApiClient, path: str) -> None:
    theirs = api.make_checklist()["id"]
    for id in (theirs, 999_999_999):
        assert browser.get(f"/ui/checklists/{id}{path}").status == 404
    assert not rows(browser.get("/ui/checklists"))


@pytest.mark.parametrize("action", ["run", "delete", "forget", "edit"])
def test_nothing_can_be_done_to_the_checklist_of_another_account(browser: Browser, api: ApiClient, action: str) -> None:
    theirs = api.make_checklist()["id"]
    api.post(f"/checklists/{theirs}/snapshots", {"flows": [{"name": "f", "snapshots": [{"name": "a", "value": 1}]}]})
    before = api.get(f"/checklists/{theirs}").json
    assert browser.post(f"/ui/checklists/{theirs}/{action}", flow="f", name="a").status == 404
    assert api.get(f"/checklists/{theirs}").json == before
    assert len(api.get(f"/checklists/{theirs}/snapshots").json["data"]) == 1
    assert api.get("/runs", query_string={"checklist_id": theirs}).json["data"] == []


def test_nothing_that_was_observed_or_typed_becomes_markup(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    step = {"act": HOSTILE, "request": {"url": "http://127.0.0.1:9/{{x}}<script>", "headers": {"x": HOSTILE}}}
    check = {"check": HOSTILE, "expect": {"json": {"body": HOSTILE}}}
    made = account.make_checklist(
        HOSTILE,
        flows=[{"name": HOSTILE, "steps": [step, check]}],
        rules=[
            {"path": f"/{HOSTILE}".replace("~", ""), "match": "regex", "value": ".*", "flow": HOSTILE, "check": HOSTILE}
        ],
        variables={"x": HOSTILE},
    )
    account.make_schedule(checklist_id=made["id"], name=HOSTILE)
    key = account.post("/api-keys", {"name": HOSTILE}).json["api_key"]
    ApiClient(account.client, key).post(
        f"/checklists/{made['id']}/snapshots",
        {"flows": [{"name": HOSTILE, "snapshots": [{"name": HOSTILE, "value": {HOSTILE: [HOSTILE] * 5}}]}]},
    )
    run = account.start_run(made["id"])["id"]
    end_run(database, run, {HOSTILE: {"b": HOSTILE}})
    with database.transaction() as transaction:
        transaction.cursor.execute("UPDATE work SET error = %s WHERE id = %s", (HOSTILE, run))
    for path, query in (
        ("", {}),
        ("", {"name": HOSTILE}),
        (f"/{made['id']}", {}),
        (f"/{made['id']}/edit", {}),
        (f"/{made['id']}/snapshots", {}),
        (f"/{made['id']}/history", {"flow": HOSTILE, "name": HOSTILE}),
    ):
        page = browser.get(f"/ui/checklists{path}", **query)
        assert page.status == 200
        assert HOSTILE in page.text or path.endswith("/edit"), path
        assert [script.attributes["src"] for script in page.all("script")] == ["/ui/assets/dashboard.js"], path
        assert all("onerror" not in image.attributes for image in page.all("img")), path
        assert "49" not in page.text.replace(str(made["id"]), ""), path
