"""Webhooks: listed with how their deliveries fare, made, changed, tested, and their secrets shown once."""

import re
from typing import Any

import pytest

from api.compat.automated_qa.webhooks import DESCRIPTION
from api.dashboard.pages.webhook_form import MEANINGS
from api.schemas.webhooks import EVENT_TYPES
from shared.database import Database
from tests.api.dashboard.reading import HOSTILE, Browser, Page
from tests.api_client import ApiClient
from tests.deliveries import end_delivery

URL = "http://127.0.0.1:9/hook"
ALL = {"url": URL, "event_types": ["*"]}
FORM = {"url": URL, "event_types": ["run.finished", "job.failed"], "enabled": "yes"}


def rows(page: Page) -> list[str]:
    return [row.text for row in page.all("tr")[1:]]


def checked(page: Page) -> list[str]:
    boxes = page.all("input", name="event_types")
    return [box.attributes["value"] for box in boxes if "checked" in box.attributes]


def on_the(page: Page) -> str:
    """The secret that a page shows."""
    return page.one("pre", id="secret").text


def note(database: Database, webhook_id: int, assignments: str, **values: Any) -> None:
    """What a worker writes down of a webhook."""
    with database.transaction() as transaction:
        transaction.cursor.execute(
            f"UPDATE webhooks SET {assignments} WHERE id = %(id)s",  # noqa: S608 (the test's own words)
            values | {"id": webhook_id},
        )


def test_who_has_not_logged_in_is_asked_to(browser: Browser, account: ApiClient) -> None:
    nobody = Browser(browser.client.application.test_client())
    webhook = account.make("/webhooks", ALL)
    for path in ("/ui/webhooks", "/ui/webhooks/new", f"/ui/webhooks/{webhook['id']}"):
        assert nobody.get(path).location == f"/ui/login?next={path}"


def test_without_webhooks_it_says_how_to_make_one(browser: Browser) -> None:
    page = browser.get("/ui/webhooks")
    assert "There are no webhooks yet." in page.text
    assert page.links().count("/ui/webhooks/new") == 2


