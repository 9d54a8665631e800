"""The page of a run: what missed beside what was expected, what is accepted with one click, and what goes on."""

from typing import Any
from uuid import uuid4

import pytest

from shared.database import Database
from shared.domain.observations import ObservedCheck, ObservedFlow
from tests.api.dashboard.observing import a_changed_run, a_flow, a_run_of
from tests.api.dashboard.reading import HOSTILE, Browser, Element, Page
from tests.api_client import ApiClient
from tests.runs import begin_run


def page_of(browser: Browser, run_id: str, **query: str) -> Page:
    page = browser.get(f"/ui/runs/{run_id}", **query)
    assert page.status == 200, page.text[:500]
    return page


def checks(page: Page) -> list[str]:
    return [article.text for article in page.all("article")]


def actions(page: Page) -> set[str]:
    return {form.attributes["action"].rpartition("/")[2] for form in page.all("form", method="post")}


def cells(page: Page, side: str) -> list[str]:
    return [cell.text for cell in page.all("td", class_=side) if cell.text]


def lives(page: Page) -> list[Element]:
    return [element for element in page.elements if "data-live" in element.attributes]


def snapshot(account: ApiClient, checklist: Any) -> Any:
    return {
        item["name"]: item["value"] for item in account.get(f"/checklists/{checklist['id']}/snapshots").json["data"]
    }


