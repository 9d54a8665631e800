"""Flows performed step by step: acts send requests, checks look at the last answer."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final, TypeAlias

from shared.domain.expression import ExpressionFailed, InvalidExpression, compile_expression
from shared.domain.json_value import Json, written
from shared.domain.observations import ObservedCheck, ObservedFlow, numbered
from worker.apart import LARGE_BYTES, OutOfTime, compute
from worker.exchange import Exchange, exchange_of
from worker.expectations import failures
from worker.flow_request import InvalidRequest, request_of
from worker.outbound import Request, Response, Unreachable
from worker.templates import Unfillable, fill
from worker.turns import CALLS_AT_ONCE, Send, in_turn

Clock: TypeAlias = Callable[[], float]

MAX_OBSERVED_BYTES: Final = 4 * 1_048_576
MAX_CAPTURED_BYTES: Final = 1_048_576
# A call ends itself at its time-out; this much later it is abandoned, so that nothing can hold up a run.
ABANDON_AFTER_SECONDS: Final = 1.0


class Room:
    """How many bytes of values may still be kept; one for all flows of a run, or one for a flow's captures."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = Lock()  # large answers are looked at in threads

    def take(self, value: Json) -> bool:
        """Whether the value still fits; if it does not, nothing that follows does."""
        size = len(written(value).encode()) if self._left >= 0 else 0
        with self._lock:
            self._left -= size
            return self._left >= 0


async def observe_flows(
    flows: Sequence[Mapping[str, Any]],
    variables: Mapping[str, str],
    send: Send,
    deadline: float,
    *,
    clock: Clock = time.monotonic,
) -> tuple[ObservedFlow, ...]:
    """All flows of a run, performed side by side, each with variables of its own; results in the written order."""
    room = Room(MAX_OBSERVED_BYTES)
    send = in_turn(send) if len(flows) > CALLS_AT_ONCE else send
    performing = [observe_flow(flow, variables, send, deadline, clock=clock, room=room) for flow in flows]
    return tuple(await asyncio.gather(*performing))


async def observe_flow(
    flow: Mapping[str, Any],
    variables: Mapping[str, str],
    send: Send,
    deadline: float,
    *,
    clock: Clock = time.monotonic,
    room: Room | None = None,
) -> ObservedFlow:
    """One flow, to its end or to the act that could not be performed; `deadline` is an instant of the clock."""
    walk = _FlowWalk(variables, send, deadline, clock, room or Room(MAX_OBSERVED_BYTES))
    error = None
    try:
        for step, name in zip(flow["steps"], _check_names(flow["steps"]), strict=True):
            await walk.take(step, name)
    except _FlowEnded as ended:
        error = ended.args[0]
    return ObservedFlow(flow["name"], tuple(walk.checks), error)


