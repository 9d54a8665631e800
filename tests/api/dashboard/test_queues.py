"""Queues: their numbers, their tasks, and what can be done with them."""

from typing import Any

import pytest

from api.store import dashboard_queues
from shared.database import Database
from tests.api.dashboard.reading import HOSTILE, Browser
from tests.api_client import ApiClient
from tests.factories import an_account


def row_of(browser: Browser, name: str) -> str:
    [row] = [each.text for each in browser.get("/ui/queues").all("tr", **{"data-go": ""}) if name in each.text]
    return row


def fail_a_task(account: ApiClient, queue: str = "emails", error: str = "no such address", **fields: Any) -> Any:
    """A task that has failed for good."""
    account.push_task(queue, **fields)
    [task] = account.pop_tasks(queue, worker="mailer-1")
    failed = account.post(
        f"/tasks/{task['id']}/fail", {"lease_token": task["lease_token"], "error": error, "retry": False}
    )
    assert failed.status_code == 200, failed.text
    return task


def test_an_account_without_queues_is_told_how_to_get_one(browser: Browser) -> None:
    page = browser.get("/ui/queues")
    assert "There are no queues yet" in page.text
    assert page.one("form", action="/ui/queues")


def test_a_queue_is_listed_with_its_numbers(browser: Browser, account: ApiClient, database: Database) -> None:
    fail_a_task(account)
    for delay in (0, 900, 900):
        account.push_task("emails", delay_seconds=delay)
    account.push_task("emails", priority=9)
    account.pop_tasks("emails")
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "UPDATE queues SET last_popped_at = now() - interval '5 minutes',"
            " unattended_since = now() - interval '1 day' WHERE name = 'emails'"
        )
    account.put("/queues/reports", {"unattended_after_seconds": 7_200})
    row = row_of(browser, "emails")
    assert "emails unattended 1 d ago 3 2 1 1 failed of emails" in row
    assert "5 min ago 10 min as usual" in row
    assert "reports 0 0 0 0 – never 2 h" in row_of(browser, "reports")
    links = browser.get("/ui/queues").links()
    assert {"/ui/queues/emails", "/ui/queues/reports", "/ui/queues/emails?state=failed"} <= set(links)


def test_many_queues_come_in_pages(browser: Browser, account: ApiClient) -> None:
    for number in range(51):
        account.put(f"/queues/queue-{number:02}", {})
    first = browser.get("/ui/queues")
    [onward] = [link for link in first.links() if "cursor=" in link]
    assert "/ui/queues/queue-50" not in first.links()
    assert "/ui/queues/queue-50" in browser.get(onward).links()


def test_what_is_due_later_is_counted_over_all_priorities_and_up_to_a_number(database: Database) -> None:
    with database.transaction() as transaction:
        cursor = transaction.cursor
        account_id = an_account(cursor)
        cursor.execute(
            """
            INSERT INTO work (account_id, kind, queue, max_attempts, priority, due_at)
            SELECT %s, 'task', 'emails', 1, number %% 3, now() + make_interval(mins => number - 10)
            FROM generate_series(1, 30) AS number
            """,
            (account_id,),
        )
        names = ["emails", "nothing"]
        assert dashboard_queues.due_later(cursor, account_id, names) == {"emails": 20, "nothing": 0}
        assert dashboard_queues.due_later(cursor, account_id, names, most_counted=7)["emails"] == 7
        assert dashboard_queues.due_later(cursor, an_account(cursor), ["emails"]) == {"emails": 0}


def test_a_queue_is_made_by_its_form(browser: Browser, account: ApiClient) -> None:
    made = browser.post("/ui/queues", name="emails.urgent", unattended_after_seconds="60")
    assert made.location == "/ui/queues/emails.urgent"
    assert "The queue is there." in browser.follow(made).text
    assert account.get("/queues/emails.urgent").json["unattended_after_seconds"] == 60
    again = browser.post("/ui/queues", name="emails.urgent")
    assert (again.status, again.one("p", id="name-error").text) == (422, "There is a queue of this name already.")
    assert account.get("/queues/emails.urgent").json["unattended_after_seconds"] == 60, "and is left as it was"


