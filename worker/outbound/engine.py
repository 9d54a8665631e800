"""The calls of one worker process: one thread, one loop, a bounded number of calls at a time."""

import asyncio
import concurrent.futures
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import certifi
import pycurl

from shared.domain.addresses import Network
from worker.outbound import failures
from worker.outbound.exchange import MAX_BODY_BYTES, MAX_REDIRECTS, Answer, Request, Response, Unreachable
from worker.outbound.message import problem
from worker.outbound.multi import Multi
from worker.outbound.redirects import redirected
from worker.outbound.slots import Owner, Slots
from worker.outbound.transfer import Transfer

Result = TypeVar("Result")

USER_AGENT: Final = "Roundsman"
# libcurl ends a transfer at its deadline. Should it ever not, the loop does, this much later.
BELT_SECONDS: Final = 0.25
BELT_CHECK_SECONDS: Final = 0.05


class Outbound:
    """Makes calls to the outside on a thread of its own, at most `concurrency` at a time.

    `allow` are the networks that may be called besides the public Internet. `send` is for coroutines on
    `loop`; other threads bring theirs with `submit`.
    """

    loop: asyncio.AbstractEventLoop  # there from start() on

    def __init__(
        self,
        *,
        concurrency: int,
        allow: Sequence[Network] = (),
        max_body_bytes: int = MAX_BODY_BYTES,
        user_agent: str = USER_AGENT,
        ca_file: str | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency must be 1 or more, not {concurrency}")
        self._concurrency = concurrency
        self._allow = tuple(allow)
        self._max_body_bytes = max_body_bytes
        self._user_agent = user_agent
        self._ca_file = ca_file or ssl.get_default_verify_paths().cafile or certifi.where()
        self._thread: threading.Thread | None = None
        self._door = threading.Lock()  # between submit and close: nothing enters a loop that is ending
        self._is_open = False
        self._in_flight: dict[pycurl.Curl, _Call] = {}
        self._idle: list[Transfer] = []
        self._belt: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the thread; once only."""
        if self._thread is not None:
            raise RuntimeError("these outbound calls were already started")
        self.loop = asyncio.new_event_loop()
        self._slots = Slots(self._concurrency)
        self._multi = Multi(self.loop, kept_connections=self._concurrency, ended=self._ended)
        self._thread = threading.Thread(target=self.loop.run_forever, name="outbound", daemon=True)
        self._is_open = True
        self._thread.start()

    @property
    def in_flight(self) -> int:
        """How many calls are under way now, without those that wait for a slot."""
        return len(self._in_flight)

    def submit(self, coroutine: Coroutine[Any, Any, Result]) -> concurrent.futures.Future[Result]:
        """Run the coroutine on the loop; for any thread but the loop's own."""
        with self._door:
            if self._is_open:
                return asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        coroutine.close()
        raise RuntimeError("outbound calls are not running")

    def call(self, request: Request, timeout_seconds: float, then: Callable[[Answer], object]) -> Callable[[], None]:
        """Make one call, following no redirects, and hand on its answer; on the loop's thread only.

        `then` must not raise; it is called on the loop, never before this returns. What is returned drops the call and
        its connection at once, and then nothing is handed on. It takes no slot: whoever calls so bounds how many there
        are. Without coroutines and futures around it, a call costs some microseconds less than with `send`.
        """
        if (failure := problem(request)) is not None:
            return self.loop.call_soon(then, Unreachable(*failure, 0)).cancel
        return self._begin(request, self.loop.time() + timeout_seconds, timeout_seconds, then)

    async def send(self, request: Request, timeout_seconds: float, owner: Owner = None) -> Answer:
        """Make the call; after `timeout_seconds`, waiting for a slot included, it is over in any case.

        No `owner` has all the slots. `elapsed_ms` of a Response is the time of the call itself, without the wait for
        a slot. Cancelling the task drops the call and its connection at once.
        """
        arrived = self.loop.time()
        deadline = arrived + timeout_seconds
        if (failure := problem(request)) is not None:
            return Unreachable(*failure, 0)
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.take(owner)
        except TimeoutError:
            return Unreachable(*failures.no_place(timeout_seconds), self._milliseconds_since(arrived))
        try:
            return await self._follow(request, deadline)
        finally:
            self._slots.give_back(owner)

    async def _follow(self, request: Request, deadline: float) -> Answer:
        """The call and the redirects it is to follow, which all share its allowance and its slot."""
        begun = self.loop.time()
        timeout_seconds = deadline - begun
        for _ in range(MAX_REDIRECTS + 1):
            arrival: asyncio.Future[Answer] = self.loop.create_future()
            drop = self._begin(request, deadline, timeout_seconds, arrival.set_result)
            try:
                answer = await arrival
            except asyncio.CancelledError:
                drop()
                raise
            answer = answer._replace(elapsed_ms=self._milliseconds_since(begun))
            onward = redirected(request, answer) if isinstance(answer, Response) else None
            if onward is None:
                return answer
            if not isinstance(onward, Request):
                return Unreachable(*onward, self._milliseconds_since(begun))
            request = onward
        return Unreachable(*failures.TOO_MANY_REDIRECTS, self._milliseconds_since(begun))

    def _begin(
        self,
        request: Request,
        deadline: float,
        timeout_seconds: float,
        then: Callable[[Answer], object],
    ) -> Callable[[], None]:
        now = self.loop.time()
        left_ms = int((deadline - now) * 1_000)
        if left_ms < 1:  # a request that cannot be answered in time is better not sent
            return self.loop.call_soon(then, Unreachable(*failures.timed_out(timeout_seconds), 0)).cancel
        transfer = self._idle.pop() if self._idle else self._new_transfer()
        transfer.begin(request, timeout_ms=left_ms, timeout_seconds=timeout_seconds)
        call = _Call(transfer, then, begun_at=now, overdue_at=deadline + BELT_SECONDS)
        self._multi.add(transfer.curl)
        self._in_flight[transfer.curl] = call
        if self._belt is None:
            self._belt = self.loop.call_later(BELT_CHECK_SECONDS, self._end_overdue)
        return partial(self._drop, call)

    def _drop(self, call: "_Call") -> None:
        """Take out a call that nobody waits for any more, if it is still under way; its connection is closed."""
        if self._in_flight.get(call.transfer.curl) is call:
            self._take_out(call.transfer.curl)

    def _new_transfer(self) -> Transfer:
        return Transfer(
            allow=self._allow,
            max_body_bytes=self._max_body_bytes,
            user_agent=self._user_agent,
            ca_file=self._ca_file,
        )

    def _milliseconds_since(self, instant: float) -> int:
        return int((self.loop.time() - instant) * 1_000)

    def _ended(self, curl: pycurl.Curl, code: int) -> None:
        call = self._in_flight[curl]
        answer = call.transfer.outcome(code, self._milliseconds_since(call.begun_at))
        self._take_out(curl)
        call.then(answer)

    def _take_out(self, curl: pycurl.Curl) -> None:
        self._multi.remove(curl)
        transfer = self._in_flight.pop(curl).transfer
        transfer.forget()
        self._idle.append(transfer)

    def _end_overdue(self) -> None:
        now = self.loop.time()
        for curl in [curl for curl, call in self._in_flight.items() if call.overdue_at <= now]:
            self._ended(curl, pycurl.E_OPERATION_TIMEDOUT)
        self._belt = self.loop.call_later(BELT_CHECK_SECONDS, self._end_overdue) if self._in_flight else None

    def close(self, timeout_seconds: float) -> bool:
        """Cancel what is left and end the thread; True if it ended in time. Closing again does nothing."""
        with self._door:
            was_open, self._is_open = self._is_open, False
        if self._thread is None:
            return True
        if was_open:
            asyncio.run_coroutine_threadsafe(self._wind_up(timeout_seconds), self.loop)
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            return False
        if not self.loop.is_closed():
            self.loop.close()
        return True

    async def _wind_up(self, timeout_seconds: float) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=timeout_seconds / 2)  # the other half is for what comes after
        for curl in list(self._in_flight):
            self._take_out(curl)
        if self._belt is not None:
            self._belt.cancel()
        self._multi.close()
        self.loop.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(timeout_seconds=5)


class _Call:
    """What the loop knows of a transfer under way."""

    __slots__ = ("begun_at", "overdue_at", "then", "transfer")

    def __init__(
        self,
        transfer: Transfer,
        then: Callable[[Answer], object],
        *,
        begun_at: float,
        overdue_at: float,
    ) -> None:
        self.transfer = transfer
        self.then = then
        self.begun_at = begun_at
        self.overdue_at = overdue_at
