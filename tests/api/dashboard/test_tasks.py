"""One task: in whose hands it is, what was logged, and what can be done with it."""

import pytest

from tests.api.dashboard.reading import HOSTILE, Browser
from tests.api_client import ApiClient


def test_a_task_shows_its_attempts_and_what_each_logged_the_newest_last(browser: Browser, account: ApiClient) -> None:
    account.push_task("emails", {"to": "ada"}, dedup_key="mail 17", priority=7)
    [first] = account.pop_tasks("emails", worker="mailer-1")
    token = {"lease_token": first["lease_token"]}
    account.post(f"/tasks/{first['id']}/log", token | {"messages": ["connecting", "refused"]})
    account.post(f"/tasks/{first['id']}/fail", token | {"error": "the server is away"})
    [second] = account.pop_tasks("emails", worker="mailer-2")
    account.post(f"/tasks/{second['id']}/log", {"lease_token": second["lease_token"], "message": "connected"})
    page = browser.get(f"/ui/tasks/{first['id']}")
    assert page.one("h1").text == "Task of emails"
    assert [log.text.split()[1::2] for log in page.all("ol", class_="log")] == [
        ["connecting", "refused"],
        ["connected"],
    ]
    one, two = [row.text for row in page.all("tr")[1:]]
    assert one.startswith("1 mailer-1")
    assert one.endswith("failed the server is away")
    assert two.startswith("2 mailer-2")
    assert "running" in two
    assert "The attempt before failed." in page.text
    assert "mail 17" in page.text
    assert {part.attributes["id"] for part in page.all("div", **{"data-live": "2"})} == {
        "task-actions",
        "task-state",
        "task-attempts",
        "task-log",
    }
    assert "/ui/queues/emails" in page.links()


def test_a_task_that_has_ended_shows_its_result_and_is_not_live(browser: Browser, account: ApiClient) -> None:
    account.push_task("emails", payload=1)
    [task] = account.pop_tasks("emails")
    account.post(f"/tasks/{task['id']}/ack", {"lease_token": task["lease_token"], "result": {"message_id": 4711}})
    page = browser.get(f"/ui/tasks/{task['id']}")
    assert '"message_id": 4711' in page.text
    assert "Its workers have logged nothing." in page.text
    assert "data-live" not in page.source
    assert not page.all("form", action=f"/ui/tasks/{task['id']}/cancel")


def test_a_task_that_waits_is_canceled_at_once(browser: Browser, account: ApiClient) -> None:
    path = f"/ui/tasks/{account.push_task('emails')['id']}"
    assert browser.get(path).one("form", action=f"{path}/cancel").attributes["data-confirm"]
    after = browser.follow(browser.post(f"{path}/cancel", on=path))
    assert "The task is canceled." in after.text
    again = browser.follow(browser.post(f"{path}/retry", on=path))
    assert "Nothing was done: the task is canceled" in again.text


def test_the_worker_of_a_running_task_is_asked_to_stop(browser: Browser, account: ApiClient) -> None:
    account.push_task("emails")
    [task] = account.pop_tasks("emails")
    path = f"/ui/tasks/{task['id']}"
    after = browser.follow(browser.post(f"{path}/cancel", on=path))
    assert "Its worker is asked to stop; at the latest" in after.text
    assert "Its worker is asked to stop. If it does not" in after.text
    assert not after.all("form", action=f"{path}/cancel"), "it cannot be asked twice"


def test_a_failed_task_is_retried(browser: Browser, account: ApiClient) -> None:
    account.push_task("emails")
    [task] = account.pop_tasks("emails")
    account.post(f"/tasks/{task['id']}/fail", {"lease_token": task["lease_token"], "error": "no", "retry": False})
    path = f"/ui/tasks/{task['id']}"
    assert "It failed for good." in browser.get(path).text
    assert "The task begins afresh" in browser.follow(browser.post(f"{path}/retry", on=path)).text
    assert account.get(f"/tasks/{task['id']}").json["state"] == "pending"


def test_a_task_leads_to_its_run_and_to_its_schedule(browser: Browser, account: ApiClient) -> None:
    run = account.start_run(account.make_checklist(queue="checks")["id"])
    [observing] = account.pop_tasks("checks")
    page = browser.get(f"/ui/tasks/{observing['id']}")
    assert f"/ui/runs/{run['id']}" in page.links()
    schedule = account.make("/schedules", {"queue": "emails", "cron": "@daily", "name": "nightly"})
    begun = account.make(f"/schedules/{schedule['id']}/trigger", {})
    page = browser.get(f"/ui/tasks/{begun['id']}")
    assert f"/ui/schedules/{schedule['id']}" in page.links()
    assert "nightly" in page.text


def test_the_task_of_a_failed_run_offers_no_retry(browser: Browser, account: ApiClient) -> None:
    account.start_run(account.make_checklist(queue="checks")["id"])
    [task] = account.pop_tasks("checks")
    account.post(f"/tasks/{task['id']}/fail", {"lease_token": task["lease_token"], "error": "no", "retry": False})
    path = f"/ui/tasks/{task['id']}"
    assert not browser.get(path).all("form", action=f"{path}/retry")
    told = browser.follow(browser.post(f"{path}/retry", on=path)).text
    assert "Nothing was done: the run of this task has failed with it" in told


def test_what_a_task_holds_is_text(browser: Browser, account: ApiClient) -> None:
    account.push_task("emails", {HOSTILE: HOSTILE}, dedup_key=HOSTILE)
    [first] = account.pop_tasks("emails", worker=HOSTILE)
    token = {"lease_token": first["lease_token"]}
    account.post(f"/tasks/{first['id']}/log", token | {"message": HOSTILE})
    account.post(f"/tasks/{first['id']}/fail", token | {"error": HOSTILE})
    [second] = account.pop_tasks("emails", worker=HOSTILE)
    failing = browser.get(f"/ui/tasks/{first['id']}")
    account.post(f"/tasks/{second['id']}/ack", {"lease_token": second["lease_token"], "result": {HOSTILE: HOSTILE}})
    for page in (failing, browser.get(f"/ui/tasks/{first['id']}")):
        assert page.status == 200
        assert page.text.count("alert(1)") >= 7
        assert "<script>alert" not in page.source
        assert "<img src=x" not in page.source
        assert "onerror=alert(2)>49" not in page.text


def test_tasks_of_others_are_not_there(browser: Browser, api: ApiClient) -> None:
    stranger = api.without_key().signed_up()
    path = f"/ui/tasks/{stranger.push_task('emails')['id']}"
    assert browser.get(path).status == 404
    for action in ("cancel", "retry"):
        assert browser.post(f"{path}/{action}").status == 404
    assert stranger.get(path.removeprefix("/ui")).json["state"] == "pending"


@pytest.mark.parametrize("id", ["nope", "1", "01a1ff76-ea92-7970-a315-1f949b98abc7"])
def test_a_task_that_is_not_there_is_a_page_that_says_so(browser: Browser, id: str) -> None:
    assert browser.get(f"/ui/tasks/{id}").status == 404


def test_whoever_has_not_logged_in_is_asked_to(browser: Browser, account: ApiClient) -> None:
    path = f"/ui/tasks/{account.push_task('emails')['id']}"
    page = Browser(browser.client.application.test_client()).get(path)
    assert (page.status, (page.location or "").split("?")[0]) == (303, "/ui/login")
