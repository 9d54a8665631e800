"""Keeping what is in hand: a thread that leases tasks anew while functions run, and says when their time is over."""

import logging
import threading
import time
from collections.abc import Callable

from roundsman.errors import Conflict, NotFound, RoundsmanError
from roundsman.processing.job import Job
from roundsman.processing.options import TaskClient

log = logging.getLogger("roundsman.processor")

# Leased anew when a third of the lease is over, there is time for two more tries.
PART_OF_LEASE = 3
LONGEST_ANSWER_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 1.0


class Keeper:
    """Extends the leases of the jobs it is given, for as long as they are in its hands.

    A service that does not answer is asked again; one that says that a lease is lost is believed.
    """

    def __init__(self, client: TaskClient, lease_seconds: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._every_seconds = lease_seconds / PART_OF_LEASE
        self._clock = clock
        self._changed = threading.Condition()
        self._due: dict[Job, float] = {}
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="roundsman-keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def keep(self, job: Job, *, at_once: bool = False) -> None:
        """From now on; `at_once` when it is not known how much of its lease is over."""
        with self._changed:
            self._due[job] = self._clock() + (0.0 if at_once else self._every_seconds)
            self._changed.notify()

    def let_go(self, job: Job) -> None:
        """It is not kept any longer."""
        with self._changed:
            self._due.pop(job, None)

    def stop(self) -> None:
        """Keep nothing any longer."""
        with self._changed:
            self._is_over = True
            self._due.clear()
            self._changed.notify()
        self._client.hang_up()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._extend(job)
        self._client.close()

    def _next(self) -> Job | None:
        """The job whose turn it is, waited for; None at the end."""
        with self._changed:
            while not self._is_over:
                job = min(self._due, key=self._due.__getitem__, default=None)
                wait = None if job is None else self._due[job] - self._clock()
                if job is not None and wait is not None and wait <= 0:
                    return job
                self._changed.wait(wait)
        return None

    def _extend(self, job: Job) -> None:
        try:
            job.extend(self._client.tasks, answer_seconds=min(LONGEST_ANSWER_SECONDS, self._every_seconds))
        except (Conflict, NotFound) as error:
            self.let_go(job)
            if not job.has_ended:
                log.warning("task %s of queue %s is lost: %s", job.id, job.queue, error)
        except RoundsmanError:
            # The poller says that the service is away; here it is only asked again, this one last.
            self._again(job, min(LONGEST_PAUSE_SECONDS, self._every_seconds / 2))
        else:
            self._again(job, self._every_seconds)

    def _again(self, job: Job, seconds: float) -> None:
        with self._changed:
            if job in self._due:
                self._due[job] = self._clock() + seconds
