"""The rounds of one worker process: claim what is due, have it performed, finish what has ended; in bulk, for ever."""

import asyncio
import os
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from shared.database import Database
from shared.errors import DatabaseUnavailable
from shared.heartbeat import Heartbeat
from shared.queues import Bell
from shared.settings import Settings
from shared.store import work
from shared.store.work import ClaimedWork, FinishedAttempt
from worker.claiming import Claiming
from worker.dispatch import Dispatch
from worker.finishing import Finishing
from worker.performer import Ended, Performer

log = structlog.get_logger(__name__)

BUSY_LOOK_SECONDS = 0.01  # a busy worker looks for itself: the bell is for sleepers
CALM_AFTER_SECONDS = 0.1  # without anything to claim for so long, a worker sleeps until the bell
FINISH_AT_ONCE = 500
# Where much moves, a round waits for more of it: one transaction for fifty costs hardly more than one for ten.
MANY = 16
GATHER_SECONDS = 0.02


@dataclass(slots=True)
class InHand:
    work: ClaimedWork
    lease_ends: float  # by this process's monotonic clock, never later than by the database's


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
        self._finishing = Finishing(database, performers, delivery_attempts=settings.delivery_attempts)
        self._concurrency = concurrency
        self._margin_seconds = settings.lease_margin_seconds
        self._sweep_seconds = settings.sweep_seconds
        self._in_hand: dict[UUID, InHand] = {}
        self._ended: deque[Ended] = deque()
        self._wake = threading.Event()
        self._calm = threading.Condition()
        self._looks_wanted = 0
        self._looks_done = 0
        self._last_claim = 0.0
        self._ring_others_after = 0.0
        self._heartbeat = Heartbeat(database, "worker")
        self._stopping = False
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
        """Claim nothing more, let what is in hand end within the grace, give the rest back."""
        self._stopping = True
        self._wake.set()
        with self._calm:
            self._calm.notify_all()
        self._thread.join(timeout=10.0)
        deadline = time.monotonic() + grace_seconds
        try:
            while self._in_hand and (remaining := deadline - time.monotonic()) > 0:
                self._wake.wait(min(0.2, remaining))
                self._wake.clear()
                self._finish_what_ended()
            self._dispatch.cancel_all(timeout_seconds=2.0)
            self._finish_what_ended()
            self._release_the_rest()
        except DatabaseUnavailable as error:
            log.warning("left_to_expire", count=len(self._in_hand), error=str(error))
        self._heartbeat.stop()

    def run_once(self) -> int:
        """Finish what has ended, then claim what is due; how many pieces of work that moved."""
        wanted = self._looks_wanted
        moved = self._finish_what_ended()
        claimed = self._claim_what_is_due()
        self._heartbeat.beat({**self.counters, "in_hand": len(self._in_hand), "capacity": self._concurrency})
        with self._calm:
            self._looks_done = wanted
            self._calm.notify_all()
        return moved + claimed

    def ended(self, result: Ended) -> None:
        """Called from any thread: this piece of work has ended."""
        self._ended.append(result)
        self._wake.set()

    def _run(self) -> None:
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
            if moved == 0 or self._dispatch.room() == 0:
                self._wake.wait(BUSY_LOOK_SECONDS if self._is_busy() else self._sweep_seconds)
            elif moved >= MANY:
                time.sleep(GATHER_SECONDS)

    def _pause(self, seconds: float) -> None:
        # Ended work sets the event again and again while the database is away: a plain wait is what paces this.
        deadline = time.monotonic() + seconds
        while not self._stopping and (remaining := deadline - time.monotonic()) > 0:
            time.sleep(min(0.05, remaining))

    def _finish_what_ended(self) -> int:
        finished = 0
        while batch := [self._ended.popleft() for _ in range(min(len(self._ended), FINISH_AT_ONCE))]:
            try:
                held = self._finishing.finish_batch(batch)
            except Exception:  # whatever it was: ended work that is forgotten would take up room for ever
                self._keep_while_leased(batch)
                raise
            for item in batch:
                self._in_hand.pop(item.work.id, None)
                if item.work.id not in held:
                    self.counters["leases_lost"] += 1
                    log.warning("lease_lost", work_id=str(item.work.id))
            self.counters["finished"] += len(held)
            self._bell.announce(held)
            finished += len(batch)
        return finished

    def _keep_while_leased(self, batch: Sequence[Ended]) -> None:
        """Try again to finish these, but only until their leases end: then they are somebody else's."""
        for item in batch:
            in_hand = self._in_hand.get(item.work.id)
            if in_hand and time.monotonic() < in_hand.lease_ends:
                self._ended.append(item)
            else:
                self._in_hand.pop(item.work.id, None)
                self.counters["leases_lost"] += 1
                log.warning("lease_lost", work_id=str(item.work.id), reason="the database stayed away")

    def _claim_what_is_due(self) -> int:
        room = self._dispatch.room()
        if room == 0 or self._stopping:
            return 0
        claimed_at = time.monotonic()
        claimed = self._claiming.claim(room, self._dispatch.lane_room)
        if not claimed.pieces:
            return 0
        for piece in claimed.pieces:
            self._in_hand[piece.work.id] = InHand(
                piece.work, claimed_at + piece.work.timeout_seconds + self._margin_seconds
            )
        self._dispatch.add(claimed.pieces, claimed_at)
        self.counters["claimed"] += len(claimed.pieces)
        self._last_claim = time.monotonic()
        if claimed.more_is_due and self._last_claim >= self._ring_others_after:
            self._ring_others_after = self._last_claim + CALM_AFTER_SECONDS
            self._bell.ring([])  # more may be due than this worker can carry: wake another
        return len(claimed.pieces)

    def _release_the_rest(self) -> None:
        released = [
            FinishedAttempt(
                id=item.work.id,
                lease_token=item.work.lease_token,
                state="pending",
                attempt_outcome="released",
                error="the worker was told to stop",
            )
            for item in self._in_hand.values()
        ]
        if not released:
            return
        with self._database.transaction() as transaction:
            held = work.finish(transaction.cursor, released)
        log.info("released", count=len(held))
        self._bell.ring(held)

    def _is_busy(self) -> bool:
        return time.monotonic() - self._last_claim < CALM_AFTER_SECONDS

    def _is_calm(self) -> bool:
        return self._stopping or (
            self._looks_done >= self._looks_wanted and not self._is_busy() and self._dispatch.room() > 0
        )
