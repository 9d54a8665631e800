"""A flow while it is observed: its acts and its checks."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import requests

from roundsman.checking.values import Assertion, assertion, is_storable
from roundsman.processing.texts import reason

ACT_SECONDS = 30.0
MAX_CHECKS = 1_000
MAX_NAME_CHARACTERS = 200
# Where in memory something is, as texts of exceptions like to tell, is another place each time.
MEMORY_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a checklist is observed for; `variables` are those of its run, when it comes from a queue."""

    run_id: str
    checklist_id: int
    variables: Mapping[str, str] = field(default_factory=dict)


class FlowRun:
    """What the function of a flow is given; its requests share one session, with its cookies.

    `most_checks` is what the other flows of the checklist have left it, one at least.

    >>> with FlowRun(Occasion("a run", 1), print) as flow:
    ...     flow.check("the answer", {"number": 42})
    >>> flow.assertions
    [{'name': 'the answer', 'value': {'number': 42}}]
    """

    def __init__(self, occasion: Occasion, told: Callable[[str], None], *, most_checks: int = MAX_CHECKS) -> None:
        self.run_id = occasion.run_id
        self.checklist_id = occasion.checklist_id
        self.variables = dict(occasion.variables)
        self.assertions: list[Assertion] = []
        self.session = requests.Session()
        self._told = told
        self._most_checks = most_checks
        self._act: str | None = None

    def act(self, name: str, method: str, url: str, **request: Any) -> requests.Response:
        """Send a request; the answer, whatever its status is. Raises what requests raises.

        `request` is what `requests.request` takes: json, headers, params and so on; `timeout` is 30 s if not given.
        """
        self._act = checked_name("act", name)
        began = time.monotonic()
        answer = self.session.request(method, url, **{"timeout": ACT_SECONDS, **request})
        self._told(f"{name}: {answer.status_code} in {(time.monotonic() - began) * 1_000:.0f} ms")
        return answer

    def check(self, name: str, value: Any) -> None:
        """Observe a value, which the service compares with its snapshot. Raises TypeError when it is no JSON."""
        if len(self.assertions) == self._most_checks:
            raise ValueError(f"a checklist has at most {MAX_CHECKS:,} checks")
        self.assertions.append(assertion(checked_name("check", name), value))

    def note(self, error: Exception) -> None:
        """Make a check of an exception: it is something that was observed, too."""
        text = MEMORY_ADDRESS.sub("", reason(error)).removeprefix(f"{type(error).__name__}").removeprefix(": ")
        self._told(f"{type(error).__name__}: {text}")
        observed = {"type": type(error).__name__, "text": text, "act": self._act}
        self.assertions = [*self.assertions[: self._most_checks - 1], assertion("error", observed)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()


def checked_name(what: str, name: str) -> str:
    """The name, if it can be one. Raises ValueError."""
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        raise ValueError(f"the name of a {what} has 1 to {MAX_NAME_CHARACTERS} characters, unlike {name!r}"[:300])
    if not is_storable(name):
        raise ValueError(f"the name of a {what} has no NUL and no halves of characters, unlike {name!r}"[:300])
    return name
