"""The scheduler's loop: a few verbs, saying whether there is more to do, and a sleep until something is due."""

from collections import Counter
from collections.abc import Sequence

import structlog

from scheduler import due, sweep
from scheduler.chores import Chore, stop_all
from scheduler.store import seconds_until_due
from scheduler.wake_up import WakeUp
from shared.database import Database
from shared.errors import DatabaseUnavailable
from shared.heartbeat import Heartbeat
from shared.queues import Bell

log = structlog.get_logger(__name__)

SHORTEST_SLEEP_SECONDS = 0.002  # Postgres keeps microseconds, a sleep does not: never spin on what is due in an instant


class Loop:
    """Runs until its wake-up is stopped, and its chores with it; several may run at once, on one machine or many."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        wake_up: WakeUp,
        *,
        sweep_seconds: float,
        delivery_attempts: int,
        chores: Sequence[Chore],
    ) -> None:
        self._counters: Counter[str] = Counter()
        self._database = database
        self._bell = bell
        self._wake_up = wake_up
        self._sweep_seconds = sweep_seconds
        self._delivery_attempts = delivery_attempts
        self._chores = chores
        self._heartbeat = Heartbeat(database, "scheduler")

    @property
    def counters(self) -> dict[str, int]:
        """What has been done so far, the chores included."""
        return self._counters | {chore.counter: chore.total for chore in self._chores}

    def run(self) -> None:
        for chore in self._chores:
            chore.start()
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
        stop_all(self._chores)
        self._heartbeat.stop()

    def run_once(self) -> float:
        """One round of the loop; how long to sleep before the next, 0 when there is more to do."""
        fired = due.fire_all_due(self._database, self._bell, delivery_attempts=self._delivery_attempts)
        self._counters["schedules_fired"] += fired
        more = sweep.expire_leases(self._database, self._bell, delivery_attempts=self._delivery_attempts)
        more |= sweep.expire_leases_of_tasks(self._database, self._bell, delivery_attempts=self._delivery_attempts)
        self._counters["rung"] += sweep.ring_for_due_work(self._database, self._bell)
        self._heartbeat.beat(self.counters)
        if more or fired >= due.SCHEDULES_AT_ONCE:
            return 0.0
        with self._database.reading() as cursor:
            next_due = seconds_until_due(cursor)
        if next_due is None:
            return self._sweep_seconds
        return min(self._sweep_seconds, max(SHORTEST_SLEEP_SECONDS, next_due))