@pytest.mark.parametrize("name", ["", "e mails", "a/b", "ä", HOSTILE, "x" * 101])
def test_a_queue_of_another_name_than_may_be_is_not_made(browser: Browser, account: ApiClient, name: str) -> None:
    page = browser.post("/ui/queues", name=name)
    assert page.status == 422
    assert "letters, digits" in page.one("p", id="name-error").text
    assert "<script>alert" not in page.source
    assert account.get("/queues").json["data"] == []


def test_a_queue_shows_its_tasks_by_state(browser: Browser, account: ApiClient) -> None:
    failed = fail_a_task(account, payload={"to": "ada"}, dedup_key="mail 17")
    waiting = account.push_task("emails", payload="later", delay_seconds=7_300, priority=5)
    account.push_task("others", payload="elsewhere")
    page = browser.get("/ui/queues/emails")
    later, first = [row.text for row in page.all("tr", **{"data-go": ""})]
    assert '{"to": "ada"} key mail 17 failed' in first
    assert "0 1 of 4 mailer-1 no such address" in first
    assert '"later" pending in 2 h 5 0 of 4 – –' in later
    assert {f"/ui/tasks/{failed['id']}", f"/ui/tasks/{waiting['id']}"} <= set(page.links())
    only = browser.get("/ui/queues/emails", state="failed")
    assert len(only.all("tr", **{"data-go": ""})) == 1
    assert "No task is like that" in browser.get("/ui/queues/emails", state="running").text
    assert browser.get("/ui/queues/emails", state="nope").status == 422


def test_many_tasks_come_in_pages_that_keep_the_filter(browser: Browser, account: ApiClient) -> None:
    account.make("/queues/emails/tasks", {"tasks": [{"payload": f"number {number}"} for number in range(51)]})
    first = browser.get("/ui/queues/emails", state="pending")
    [onward] = [link for link in first.links() if "cursor=" in link]
    assert "state=pending" in onward
    second = browser.get(onward)
    assert len(second.all("tr", **{"data-go": ""})) == 1
    assert "data-live" not in second.one("div", id="queue-tasks").attributes


def test_a_task_is_pushed_by_its_form(browser: Browser, account: ApiClient) -> None:
    account.put("/queues/emails", {})
    fields = {"payload": '{"to": "ada"}', "priority": "-3", "delay_seconds": "900.5", "dedup_key": "mail 17"}
    path = "/ui/queues/emails"
    made = browser.post(f"{path}/tasks", on=path, max_attempts="2", timeout_seconds="30", **fields)
    assert "The task is pushed." in browser.follow(made).text
    assert made.location is not None
    task = account.get(made.location.removeprefix("/ui")).json
    wanted = {"payload": {"to": "ada"}, "priority": -3, "max_attempts": 2, "timeout_seconds": 30, "queue": "emails"}
    assert {name: task[name] for name in wanted} == wanted
    again = browser.post(f"{path}/tasks", on=path, **fields)
    assert again.location == made.location
    assert "No task was made: this one has the same key" in browser.follow(again).text


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"payload": ""}, "payload", "Say in JSON what the task is about"),
        ({"payload": "{nope"}, "payload", ""),
        ({"priority": "101"}, "priority", "from -100 to 100"),
        ({"delay_seconds": "soon"}, "delay_seconds", "must be a number"),
        ({"max_attempts": "0"}, "max_attempts", "from 1 to 100"),
        ({"dedup_key": "x" * 201}, "dedup_key", "200"),
    ],
)
def test_a_task_that_the_api_refuses_is_not_pushed_and_stays_in_the_form(
    browser: Browser, account: ApiClient, fields: dict[str, str], field: str, message: str
) -> None:
    account.put("/queues/emails", {})
    page = browser.post("/ui/queues/emails/tasks", **({"payload": "1", "timeout_seconds": "77"} | fields))
    assert page.status == 422
    told = page.one("p", id=f"{field}-error").text
    assert told
    assert message in told
    assert page.field("timeout_seconds") == "77"
    [form] = [each for each in page.all("details", class_="more") if "Push" in each.text]
    assert "open" in form.attributes
    assert "data-live" not in page.source, "this address cannot be asked for anew"
    assert account.get("/tasks").json["data"] == []


