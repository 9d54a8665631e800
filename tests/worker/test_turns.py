"""The calls of one run: so many at once, and what hangs holds up nobody else."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from shared.domain.observations import ObservedFlow
from worker import turns
from worker.flows import observe_flows
from worker.outbound import Answer, Request, Response, Unreachable
from worker.turns import CALLS_AT_ONCE, Send


def flows(*paths: str) -> list[dict[str, Any]]:
    return [
        {"name": f"{number}", "steps": [{"act": "get", "request": {"url": f"http://127.0.0.1/{path}"}}, {"check": "c"}]}
        for number, path in enumerate(paths)
    ]


def observe(send: Send, paths: Sequence[str], timeout_seconds: float = 5) -> tuple[ObservedFlow, ...]:
    async def run() -> tuple[ObservedFlow, ...]:
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        return await observe_flows(flows(*paths), {}, send, deadline)

    return asyncio.run(run())


def test_a_run_makes_no_more_than_so_many_brisk_calls_at_once_and_makes_them_all() -> None:
    under_way: list[int] = [0]
    most = 0

    async def send(_request: Request, _timeout_seconds: float) -> Answer:
        nonlocal most
        under_way[0] += 1
        most = max(most, under_way[0])
        await asyncio.sleep(0)
        under_way[0] -= 1
        return Response(200, (), b"1", False, 1)

    found = observe(send, ["a"] * 50)
    assert [flow.checks[0].value for flow in found] == [1] * 50
    assert most == CALLS_AT_ONCE


def test_flows_that_hang_do_not_keep_the_others_from_being_performed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SLOW_AFTER_SECONDS", 0)
    brisk_is_done = asyncio.Event()

    async def send(request: Request, _timeout_seconds: float) -> Answer:
        if request.url.endswith("hang"):
            await brisk_is_done.wait()
            return Unreachable("timed_out", "no answer within 5 s", 5_000)
        brisk_is_done.set()
        return Response(200, (), b"1", False, 1)

    *hanging, brisk = observe(send, ["hang"] * 30 + ["brisk"])
    assert (brisk.error, brisk.checks[0].value) == (None, 1)
    assert {flow.error for flow in hanging} == {"act 'get': no answer within 5 s"}


def test_a_call_that_had_no_turn_in_time_says_so_and_does_not_blame_its_target() -> None:
    async def send(_request: Request, timeout_seconds: float) -> Answer:
        await asyncio.sleep(timeout_seconds + 0.01)
        return Unreachable("timed_out", "no answer within 0.1 s", 100)

    *_, last = observe(send, ["hang"] * (CALLS_AT_ONCE + 1), timeout_seconds=0.1)
    assert last.error == "act 'get': this service had no place for the call within 0.1 s"


def test_a_run_that_is_dropped_drops_its_calls() -> None:
    dropped = 0

    async def send(_request: Request, _timeout_seconds: float) -> Answer:
        nonlocal dropped
        try:
            await asyncio.Event().wait()
        finally:
            dropped += 1
        raise AssertionError

    async def run() -> None:
        deadline = asyncio.get_running_loop().time() + 5
        performing = asyncio.ensure_future(observe_flows(flows(*["a"] * 20), {}, send, deadline))
        for _ in range(5):
            await asyncio.sleep(0)
        performing.cancel()
        await asyncio.wait({performing})
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert dropped == CALLS_AT_ONCE
