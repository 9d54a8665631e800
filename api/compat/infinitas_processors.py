"""Jobs of infinitas for which no processor is there, and what becomes of them.

There is no list of processors that all processes of the API share. Each of them notes once a second for which queues
somebody is connected, or waits for a pop. And each looks once a second for due jobs of queues that need a processor,
where nobody was for three seconds and nobody has a task in hand: of such a job an attempt has failed then, it is due
again after 1, 10 and 30 seconds, and after that it has failed for good.
"""

import threading
import time
from typing import Final

import structlog

from api.services import Services
from api.store import processors
from shared import task_ends
from shared.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

EXTENSION: Final = "roundsman.processors"
RETRY_DELAYS_SECONDS: Final = (1.0, 10.0, 30.0)
LOOK_SECONDS: Final = 1.0
ABSENT_AFTER_SECONDS: Final = 3.0
RECONNECT_SECONDS: Final = 10.0  # for clients to come back to a service that begins anew
# After a start, or while Postgres is away, nobody can have noted that somebody is there: that is no absence.
STEADY_AFTER_SECONDS: Final = ABSENT_AFTER_SECONDS + RECONNECT_SECONDS
JOBS_AT_ONCE: Final = 500


class Processors:
    """The look of this process after the queues that need somebody."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._closed = threading.Event()
        self._steady_since = self._noted_at = float("-inf")

    def begin(self) -> None:
        """Look after the jobs from now on, in a thread: once the process is forked."""
        threading.Thread(target=self._run, name="processors", daemon=True).start()

    def close(self) -> None:
        """Look no more: the process is to end, and whoever is connected is sent away."""
        self._closed.set()

    def run_once(self, now: float | None = None) -> int:
        """Note who is there, and fail what was due without anybody; how many jobs that were.

        `now` is by a steady clock. Raises DatabaseUnavailable.
        """
        now = time.monotonic() if now is None else now
        try:
            self._note()
            if now - self._noted_at > ABSENT_AFTER_SECONDS:
                self._steady_since = now
            self._noted_at = now
            return self._fail_unattended() if now - self._steady_since >= STEADY_AFTER_SECONDS else 0
        except DatabaseUnavailable:
            self._noted_at = float("-inf")
            raise

    def _note(self) -> None:
        attended = self._services.sockets.attended() | self._services.task_lines.attended()
        with self._services.database.reading() as cursor:
            processors.note(cursor, attended)

    def _fail_unattended(self) -> int:
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
