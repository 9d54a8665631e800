"""Workers: which processes are alive, and what is done for the account at this moment."""

from uuid import UUID

import pytest

from shared.database import Database
from shared.store import processes
from tests.api.dashboard.reading import HOSTILE, Browser
from tests.api_client import ApiClient
from tests.factories import a_delivery, a_webhook
from tests.runs import begin_run

A_WORKER = UUID("01a1ff76-ea92-7970-a315-1f949b98abc7")
A_SCHEDULER = UUID("01a1ff76-ea92-7970-a315-1f949b98abc8")


@pytest.fixture
def alone(database: Database) -> None:
    """No process is alive."""
    with database.transaction() as transaction:
        transaction.cursor.execute("DELETE FROM processes")


def beat(database: Database, id: UUID, kind: str, host: str = "host-1", **counters: int) -> None:
    with database.transaction() as transaction:
        processes.beat(transaction.cursor, id=id, kind=kind, host=host, pid=4711, counters=counters)


@pytest.mark.usefixtures("alone")
def test_when_nobody_is_alive_the_page_says_what_that_means(browser: Browser) -> None:
    page = browser.get("/ui/workers")
    assert "No scheduler is alive: schedules do not fire." in page.text
    assert "No worker is alive: nothing is performed." in page.text
    assert "Nothing of this account is running." in page.text
    assert "Nobody has asked for tasks within the last hour." in page.text


@pytest.mark.usefixtures("alone")
def test_processes_that_are_alive_tell_in_words_what_they_did(browser: Browser, database: Database) -> None:
    beat(database, A_WORKER, "worker", claimed=1_300, finished=1_200, in_hand=3, capacity=64, leases_lost=2)
    beat(database, A_SCHEDULER, "scheduler", HOSTILE, schedules_fired=5, rung=7, swept=0)
    page = browser.get("/ui/workers")
    assert "No scheduler is alive" not in page.text
    assert "No worker is alive" not in page.text
    assert "3 of 64 in hand · 1,300 claimed · 1,200 finished · 2 leases lost" in page.text
    assert "5 schedules fired · 7 rings" in page.text
    assert "swept" not in page.text
    assert HOSTILE in page.text
    assert "<script>alert" not in page.source
    with database.transaction() as transaction:
        transaction.cursor.execute("UPDATE processes SET seen_at = now() - interval '1 minute'")
    assert "4711" not in browser.get("/ui/workers").text, "who has not been seen for long is taken for dead"


def test_what_is_running_is_shown_by_kind_the_longest_going_first(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    checklist = account.make_checklist(HOSTILE)
    run = account.start_run(checklist["id"])
    begin_run(database, run["id"])
    job = account.make_job(uri=f"http://127.0.0.1:9/?{HOSTILE.replace(' ', '+')}", delay_seconds=900)
    account.push_task("emails")
    [task] = account.pop_tasks("emails", worker=HOSTILE)
    with database.transaction() as transaction:
        cursor = transaction.cursor
        cursor.execute("SELECT account_id FROM checklists WHERE id = %(id)s", checklist)
        [(account_id,)] = cursor.fetchall()
        delivery = str(a_delivery(cursor, a_webhook(cursor, account_id, url="http://127.0.0.1:9/told")))
        for minutes, id in enumerate((delivery, job["id"])):
            cursor.execute(
                "UPDATE work SET state = 'running', attempt = 1, lease_token = gen_random_uuid(),"
                " lease_expires_at = now() + interval '1 hour', started_at = now() - make_interval(mins => 9 - %s)"
                " WHERE id = %s",
                (minutes, id),
            )
    page = browser.get("/ui/workers")
    assert page.status == 200
    shown = [link for link in page.links() if link.count("/") == 3 and not link.startswith("/ui/queues/")]
    assert shown == [
        f"/ui/deliveries/{delivery}",
        f"/ui/jobs/{job['id']}",
        f"/ui/runs/{run['id']}",
        f"/ui/tasks/{task['id']}",
    ]
    rows = [row.text for row in page.all("tr", **{"data-go": ""})]
    assert rows[0].startswith("delivery http://127.0.0.1:9/told")
    assert "1 of 8 9 min ago" in rows[0]
    assert rows[1].startswith("job POST http://127.0.0.1:9/?")
    assert HOSTILE in rows[2]
    assert HOSTILE in rows[3]
    assert rows[4] == "emails now 1"
    assert "<script>alert" not in page.source
    assert "<img src=x" not in page.source


def test_the_page_shows_a_hundred_and_says_that_there_is_more(browser: Browser, account: ApiClient) -> None:
    for _ in range(2):
        account.make("/queues/emails/tasks", {"tasks": [{"payload": number} for number in range(60)]})
        account.pop_tasks("emails", max=60)
    page = browser.get("/ui/workers")
    assert len([link for link in page.links() if link.startswith("/ui/tasks/")]) == 100
    assert "these 100 have been going longest" in page.text


def test_nothing_of_another_account_is_shown(browser: Browser, api: ApiClient) -> None:
    stranger = api.without_key().signed_up()
    stranger.push_task("theirs")
    stranger.pop_tasks("theirs", worker="their worker")
    page = browser.get("/ui/workers")
    assert "theirs" not in page.source
    assert "their worker" not in page.source


def test_whoever_has_not_logged_in_is_asked_to(browser: Browser) -> None:
    page = Browser(browser.client.application.test_client()).get("/ui/workers")
    assert (page.status, (page.location or "").split("?")[0]) == (303, "/ui/login")
