"""What the tests of the API share."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from api import create_app
from shared.settings import Settings
from tests.api_client import ApiClient


@pytest.fixture
def app_with(settings: Settings) -> Iterator[Callable[..., ApiClient]]:
    """Makes another application that differs in some settings, on the same database; without a key."""
    apps = []

    def make(**fields: Any) -> ApiClient:
        apps.append(create_app(replace(settings, **fields)))
        return ApiClient(apps[-1].test_client())

    yield make
    for app in apps:
        app.extensions["roundsman"].finished.close()
        app.extensions["roundsman"].database.close()


@pytest.fixture
def fresh(api: ApiClient) -> ApiClient:
    """The API with the key of an account of this test alone."""
    return api.without_key().signed_up()
