"""What people do, from logging in to seeing a schedule fire: in a real browser, against the real service."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.showcase import Showcase
from tests.processes import RunningApi
from tests.target import Target


def test_somebody_logs_in_with_a_key(chromium: Browser, service: RunningApi) -> None:
    context = chromium.new_context(base_url=service.url)
    page = context.new_page()
    page.goto("/ui/runs?outcome=changed")
    page.get_by_label("API key").fill("rk_wrong_key")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("does not know this key")
    page.get_by_label("API key").fill(str(service.session.headers["Authorization"]).removeprefix("Bearer "))
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
    assert page.url.endswith("/ui/runs?outcome=changed")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    context.close()


def test_a_checklist_is_made_run_seen_to_change_and_accepted(page: Page, service: RunningApi, target: Target) -> None:
    target.answers["/ok/story"] = {"price": 3, "name": "tea"}
    page.goto("/ui/checklists/new")
    page.get_by_label("Name", exact=True).fill("story")
    flows = f"""[{{"name": "shop", "steps": [{{"act": "ask", "request": {{"url": "{target.url("/ok/story")}"}}}},
                  {{"check": "the answer"}}]}}]"""
    page.get_by_label(re.compile("^Flows")).fill(flows.replace('"check": "the answer"', '"check": 7'))
    page.get_by_role("button", name=re.compile("Create|Save")).click()
    expect(page.locator(".field .error").first).to_be_visible()
    page.get_by_label(re.compile("^Flows")).fill(flows)
    page.get_by_role("button", name=re.compile("Create|Save")).click()
    expect(page.get_by_role("heading", name="story", level=1)).to_be_visible()

    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("passed").first).to_be_visible()
    target.answers["/ok/story"] = {"price": 4, "name": "tea"}
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text("changed").first).to_be_visible()
    expect(page.get_by_text("/price").first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Accept")).first.click()
    expect(page.get_by_role("status").first).to_contain_text(re.compile("accepted", re.IGNORECASE))
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_text("passed").first).to_be_visible()


def test_a_differing_path_becomes_a_rule(page: Page, service: RunningApi, shown: Showcase) -> None:
    page.goto(f"/ui/runs/{shown.missed_run_id}")
    before = service.call("GET", f"/checklists/{shown.checklist_id}").json()["rules"]
    page.get_by_role("button", name=re.compile("^Ignore")).first.click()
    expect(page.get_by_role("status").first).to_contain_text("rule")
    after = service.call("GET", f"/checklists/{shown.checklist_id}").json()["rules"]
    assert len(after) == len(before) + 1
    assert after[-1]["match"] == "ignore"


def test_a_schedule_is_made_with_its_next_instants_before_ones_eyes_and_seen_to_fire(
    page: Page, service: RunningApi, target: Target
) -> None:
    checklist = service.make("/checklists", {"name": "watched", "worker_url": target.url("/ok/none")})
    page.goto("/ui/schedules/new")
    page.get_by_label(re.compile("^Name")).fill("every second")
    page.get_by_label(re.compile("^Cron")).fill("* * * * * *")
    expect(page.locator("#preview")).to_contain_text(re.compile("second", re.IGNORECASE))
    page.get_by_label(re.compile("^Checklist")).select_option(str(checklist["id"]))
    page.get_by_role("button", name=re.compile("Create|Save")).click()
    expect(page.get_by_role("heading", name="every second", level=1)).to_be_visible()
    expect(page.get_by_text("fired").first).to_be_visible()
    expect(page.locator("tbody tr").nth(1)).to_be_visible()  # occurrences come without reloading
    page.locator("summary", has_text="Pause").click()
    page.get_by_role("button", name=re.compile("^Pause")).click()
    expect(page.get_by_text("paused").first).to_be_visible()


def test_a_delivery_is_replayed(page: Page, shown: Showcase) -> None:
    page.goto(f"/ui/deliveries/{shown.failed_delivery_id}")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert not page.url.endswith(shown.failed_delivery_id)


def test_a_new_task_shows_without_reloading(page: Page, service: RunningApi) -> None:
    page.goto("/ui/queues")
    service.make("/queues/appearing/tasks", {"payload": {"a": 1}})
    expect(page.get_by_role("link", name="appearing")).to_be_visible()


def test_what_cannot_be_undone_is_asked_first(page: Page, service: RunningApi, target: Target) -> None:
    checklist = service.make("/checklists", {"name": "to be deleted", "worker_url": target.url("/ok")})
    page.goto(f"/ui/checklists/{checklist['id']}")
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert service.call("GET", f"/checklists/{checklist['id']}").ok
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Checklists", level=1)).to_be_visible()
    assert service.call("GET", f"/checklists/{checklist['id']}").status_code == 404


def test_the_overview_works_without_scripts(chromium: Browser, service: RunningApi, shown: Showcase) -> None:
    context = chromium.new_context(base_url=service.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(service.make("/login-links")["path"])
    for path in ("/ui", f"/ui/runs/{shown.missed_run_id}", "/ui/schedules/new"):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    context.close()
