"""Checklists written as functions: this program performs the flows, the service judges what they observe.

    from roundsman import Checklist, serve

    checklist = Checklist()

    @checklist.flow("a to-do from beginning to end")
    def life(flow):
        created = flow.act("create a to-do", "POST", "http://127.0.0.1:8000/todos", json={"title": "water"})
        flow.check("what creating answers", created.json())

    serve(checklist, "127.0.0.1", 8090)

That observes a checklist with the `worker_url` http://127.0.0.1:8090/. One with a `queue` is observed by
`work(client, queue, checklist)`, from wherever the service can be reached.

Instead of its argument's, a flow may use the functions `act` and `check` of this module; it needs no argument then.
"""

import inspect
import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import requests

from roundsman.checking.flow_run import MAX_CHECKS, FlowRun, Occasion, checked_name
from roundsman.checking.serving import ChecklistServer, occasion_of
from roundsman.checking.values import ObservedFlow
from roundsman.client import Client
from roundsman.errors import RoundsmanError
from roundsman.processor import Job
from roundsman.signals import work_until_end

log = logging.getLogger("roundsman.checklist")

MAX_FLOWS = 200

_current: ContextVar[FlowRun] = ContextVar("roundsman.flow")


@dataclass(frozen=True, slots=True)
class Flow:
    """A line of acts and checks: a function that is given a FlowRun, or nothing."""

    name: str
    function: Callable[..., object]

    def observe(self, occasion: Occasion, told: Callable[[str], None], *, most_checks: int) -> ObservedFlow:
        """What it observes; an exception is the check `error`, after all that was observed until then."""
        with FlowRun(occasion, lambda line: told(f"{self.name} / {line}"), most_checks=most_checks) as run:
            token = _current.set(run)
            try:
                if inspect.signature(self.function).parameters:
                    self.function(run)
                else:
                    self.function()
            except Exception as error:  # noqa: BLE001 (whatever it is: the other flows shall be observed)
                run.note(error)
            finally:
                _current.reset(token)
        return {"name": self.name, "assertions": run.assertions}


class Checklist:
    """Flows, each with a name of its own.

    >>> @flow("arithmetic")
    ... def arithmetic():
    ...     check("a sum", 1 + 1)
    >>> checklist = Checklist(arithmetic)
    >>> @checklist.flow("division")
    ... def division(flow):
    ...     flow.check("a quotient", 1 / 0)
    >>> for observed in checklist.observe(Occasion(run_id="a run", checklist_id=1)):
    ...     print(observed["name"], observed["assertions"][0])
    arithmetic {'name': 'a sum', 'value': 2}
    division {'name': 'error', 'value': {'type': 'ZeroDivisionError', 'text': 'division by zero', 'act': None}}
    """

    def __init__(self, *flows: Flow) -> None:
        self.flows: list[Flow] = []
        for each in flows:
            self._add(each)

    def flow(self, name: str) -> Callable[[Callable[..., object]], Flow]:
        """Makes a function one of its flows. Raises ValueError for a name that is taken or cannot be one."""
        made = flow(name)
        return lambda function: self._add(made(function))

    def observe(
        self,
        occasion: Occasion,
        *,
        told: Callable[[str], None] = log.info,
        go_on: Callable[[], object] = lambda: None,
    ) -> list[ObservedFlow]:
        """What the flows observe, one after the other; `told` what they do, `go_on` before each: it may raise."""
        observed: list[ObservedFlow] = []
        most_checks = MAX_CHECKS
        for number, each in enumerate(self.flows, start=1):
            go_on()
            # Each of those that come after it keeps one, to say of itself that it had too many.
            observed.append(each.observe(occasion, told, most_checks=most_checks - (len(self.flows) - number)))
            most_checks -= len(observed[-1]["assertions"])
        return observed

    def _add(self, added: Flow) -> Flow:
        if added.name in {each.name for each in self.flows}:
            raise ValueError(f"the flow {added.name!r} is there already; every flow needs a name of its own")
        if len(self.flows) == MAX_FLOWS:
            raise ValueError(f"a checklist has at most {MAX_FLOWS} flows")
        self.flows.append(added)
        return added


def flow(name: str) -> Callable[[Callable[..., object]], Flow]:
    """Makes a function a flow, to be given to Checklist(). Raises ValueError for what cannot be a name."""
    checked_name("flow", name)
    return lambda function: Flow(name, function)


def act(name: str, method: str, url: str, **request: Any) -> requests.Response:
    """FlowRun.act of the flow that is being observed."""
    return _flow_run().act(name, method, url, **request)


def check(name: str, value: Any) -> None:
    """FlowRun.check of the flow that is being observed."""
    _flow_run().check(name, value)


def serve(checklist: Checklist, host: str = "127.0.0.1", port: int = 8090) -> None:
    """Answer the service as `worker_url`, until SIGTERM or Ctrl-C. Raises OSError when it cannot listen there."""
    with ChecklistServer(checklist.observe, host, port) as server:
        log.info("observing at %s", server.url)
        work_until_end([server.thread], server.stop)


def work(client: Client, queue: str, checklist: Checklist, *, concurrency: int = 1) -> None:
    """Observe what the service puts on a queue, until SIGTERM or Ctrl-C. Raises ApiError when it refuses for good."""

    @client.processor(queue, concurrency=concurrency)
    def observe(job: Job) -> list[ObservedFlow]:
        occasion = occasion_of(job.payload)
        if occasion is None:
            job.fail("the task is no run of a checklist", retry=False)
            return []
        return checklist.observe(occasion, told=lambda line: _logged(job, line), go_on=job.raise_if_ended)

    observe.run()


def _logged(job: Job, line: str) -> None:
    with suppress(RoundsmanError):  # what a flow observes does not depend on whether a line of log arrives
        job.log(line)


def _flow_run() -> FlowRun:
    try:
        return _current.get()
    except LookupError:
        raise RuntimeError("act and check are for the functions of flows, while they are observed") from None
