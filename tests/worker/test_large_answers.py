"""Large answers of a flow's acts: looked at beside the loop of all calls, and within the time of the run."""

import asyncio
import json
import threading
from typing import Any

import pytest

from shared.domain.observations import ObservedFlow
from worker import apart, flows
from worker.apart import LARGE_BYTES
from worker.flows import observe_flow
from worker.outbound import Answer, Request, Response

ACT = {"act": "get", "request": {"url": "http://127.0.0.1/a"}, "capture": {"first": "[0]"}}
CHECK = {"check": "all", "observe": "[body[0], length(body)]"}


def observe(elements: int) -> ObservedFlow:
    """A flow whose only answer is an array of so many zeros."""

    async def send(_request: Request, _timeout_seconds: float) -> Answer:
        return Response(200, (), json.dumps([0] * elements, separators=(",", ":")).encode(), False, 1)

    async def run() -> ObservedFlow:
        deadline = asyncio.get_running_loop().time() + 5
        return await observe_flow({"name": "f", "steps": [ACT, CHECK]}, {}, send, deadline)

    return asyncio.run(run())


@pytest.mark.parametrize(("elements", "is_apart"), [(100, False), (LARGE_BYTES, True)], ids=["small", "large"])
def test_a_large_answer_is_read_and_observed_in_another_thread(
    monkeypatch: pytest.MonkeyPatch, elements: int, is_apart: bool
) -> None:
    threads: list[threading.Thread] = []
    for name in ("exchange_of", "compile_expression"):
        function: Any = getattr(flows, name)

        def noted(*arguments: Any, function: Any = function) -> Any:
            threads.append(threading.current_thread())
            return function(*arguments)

        monkeypatch.setattr(flows, name, noted)
    found = observe(elements)
    assert (found.error, [check.value for check in found.checks]) == (None, [[0, elements]])
    assert [thread is not threading.current_thread() for thread in threads] == [is_apart] * 3


def test_an_answer_that_is_not_looked_at_in_time_ends_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(takes_long: bool, *_: object) -> None:
        assert takes_long
        raise apart.OutOfTime(was_begun=False)

    monkeypatch.setattr(flows, "compute", never)
    assert observe(LARGE_BYTES) == ObservedFlow(
        "f", (), "act 'get': the time of the run was over while its answer was looked at"
    )
