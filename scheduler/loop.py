"""The scheduler's loop: a few verbs, saying whether there is more to do, and a sleep until something is due."""

import time
from collections import Counter

import structlog

from scheduler import due, sweep, unattended
from scheduler.store import seconds_until_due
from scheduler.wake_up import WakeUp
from shared.database import Database
from shared.errors import DatabaseUnavailable
from shared.heartbeat import Heartbeat
from shared.queues import Bell

log = structlog.get_logger(__name__)

SHORTEST_SLEEP_SECONDS = 0.002  # Postgres keeps microseconds, a sleep does not: never spin on what is due in an instant


class Loop:
    """Runs until its wake-up is stopped; several may run at once, on one machine or many."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        wake_up: WakeUp,
        *,
        sweep_seconds: float,
        delivery_attempts: int,
        queue_unattended_seconds: float = 600,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._database = database
        self._bell = bell
        self._wake_up = wake_up
        self._sweep_seconds = sweep_seconds
        self._delivery_attempts = delivery_attempts
        self._queue_unattended_seconds = queue_unattended_seconds
        self._next_watch = 0.0
        self._heartbeat = Heartbeat(database, "scheduler")

    def run(self) -> None:
        while not self._wake_up.is_stopping:
            try:
                pause = self.run_once()
            except DatabaseUnavailable as error:
                log.warning("database_away", error=str(error))
                pause = min(1.0, self._sweep_seconds)
            except (
                Exception
            ):  # a scheduler that lives but decides nothing would be worse than one that logs and goes on
                log.exception("round_broke")
                pause = 1.0
            self._wake_up.sleep(pause)
        self._heartbeat.stop()

    def run_once(self) -> float:
        """One round of the loop; how long to sleep before the next, 0 when there is more to do."""
        fired = due.fire_all_due(self._database, self._bell, delivery_attempts=self._delivery_attempts)
        self.counters["schedules_fired"] += fired
        more = sweep.expire_leases(self._database, self._bell, delivery_attempts=self._delivery_attempts)
        more |= sweep.expire_leases_of_tasks(self._database, self._bell, delivery_attempts=self._delivery_attempts)
        self.counters["rung"] += sweep.ring_for_due_work(self._database, self._bell)
        self._watch_queues()
        self._heartbeat.beat(self.counters)
        if more or fired >= due.SCHEDULES_AT_ONCE:
            return 0.0
        with self._database.reading() as cursor:
            next_due = seconds_until_due(cursor)
        if next_due is None:
            return self._sweep_seconds
        return min(self._sweep_seconds, max(SHORTEST_SLEEP_SECONDS, next_due))

    def _watch_queues(self) -> None:
        if time.monotonic() < self._next_watch:
            return
        self._next_watch = time.monotonic() + min(unattended.LOOK_SECONDS, self._queue_unattended_seconds)
        self.counters["queues_told_of"] += unattended.watch_queues(
            self._database,
            self._bell,
            after_seconds=self._queue_unattended_seconds,
            delivery_attempts=self._delivery_attempts,
        )
