"""Requests made up from our own OpenAPI document, valid and invalid: none may meet a 5xx, or take two seconds."""

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from tests.api_client import ApiClient

LISTS = (
    *("/checklists", "/runs", "/schedules", "/jobs", "/queues", "/tasks"),
    *("/api-keys", "/webhooks", "/deliveries", "/events"),
)
EXAMPLES = 10


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_generated_request_meets_a_server_error(api: ApiClient, mode: GenerationMode) -> None:
    api.client.application.extensions["roundsman"].end_waits()  # nobody pushes for those who would wait
    document = schemathesis.openapi.from_wsgi("/openapi.json", api.client.application)
    tried = 0
    for found in document.get_all_operations():
        operation = found.ok()
        # /ready answers 503 without a worker; the others end the key that the rest is called with.
        if operation.path == "/ready" or (operation.method == "delete" and operation.path.startswith("/api-keys")):
            continue
        with suppress(Unsatisfiable):  # an operation without input has none that is wrong
            _try(operation, mode, {"Authorization": f"Bearer {api.key}"})
            tried += 1
    assert tried >= 12
    for path in LISTS:
        assert api.get(path).status_code == 200, f"{path} is broken by what was stored"


def _try(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=2_000,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def request_is_answered(case: Any) -> None:
        case.headers.pop("Prefer", None)  # nobody ends the runs of this test
        case.call_and_validate(headers=headers, checks=[not_a_server_error])

    request_is_answered()
