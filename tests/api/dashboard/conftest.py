"""Pages looked at by a program: logged in, forms sent as a browser sends them."""

from collections.abc import Iterator

import pytest

from api import create_app
from shared.settings import Settings
from tests.api.dashboard.reading import Browser
from tests.api_client import ApiClient


@pytest.fixture
def account(api: ApiClient) -> ApiClient:
    """The API with the key of an account of this test alone."""
    return api.without_key().signed_up()


@pytest.fixture
def browser(account: ApiClient, settings: Settings) -> Iterator[Browser]:
    """Somebody who has logged in with the key of that account."""
    app = create_app(settings)
    somebody = Browser(app.test_client())
    somebody.log_in(account.key or "")
    yield somebody
    app.extensions["roundsman"].finished.close()
    app.extensions["roundsman"].database.close()
