"""The scheduler's loop: two verbs, each asked "again at once?", and a sleep until there is something to do."""

import threading
from collections import Counter

import structlog

from scheduler import sweep
from shared.database import Database
from shared.errors import DatabaseUnavailable
from shared.heartbeat import Heartbeat
from shared.queues import Bell

log = structlog.get_logger(__name__)

SHORTEST_SLEEP_SECONDS = 0.005


class Loop:
    """Runs until `stopping` is set; several may run at once, on one machine or many."""

    def __init__(self, database: Database, bell: Bell, *, sweep_seconds: float, stopping: threading.Event) -> None:
        self.counters: Counter[str] = Counter()
        self._database = database
        self._bell = bell
        self._sweep_seconds = sweep_seconds
        self._stopping = stopping
        self._heartbeat = Heartbeat(database, "scheduler")

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                pause = self.run_once()
            except DatabaseUnavailable as error:
                log.warning("database_away", error=str(error))
                pause = min(1.0, self._sweep_seconds)
            self._stopping.wait(pause)
        self._heartbeat.stop()

    def run_once(self) -> float:
        """One round of the loop; how long to sleep before the next, 0 when there is more to do."""
        more = sweep.expire_leases(self._database, self._bell)
        self.counters["sweeps"] += 1
        self.counters["rung"] += sweep.ring_for_due_work(self._database, self._bell)
        self._heartbeat.beat(self.counters)
        if more:
            return 0.0
        next_due = sweep.seconds_until_due(self._database)
        if next_due is None:
            return self._sweep_seconds
        return min(self._sweep_seconds, max(SHORTEST_SLEEP_SECONDS, next_due))
