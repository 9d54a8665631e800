"""Which processors of infinitas are connected, and what becomes of jobs for which there is none.

There is no list of processors that all processes of the API share. Each of them notes once a second, with the queues
of the processors that it serves, that somebody is there, as any pop notes it. And each looks once a second for due jobs
of queues that need a processor and where nobody was for three seconds: of such a job an attempt has failed then, it is
due again after 1, 10 and 30 seconds, and after that it has failed for good.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

import structlog
from flask import current_app

from api.services import Services
from api.store import processors
from shared import task_ends
from shared.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

EXTENSION: Final = "roundsman.processors"
RETRY_DELAYS_SECONDS: Final = (1.0, 10.0, 30.0)
ABSENT_AFTER_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 1.0
JOBS_AT_ONCE: Final = 500


class Processors:
    """The queues for which this process has processors, by account and name; and the look after all the others."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._attended: Counter[tuple[int, str]] = Counter()
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def count(self, account_id: int, name: str, names: set[str]) -> None:
        """Count one more processor, which goes into these `names` of its client."""
        names.add(name)
        with self._lock:
            self._attended[account_id, name] += 1

    @contextmanager
    def counted_off(self, account_id: int, names: set[str]) -> Iterator[None]:
        """When the block ends, count off those in `names`: the client is gone."""
        try:
            yield
        finally:
            with self._lock:
                self._attended.subtract((account_id, name) for name in names)
                self._attended = +self._attended

    def begin(self) -> None:
        """Look after the jobs from now on, in a thread: once the process is forked."""
        threading.Thread(target=self._run, name="processors", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def run_once(self) -> int:
        """Note who is there, and fail what was due without anybody; how many jobs that were."""
        with self._lock:
            attended = list(self._attended)
        if attended:
            with self._services.database.reading() as cursor:
                processors.note(cursor, attended)
        bell = self._services.bell
        with self._services.database.transaction() as transaction:
            missed = processors.fail_unattended(
                transaction.cursor,
                delays_seconds=RETRY_DELAYS_SECONDS,
                absent_after_seconds=ABSENT_AFTER_SECONDS,
                limit=JOBS_AT_ONCE,
            )
            follows = task_ends.follow(
                transaction.cursor,
                [job.id for job in missed if job.state != "pending"],
                delivery_attempts=self._services.settings.delivery_attempts,
            )
        if missed:
            log.info("no_processor_connected", count=len(missed), ids=[str(job.id) for job in missed[:10]])
            bell.announce(follows.ended)
            # Also of what is due later: whoever comes and waits learns when that is.
            bell.announce_tasks({(job.account_id, job.queue) for job in missed if job.state == "pending"})
            bell.announce_tasks(follows.queues)
        if follows.to_ring:
            bell.ring(follows.to_ring)
        return len(missed)

    def _run(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            try:
                self.run_once()
            except DatabaseUnavailable as error:
                log.warning("database_away", action="processors", error=str(error))
            except Exception as error:  # nobody would notice that nobody looks any more
                log.exception("accident", error=type(error).__name__)


def connected_processors() -> Processors:
    """Those of the application that answers this request."""
    return cast(Processors, current_app.extensions[EXTENSION])
