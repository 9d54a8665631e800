"""The calls of one run take turns: a run with many flows must not take the place of all others."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from worker.outbound import Answer, Request, Unreachable
from worker.outbound.failures import no_place

Send: TypeAlias = Callable[[Request, float], Awaitable[Answer]]

CALLS_AT_ONCE: Final = 8
SLOW_AFTER_SECONDS: Final = 1.0


def in_turn(send: Send) -> Send:
    """The same, with so many brisk calls at once; the wait for a turn is taken off the time-out.

    One that takes long goes on beside the others: a target that hangs holds up its own flows, and nobody else's.
    """
    turns = asyncio.Semaphore(CALLS_AT_ONCE)

    async def send_in_turn(request: Request, timeout_seconds: float) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        async with turns:
            if (left := deadline - loop.time()) <= 0:
                return Unreachable(*no_place(timeout_seconds), 0)
            call = asyncio.ensure_future(send(request, left))
            try:
                await asyncio.wait({call}, timeout=SLOW_AFTER_SECONDS)
            except asyncio.CancelledError:
                call.cancel()
                raise
        return await call

    return send_in_turn
