"""Deliveries: what was told, attempt by attempt, what comes next, and telling it again."""

import re
from typing import Any

import pytest

from shared.database import Database
from tests.api.dashboard.reading import HOSTILE, Browser, Page
from tests.api_client import ApiClient
from tests.deliveries import begin_delivery, end_claimed, end_delivery

ABSENT = "00000000-0000-7000-8000-000000000000"
FAILED = {"error": "answered with status 500", "status_code": 500, "elapsed_ms": 1_530}


@pytest.fixture
def webhook(account: ApiClient) -> Any:
    return account.make("/webhooks", {"url": "http://127.0.0.1:9/hook", "event_types": ["*"]})


def sent(account: ApiClient, webhook: Any) -> str:
    """A delivery to the webhook that has not begun."""
    return str(account.make(f"/webhooks/{webhook['id']}/test", {})["id"])


def state_on(page: Page) -> str:
    """What the page says of the delivery itself."""
    return page.all("dl", class_="facts")[0].text


def told(account: ApiClient, **schedule: Any) -> Any:
    """The delivery of an event that really happened: a schedule was paused."""
    made = account.make_schedule(**schedule)
    account.post(f"/schedules/{made['id']}/pause")
    return made, account.get("/deliveries?limit=1").json["data"][0]["id"]


def test_who_has_not_logged_in_is_asked_to(browser: Browser, account: ApiClient, webhook: Any) -> None:
    nobody = Browser(browser.client.application.test_client())
    path = f"/ui/deliveries/{sent(account, webhook)}"
    assert nobody.get(path).location == f"/ui/login?next={path}"


def test_a_delivery_shows_its_event_and_leads_to_what_that_is_about(
    browser: Browser, account: ApiClient, webhook: Any
) -> None:
    schedule, delivery_id = told(account, name="nightly")
    page = browser.get(f"/ui/deliveries/{delivery_id}")
    assert page.one("h1").text == "Delivery of schedule.paused"
    assert '"name": "nightly"' in page.one("pre", id="data").text
    assert {f"/ui/schedules/{schedule['id']}", f"/ui/webhooks/{webhook['id']}"} <= set(page.links())
    assert account.get(f"/deliveries/{delivery_id}").json["event_id"] in page.text
    assert "None yet." in page.text


def test_every_attempt_says_how_it_went_the_latest_first(
    browser: Browser, account: ApiClient, webhook: Any, database: Database
) -> None:
    _, delivery_id = told(account)
    end_claimed(database, begin_delivery(database, delivery_id), "pending", **FAILED, response_excerpt="x" * 200)
    waiting = browser.get(f"/ui/deliveries/{delivery_id}")
    assert state_on(waiting).startswith("State retrying Next attempt ")
    assert waiting.all("div", id="delivery", data_live="2")
    end_delivery(database, delivery_id, "succeeded", status_code=204, elapsed_ms=12)
    page = browser.get(f"/ui/deliveries/{delivery_id}")
    latest, first = [row.text for row in page.all("tr")[1:]]
    assert re.fullmatch("2 .+ 12 ms succeeded 204 – –", latest)
    assert re.fullmatch("1 .+ 1.5 s failed 500 answered with status 500 x+… x{200}", first)
    assert state_on(page).startswith("State succeeded Attempts 2 of 8 Webhook")
    assert not page.all("div", data_live="2"), "nothing changes any more"


def test_one_that_is_being_sent_says_so(browser: Browser, account: ApiClient, webhook: Any, database: Database) -> None:
    delivery_id = sent(account, webhook)
    begin_delivery(database, delivery_id)
    page = browser.get(f"/ui/deliveries/{delivery_id}")
    assert state_on(page).startswith("State running Attempts 1 of 1")
    assert re.fullmatch("1 .+ – running – – –", page.all("tr")[1].text)
    assert page.all("div", id="delivery", data_live="2")


def test_one_that_failed_or_was_canceled_says_why(
    browser: Browser, account: ApiClient, webhook: Any, database: Database
) -> None:
    failed = sent(account, webhook)
    end_delivery(database, failed, "failed", **FAILED)
    assert "answered with status 500" in browser.get(f"/ui/deliveries/{failed}").one("div", class_="problem").text
    canceled = sent(account, webhook)
    account.delete(f"/webhooks/{webhook['id']}")
    page = browser.get(f"/ui/deliveries/{canceled}")
    assert page.one("p", class_="notice").text == "Canceled: the webhook was deleted."
    assert "Webhook deleted" in state_on(page)
    assert "None was begun." in page.text
    assert not [form for form in page.all("form") if form.attributes["action"].endswith("/replay")]
    refused = browser.follow(browser.post(f"/ui/deliveries/{canceled}/replay"))
    assert "It was not delivered again: the webhook of this delivery has been deleted." in refused.text


def test_a_replay_leads_to_the_new_delivery_and_that_to_the_first(
    browser: Browser, account: ApiClient, webhook: Any, database: Database
) -> None:
    _, first = told(account)
    end_delivery(database, first)
    answer = browser.post(f"/ui/deliveries/{first}/replay")
    page = browser.follow(answer)
    assert answer.location != f"/ui/deliveries/{first}"
    assert f"/ui/deliveries/{first}" in page.links()
    assert "does not count" in state_on(page)
    assert "again" in browser.get(f"/ui/webhooks/{webhook['id']}").all("tr")[1].text


def test_what_was_told_and_answered_is_text(
    browser: Browser, account: ApiClient, webhook: Any, database: Database
) -> None:
    _, delivery_id = told(account, name=HOSTILE)
    answered = {"error": HOSTILE, "response_excerpt": HOSTILE, "elapsed_ms": 1}
    end_delivery(database, delivery_id, "failed", **answered)
    for path in (f"/ui/deliveries/{delivery_id}", f"/ui/webhooks/{webhook['id']}"):
        page = browser.get(path)
        assert HOSTILE in page.text
        assert HOSTILE not in page.source
        assert [script.attributes["src"] for script in page.all("script")] == ["/ui/assets/dashboard.js"]
        assert all("onerror" not in image.attributes for image in page.all("img"))


def test_a_delivery_of_another_account_is_none(browser: Browser, api: ApiClient) -> None:
    stranger = api.without_key().signed_up()
    theirs = sent(stranger, stranger.make("/webhooks", {"url": "http://127.0.0.1:9/", "event_types": ["*"]}))
    for delivery_id in (theirs, ABSENT):
        assert browser.get(f"/ui/deliveries/{delivery_id}").status == 404
        assert browser.post(f"/ui/deliveries/{delivery_id}/replay").status == 404
    assert len(stranger.get("/deliveries").json["data"]) == 1
