"""A worker at a socket: heard, fed and kept in its leases while the connection lives, and relieved of them after."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog

from api.auth import caller, presented_secret
from api.services import services
from api.sockets.connection import ACCIDENT, GOING_AWAY, POLICY, Connection, SocketClosed
from api.sockets.giving_back import give_back
from api.sockets.hand import Hand, InHand
from api.sockets.refusals import BY_OUTCOME, LEASE_LOST, TIMED_OUT, Refusal
from api.store import keys, socket_leases
from shared.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often what is looked after, in seconds."""

    look: float = 1.0
    ping: float = 20.0
    silence: float = 50.0  # two pings were not answered
    key: float = 30.0  # a key that was revoked opens nothing any longer


RHYTHM: Final = Rhythm()
KEPT_WITHIN_A_LEASE: Final = 3  # times


class Tongue(Protocol):
    """The words of a protocol: what a client says, and what it is told unasked."""

    def heard(self, message: str | bytes) -> None: ...

    def tell_lost(self, task: InHand, why: Refusal) -> None:
        """The client has this task no longer."""

    def tell_cancel_requested(self, task: InHand) -> None: ...


class TaskSocket:
    """Serves one connection, in the thread of its request; it may get more hands while it does."""

    def __init__(self, connection: Connection, rhythm: Rhythm | None = None) -> None:
        self.connection = connection
        self.hands: list[Hand] = []
        self._rhythm = rhythm or RHYTHM
        self._account_id = caller().account_id
        self._secret = keys.read_secret(presented_secret() or "")
        now = time.monotonic()
        self._pinged_at = self._key_seen_at = now

    def new_hand(self, queue: str) -> Hand:
        """A hand for tasks of this queue, looked after from now on."""
        hand = Hand()
        self.hands.append(hand)
        services().sockets.attend((self._account_id, queue), hand)
        return hand

    def serve(self, tongue: Tongue) -> None:
        """Until either side ends it; then what is in hand is given back."""
        ended: tuple[int, str] = (ACCIDENT, "something went wrong here")
        try:
            while True:
                message = self.connection.receive(self._seconds_to_next_look())
                if message is not None:
                    tongue.heard(message)
                self._look_after(tongue)
        except SocketClosed as closed:
            ended = (closed.code, closed.reason)
        except Exception as error:  # a table of exceptions answers requests; a socket has to be closed
            log.exception("accident", error=type(error).__name__)
        finally:
            self._end(*ended)

    def _end(self, code: int, reason: str) -> None:
        """First give back, then say goodbye: a client that does not read makes that last."""
        is_our_end = services().sockets.is_closed
        left = {task.id: task.lease_token for hand in self.hands for task in self._closed(hand)}
        log.info("socket_ended", code=code, reason=reason[:200], account_id=self._account_id, given_back=len(left))
        if is_our_end:
            give_back(left, "released", "the service ended the connection of its worker")
            self.connection.close(GOING_AWAY, "the service ends or begins anew; connect again")
        else:
            give_back(left, "lease_expired", "the connection of its worker ended")
            self.connection.close(code, reason)

    def _closed(self, hand: Hand) -> list[InHand]:
        services().sockets.let_go(hand)
        return hand.close()

    def _seconds_to_next_look(self) -> float:
        shortest = min((hand.terms.lease_seconds for hand in self.hands), default=60)
        return min(self._rhythm.look, shortest / KEPT_WITHIN_A_LEASE)

    def _look_after(self, tongue: Tongue) -> None:
        now = time.monotonic()
        if now - self.connection.heard_at > self._rhythm.silence:
            raise SocketClosed(ACCIDENT, "nothing was heard for too long, not even an answer to pings")
        if now - self._pinged_at >= self._rhythm.ping:
            self._pinged_at = now
            self.connection.ping()
        if now - self._key_seen_at >= self._rhythm.key:
            self._key_seen_at = now
            self._require_key()
        for hand in self.hands:
            self._end_what_took_too_long(hand, now, tongue)
            if now - hand.kept_at >= hand.terms.lease_seconds / KEPT_WITHIN_A_LEASE:
                hand.kept_at = now
                self._keep(hand, tongue)

    def _require_key(self) -> None:
        try:
            with services().database.reading() as cursor:
                found = self._secret and keys.authenticate(cursor, self._secret)
        except DatabaseUnavailable:
            return
        if not found:
            raise SocketClosed(POLICY, "the API key has been revoked")

    def _end_what_took_too_long(self, hand: Hand, now: float, tongue: Tongue) -> None:
        for task in hand.tasks():
            if task.deadline is not None and task.deadline <= now:
                hand.put_down(task.lease_token)
                tongue.tell_lost(task, TIMED_OUT)

    def _keep(self, hand: Hand, tongue: Tongue) -> None:
        """Keep the leases in force, or only see which are, as the client asked for."""
        tasks = hand.tasks()
        if not tasks:
            return
        leases = {task.id: task.lease_token for task in tasks}
        terms = hand.terms
        try:
            with services().database.reading() as cursor:
                if terms.extends_leases:
                    kept = socket_leases.keep(cursor, self._account_id, leases, terms.lease_seconds)
                else:
                    kept = socket_leases.in_force(cursor, self._account_id, leases)
                lost = {task.id: task.lease_token for task in tasks if task.lease_token not in kept}
                outcomes = socket_leases.outcomes(cursor, self._account_id, lost) if lost else {}
        except DatabaseUnavailable as error:
            log.warning("leases_not_kept", error=str(error))
            return
        for task in tasks:
            if task.lease_token not in kept:
                hand.put_down(task.lease_token)
                self._tell_of_end(task, outcomes, tongue)
            elif kept[task.lease_token].cancel_requested and not task.told_to_cancel:
                task.told_to_cancel = True
                tongue.tell_cancel_requested(task)

    def _tell_of_end(self, task: InHand, outcomes: Mapping[UUID, str | None], tongue: Tongue) -> None:
        """Unless the client ended it itself, over HTTP."""
        outcome = outcomes.get(task.lease_token) or ""
        if outcome not in ("succeeded", "failed"):
            tongue.tell_lost(task, BY_OUTCOME.get(outcome, LEASE_LOST))
