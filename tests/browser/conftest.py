"""The whole service with something of everything in it, and a browser that has logged in."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import showcase
from tests.browser.chromium import running_browser, window
from tests.browser.service import whole_service
from tests.browser.showcase import Showcase
from tests.processes import RunningApi
from tests.target import Target


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Target() as far_end:
        yield far_end


@pytest.fixture(scope="module")
def service(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory, target: Target
) -> Iterator[RunningApi]:
    """With somebody to call; `target` ends after it, so that no call of its worker meets the end of that."""
    with whole_service(environment, tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def shown(service: RunningApi, target: Target) -> Showcase:
    """Something of everything, in the account of the service's key."""
    return showcase.fill(service, target)


@pytest.fixture(scope="module")  # Playwright's loop runs as long as it does, and other tests have loops of their own
def chromium() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, service: RunningApi) -> Iterator[Page]:
    """A page of a window that has logged in; what its console complains of fails the test, but for refused forms."""
    with window(chromium, service) as (context, problems):
        yield context.new_page()
    assert [problem for problem in problems if "status of 422" not in problem] == []