def _check_names(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """For every step the name of the check that it may become.

    Checks are counted before acts, so that an act which fails does not rename a check of the same name.
    """
    order = sorted(range(len(steps)), key=lambda index: "act" in steps[index])
    names = numbered(steps[index].get("check") or steps[index].get("act", "") for index in order)
    return [name for _, name in sorted(zip(order, names, strict=True))]


class _FlowEnded(Exception):
    """The flow cannot go on; the sentence becomes its error."""


class _FlowWalk:
    """A flow under way: its variables, its last answer, and what was observed so far."""

    def __init__(self, variables: Mapping[str, str], send: Send, deadline: float, clock: Clock, room: Room) -> None:
        self.checks: list[ObservedCheck] = []
        self._variables: dict[str, Json] = dict(variables)
        self._last: Exchange | None = None
        self._is_large = False  # the last answer
        self._send, self._deadline, self._clock = send, deadline, clock
        self._observed, self._captured = room, Room(MAX_CAPTURED_BYTES)

    async def take(self, step: Mapping[str, Any], name: str) -> None:
        is_act = "act" in step
        what = f"act '{step['act']}'" if is_act else f"check '{step['check']}'"
        remaining = self._deadline - self._clock()
        if remaining <= 0:
            raise _FlowEnded(f"{what}: the time of the run was over before it")
        try:
            if is_act:
                await self._act(step, name, remaining)
            else:
                await self._compute(self._check, step, name)
        except (Unfillable, InvalidRequest, InvalidExpression, ExpressionFailed) as fault:
            raise _FlowEnded(f"{what}: {fault.detail}") from None
        except OutOfTime:
            raise _FlowEnded(f"{what}: the time of the run was over while its answer was looked at") from None
        except _FlowEnded as ended:
            raise _FlowEnded(f"{what}: {ended}") from None

    async def _act(self, step: Mapping[str, Any], name: str, remaining: float) -> None:
        request = request_of(fill(step["request"], self._variables))
        expect: Any = fill(step.get("expect", {}), self._variables)
        answer = await self._answer(request, remaining)
        self._is_large = len(answer.body) > LARGE_BYTES
        await self._compute(self._learn, step, name, expect, answer)

    def _learn(self, step: Mapping[str, Any], name: str, expect: Any, answer: Response) -> None:
        """Hold the answer of an act against what is expected of it, and keep what later steps need of it."""
        self._last = exchange_of(answer)
        if failed := failures(expect, self._last):
            self.checks.append(ObservedCheck(name, None, observed=False, errors=failed))
        for variable, expression in step.get("capture", {}).items():
            self._capture(variable, expression, self._last)

    async def _compute(self, function: Callable[..., None], *arguments: object) -> None:
        """Look at the last answer; at a large one apart from the loop, which all other calls need meanwhile."""
        within_seconds = self._deadline - self._clock() + ABANDON_AFTER_SECONDS if self._is_large else 0
        await compute(self._is_large, within_seconds, function, *arguments)

    async def _answer(self, request: Request, remaining: float) -> Response:
        try:
            async with asyncio.timeout(remaining + ABANDON_AFTER_SECONDS):
                answer = await self._send(request, remaining)
        except TimeoutError:
            raise _FlowEnded("the time of the run was over before its answer was complete") from None
        if isinstance(answer, Unreachable):
            raise _FlowEnded(answer.detail)
        return answer

    def _capture(self, variable: str, expression: str, exchange: Exchange) -> None:
        if exchange.unusable:
            raise _FlowEnded(f"the capture '{variable}' finds nothing: {exchange.unusable}")
        found = compile_expression(expression).search(exchange.body)
        if found is None:
            raise _FlowEnded(f"the capture '{variable}' finds nothing at {expression[:100]}")
        if not self._captured.take(found):
            raise _FlowEnded(f"the capture '{variable}' makes the captured values larger than 1 MiB in all")
        self._variables[variable] = found

    def _check(self, step: Mapping[str, Any], name: str) -> None:
        if self._last is None:
            raise _FlowEnded("there is no answer to look at; an act must come before it")
        try:
            expect: Any = fill(step.get("expect", {}), self._variables)
            failed = failures(expect, self._last)
            if self._last.unusable:
                self.checks.append(ObservedCheck(name, None, False, (self._last.unusable, *failed)))
                return
            value = self._observe(step, self._last)
        except (Unfillable, InvalidExpression, ExpressionFailed) as fault:
            self.checks.append(ObservedCheck(name, None, observed=False, errors=(fault.detail,)))
            return
        if not self._observed.take(value):
            raise _FlowEnded("the observed values of the run are larger than 4 MiB in all")
        self.checks.append(ObservedCheck(name, value, observed=True, errors=failed))

    def _observe(self, step: Mapping[str, Any], exchange: Exchange) -> Json:
        if "observe" not in step:
            return exchange.body
        expression = fill(step["observe"], self._variables)
        return compile_expression(str(expression)).search(exchange.as_json())
