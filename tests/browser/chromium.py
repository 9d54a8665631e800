"""Debian's Chromium, driven by Playwright; it talks to this machine only."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.processes import RunningApi

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # CI is root in a container of its own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PATIENCE_MILLISECONDS = 10_000


def chromium() -> str:
    """Where it is. Without it these tests are skipped at the desk; CI has it, or fails."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        sentence = "the tests of the pages need Chromium: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return found


@contextmanager
def running_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(
    browser: Browser, api: RunningApi, *, width: int = 1440, theme: str = "light"
) -> Iterator[tuple[BrowserContext, list[str]]]:
    """A window of its own that has logged in by a link; what goes wrong in its console is put on the list."""
    problems: list[str] = []
    context = browser.new_context(
        base_url=api.url,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
    )
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    context.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: problems.append(str(error.error)))
    page = context.new_page()
    page.goto(api.make("/login-links")["path"])
    page.close()
    try:
        yield context, problems
    finally:
        context.close()


def has_settled(page: Page) -> None:
    """Wait until the page has loaded all it wants."""
    page.wait_for_load_state("networkidle")
