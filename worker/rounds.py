"""The rounds of one worker process: claim what is due, have it performed, finish what has ended; in bulk, for ever."""

import asyncio
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping

import structlog

from shared.database import Database
from shared.errors import DatabaseUnavailable
from shared.heartbeat import Heartbeat
from shared.queues import Bell
from shared.settings import Settings
from worker.claiming import Claiming
from worker.dispatch import Dispatch
from worker.finishing import Finishing
from worker.holding import Holding
from worker.performer import Ended, Performer

log = structlog.get_logger(__name__)

BUSY_LOOK_SECONDS = 0.01  # a busy worker looks for itself: the bell is for sleepers
# Where more is due than one worker takes, the others are woken so often: a ring costs whoever answers it 8 ms.
RING_OTHERS_SECONDS = 0.5
CALM_AFTER_SECONDS = 0.1  # without anything to claim for so long, a worker sleeps until the bell
# Where much moves, a round waits for more of it: one transaction for fifty costs hardly more than one for ten. Where a
# round moves enough as it is, waiting would only hold up the next.
MANY = 16
ENOUGH = 256
GATHER_SECONDS = 0.02
# Once the grace is over: for what is performed in coroutines to end, and for giving back while the database is away.
DROP_SECONDS = 2.0
LAST_TRIES_SECONDS = 2.0
PATIENCE_SECONDS = 0.2
WIND_UP_SECONDS = 10.0  # from the end of the grace on; a statement that hangs may take longer, and is left alone
TOLD_TO_STOP = "the worker was told to stop"