def test_a_miss_shows_what_was_expected_beside_what_was_observed(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    run_id = a_changed_run(
        account, database, {"id": 1, "done": False, "tags": ["a"]}, {"id": 1, "done": True, "title": "x"}, name="to-dos"
    )
    page = page_of(browser, run_id)
    assert page.one("h1").text == "Run of to-dos changed"
    assert page.one("table", class_="diff")
    assert cells(page, "expected") == [
        "{",
        '~ changed: "done": false ,',
        '"id": 1,',
        '- only expected: "tags": ["a"]',
        "}",
    ]
    assert cells(page, "observed") == [
        "{",
        '~ changed: "done": true ,',
        '"id": 1,',
        '+ only observed: "title": "x"',
        "}",
    ]
    assert [mark.text for mark in page.all("mark")] == ["false", "true"]
    assert [item.text for item in page.all("p", class_="change")] == [
        "/done false → became true",
        '/tags ["a"] → became nothing',
        '/title nothing → became "x"',
    ]


def test_what_missed_comes_first_and_what_matched_is_folded(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    checklist = account.make_checklist()
    a_run_of(account, database, checklist, a_flow("calm", a=1), a_flow("wild", a=1, b=1, z=1))
    run_id = a_run_of(account, database, checklist, a_flow("calm", a=1), a_flow("wild", a=1, b=2, c=3, z=9))
    page = page_of(browser, run_id)
    assert [heading.text for heading in page.all("h2")] == ["wild", "calm"]
    assert [heading.text for heading in page.all("h3")] == ["MISS b", "MISS z", "NEW c"]
    assert [summary.text for summary in page.all("summary") if "matched" in summary.text] == ["1 matched", "1 matched"]
    assert page.one("ul", class_="tally").text == "2 missed 1 new 2 matched"


def test_a_run_that_found_nothing_amiss_offers_nothing_to_accept(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    checklist = account.make_checklist()
    a_run_of(account, database, checklist, a_flow(a=1))
    page = page_of(browser, a_run_of(account, database, checklist, a_flow(a=1)))
    assert page.one("h1").text.endswith("passed")
    assert not page.all("article")
    assert "accept" not in actions(page)
    assert "again" in actions(page)


def test_a_first_value_that_was_taken_as_it_is_says_so(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    page = page_of(browser, a_run_of(account, database, account.make_checklist(), a_flow(a=[1, 2])))
    [check] = checks(page)
    assert "NEW a" in check
    assert "first values are taken as they are" in check
    assert "[1, 2]" in check
    assert "accept" not in actions(page)


def test_all_values_are_accepted_with_one_click(browser: Browser, account: ApiClient, database: Database) -> None:
    checklist = account.make_checklist(first_value="review")
    run_id = a_run_of(account, database, checklist, a_flow("f", a=1, b=[2]), a_flow("g", c=3))
    assert page_of(browser, run_id).one("ul", class_="tally").text == "3 new"
    page = browser.follow(browser.post(f"/ui/runs/{run_id}/accept", on=f"/ui/runs/{run_id}"))
    assert page.one("p", role="status", class_="notice").text == "Accepted. 3 values are snapshots now."
    assert "What this run observed is accepted" in page.text
    assert all("by test" in check for check in checks(page))
    assert "accept" not in actions(page)
    assert snapshot(account, checklist) == {"a": 1, "b": [2], "c": 3}


def test_the_values_of_one_flow_or_one_check_are_accepted_alone(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    checklist = account.make_checklist(first_value="review")
    run_id = a_run_of(account, database, checklist, a_flow("f", a=1, b=2), a_flow("g", c=3, d=4))
    path = f"/ui/runs/{run_id}/accept"
    assert browser.post(path, flow="f").status == 303
    assert snapshot(account, checklist) == {"a": 1, "b": 2}
    back = browser.post(path, flow="g", name="c", at="check-1-0")
    assert back.location == f"/ui/runs/{run_id}#check-1-0"
    assert snapshot(account, checklist) == {"a": 1, "b": 2, "c": 3}
    page = page_of(browser, run_id)
    assert [check.endswith("In full: observed") and "Accepted" in check for check in checks(page)] == [
        True,
        True,
        True,
        False,
    ]
    assert [button.text for button in page.all("button", class_="primary")] == ["Accept the new value"]


def test_a_way_back_that_is_no_place_on_the_page_is_not_taken(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    run_id = a_run_of(account, database, account.make_checklist(first_value="review"), a_flow(a=1))
    assert browser.post(f"/ui/runs/{run_id}/accept", at=HOSTILE).location == f"/ui/runs/{run_id}"


@pytest.mark.parametrize("fields", [{"flow": "absent"}, {}])
def test_accepting_where_there_is_nothing_says_so(
    browser: Browser, account: ApiClient, database: Database, fields: dict[str, str]
) -> None:
    run_id = a_run_of(account, database, account.make_checklist(), a_flow())
    page = browser.follow(browser.post(f"/ui/runs/{run_id}/accept", **fields))
    assert page.one("p", role="status", class_="notice").text == "There was nothing to accept."


def test_a_check_that_the_run_does_not_have_cannot_be_accepted(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    run_id = a_run_of(account, database, account.make_checklist(), a_flow(a=1))
    page = browser.post(f"/ui/runs/{run_id}/accept", flow="flow", name="absent")
    assert page.status == 422
    assert "this run observed no value for this check" in page.one("div", role="alert").text


def test_a_value_older_than_the_accepted_one_is_not_offered_and_refused_in_words(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    checklist = account.make_checklist()
    older = a_changed_run(account, database, 1, 2, checklist=checklist)
    newer = a_run_of(account, database, checklist, a_flow(check=3))
    assert account.post(f"/runs/{newer}/accept").status_code == 200
    page = page_of(browser, older)
    assert "accept" not in actions(page)
    assert "Newer values were accepted since this run." in page.text
    refused = browser.post(f"/ui/runs/{older}/accept")
    assert refused.status == 422
    assert "a newer value was accepted since this run" in refused.one("div", role="alert").text


def test_a_value_that_another_run_had_accepted_already_is_not_offered_again(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    checklist = account.make_checklist()
    first = a_changed_run(account, database, 1, 2, checklist=checklist)
    second = a_run_of(account, database, checklist, a_flow(check=2.0))
    assert account.post(f"/runs/{first}/accept").status_code == 200
    page = page_of(browser, second)
    assert "Accepted" in checks(page)[0]
    assert "accept" not in actions(page)


def test_running_again_leads_to_a_new_run_with_the_same_variables(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    run_id = a_run_of(account, database, account.make_checklist(), a_flow(a=1), user="ada")
    again = browser.post(f"/ui/runs/{run_id}/again", on=f"/ui/runs/{run_id}")
    assert again.status == 303
    assert again.location is not None
    new_id = again.location.rpartition("/")[2]
    assert new_id != run_id
    assert begin_run(database, new_id).spec["variables"] == {"user": "ada"}


def test_a_run_that_goes_on_is_live_and_can_be_canceled(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    run_id = account.start_run(account.make_checklist()["id"])["id"]
    waiting = page_of(browser, run_id)
    assert "Waiting for" in waiting.text
    assert [part.attributes["data-live"] for part in lives(waiting)] == ["1", "1"]
    assert all(part.attributes["id"] for part in lives(waiting))
    begin_run(database, run_id)
    running = page_of(browser, run_id)
    assert "Running for" in running.text
    assert "after 60 s at the latest" in running.text
    assert "again" not in actions(running)
    canceled = browser.follow(browser.post(f"/ui/runs/{run_id}/cancel", on=f"/ui/runs/{run_id}"))
    assert canceled.one("h1").text.endswith("canceled")
    assert "canceled by its owner" in canceled.text
    assert not lives(canceled), "nothing changes any more"


def test_a_run_that_has_ended_cannot_be_canceled_and_says_so(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    run_id = a_run_of(account, database, account.make_checklist(), a_flow(a=1))
    page = page_of(browser, run_id)
    assert "cancel" not in actions(page)
    assert not lives(page)
    refused = browser.post(f"/ui/runs/{run_id}/cancel")
    assert refused.status == 422
    assert "the run has succeeded already" in refused.one("div", role="alert").text


def test_a_run_that_waits_for_an_external_worker_names_the_queue(browser: Browser, account: ApiClient) -> None:
    run_id = account.start_run(account.make_checklist(queue="observers")["id"])["id"]
    assert "on the queue observers" in page_of(browser, run_id).text


def test_what_could_not_be_observed_is_told_in_words(browser: Browser, account: ApiClient, database: Database) -> None:
    checklist = account.make_checklist()
    broken = ObservedFlow("f", (ObservedCheck("a", None, False, ("the status is 500; expected 200",)),), "no answer")
    run_id = a_run_of(account, database, checklist, broken, a_flow("g", b=1))
    page = page_of(browser, run_id)
    assert "This flow ended early: no answer" in page.text
    assert "the status is 500; expected 200" in checks(page)[0]
    assert "accept" not in actions(page)


def test_a_value_that_matches_although_its_check_missed_is_said_to_match(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    checklist = account.make_checklist()
    a_run_of(account, database, checklist, a_flow("f", a=1))
    late = ObservedFlow("f", (ObservedCheck("a", 1, True, ("it took 9 s; expected 1 s",)),))
    [check] = checks(page_of(browser, a_run_of(account, database, checklist, late)))
    assert "it took 9 s; expected 1 s" in check
    assert "by itself it matches" in check


def test_attempts_are_listed(browser: Browser, account: ApiClient, database: Database) -> None:
    page = page_of(browser, a_run_of(account, database, account.make_checklist(), a_flow(a=1)))
    [summary] = [summary for summary in page.all("summary") if "attempt" in summary.text]
    assert summary.text == "1 attempt"
    assert "1.5 s" in page.one("details", class_="run-attempts").text


def test_obsolete_snapshots_are_explained(browser: Browser, account: ApiClient, database: Database) -> None:
    checklist = account.make_checklist()
    a_run_of(account, database, checklist, a_flow(a=1, gone=1))
    page = page_of(browser, a_run_of(account, database, checklist, a_flow(a=1)))
    assert "1 obsolete: a snapshot of this flow that this run did not ask for" in page.text
    assert f"/ui/checklists/{checklist['id']}#snapshots" in page.links()


def test_a_scheduled_run_leads_to_its_schedule(browser: Browser, account: ApiClient) -> None:
    schedule = account.make_schedule(name="every night")
    run_id = account.post(f"/schedules/{schedule['id']}/trigger").json["id"]
    page = page_of(browser, run_id)
    assert f"/ui/schedules/{schedule['id']}" in page.links()
    assert "schedule every night" in page.text


def test_a_run_outlives_its_checklist(browser: Browser, account: ApiClient, database: Database) -> None:
    checklist = account.make_checklist()
    run_id = a_changed_run(account, database, 1, 2, checklist=checklist)
    assert account.delete(f"/checklists/{checklist['id']}").status_code == 204
    page = page_of(browser, run_id)
    assert page.one("h1").text == "Run of a deleted checklist changed"
    assert actions(page) & {"accept", "again", "rules"} == set()
    for action in ("accept", "again", "rules"):
        refused = browser.post(f"/ui/runs/{run_id}/{action}")
        assert refused.status == 422
        assert "was deleted" in refused.one("div", role="alert").text


def test_one_flow_and_one_check_have_pages_of_their_own(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    checklist = account.make_checklist()
    a_run_of(account, database, checklist, a_flow("f", a=1, b=1), a_flow("g", c=1))
    run_id = a_run_of(account, database, checklist, a_flow("f", a=2, b=2), a_flow("g", c=2))
    assert [heading.text for heading in page_of(browser, run_id, flow="f").all("h3")] == ["MISS a", "MISS b"]
    assert [heading.text for heading in page_of(browser, run_id, flow="f", name="b").all("h3")] == ["MISS b"]
    assert browser.get(f"/ui/runs/{run_id}", flow="h").status == 404
    assert browser.get(f"/ui/runs/{run_id}", flow="f", name="c").status == 404


def test_a_run_with_very_many_misses_names_those_that_it_has_no_room_for(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    checklist = account.make_checklist()
    names = [f"check {number}" for number in range(900)]
    a_run_of(account, database, checklist, a_flow("f", **{name: {"a": 1, "b": list(range(40))} for name in names}))
    run_id = a_run_of(account, database, checklist, a_flow("f", **{name: {"a": 2, "b": []} for name in names}))
    page = page_of(browser, run_id)
    shown = len(page.all("article"))
    assert 10 < shown < 100
    assert f"{900 - shown} more" in page.text
    assert len(page.source) < 600_000
    assert f"/ui/runs/{run_id}?flow=f&name=check+{shown}" in page.links()


def test_a_very_large_value_is_cut_and_has_a_page_of_its_own(
    browser: Browser, account: ApiClient, database: Database
) -> None:
    todos = [{"id": number, "title": f"to-do number {number}", "done": False} for number in range(12_000)]
    run_id = a_changed_run(account, database, todos, [todo | {"id": -1} for todo in todos])
    page = page_of(browser, run_id)
    assert len(page.source) < 300_000
    link = f"/ui/runs/{run_id}/value?flow=flow&name=check&side=observed"
    assert link in page.links()
    whole = browser.get(link)
    assert whole.one("pre").text.count('"id": -1') == 12_000
    assert '"id": 11999' in browser.get(link.replace("observed", "expected")).one("pre").text


def test_a_value_that_is_not_there_is_not_found(browser: Browser, account: ApiClient, database: Database) -> None:
    run_id = a_run_of(account, database, account.make_checklist(), a_flow(a=1))
    for query in ({}, {"flow": "flow", "name": "b"}, {"flow": "flow", "name": "a", "side": "expected"}):
        assert browser.get(f"/ui/runs/{run_id}/value", **query).status == 404


def test_everything_observed_is_text(browser: Browser, account: ApiClient, database: Database) -> None:
    checklist = account.make_checklist(name=HOSTILE, first_value="review")
    bad = ObservedFlow(HOSTILE, (ObservedCheck(HOSTILE, {HOSTILE: HOSTILE}, True, (HOSTILE,)),), HOSTILE)
    first = a_run_of(account, database, checklist, bad)
    assert account.post(f"/runs/{first}/accept").status_code == 200
    worse = ObservedFlow(HOSTILE, (ObservedCheck(HOSTILE, {HOSTILE: [HOSTILE]}, True, (HOSTILE,)),), HOSTILE)
    matching = ObservedFlow("g", (ObservedCheck(HOSTILE, HOSTILE, True),))
    second = a_run_of(account, database, checklist, worse, matching)
    account.post(f"/runs/{second}/accept", {"checks": [{"flow": "g", "name": HOSTILE}]})
    third = a_run_of(account, database, checklist, worse, matching)
    value = {"flow": HOSTILE, "name": HOSTILE}
    pages = [
        *(page_of(browser, run_id) for run_id in (first, second, third)),
        page_of(browser, third, flow=HOSTILE, name=HOSTILE),
        browser.get(f"/ui/runs/{third}/value", **value),
        browser.post(
            f"/ui/runs/{third}/rules", **value, about=f"/{HOSTILE}", path=HOSTILE, match=HOSTILE, value=HOSTILE
        ),
        browser.post(f"/ui/runs/{third}/accept", flow=HOSTILE, name=f"{HOSTILE}!"),
    ]
    for page in pages:
        assert [script.attributes.get("src") for script in page.all("script")] == ["/ui/assets/dashboard.js"]
        assert {image.attributes["src"] for image in page.all("img")} == {"/ui/assets/icon.svg"}
        assert not [name for element in page.elements for name in element.attributes if name.startswith("on")]
        assert HOSTILE in page.text
        assert "49" not in page.one("h1").text


def test_the_runs_of_others_are_not_there(browser: Browser, api: ApiClient, database: Database) -> None:
    other = api.without_key().signed_up()
    run_id = a_run_of(other, database, other.make_checklist(first_value="review"), a_flow(a=1))
    for path in (
        f"/ui/runs/{run_id}",
        f"/ui/runs/{run_id}/value?flow=flow&name=a",
        f"/ui/runs/{uuid4()}",
        "/ui/runs/1",
    ):
        assert browser.get(path).status == 404
    for action in ("accept", "cancel", "again", "rules"):
        assert browser.post(f"/ui/runs/{run_id}/{action}").status == 404


def test_who_has_not_logged_in_is_asked_to(browser: Browser, account: ApiClient) -> None:
    run_id = account.start_run(account.make_checklist()["id"])["id"]
    nobody = Browser(browser.client.application.test_client())
    for path in (f"/ui/runs/{run_id}", f"/ui/runs/{run_id}/value"):
        assert nobody.get(path).location == f"/ui/login?next={path}"
