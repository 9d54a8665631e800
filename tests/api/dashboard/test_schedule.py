"""The page of one schedule: how it stands, what became of its instants, and what its buttons do."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.database import Database
from tests.api.dashboard.reading import HOSTILE, Browser, Page
from tests.api_client import ApiClient
from tests.factories import an_occurrence

NOW = datetime.now(UTC)


def path_of(schedule: Any) -> str:
    return f"/ui/schedules/{schedule['id']}"


def marks(page: Page) -> list[str]:
    """What the marks of the calendar say."""
    return [each.text for each in page.all("title")][1:]


def test_it_says_in_words_when_what_and_by_which_policies(browser: Browser, account: ApiClient) -> None:
    checklist = account.make_checklist("shop")
    schedule = account.make_schedule(
        name="mornings",
        cron="30 9 * * *",
        timezone="Europe/Berlin",
        checklist_id=checklist["id"],
        variables={"user": "ada"},
        starts_at="2090-06-01T00:00:00Z",
        ends_at="2091-06-01T00:00:00Z",
        max_occurrences=1_000,
        jitter_seconds=90,
        overlap="queue_one",
        catchup_window_seconds=0,
        coalesce="all",
        pause_on_failure=True,
        pause_on_change=True,
    )
    page = browser.get(path_of(schedule))
    assert page.one("h1").text == "mornings"
    for told in (
        "At 09:30, in Europe/Berlin",
        "Runs shop",
        '"user": "ada"',
        "2090-06-01 00:00:00 UTC",
        "2091-06-01 00:00:00 UTC",
        "1,000, 0 of them done",
        "the next waits for it",
        "no time at all",
        "all begin",
        "up to 1 min",
        "after a failure or a change",
        "Thu 01 Jun 2090, 09:30 +02:00",
        "It has not been due yet.",
    ):
        assert told in page.text
    assert page.one("div", id="standing").attributes["data-live"]


def test_a_call_is_shown_with_all_that_is_sent(browser: Browser, account: ApiClient) -> None:
    call = {"uri": "http://127.0.0.1:9/x", "headers": {"X-Team": "shop"}, "payload": None, "backoff_seconds": 0.5}
    schedule = account.make("/schedules", {"interval_seconds": 90, "error_uri": "http://127.0.0.1:9/y"} | call)
    page = browser.get(path_of(schedule))
    for told in (
        "Every 90 seconds",
        "Calls POST http://127.0.0.1:9/x",
        '"X-Team": "shop"',
        "Payload null",
        "After a failure calls http://127.0.0.1:9/y",
        "4, the second after 500 ms",
    ):
        assert told in page.text


def test_the_calendar_has_a_mark_for_each_hour_with_the_worst_of_it(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    schedule = account.make_schedule(cron="*/10 * * * *", timezone="Asia/Kolkata")
    # 20:10 UTC of one day is 01:40 of the next in India.
    first = (NOW - timedelta(days=3)).replace(hour=20, minute=10, second=0, microsecond=0)
    with database.reading() as cursor:
        for minutes, outcome in ((0, "fired"), (10, "missed"), (20, "fired"), (60 * 24, "skipped")):
            reason = None if outcome == "fired" else "overlap"
            at = first + timedelta(minutes=minutes)
            an_occurrence(cursor, schedule["id"], at, outcome=outcome, reason=reason)
        an_occurrence(cursor, schedule["id"], NOW - timedelta(days=40))
    page = browser.get(path_of(schedule))
    there, later = first + timedelta(days=1), first + timedelta(days=2)
    assert marks(page) == [
        f"{there:%a %d %b}, 01:00–02:00: 1 fired, 1 missed",
        f"{there:%a %d %b}, 02:00–03:00: 1 fired",
        f"{later:%a %d %b}, 01:00–02:00: 1 skipped",
    ]
    assert page.one("svg", role="img").attributes["aria-label"] == "The last 30 days: 2 fired, 1 skipped, 1 missed"
    by_day = page.one("table", **{"aria-label": "Day by day"}).text
    assert f"{later:%a %d %b %Y} 0 1 0 {there:%a %d %b %Y} 2 0 1" in by_day


def test_a_calendar_of_very_much_is_drawn_when_the_page_is_opened_and_then_left_alone(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    few, many = account.make_schedule(), account.make_schedule()
    with database.reading() as cursor:
        cursor.execute("UPDATE schedules SET fired = 1000000 WHERE id = %(id)s", many)
    for schedule, is_live in ((few, True), (many, False)):
        opened = browser.get(path_of(schedule)).one("div", id="calendar")
        refreshed = browser.client.get(path_of(schedule), headers={"Sec-Fetch-Dest": "empty"})
        assert ("data-live" in opened.attributes) is is_live
        assert ('id="calendar"' in refreshed.text) is is_live
        assert 'id="occurrences" data-live' in refreshed.text


def test_occurrences_lead_to_their_work_or_say_why_there_is_none(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    schedule = account.make_schedule()
    run_id = account.make(f"/schedules/{schedule['id']}/trigger", {})["id"]
    with database.reading() as cursor:
        an_occurrence(cursor, schedule["id"], NOW, outcome="fired", reason=None, work_id=UUID(run_id))
        an_occurrence(
            cursor, schedule["id"], NOW - timedelta(hours=1), outcome="fired", reason=None, work_id=UUID(int=7)
        )
        an_occurrence(cursor, schedule["id"], NOW - timedelta(hours=2), reason="outside the catch-up window")
    rows = [row.text for row in browser.get(path_of(schedule)).all("tr")][-3:]
    assert "fired pending" in rows[0]
    assert "Its run is no longer kept" in rows[1]
    assert "missed outside the catch-up window" in rows[2]
    assert f"/ui/runs/{run_id}" in browser.get(path_of(schedule)).links()
    missed = browser.get(path_of(schedule), outcome="missed").one("div", id="occurrences").text
    assert "outside the catch-up window" in missed
    assert "fired" not in missed
    assert "No occurrence is like that" in browser.get(path_of(schedule), outcome="skipped").text
    assert browser.get(path_of(schedule), outcome="nope").status == 422


def test_many_occurrences_come_in_pages(browser: Browser, account: ApiClient, database: Database) -> None:
    schedule = account.make_schedule()
    with database.reading() as cursor:
        for number in range(30):
            an_occurrence(cursor, schedule["id"], NOW - timedelta(hours=number), reason=f"number {number}.")
    first = browser.get(path_of(schedule), outcome="missed")
    [following] = [link for link in first.links() if "cursor=" in link]
    assert "outcome=missed" in following
    second = browser.get(following)
    assert "number 24." in first.text
    assert "number 25." not in first.text
    assert "number 25." in second.text
    assert "data-live" not in second.one("div", id="occurrences").attributes, "a page of the past stands still"


def test_pausing_with_a_note_and_resuming(browser: Browser, account: ApiClient) -> None:
    schedule = account.make_schedule()
    paused = browser.follow(browser.post(f"{path_of(schedule)}/pause", note="the shop moves"))
    assert "It is paused" in paused.one("p", class_="notice").text
    assert "the shop moves" in paused.text
    assert "None while it is paused" in paused.text
    assert account.get(f"/schedules/{schedule['id']}").json["note"] == "the shop moves"
    assert not [form for form in paused.all("form") if form.attributes["action"].endswith(("/pause", "/skip-next"))]
    resumed = browser.follow(browser.post(f"{path_of(schedule)}/resume"))
    assert "It goes on" in resumed.text
    assert account.get(f"/schedules/{schedule['id']}").json["state"] == "active"


def test_a_note_that_is_refused_is_told_at_the_field_and_not_lost(browser: Browser, account: ApiClient) -> None:
    schedule = account.make_schedule()
    refused = browser.post(f"{path_of(schedule)}/pause", note="n" * 1_001)
    assert refused.status == 422
    assert refused.one("p", id="note-error").text == "must be a string of 1 to 1000 characters"
    assert refused.field("note") == "n" * 1_001
    assert account.get(f"/schedules/{schedule['id']}").json["state"] == "active"


def test_leaving_out_the_next(browser: Browser, account: ApiClient) -> None:
    schedule = account.make_schedule()
    page = browser.follow(browser.post(f"{path_of(schedule)}/skip-next"))
    assert "Next, left out" in page.text
    assert account.get(f"/schedules/{schedule['id']}").json["skip_next"] is True


@pytest.mark.parametrize(
    ("what", "kind"), [({}, "run"), ({"uri": "http://127.0.0.1:9/"}, "job"), ({"queue": "reports"}, "task")]
)
def test_triggering_leads_to_the_work_that_it_began(
    browser: Browser, account: ApiClient, what: dict[str, str], kind: str
) -> None:
    schedule = account.make(
        "/schedules", {"cron": "@daily"} | (what or {"checklist_id": account.make_checklist()["id"]})
    )
    page = browser.follow(browser.post(f"{path_of(schedule)}/trigger"))
    last = account.get(f"/schedules/{schedule['id']}").json["last"]
    assert last["kind"] == kind
    assert page.one("p", class_="begun").text == f"Begun by hand: this {kind} pending"
    assert page.links().count(f"/ui/{kind}s/{last['id']}") == 2, "as what was begun, and as the last"


@pytest.mark.parametrize("begun", ["x", str(UUID(int=1)), HOSTILE])
def test_work_that_is_not_its_own_is_not_told_of(browser: Browser, account: ApiClient, begun: str) -> None:
    page = browser.get(path_of(account.make_schedule()), begun=begun)
    assert page.status == 200
    assert not page.all("p", class_="begun")


def test_what_cannot_be_done_now_is_told(browser: Browser, account: ApiClient) -> None:
    schedule = account.make_schedule(paused=True)
    page = browser.follow(browser.post(f"{path_of(schedule)}/skip-next"))
    assert "That was not done: the schedule is paused" in page.one("p", class_="notice").text


def test_deleting(browser: Browser, account: ApiClient) -> None:
    schedule = account.make_schedule(name="mornings")
    form = next(form for form in browser.get(path_of(schedule)).all("form") if "data-confirm" in form.attributes)
    assert "Delete the schedule mornings" in form.attributes["data-confirm"]
    page = browser.follow(browser.post(form.attributes["action"]))
    assert "The schedule mornings is deleted." in page.text
    assert account.get(f"/schedules/{schedule['id']}").status_code == 404


def test_one_whose_times_cannot_be_computed_asks_to_be_edited(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    schedule = account.make_schedule()
    with database.reading() as cursor:
        cursor.execute(
            "UPDATE schedules SET state = 'invalid', timezone = 'No/Where', note = 'no such zone' WHERE id = %(id)s",
            schedule,
        )
    page = browser.get(path_of(schedule))
    assert "no such zone" in page.text
    assert "Edit it to say when anew" in page.text
    assert "data-live" not in page.one("div", id="standing").attributes
    assert browser.get("/ui/schedules").status == 200
    assert browser.get(f"{path_of(schedule)}/edit").status == 200


def test_what_is_hostile_is_shown_as_text(browser: Browser, account: ApiClient, database: Database) -> None:
    schedule = account.make(
        "/schedules",
        {
            "name": HOSTILE,
            "note": HOSTILE,
            "cron": "@daily",
            "uri": "http://127.0.0.1:9/<img%20src=x>'\"",
            "payload": HOSTILE,
            "headers": {"X-Hostile": HOSTILE},
        },
    )
    runs = account.make_schedule(variables={"hostile": HOSTILE}, checklist_id=account.make_checklist(HOSTILE)["id"])
    with database.reading() as cursor:
        an_occurrence(cursor, schedule["id"], NOW, reason=HOSTILE)
    page = browser.get(path_of(schedule))
    assert page.one("h1").text == HOSTILE
    assert page.one("dd", class_="note").text == HOSTILE
    assert f"missed {HOSTILE}" in page.one("div", id="occurrences").text
    for shown in (page, browser.get(path_of(runs)), browser.get(f"{path_of(schedule)}/edit")):
        assert [each.attributes["src"] for each in shown.all("script")] == ["/ui/assets/dashboard.js"]
        assert [each.attributes["src"] for each in shown.all("img")] == ["/ui/assets/icon.svg"]


@pytest.mark.parametrize("action", ["", "/edit"])
def test_the_schedules_of_others_are_not_there(browser: Browser, api: ApiClient, action: str) -> None:
    theirs = api.without_key().signed_up().make_schedule()
    assert browser.get(path_of(theirs) + action).status == 404
    assert browser.get(f"/ui/schedules/999999999{action}").status == 404


@pytest.mark.parametrize("action", ["pause", "resume", "skip-next", "trigger", "delete", "edit"])
def test_nothing_is_done_to_the_schedules_of_others(browser: Browser, api: ApiClient, action: str) -> None:
    other = api.without_key().signed_up()
    theirs = other.make_schedule()
    assert browser.post(f"{path_of(theirs)}/{action}").status == 404
    assert other.get(f"/schedules/{theirs['id']}").json == theirs


def test_who_has_not_logged_in_sees_none_of_it(browser: Browser, account: ApiClient) -> None:
    nobody = Browser(browser.client.application.test_client())
    path = path_of(account.make_schedule())
    for asked in ("/ui/schedules", path, f"{path}/edit", "/ui/schedules/new"):
        assert nobody.get(asked).location == f"/ui/login?next={asked}"
