"""Jobs: the list, one of them, the form of a new one, and what can be done with them."""

from typing import Any

import pytest

from shared.database import Database
from tests.api.dashboard.reading import HOSTILE, Browser
from tests.api_client import ApiClient

FAILED = """
UPDATE work
SET state = 'failed', attempt = 1, error = %(error)s, started_at = now(), finished_at = now()
WHERE id = %(id)s
"""
ATTEMPT = """
INSERT INTO attempts (
    work_id, number, worker, started_at, finished_at, outcome, status_code, error, elapsed_ms, response_excerpt
)
VALUES (%(id)s, 1, '', now(), now(), 'failed', 502, %(error)s, 1530, %(excerpt)s)
"""


def fail(database: Database, job: Any, error: str = "the answer was 502", excerpt: str = "bad gateway") -> None:
    """Let this job have failed for good, in its first attempt."""
    with database.transaction() as transaction:
        transaction.cursor.execute(FAILED, {"id": job["id"], "error": error})
        transaction.cursor.execute(ATTEMPT, {"id": job["id"], "error": error, "excerpt": excerpt})


def test_an_account_without_jobs_is_led_to_its_first(browser: Browser) -> None:
    page = browser.get("/ui/jobs")
    assert "There are no jobs yet" in page.text
    assert "/ui/jobs/new" in page.links()


def test_jobs_are_listed_with_what_became_of_them(browser: Browser, account: ApiClient, database: Database) -> None:
    failed = account.make_job(uri="http://127.0.0.1:9/failing", method="PUT")
    account.make_job(uri="http://127.0.0.1:9/later", delay_seconds=7_300)
    fail(database, failed)
    page = browser.get("/ui/jobs")
    later, first = [row.text for row in page.all("tr", **{"data-go": ""})]
    assert "PUT http://127.0.0.1:9/failing failed" in first
    assert "1 of 4 the answer was 502" in first
    assert "POST http://127.0.0.1:9/later pending in 2 h 0 of 4" in later
    assert f"/ui/jobs/{failed['id']}" in page.links()
    assert "later" not in browser.get("/ui/jobs", state="failed").one("tbody").text
    assert "No job is like that" in browser.get("/ui/jobs", state="running").text
    assert browser.get("/ui/jobs", state="nope").status == 422


def test_many_jobs_come_in_pages_that_keep_the_filter(browser: Browser, account: ApiClient) -> None:
    for number in range(51):
        account.make_job(uri=f"http://127.0.0.1:9/{number}", delay_seconds=900)
    first = browser.get("/ui/jobs", state="pending")
    [onward] = [link for link in first.links() if "cursor=" in link]
    assert "state=pending" in onward
    assert "data-live" in first.one("div", id="jobs").attributes
    second = browser.get(onward)
    assert len(second.all("tr", **{"data-go": ""})) == 1
    assert "http://127.0.0.1:9/0" in second.one("tbody").text
    assert "data-live" not in second.one("div", id="jobs").attributes, "an older page stays as it is"


def test_a_job_shows_its_call_and_its_attempts(browser: Browser, account: ApiClient, database: Database) -> None:
    schedule = account.make("/schedules", {"uri": "http://127.0.0.1:9/x", "cron": "@daily", "name": "nightly"})
    job = account.make(f"/schedules/{schedule['id']}/trigger", {})
    fail(database, job)
    page = browser.get(f"/ui/jobs/{job['id']}")
    assert page.one("h1").text == "POST http://127.0.0.1:9/x"
    [row] = [each.text for each in page.all("tr") if "502" in each.text]
    assert row.startswith("1 ")
    assert "1.5 s failed 502 the answer was 502 Show the answer to attempt 1 bad gateway" in row
    assert f"/ui/schedules/{schedule['id']}" in page.links()
    assert "nightly" in page.text
    assert "data-live" not in page.source, "nothing changes any more"


def test_a_failure_and_the_job_that_tells_of_it_lead_to_each_other(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    failed, telling = account.make_job(), account.make_job()
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "UPDATE work SET error_of = %(failed)s WHERE id = %(telling)s",
            {"failed": failed["id"], "telling": telling["id"]},
        )
    assert f"/ui/jobs/{telling['id']}" in browser.get(f"/ui/jobs/{failed['id']}").links()
    assert f"/ui/jobs/{failed['id']}" in browser.get(f"/ui/jobs/{telling['id']}").links()


def test_an_unfinished_job_is_live_and_can_be_canceled(browser: Browser, account: ApiClient) -> None:
    path = f"/ui/jobs/{account.make_job(delay_seconds=900)['id']}"
    page = browser.get(path)
    assert {part.attributes["id"] for part in page.all("div", **{"data-live": "2"})} == {
        "job-actions",
        "job-state",
        "job-attempts",
    }
    assert not page.all("form", action=f"{path}/retry")
    after = browser.follow(browser.post(f"{path}/cancel", on=path))
    assert "The job is canceled." in after.text
    assert not after.all("form", action=f"{path}/cancel")
    assert "has canceled" not in after.text
    again = browser.follow(browser.post(f"{path}/retry", on=path))
    assert "Nothing was done: the job is canceled; only one that has failed can be retried." in again.text


def test_a_failed_job_can_be_retried_and_deleted(browser: Browser, account: ApiClient, database: Database) -> None:
    job = account.make_job()
    fail(database, job)
    path = f"/ui/jobs/{job['id']}"
    assert "The job begins afresh" in browser.follow(browser.post(f"{path}/retry", on=path)).text
    assert account.get(f"/jobs/{job['id']}").json["state"] == "pending"
    assert browser.get(path).one("form", action=f"{path}/delete").attributes["data-confirm"]
    assert "The job is deleted." in browser.follow(browser.post(f"{path}/delete", on=path)).text
    assert browser.get(path).status == 404


