"""The overview: what needs somebody, what comes within the hour, what was within the day."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.database import Database
from shared.store import work
from tests.api.dashboard.reading import HOSTILE, Browser, Page
from tests.api_client import ApiClient
from tests.claiming import claim
from tests.factories import an_ended


def needs(page: Page) -> str:
    """What is said to need somebody."""
    return next(element.text for element in page.all("section") if element.attributes["aria-labelledby"] == "needs-you")


def end_run(database: Database, account: ApiClient, outcome: str, *, name: str, summary: dict[str, int]) -> str:
    """A checklist whose only run ended like this; the run's id."""
    checklist = account.make_checklist(name)
    run = account.make(f"/checklists/{checklist['id']}/run", {})
    with database.transaction() as transaction:
        [claimed] = [item for item in claim(transaction.cursor, limit=100) if str(item.id) == run["id"]]
        state = "failed" if outcome == "error" else "succeeded"
        ended = an_ended(claimed, state, outcome=outcome, result={"flows": [], "summary": summary}, error="no answer")
        work.finish(transaction.cursor, [ended])
    return str(run["id"])


def end_work(database: Database, kind: str, account: ApiClient, state: str) -> None:
    """All that is due of this kind ends so."""
    with database.transaction() as transaction:
        for item in claim(transaction.cursor, limit=100):
            if item.kind == kind:
                work.finish(
                    transaction.cursor, [an_ended(item, state, error="it said no" if state == "failed" else None)]
                )


def test_an_account_in_which_nothing_is_wrong_is_told_so(browser: Browser) -> None:
    page = browser.get("/ui")
    assert page.status == 200
    assert "No scheduler is alive" in needs(page), "none runs in these tests"
    assert "differ" not in needs(page)


def test_when_nothing_waits_it_says_so_calmly(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.dashboard.pages.overview._absent", lambda alive: [])
    assert "Nothing waits for you" in needs(browser.get("/ui"))


def test_what_differs_what_is_new_and_what_could_not_be_observed_need_somebody(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    changed = end_run(database, account, "changed", name="shop", summary={"match": 1, "miss": 2, "new": 1})
    new = end_run(database, account, "new", name="catalogue", summary={"match": 0, "miss": 0, "new": 3})
    error = end_run(database, account, "error", name="payments", summary={"match": 0, "miss": 0, "new": 0})
    end_run(database, account, "passed", name="quiet", summary={"match": 4, "miss": 0, "new": 0})
    page = browser.get("/ui")
    assert "shop 2 values differ, 1 new" in needs(page)
    assert "catalogue 3 new" in needs(page)
    assert "payments could not be observed: no answer" in needs(page)
    assert "quiet" not in needs(page)
    assert {f"/ui/runs/{run}" for run in (changed, new, error)} <= set(page.links())
    accepting = [
        form.attributes["action"] for form in page.all("form") if form.attributes["action"].endswith("/accept")
    ]
    assert accepting == [f"/ui/runs/{changed}/accept", f"/ui/runs/{new}/accept"], "an error cannot be accepted"


def test_a_checklist_that_has_run_well_since_needs_nobody(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    end_run(database, account, "changed", name="mended", summary={"match": 0, "miss": 1, "new": 0})
    [checklist] = account.get("/checklists?name=mended").json["data"]
    account.make(f"/checklists/{checklist['id']}/run", {})
    with database.transaction() as transaction:
        [claimed] = claim(transaction.cursor, limit=100)
        passed = an_ended(claimed, outcome="passed", result={"flows": [], "summary": {"match": 1, "miss": 0, "new": 0}})
        work.finish(transaction.cursor, [passed])
    assert "mended" not in needs(browser.get("/ui"))


def test_failed_jobs_are_counted_by_host_and_failed_tasks_by_queue(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    for _ in range(2):
        account.make("/jobs", {"uri": "http://127.0.0.1:9/hook"})
    end_work(database, "job", account, "failed")
    account.make("/queues/emails/tasks", {"payload": 1})
    [task] = account.post("/queues/emails/pop", {}).json["tasks"]
    body = {"lease_token": task["lease_token"], "error": HOSTILE, "retry": False}
    assert account.post(f"/tasks/{task['id']}/fail", body).status_code == 200
    page = browser.get("/ui")
    assert "2 jobs to 127.0.0.1:9: it said no" in needs(page)
    assert "1 task of queue emails" in needs(page)
    assert HOSTILE not in page.source
    assert f"/ui/tasks/{task['id']}" in page.links()


def test_schedules_that_sleep_need_somebody_and_those_that_are_due_are_on_the_line(
    browser: Browser, account: ApiClient
) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=20)).isoformat()
    account.make_schedule(name=f"paused {HOSTILE}", interval_seconds=60, paused=True, note="until Monday")
    account.make_schedule(name="every minute", interval_seconds=60)
    account.make_schedule(name="every second", interval_seconds=1)
    account.make_schedule(name="once", run_at=soon)
    account.make_schedule(name="in a year", run_at=(datetime.now(UTC) + timedelta(days=365)).isoformat())
    page = browser.get("/ui")
    assert "until Monday" in needs(page)
    assert HOSTILE not in page.source
    [line] = page.all("ol", class_="timeline")
    assert all(name in line.text for name in ("every minute", "every second", "once"))
    assert "in a year" not in line.text
    marks = {drawing.attributes["aria-label"] for drawing in page.all("svg", role="img")}
    assert {"1 time within the hour", "many times within the hour"} <= marks


def test_what_ended_is_counted_in_the_last_day_and_hour(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    for _ in range(3):
        account.make("/jobs", {"uri": "http://127.0.0.1:9/hook"})
    end_work(database, "job", account, "succeeded")
    account.make("/jobs", {"uri": "http://127.0.0.1:9/hook"})
    end_work(database, "job", account, "failed")
    labels = [drawing.attributes.get("aria-label", "") for drawing in browser.get("/ui").all("svg", role="img")]
    assert "What ended in the last 24 hours: 3 ended well, 1 badly" in labels
    assert "What ended in the last hour: 3 ended well, 1 badly" in labels


def test_queues_show_how_many_tasks_wait(browser: Browser, account: ApiClient) -> None:
    account.make("/queues/deep/tasks", {"tasks": [{"payload": number} for number in range(7)]})
    [depths] = browser.get("/ui").all("ul", class_="depths")
    assert "deep 7" in depths.text


def test_nothing_of_another_account_is_shown(browser: Browser, api: ApiClient, database: Database) -> None:
    stranger = api.without_key().signed_up()
    end_run(database, stranger, "changed", name="theirs", summary={"match": 0, "miss": 1, "new": 0})
    stranger.make_schedule(name="their schedule", interval_seconds=60)
    stranger.make("/queues/their-queue/tasks", {"payload": 1})
    page = browser.get("/ui")
    assert not any(word in page.source for word in ("theirs", "their schedule", "their-queue"))
