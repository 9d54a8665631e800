"""Whatever is observed, typed or answered is text: no page runs it, builds markup of it, or loads anything for it."""

from playwright.sync_api import Browser

from tests.browser import hostile
from tests.browser.chromium import has_settled, window
from tests.browser.pages import pages_of
from tests.processes import RunningApi
from tests.target import Target

# What markup made of the text would have left behind.
LEFT_BEHIND = """() => [
    ...document.querySelectorAll("img[src=x], [onerror], [onload], a[href^='javascript:'], main script"),
].map((one) => one.outerHTML.slice(0, 100))"""


def test_on_no_page_is_hostile_text_more_than_text(chromium: Browser, service: RunningApi, target: Target) -> None:
    shown = hostile.fill(service, target)
    found: dict[str, object] = {}
    texts: dict[str, bool] = {}
    with window(chromium, service) as (context, problems):
        page = context.new_page()
        page.on("dialog", lambda dialog: found.setdefault("dialog", dialog.message))
        for name, path in pages_of(shown).items():
            page.goto(path.replace("flow=to-dos&name=all+to-dos", "flow=none&name=none"))
            has_settled(page)
            for summary in page.locator("main summary").all()[:30]:
                summary.click(force=True)
            left_behind = page.evaluate(LEFT_BEHIND)
            if left_behind or page.title() == hostile.MARK:
                found[name] = left_behind or page.title()
            texts[name] = "onerror=" in page.inner_text("main")
    assert found == {}
    assert [problem for problem in problems if "Content Security Policy" in problem] == []
    seen = {name for name, shows_it in texts.items() if shows_it}
    assert {"overview", "checklist", "run", "schedule", "job", "task", "webhook", "delivery", "events", "keys"} <= seen