def test_the_form_makes_the_job_that_it_describes(browser: Browser, account: ApiClient) -> None:
    made = browser.post(
        "/ui/jobs/new",
        uri="http://127.0.0.1:9/hook",
        method="PUT",
        headers='{"X-Team": "shop"}',
        payload='{"user": "ada"}',
        when="execute_at",
        execute_at="2090-03-01T12:30",
        delay_seconds="5",
        error_uri="http://127.0.0.1:9/failed",
        timeout_seconds="7",
        max_attempts="2",
        backoff_seconds="1.5",
    )
    assert "The job is there." in browser.follow(made).text
    assert made.location is not None
    job = account.get(made.location.removeprefix("/ui")).json
    assert {name: job[name] for name in ("uri", "method", "headers", "payload", "execute_at", "error_uri")} == {
        "uri": "http://127.0.0.1:9/hook",
        "method": "PUT",
        "headers": {"X-Team": "shop"},
        "payload": {"user": "ada"},
        "execute_at": "2090-03-01T12:30:00Z",
        "error_uri": "http://127.0.0.1:9/failed",
    }
    assert (job["timeout_seconds"], job["max_attempts"], job["backoff_seconds"]) == (7, 2, 1.5)


def test_a_job_of_the_fewest_fields_is_due_now_or_after_a_while(browser: Browser, account: ApiClient) -> None:
    now = browser.post("/ui/jobs/new", uri="http://127.0.0.1:9/", execute_at="2090-03-01T12:30")
    later = browser.post("/ui/jobs/new", uri="http://127.0.0.1:9/", when="delay_seconds", delay_seconds="3600")
    assert now.location
    assert later.location
    job = account.get(now.location.removeprefix("/ui")).json
    assert job["execute_at"] == job["created_at"]
    assert "payload" not in job
    assert "in 59 min" in browser.follow(later).text


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"uri": ""}, "uri", "Say which URL is to be called."),
        ({"uri": "ftp://x"}, "uri", "http"),
        ({"payload": "{nope"}, "payload", ""),
        ({"headers": '{\n"X": "1",\n"Roundsman-X": "2"}'}, "headers", "Line 3"),
        ({"when": "delay_seconds"}, "delay_seconds", "Say how many seconds from now."),
        ({"when": "delay_seconds", "delay_seconds": "soon"}, "delay_seconds", "must be a number"),
        ({"when": "execute_at"}, "execute_at", "Say on which day and at what time."),
        ({"max_attempts": "99"}, "max_attempts", "from 1 to 20"),
        ({"timeout_seconds": "x"}, "timeout_seconds", "must be a whole number"),
        ({"method": "GET", "payload": "1"}, "payload", "must be left out with GET"),
    ],
)
def test_what_the_api_refuses_is_told_at_its_field(
    browser: Browser, account: ApiClient, fields: dict[str, str], field: str, message: str
) -> None:
    page = browser.post("/ui/jobs/new", **({"uri": "http://127.0.0.1:9/", "error_uri": "http://kept/"} | fields))
    assert page.status == 422
    told = page.one("p", id=f"{field}-error").text
    assert message in told
    assert told
    assert page.field("error_uri") == "http://kept/", "what was typed is still there"
    assert account.get("/jobs").json["data"] == []


def test_what_a_job_holds_is_text(browser: Browser, account: ApiClient, database: Database) -> None:
    job = account.make_job(
        uri=f"http://127.0.0.1:9/?{HOSTILE.replace(' ', '+')}",
        headers={"X-Hostile": HOSTILE},
        payload={HOSTILE: HOSTILE},
        error_uri=f"http://127.0.0.1:9/?{HOSTILE.replace(' ', '+')}",
    )
    fail(database, job, error=HOSTILE, excerpt=HOSTILE)
    for path in ("/ui/jobs", f"/ui/jobs/{job['id']}"):
        page = browser.get(path)
        assert page.status == 200
        assert "alert(1)" in page.source
        assert "<script>alert" not in page.source
        assert "<img src=x" not in page.source
        assert "49" not in page.one("h1").text
    typed = browser.post("/ui/jobs/new", uri=HOSTILE, headers=HOSTILE, payload=HOSTILE, error_uri=HOSTILE)
    assert typed.status == 422
    assert "<script>alert" not in typed.source
    assert typed.field("uri") == HOSTILE


def test_jobs_of_others_are_not_there(browser: Browser, api: ApiClient) -> None:
    stranger = api.without_key().signed_up()
    path = f"/ui/jobs/{stranger.make_job(delay_seconds=900)['id']}"
    assert browser.get(path).status == 404
    for action in ("cancel", "retry", "delete"):
        assert browser.post(f"{path}/{action}").status == 404
    assert "/ui/jobs/new" in browser.get("/ui/jobs").links()
    assert stranger.get(path.removeprefix("/ui")).json["state"] == "pending"


@pytest.mark.parametrize("path", ["/ui/jobs", "/ui/jobs/new", "/ui/jobs/01a1ff76-ea92-7970-a315-1f949b98abc7"])
def test_whoever_has_not_logged_in_is_asked_to(browser: Browser, path: str) -> None:
    page = Browser(browser.client.application.test_client()).get(path)
    assert (page.status, (page.location or "").split("?")[0]) == (303, "/ui/login")
