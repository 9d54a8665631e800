"""The only functions that RQ may call, and the job class that sees to it."""

import threading
import time
from collections.abc import Callable
from typing import Any

from rq.job import Job

from shared.queues import PERFORM
from worker.rounds import Rounds

_rounds: Rounds | None = None
_stopping = threading.Event()

# A ring is answered until the worker has nothing more to claim, but not for ever: RQ wants its heartbeat.
ANSWER_SECONDS = 5.0
LISTEN_SECONDS = 0.25  # how soon a ring that is being answered notices that the worker is to stop


def serve(rounds: Rounds, stopping: threading.Event) -> None:
    """From now on rings in this process wake these rounds, until it is stopping."""
    global _rounds, _stopping
    _rounds, _stopping = rounds, stopping


def perform(ids: list[str]) -> None:
    """Answer a ring: claim what is due, these ids or others, until there is nothing left to claim."""
    if _rounds is None:
        raise RuntimeError("this process does not make rounds; start it with: roundsman worker")
    _rounds.look()
    deadline = time.monotonic() + ANSWER_SECONDS
    while not _stopping.is_set() and time.monotonic() < deadline:
        if _rounds.wait_until_calm(LISTEN_SECONDS):
            return


FUNCTIONS: dict[str, Callable[..., None]] = {PERFORM: perform}


class Ring(Job):
    """An RQ job that can call nothing but FUNCTIONS: whoever can write to Redis must not be able to run code here."""

    @property
    def func(self) -> Callable[..., None]:
        try:
            return FUNCTIONS[self.func_name or ""]
        except KeyError:
            raise ValueError(f"{self.func_name!r} is no function that this worker performs") from None

    @property
    def success_callback(self) -> None:
        return None

    @property
    def failure_callback(self) -> None:
        return None

    @property
    def stopped_callback(self) -> None:
        return None

    def _no_callback(self, *_: Any, **__: Any) -> None:
        return None

    execute_success_callback = execute_failure_callback = execute_stopped_callback = _no_callback
