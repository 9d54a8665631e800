"""A checklist as the service's `worker_url` asks for it."""

import json
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from roundsman.checking.flow_run import Occasion
from roundsman.checking.values import ObservedFlow
from roundsman.json_bytes import json_bytes
from roundsman.local.addresses import reachable_host, url_of
from roundsman.posts import PostHandler, PostServer

LOOK_SECONDS = 0.05
MOST_AT_ONCE = 128
# No run lasts longer than that.
WAITING_SECONDS = 900.0


class ChecklistServer:
    """Listens as soon as it is made, on a free port for 0, and answers between start() and stop().

    `observe` is called in several threads at a time. Raises OSError when it cannot listen there.
    """

    def __init__(self, observe: Callable[[Occasion], list[ObservedFlow]], host: str, port: int) -> None:
        self._server = _Server(host, port, observe)
        self.thread = threading.Thread(target=self._server.serve_forever, args=(LOOK_SECONDS,), daemon=True)
        self.url = f"{url_of(reachable_host(host), self._server.server_address[1])}/"

    def start(self) -> None:
        """Answer."""
        self.thread.start()

    def stop(self) -> None:
        """Answer no longer."""
        if self.thread.is_alive():
            self._server.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._server.server_close()


class _Server(PostServer):
    def __init__(self, host: str, port: int, observe: Callable[[Occasion], list[ObservedFlow]]) -> None:
        self.observe = observe
        super().__init__(host, port, _Handler, most_at_once=MOST_AT_ONCE, waiting_seconds=WAITING_SECONDS)


class _Handler(PostHandler):
    server: _Server

    def receive(self, body: bytes) -> None:
        if self.path.partition("?")[0] != "/":
            self.refuse(404, "there is only one checklist here, at /", body)
            return
        occasion = _occasion(body)
        if occasion is None:
            self.refuse(422, 'expected {"run_id": "...", "checklist_id": 1} as JSON', body)
            return
        if self.is_hung_up_on():  # it has waited too long, and what the flows do would be for nobody
            self.close_connection = True
            return
        self.answer(200, json_bytes(self.server.observe(occasion)), "application/json")


def _occasion(body: bytes) -> Occasion | None:
    try:
        asked: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return occasion_of(asked)


def occasion_of(asked: Any) -> Occasion | None:
    """What the service asks for, if it is that.

    >>> occasion_of({"run_id": "r", "checklist_id": 7})
    Occasion(run_id='r', checklist_id=7, variables={})
    >>> occasion_of({"run_id": 7})
    """
    if not isinstance(asked, dict):
        return None
    run_id, checklist_id, variables = asked.get("run_id"), asked.get("checklist_id"), asked.get("variables") or {}
    if not isinstance(run_id, str) or type(checklist_id) is not int or not isinstance(variables, dict):
        return None
    return Occasion(run_id, checklist_id, {str(name): str(value) for name, value in variables.items()})