def test_all_failed_tasks_are_retried_at_once(browser: Browser, account: ApiClient) -> None:
    for _ in range(2):
        fail_a_task(account)
    path = "/ui/queues/emails"
    assert browser.get(path).one("form", action=f"{path}/retry-failed").attributes["data-confirm"]
    after = browser.follow(browser.post(f"{path}/retry-failed", on=path))
    assert "2 failed tasks begin afresh." in after.text
    assert not after.all("form", action=f"{path}/retry-failed"), "there is nothing more to retry"
    assert account.get("/queues/emails").json["pending"] == 2


def test_how_long_a_queue_may_be_unattended_is_set_and_unset(browser: Browser, account: ApiClient) -> None:
    account.put("/queues/emails", {})
    path = "/ui/queues/emails"
    assert "unattended after 10 min as usual" in browser.get(path).text
    saved = browser.follow(browser.post(f"{path}/settings", on=path, unattended_after_seconds="7200"))
    assert "unattended after 2 h" in saved.text
    assert saved.field("unattended_after_seconds") == "7200"
    refused = browser.post(f"{path}/settings", on=path, unattended_after_seconds="0")
    assert refused.status == 422
    assert "from 1 to" in refused.one("p", id="unattended_after_seconds-error").text
    browser.post(f"{path}/settings", on=path, unattended_after_seconds="")
    assert account.get("/queues/emails").json["unattended_after_seconds"] is None


def test_what_tasks_hold_is_text(browser: Browser, account: ApiClient) -> None:
    fail_a_task(account, payload={HOSTILE: HOSTILE}, dedup_key=HOSTILE, error=HOSTILE)
    account.push_task("emails", dedup_key=HOSTILE)
    account.pop_tasks("emails", worker=HOSTILE)
    typed = browser.post("/ui/queues/emails/tasks", payload=HOSTILE, dedup_key=HOSTILE, priority=HOSTILE)
    assert typed.field("payload") == HOSTILE
    for page in (browser.get("/ui/queues/emails"), typed):
        assert "alert(1)" in page.source
        assert "<script>alert" not in page.source
        assert "<img src=x" not in page.source


def test_queues_of_others_are_not_there(browser: Browser, api: ApiClient) -> None:
    stranger = api.without_key().signed_up()
    fail_a_task(stranger, "theirs")
    assert "theirs" not in browser.get("/ui/queues").source
    assert browser.get("/ui/queues/theirs").status == 404
    for action in ("tasks", "retry-failed", "settings"):
        assert browser.post(f"/ui/queues/theirs/{action}", payload="1").status == 404
    assert stranger.get("/queues/theirs").json["failed"] == 1


@pytest.mark.parametrize("name", ["nothing", "e%20mails", "%3Cscript%3E", "x?y"])
def test_a_queue_that_is_not_there_is_a_page_that_says_so(browser: Browser, name: str) -> None:
    page = browser.get(f"/ui/queues/{name}")
    assert (page.status, page.one("h1").text) == (404, "There is nothing here.")


@pytest.mark.parametrize("path", ["/ui/queues", "/ui/queues/emails"])
def test_whoever_has_not_logged_in_is_asked_to(browser: Browser, path: str) -> None:
    page = Browser(browser.client.application.test_client()).get(path)
    assert (page.status, (page.location or "").split("?")[0]) == (303, "/ui/login")
