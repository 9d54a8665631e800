"""What takes long to compute, apart from the loop of all calls: while that computes, no socket is read."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

LARGE_BYTES: Final = 32_768  # as JSON text; what is smaller is computed sooner than it is handed over
_BYTES_OF_ELEMENT: Final = 8

_POOL: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="apart")


class OutOfTime(Exception):
    """It was not computed in time; `was_begun` is False where others took all of that."""

    def __init__(self, *, was_begun: bool) -> None:
        super().__init__()
        self.was_begun = was_begun


async def compute(
    takes_long: bool,
    within_seconds: float,
    function: Callable[Parameters, Result],
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> Result:
    """Call the function: at once, or in a thread if it takes long; cancelling the wait drops it if it has not begun.

    Raises OutOfTime, and whatever the function raises.
    """
    if not takes_long:
        return function(*args, **kwargs)
    computing = _POOL.submit(function, *args, **kwargs)
    result = asyncio.wrap_future(computing)
    try:
        await asyncio.wait({result}, timeout=max(0, within_seconds))
        if not result.done():
            raise OutOfTime(was_begun=not computing.cancel())
        return result.result()
    finally:
        result.cancel()


def is_large(values: Iterable[object]) -> bool:
    """Whether these JSON values take long to go through; to tell that takes no time.

    >>> is_large([{"a": [1, 2, 3]}]), is_large([[0] * 1_000_000])
    (False, True)
    """
    left = LARGE_BYTES
    pending = list(values)
    while pending and left > 0:
        part = pending.pop()
        if isinstance(part, str):
            left -= len(part)
        elif isinstance(part, dict):
            left -= _BYTES_OF_ELEMENT * len(part)
            if left > 0:
                left -= sum(map(len, part))
                pending += part.values()
        elif isinstance(part, list):
            left -= _BYTES_OF_ELEMENT * len(part)
            if left > 0:
                pending += part
    return left <= 0
