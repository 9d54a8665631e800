"""Every page, in both themes and at two widths: it fits, keeps nobody out, and complains of nothing."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import has_settled, window
from tests.browser.pages import pages_of
from tests.browser.showcase import Showcase
from tests.processes import RunningApi

ACCESSIBILITY = (Path(__file__).parent / "accessibility.js").read_text()
MISSING_PAGE = "Failed to load resource: the server responded with a status of 404 (NOT FOUND)"


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_its_window_and_keeps_nobody_out(
    chromium: Browser, service: RunningApi, shown: Showcase, theme: str, width: int
) -> None:
    found: dict[str, list[str]] = {}
    with window(chromium, service, width=width, theme=theme) as (context, problems):
        page = context.new_page()
        for name, path in pages_of(shown).items():
            page.goto(path)
            has_settled(page)
            found[name] = page.evaluate(ACCESSIBILITY)
            too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if too_wide > 0:
                found[name].append(f"it is {too_wide} px wider than its window")
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert [problem for problem in problems if problem != MISSING_PAGE] == []


def test_every_page_can_be_walked_with_the_keyboard_and_shows_where_one_is(
    chromium: Browser, service: RunningApi, shown: Showcase
) -> None:
    lost: dict[str, str] = {}
    with window(chromium, service) as (context, _):
        page = context.new_page()
        for name, path in pages_of(shown).items():
            page.goto(path)
            for _ in range(25):
                page.keyboard.press("Tab")
                where = page.evaluate(
                    """() => {
                        const one = document.activeElement;
                        const style = getComputedStyle(one);
                        return one === document.body || style.outlineStyle !== "none" ? "" : one.outerHTML.slice(0, 99);
                    }"""
                )
                if where:
                    lost[name] = where
    assert lost == {}


def test_the_first_tab_leads_past_the_menu(chromium: Browser, service: RunningApi) -> None:
    with window(chromium, service) as (context, _):
        page = context.new_page()
        page.goto("/ui/runs")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
