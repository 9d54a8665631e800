"""So many jobs at a time, each in a thread of its own and with a client of its own."""

import logging
import threading
import time
from collections.abc import Callable

from roundsman.errors import RoundsmanError, ServerUnreachable
from roundsman.processing.job import Job
from roundsman.processing.keeping import Keeper
from roundsman.processing.options import Options, TaskClient
from roundsman.processing.performing import Handler, perform
from roundsman.resources.task_shapes import PoppedTask

log = logging.getLogger("roundsman.processor")


class Hands:
    """What is done with the tasks that were taken from the queue."""

    def __init__(
        self,
        handler: Handler,
        options: Options,
        open_client: Callable[[], TaskClient],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._handler = handler
        self._options = options
        self._open_client = open_client
        self._clock = clock
        self._keeper = Keeper(open_client(), options.lease_seconds) if options.extend else None
        self._free = [open_client() for _ in range(options.concurrency)]
        self._jobs: set[Job] = set()
        self._changed = threading.Condition()
        if self._keeper is not None:
            self._keeper.start()

    def wait_for_free(self, seconds: float) -> int:
        """How many more tasks can be begun, as soon as it is one at least or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._free, seconds)
            return len(self._free)

    def begin(self, task: PoppedTask, *, lease_is_old: bool) -> None:
        """Begin it; there must be a free hand."""
        with self._changed:
            client = self._free.pop()
            job = Job(task, client.tasks, self._options.lease_seconds, clock=self._clock)
            self._jobs.add(job)
        if self._keeper is not None:
            self._keeper.keep(job, at_once=lease_is_old)
        name = f"roundsman-{self._options.queue}"
        threading.Thread(target=self._perform, args=(job, client), name=name, daemon=True).start()

    def finish(self, untouched: list[PoppedTask]) -> None:
        """Wait until all have ended, but not longer than the grace; what has not, and the untouched, is given back."""
        deadline = self._clock() + self._options.grace_seconds
        giving = self._open_client()
        self._give_back(giving, [Job(task, giving.tasks, self._options.lease_seconds) for task in untouched])
        with self._changed:
            self._changed.wait_for(lambda: not self._jobs, max(0.0, deadline - self._clock()))
            left = list(self._jobs)
        if self._keeper is not None:
            self._keeper.stop()
        self._give_back(giving, [job for job in left if not job.has_ended])
        giving.close()
        with self._changed:
            for client in self._free:
                client.close()

    def _perform(self, job: Job, client: TaskClient) -> None:
        try:
            perform(self._handler, job)
        finally:
            if self._keeper is not None:
                self._keeper.let_go(job)
            with self._changed:
                self._jobs.discard(job)
                self._free.append(client)
                self._changed.notify_all()

    def _give_back(self, client: TaskClient, jobs: list[Job]) -> None:
        for number, job in enumerate(jobs):
            try:
                job.give_back(client.tasks)
            except ServerUnreachable as error:
                log.warning("%d tasks of queue %s stay leased: %s", len(jobs) - number, self._options.queue, error)
                return
            except RoundsmanError as error:
                log.warning("task %s of queue %s could not be given back: %s", job.id, job.queue, error)
            else:
                log.warning("task %s of queue %s was given back unfinished", job.id, job.queue)
