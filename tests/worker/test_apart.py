"""What takes long is computed beside the loop, within a time."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from worker import apart
from worker.apart import LARGE_BYTES, OutOfTime, compute, is_large


def test_what_is_quick_is_computed_at_once_and_what_takes_long_in_another_thread() -> None:
    here = threading.current_thread()
    assert asyncio.run(compute(False, 0, threading.current_thread)) is here
    assert asyncio.run(compute(True, 5, threading.current_thread)) is not here


@pytest.mark.parametrize("takes_long", [False, True])
def test_what_it_raises_is_raised_here(takes_long: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(compute(takes_long, 5, divmod, 1, 0))


def test_the_loop_goes_on_meanwhile() -> None:
    looked_at = threading.Event()

    async def run() -> bool:
        computing = asyncio.ensure_future(compute(True, 5, looked_at.wait, 5))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(looked_at.set)
        return await computing

    assert asyncio.run(run())


def test_out_of_time_it_tells_whether_it_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    done, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        done.wait(10)

    async def run() -> list[bool]:
        first = asyncio.ensure_future(compute(True, 0.05, hold))
        while not begun.is_set():
            await asyncio.sleep(0)
        second = asyncio.ensure_future(compute(True, 0.05, hold))
        await asyncio.wait({first, second})
        failures = [task.exception() for task in (first, second)]
        return [isinstance(failure, OutOfTime) and failure.was_begun for failure in failures]

    with ThreadPoolExecutor(1) as one_thread:
        monkeypatch.setattr(apart, "_POOL", one_thread)
        assert asyncio.run(run()) == [True, False]
        done.set()


def test_what_nobody_waits_for_any_more_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    begun: list[str] = []

    def hold(name: str) -> None:
        begun.append(name)
        done.wait(10)

    async def run() -> None:
        first = asyncio.ensure_future(compute(True, 5, hold, "first"))
        second = asyncio.ensure_future(compute(True, 5, hold, "second"))
        while not begun:
            await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait({second})
        await asyncio.sleep(0)
        done.set()
        await first

    with ThreadPoolExecutor(1) as one_thread:
        monkeypatch.setattr(apart, "_POOL", one_thread)
        asyncio.run(run())
    assert begun == ["first"]


@pytest.mark.parametrize(
    ("value", "large"),
    [
        (None, False),
        ({"a": [1, "b", {"c": 1.5}]}, False),
        (["x" * 1_000] * 30, False),
        ("x" * LARGE_BYTES, True),
        ({"x" * LARGE_BYTES: 1}, True),
        ([[]] * 5_000, True),
        ([["x" * 100] * 400], True),
        ([None] * 10_000_000, True),
    ],
)
def test_a_value_is_large_by_its_text_and_by_its_elements(value: object, large: bool) -> None:
    assert is_large([value]) is large