def test_the_list_tells_of_each_what_it_is_told_and_how_it_fares(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    well = account.make("/webhooks", ALL | {"description": "team chat"})
    types = ["run.finished", "job.failed", "task.failed", "schedule.paused", "run.started"]
    failing = account.make("/webhooks", ALL | {"event_types": types})
    off = account.make("/webhooks", ALL | {"enabled": False})
    note(database, failing["id"], "failing_since = now() - interval '3 hours'")
    for state in ("failed", "succeeded"):
        end_delivery(database, account.make(f"/webhooks/{well['id']}/test", {})["id"], state)
    page = browser.get("/ui/webhooks")
    first, second, third = rows(page)
    assert "team chat Everything Standard Webhooks" in first
    assert re.search(r"Webhooks enabled webhook\.test failed, .+ UTC webhook\.test succeeded, .+ UTC succeeded", first)
    assert "run.finished , job.failed , task.failed and 2 more" in second
    assert "failing since 3 h ago" in second
    assert re.search("disabled .+: disabled by its owner none yet", third)
    pictures = [picture.attributes["aria-label"] for picture in page.all("svg", class_="spark")]
    assert pictures == ["Last 2 deliveries: 1 failed, 1 succeeded; the latest succeeded"] + ["No deliveries yet"] * 2
    assert {f"/ui/webhooks/{webhook['id']}" for webhook in (well, failing, off)} <= set(page.links())


def test_webhooks_of_another_system_say_so(browser: Browser, account: ApiClient, database: Database) -> None:
    theirs = account.make("/webhooks", ALL | {"description": DESCRIPTION})
    note(database, theirs["id"], "format = 'automated-qa'")
    assert "automated-qa" in rows(browser.get("/ui/webhooks"))[0]
    page = browser.get(f"/ui/webhooks/{theirs['id']}")
    assert "automated-qa, of scheduled runs alone" in page.one("dl", class_="facts").text


@pytest.mark.parametrize(("state", "shown"), [("enabled", [0]), ("disabled", [1]), ("", [0, 1])])
def test_webhooks_are_filtered_by_state(browser: Browser, account: ApiClient, state: str, shown: list[int]) -> None:
    made = [account.make("/webhooks", ALL | {"enabled": enabled})["id"] for enabled in (True, False)]
    links = browser.get("/ui/webhooks", state=state).links()
    assert [id for id in made if f"/ui/webhooks/{id}" in links] == [made[index] for index in shown]


def test_the_list_goes_on_and_keeps_its_filter(browser: Browser, account: ApiClient) -> None:
    made = [account.make("/webhooks", ALL)["id"] for _ in range(52)]
    first = browser.get("/ui/webhooks", state="enabled")
    [onward] = [link.attributes["href"] for link in first.all("a", rel="next")]
    assert "state=enabled" in onward
    assert (len(rows(first)), len(rows(browser.get(onward)))) == (50, 2)
    assert f"/ui/webhooks/{made[-1]}" in browser.get(onward).links()


@pytest.mark.parametrize("query", [{"state": "on"}, {"state": HOSTILE}, {"cursor": "!"}])
def test_a_filter_that_is_none_is_refused_in_words(browser: Browser, account: ApiClient, query: dict[str, str]) -> None:
    webhook = account.make("/webhooks", ALL)
    for path in ("/ui/webhooks", f"/ui/webhooks/{webhook['id']}"):
        page = browser.get(path, **query)
        assert page.status == 422
        assert HOSTILE not in page.source


def test_the_form_offers_every_type_of_event(browser: Browser) -> None:
    page = browser.get("/ui/webhooks/new")
    offered = [box.attributes["value"] for box in page.all("input", name="event_types")]
    assert sorted(offered) == sorted(["*", *EVENT_TYPES])
    assert set(MEANINGS) == set(EVENT_TYPES)
    assert checked(page) == []


def test_a_webhook_is_made_and_its_secret_shown_this_once(browser: Browser, account: ApiClient) -> None:
    shown = browser.post("/ui/webhooks/new", **FORM, description=" team chat ")
    assert shown.status == 200
    secret = on_the(shown)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{32}", secret)
    assert shown.one("button", data_copy="secret").text == "Copy"
    assert "nobody can read it here again" in shown.text
    [webhook] = account.get("/webhooks").json["data"]
    assert f"/ui/webhooks/{webhook['id']}" in shown.links()
    assert {name: webhook[name] for name in ("url", "event_types", "description", "enabled")} == {
        "url": URL,
        "event_types": ["run.finished", "job.failed"],
        "description": "team chat",
        "enabled": True,
    }
    for path in ("", f"/{webhook['id']}", f"/{webhook['id']}/edit"):
        assert secret not in browser.get(f"/ui/webhooks{path}").source
    assert not any(secret in str(cookie) for cookie in browser.client._cookies.values())


def test_everything_stands_for_what_else_is_chosen(browser: Browser, account: ApiClient) -> None:
    browser.post("/ui/webhooks/new", url=URL, event_types=["*", "job.failed"])
    [webhook] = account.get("/webhooks").json["data"]
    assert (webhook["event_types"], webhook["enabled"]) == (["*"], False)


def test_what_the_api_refuses_is_told_at_its_field_and_nothing_typed_is_lost(
    browser: Browser, account: ApiClient
) -> None:
    page = browser.post("/ui/webhooks/new", url="ftp://host/", description=HOSTILE, enabled="yes")
    assert page.status == 422
    assert "http" in page.one("p", id="url-error").text
    assert page.one("p", id="event_types-error").text == "choose at least one"
    assert (page.field("url"), page.field("description")) == ("ftp://host/", HOSTILE)
    assert HOSTILE not in page.source
    unknown = browser.post("/ui/webhooks/new", url=URL, event_types=["job.failed", "job.eaten", "job.drunk"])
    assert unknown.one("p", id="event_types-error").text.startswith("must be one of:")
    assert checked(unknown) == ["job.failed"]
    assert "checked" not in unknown.one("input", id="enabled").attributes
    assert account.get("/webhooks").json["data"] == []


def test_a_webhook_is_edited_with_what_it_is_now_filled_in(browser: Browser, account: ApiClient) -> None:
    webhook = account.make("/webhooks", ALL | {"event_types": ["run.started"], "description": "old"})
    form = browser.get(f"/ui/webhooks/{webhook['id']}/edit")
    assert (form.field("url"), form.field("description"), checked(form)) == (URL, "old", ["run.started"])
    saved = browser.post(f"/ui/webhooks/{webhook['id']}/edit", **FORM, read_at=form.field("read_at"))
    assert "is saved" in browser.follow(saved).text
    after = account.get(f"/webhooks/{webhook['id']}").json
    assert (after["event_types"], after["description"]) == (["run.finished", "job.failed"], None)


def test_an_edit_of_what_was_changed_meanwhile_asks_first(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    webhook = account.make("/webhooks", ALL)
    path = f"/ui/webhooks/{webhook['id']}/edit"
    read_at = browser.get(path).field("read_at")
    note(database, webhook["id"], "enabled = false, disabled_at = now(), updated_at = now() + interval '1 second'")
    refused = browser.post(path, **FORM, read_at=read_at)
    assert refused.status == 422
    assert "was changed since you began" in refused.text
    assert account.get(f"/webhooks/{webhook['id']}").json["enabled"] is False
    assert browser.post(path, **FORM, read_at=refused.field("read_at")).status == 303


def test_the_page_of_a_webhook_lists_its_deliveries_by_state(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    webhook, other = account.make("/webhooks", ALL), account.make("/webhooks", ALL)
    test = f"/webhooks/{webhook['id']}/test"
    end_delivery(database, account.make(test, {})["id"], "failed", error="answered with status 500")
    waiting = account.make(test, {})["id"]
    elsewhere = account.make(f"/webhooks/{other['id']}/test", {})["id"]
    page = browser.get(f"/ui/webhooks/{webhook['id']}")
    newest, oldest = rows(page)
    assert re.fullmatch(r"pending webhook\.test .+ 0 of 1 .+ –", newest)
    assert re.fullmatch(r"failed webhook\.test .+ 1 of 1 – answered with status 500", oldest)
    assert f"/ui/deliveries/{elsewhere}" not in page.links()
    only = browser.get(f"/ui/webhooks/{webhook['id']}", state="pending")
    assert [link for link in only.links() if "/deliveries/" in link] == [f"/ui/deliveries/{waiting}"]
    none = browser.get(f"/ui/webhooks/{webhook['id']}", state="canceled")
    assert "No delivery to this webhook is like that." in none.text


def test_its_deliveries_come_in_pages(browser: Browser, account: ApiClient) -> None:
    webhook = account.make("/webhooks", ALL)
    made = [account.make(f"/webhooks/{webhook['id']}/test", {})["id"] for _ in range(27)]
    first = browser.get(f"/ui/webhooks/{webhook['id']}", state="pending")
    [onward] = [link.attributes["href"] for link in first.all("a", rel="next")]
    second = browser.get(onward)
    both = [link for page in (first, second) for link in page.links() if "/deliveries/" in link]
    assert both == [f"/ui/deliveries/{id}" for id in reversed(made)]
    assert first.all("div", id="deliveries", data_live="3")
    assert not second.all("div", id="deliveries", data_live="3"), "only where new ones appear"


def test_a_test_leads_to_its_delivery(browser: Browser, account: ApiClient) -> None:
    webhook = account.make("/webhooks", ALL | {"enabled": False})
    page = browser.follow(browser.post(f"/ui/webhooks/{webhook['id']}/test"))
    assert page.one("h1").text == "Delivery of webhook.test"
    [delivery] = account.get(f"/webhooks/{webhook['id']}/deliveries").json["data"]
    assert delivery["inert"] is True


def test_a_rotated_secret_is_another_and_shown_this_once(browser: Browser, account: ApiClient) -> None:
    webhook = account.make("/webhooks", ALL)
    shown = browser.post(f"/ui/webhooks/{webhook['id']}/rotate-secret")
    assert on_the(shown).startswith("whsec_")
    assert on_the(shown) != webhook["secret"]
    assert "for 24 hours with the one before" in shown.text
    after = browser.get(f"/ui/webhooks/{webhook['id']}")
    assert on_the(shown) not in after.source
    assert "signs as well, until in 23 h" in after.text


def test_it_is_disabled_and_enabled_with_nothing_else_changed(browser: Browser, account: ApiClient) -> None:
    webhook = account.make("/webhooks", ALL | {"description": "d"})
    path = f"/ui/webhooks/{webhook['id']}"
    assert "It is told of nothing." in browser.follow(browser.post(f"{path}/disable")).text
    off = account.get(f"/webhooks/{webhook['id']}").json
    assert (off["enabled"], off["disabled_reason"], off["description"]) == (False, "disabled by its owner", "d")
    assert "It is told of nothing." not in browser.follow(browser.post(f"{path}/enable")).text
    assert account.get(f"/webhooks/{webhook['id']}").json["enabled"] is True


def test_what_cannot_be_enabled_says_why(browser: Browser, account: ApiClient, database: Database) -> None:
    webhook = account.make("/webhooks", ALL | {"enabled": False})
    note(database, webhook["id"], "url = 'http://169.254.169.254/'")
    page = browser.follow(browser.post(f"/ui/webhooks/{webhook['id']}/enable"))
    assert "It was not enabled: " in page.one("p", class_="notice").text
    assert account.get(f"/webhooks/{webhook['id']}").json["enabled"] is False


def test_a_deleted_webhook_is_gone(browser: Browser, account: ApiClient) -> None:
    webhook = account.make("/webhooks", ALL)
    page = browser.get(f"/ui/webhooks/{webhook['id']}")
    [asked] = [form for form in page.all("form") if form.attributes["action"].endswith("/delete")]
    assert asked.attributes["data-confirm"]
    assert "is deleted" in browser.follow(browser.post(f"/ui/webhooks/{webhook['id']}/delete")).text
    assert browser.get(f"/ui/webhooks/{webhook['id']}").status == 404


def test_a_webhook_of_another_account_is_none(browser: Browser, api: ApiClient) -> None:
    theirs = api.without_key().signed_up().make("/webhooks", ALL)
    path = f"/ui/webhooks/{theirs['id']}"
    assert theirs["url"] not in browser.get("/ui/webhooks").text
    assert [browser.get(path).status, browser.get(f"{path}/edit").status] == [404, 404]
    for action in ("test", "rotate-secret", "enable", "disable", "delete", "edit"):
        assert browser.post(f"{path}/{action}", **FORM).status == 404
    assert api.get("/webhooks/999999999").status_code == browser.get("/ui/webhooks/999999999").status == 404


def test_what_is_stored_of_a_webhook_is_text(browser: Browser, account: ApiClient, database: Database) -> None:
    webhook = account.make("/webhooks", ALL | {"description": HOSTILE, "enabled": False})
    note(
        database,
        webhook["id"],
        "url = %(hostile)s, disabled_reason = %(hostile)s, failing_since = now()",
        hostile=f"http://host/{HOSTILE}",
    )
    for path in ("", f"/{webhook['id']}", f"/{webhook['id']}/edit"):
        page = browser.get(f"/ui/webhooks{path}")
        assert HOSTILE not in page.source
        assert [script.attributes["src"] for script in page.all("script")] == ["/ui/assets/dashboard.js"]
        assert all("onerror" not in image.attributes for image in page.all("img"))
    assert HOSTILE in browser.get(f"/ui/webhooks/{webhook['id']}").text