class Rounds:
    """Claims what there is room for, hands it to the performers of its kind on `loop`, and finishes what has ended."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        loop: asyncio.AbstractEventLoop,
        performers: Mapping[str, Performer],
        settings: Settings,
        *,
        concurrency: int,
    ) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.counters: Counter[str] = Counter()
        self._database = database
        self._bell = bell
        self._dispatch = Dispatch(
            loop,
            performers,
            concurrency=concurrency,
            calls_per_lane=settings.calls_per_host,
            margin_seconds=settings.lease_margin_seconds,
            report=self.ended,
            more_room=self.look,
        )
        self._claiming = Claiming(database, performers, worker=self.name, settings=settings)
        finishing = Finishing(database, performers, delivery_attempts=settings.delivery_attempts)
        self._holding = Holding(finishing, bell, self.counters, margin_seconds=settings.lease_margin_seconds)
        self._concurrency = concurrency
        self._sweep_seconds = settings.sweep_seconds
        self._wake = threading.Event()
        self._calm = threading.Condition()
        self._looks_wanted = 0
        self._looks_done = 0
        self._last_claim = 0.0
        self._ring_others_after = 0.0
        self._heartbeat = Heartbeat(database, "worker")
        self._is_looking = False  # among very many lanes, for those that are due
        self._stopping = False
        self._stop_by = 0.0
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look(self) -> None:
        """Look for due work now."""
        with self._calm:
            self._looks_wanted += 1
        self._wake.set()

    def wait_until_calm(self, timeout_seconds: float) -> bool:
        """Wait until a look that was asked for has found nothing more to claim; False when that took too long."""
        with self._calm:
            return self._calm.wait_for(self._is_calm, timeout_seconds)

    def stop(self, grace_seconds: float) -> None:
        """Claim and begin nothing more, let what is under way end within the grace, give the rest back."""
        self._stop_by = time.monotonic() + grace_seconds
        self._stopping = True
        self._wake.set()
        with self._calm:
            self._calm.notify_all()
        # The thread that makes the rounds winds them up as well: what has ended is taken by one alone.
        self._thread.join(timeout=grace_seconds + WIND_UP_SECONDS)
        if self._holding:
            log.warning("left_to_expire", count=len(self._holding))
        self._heartbeat.stop()

    def run_once(self) -> int:
        """Finish what has ended, then claim what is due; how many pieces of work that moved."""
        wanted = self._looks_wanted
        moved = self._holding.finish()
        claimed = self._claim_what_is_due()
        self._heartbeat.beat({**self.counters, "in_hand": len(self._holding), "capacity": self._concurrency})
        with self._calm:
            self._looks_done = wanted
            self._calm.notify_all()
        return moved + claimed

    def ended(self, result: Ended) -> None:
        """Called from any thread: this piece of work has ended."""
        self._holding.ended(result)
        if not self._wake.is_set():  # under load it is, and asking costs a tenth of setting
            self._wake.set()

    def _run(self) -> None:
        self._make_rounds()
        self._wind_up()

    def _make_rounds(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                moved = self.run_once()
            except DatabaseUnavailable as error:
                log.warning("database_away", error=str(error))
                self._pause(0.5)
                continue
            except Exception:  # a worker that lives but makes no rounds would be worse than one that logs and goes on
                log.exception("round_broke")
                self._pause(1.0)
                continue
            if self._is_looking:
                continue
            if moved == 0:
                self._wake.wait(BUSY_LOOK_SECONDS if self._is_busy() else self._sweep_seconds)
            elif MANY <= moved < ENOUGH:
                time.sleep(GATHER_SECONDS)

    def _wind_up(self) -> None:
        """What waits goes back at once; what is under way has the grace, and is dropped and given back then."""
        self._dispatch.give_back_waiting(TOLD_TO_STOP)
        while self._holding and (remaining := self._stop_by - time.monotonic()) > 0:
            self._wake.wait(min(PATIENCE_SECONDS, remaining))
            self._wake.clear()
            self._finished_what_ended()
        if not self._holding:
            return
        try:
            self._dispatch.cancel_all(DROP_SECONDS)
        except TimeoutError:  # its loop is busy; what still ends there has lost its lease
            log.warning("not_dropped", count=len(self._holding))
        self._holding.give_back(TOLD_TO_STOP)
        until = time.monotonic() + LAST_TRIES_SECONDS
        while not self._finished_what_ended() and time.monotonic() < until:
            pass

    def _finished_what_ended(self) -> bool:
        """Whether what has ended could be finished; if not, some time has passed."""
        try:
            self._holding.finish()
        except DatabaseUnavailable as error:
            log.warning("database_away", error=str(error))
        except Exception:  # what is left is tried again like the rest
            log.exception("round_broke")
        else:
            return True
        time.sleep(PATIENCE_SECONDS)
        return False

    def _pause(self, seconds: float) -> None:
        # Ended work sets the event again and again while the database is away: a plain wait is what paces this.
        deadline = time.monotonic() + seconds
        while not self._stopping and (remaining := deadline - time.monotonic()) > 0:
            time.sleep(min(0.05, remaining))

    def _claim_what_is_due(self) -> int:
        self._is_looking = False
        if self._stopping or (room := self._dispatch.room()).is_none:
            return 0
        claimed_at = time.monotonic()
        claimed = self._claiming.claim(room, self._dispatch.lane_room)
        self._is_looking = not claimed.looked_at_all
        if not claimed.pieces:
            return 0
        self._holding.took(claimed.pieces, claimed_at)
        self._dispatch.add(claimed.pieces, claimed_at)
        self.counters["claimed"] += len(claimed.pieces)
        self._last_claim = time.monotonic()
        if claimed.more_is_due and self._last_claim >= self._ring_others_after:
            self._ring_others_after = self._last_claim + RING_OTHERS_SECONDS
            self._bell.ring([])  # more may be due than this worker can carry: wake another
        return len(claimed.pieces)

    def _is_busy(self) -> bool:
        return time.monotonic() - self._last_claim < CALM_AFTER_SECONDS

    def _is_calm(self) -> bool:
        return self._stopping or (
            self._looks_done >= self._looks_wanted
            and not self._is_looking
            and not self._is_busy()
            and not self._dispatch.room().is_none
        )
