"""A task in hand: what a processor's function is given."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from roundsman.errors import (
    Invalid,
    JobCanceled,
    JobDone,
    JobFailed,
    JobTimedOut,
    LeaseLost,
    NotFound,
    RoundsmanError,
)
from roundsman.json_bytes import in_parts
from roundsman.processing.texts import sendable
from roundsman.resources.task_shapes import Lease, PoppedTask
from roundsman.resources.tasks import Tasks
from roundsman.transport import PATIENCE_SECONDS

log = logging.getLogger("roundsman.processor")

LINES_AT_ONCE = 100
GIVING_BACK_SECONDS = 3.0
# A connection that breaks just then must not cost the task its whole lease.
GIVING_BACK_PATIENCE_SECONDS = 0.5


class Job:
    """A task that this process has leased; `attempt` counts from 1, for the first time that it is tried.

    Whatever it is told goes to the service at once, which can fail: LeaseLost or JobTimedOut when the task is no longer
    this process's, and for its end ServerUnreachable, when the service does not answer. After its end it takes nothing
    more: JobDone or JobFailed. The event `timed_out` is set when its `timeout_seconds` are over; what comes then is
    refused.

    >>> client = Client(url, api_key)
    >>> task = client.queues.push("letters", {"to": "ada"}, max_attempts=1)
    >>> @client.processor("letters")
    ... def send(job):
    ...     job.log(f"attempt {job.attempt} for {job.payload['to']}")
    ...     job.fail("there is no such address", retry=False)
    ...     send.stop()
    >>> send.run()
    >>> ended = client.tasks.wait(task["id"], seconds=5)
    >>> ended["state"], ended["error"], ended["logs"][0]["message"]
    ('failed', 'there is no such address', 'attempt 1 for ada')
    """

    def __init__(
        self, task: PoppedTask, tasks: Tasks, lease_seconds: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.id = task["id"]
        self.queue = task["queue"]
        self.payload: Any = task["payload"]
        self.attempt = task["attempt"]
        self.scheduled_for = task["scheduled_for"]
        self.timeout_seconds = task["timeout_seconds"]
        self.timed_out = threading.Event()
        self._lease_token = task["lease_token"]
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._leased_until = clock() + lease_seconds
        self._tasks = tasks
        # A client is for one thread at a time, and a function may well begin threads of its own.
        self._sending = threading.Lock()
        self._ending = threading.Lock()
        self._end: Callable[[], RoundsmanError] | None = None
        self._cancel_requested = False
        self._lease_lost = False
        self._lines_are_missing = False

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody has asked that it be given up."""
        return self._cancel_requested

    @property
    def lease_lost(self) -> bool:
        """Whether the task is this process's no longer."""
        return self._lease_lost

    @property
    def has_ended(self) -> bool:
        """Whether it was said what became of it."""
        return self._end is not None

    def log(self, *messages: str) -> None:
        """Add lines to what is known of this attempt, as long as there is room for them and the service takes them.

        What it does not take costs no attempt: once for a task that is said in this process's log. Raises LeaseLost
        and JobTimedOut, and JobDone and JobFailed after its end.
        """
        self._raise_its_end()
        for lines in in_parts([sendable(str(each)) for each in messages], LINES_AT_ONCE):
            try:
                with self._sending, self._listening():
                    self._note(self._tasks.log(self.id, self._lease_token, lines))
            except (LeaseLost, JobTimedOut, NotFound):
                raise
            except RoundsmanError as error:
                self._miss_lines(error)

    def done(self, result: Any = None) -> None:
        """Say that it is done; who waits for the task gets the result. Raises TypeError when that is no JSON.

        While the service does not answer, it is told again as long as the lease is in force.
        """
        _check_json(result)
        with self._ending_by(lambda: JobDone(f"the task {self.id} was done before")):
            self._tasks.ack(self.id, self._lease_token, result, patience_seconds=self._patience())

    def fail(self, error: str | BaseException, *, retry: bool = True, delay_seconds: float = 0) -> None:
        """Say that this attempt failed; with `retry` another one begins after the delay, if one is left."""
        text = sendable(str(error)) or "it failed and did not say why"
        with self._ending_by(lambda: JobFailed(f"the task {self.id} has failed before: {text}")):
            self._tasks.fail(
                self.id,
                self._lease_token,
                text,
                retry=retry,
                delay_seconds=delay_seconds,
                patience_seconds=self._patience(),
            )

    def raise_if_ended(self) -> None:
        """Nothing while it makes sense to go on; else JobTimedOut, LeaseLost, JobCanceled, JobDone or JobFailed."""
        if self.timed_out.is_set():
            raise JobTimedOut(409, f"the task {self.id} took longer than its {self.timeout_seconds} s")
        self._raise_its_end()
        if self._lease_lost:
            raise LeaseLost(409, f"the lease on the task {self.id} is lost")
        if self._cancel_requested:
            raise JobCanceled(f"the task {self.id} was canceled")

    def extend(self, tasks: Tasks, *, answer_seconds: float) -> None:
        """Lease it anew by way of `tasks`. Raises what that raises."""
        with self._listening():
            self._note(
                tasks.extend(
                    self.id, self._lease_token, self._lease_seconds, patience_seconds=0, answer_seconds=answer_seconds
                )
            )
        self._leased_until = self._clock() + self._lease_seconds

    def give_back(self, tasks: Tasks) -> None:
        """Let somebody else have it at once, as if it had not been tried. Raises what `tasks` raises, and its end."""
        self._set_end(lambda: LeaseLost(409, f"the task {self.id} was given back: its processor was stopped"))
        tasks.release(
            self.id,
            self._lease_token,
            patience_seconds=GIVING_BACK_PATIENCE_SECONDS,
            answer_seconds=GIVING_BACK_SECONDS,
        )

    def _patience(self) -> float:
        return max(PATIENCE_SECONDS, self._leased_until - self._clock())

    def _miss_lines(self, error: RoundsmanError) -> None:
        if not self._lines_are_missing:
            self._lines_are_missing = True
            log.warning("task %s of queue %s: lines of its log are missing: %s", self.id, self.queue, error)

    def _note(self, lease: Lease) -> None:
        if lease["cancel_requested"]:
            self._cancel_requested = True

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Remembers what the service says of the lease when it refuses."""
        try:
            yield
        except JobTimedOut:
            self.timed_out.set()
            raise
        except (LeaseLost, NotFound):
            self._lease_lost = True
            raise

    @contextmanager
    def _ending_by(self, end: Callable[[], RoundsmanError]) -> Iterator[None]:
        self._set_end(end)
        try:
            with self._sending, self._listening():
                yield
        except (Invalid, TypeError, ValueError):  # refused, or never sent: something else can be said instead
            self._end = None
            raise

    def _set_end(self, end: Callable[[], RoundsmanError]) -> None:
        with self._ending:
            self._raise_its_end()
            self._end = end

    def _raise_its_end(self) -> None:
        if (end := self._end) is not None:
            raise end()


def _check_json(result: Any) -> None:
    try:
        json.dumps(result, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the result of a task must be JSON: {error}") from None
