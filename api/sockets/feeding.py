"""Popping for a socket: a thread of its own that waits in line like any other pop, whenever there is room in hand."""

import threading
from collections.abc import Callable
from typing import Any, Final

import structlog
from flask import Flask, g

from api.errors import TooManyRequests
from api.hang_up import has_hung_up
from api.services import Services
from api.sockets.connection import Connection, SocketClosed
from api.sockets.giving_back import give_back
from api.sockets.hand import Hand
from api.store import task_leases
from api.store.keys import ApiKey
from api.store.task_leases import PoppedTask
from shared.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

WAIT_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 1.0  # after something went wrong; twice as long each time that it does so again
LONGEST_PAUSE_SECONDS: Final = 8.0
ROOM_SECONDS: Final = 60.0  # a thread with no room looks up now and then
MOST_AT_ONCE: Final = 20  # payloads may be large


class Feeder:
    """Fills a hand with tasks of a queue, and tells of each with `deliver`; ends by itself once the hand is closed."""

    def __init__(
        self,
        app: Flask,
        key: ApiKey,
        environ: dict[str, Any],
        connection: Connection,
        queue: str,
        hand: Hand,
        deliver: Callable[[PoppedTask], None],
        *,
        at_once: int = MOST_AT_ONCE,
    ) -> None:
        self._app = app
        self._services: Services = app.extensions["roundsman"]
        self._key = key
        self._environ = environ
        self._connection = connection
        self._line = (key.account_id, queue)
        self._hand = hand
        self._deliver = deliver
        self._at_once = at_once
        self._troubles = 0  # in a row

    def begin(self) -> None:
        threading.Thread(target=self._run, name="feeder", daemon=True).start()

    def _run(self) -> None:
        with self._app.app_context():
            g.key = self._key
            try:
                while not self._hand.is_closed and not self._services.sockets.is_closed:
                    if self._hand.wait_for_room(ROOM_SECONDS):
                        self._feed()
            except SocketClosed:
                pass  # whoever receives sees that, too
            except Exception as error:  # nobody is behind a thread: the client must not wait for tasks in vain
                log.exception("accident", error=type(error).__name__)
                self._connection.hang_up()

    def _feed(self) -> None:
        try:
            popped = self._pop_in_turn()
        except (DatabaseUnavailable, TooManyRequests) as error:
            self._back_off(error)
            return
        self._troubles = 0
        if not popped:
            return
        if not self._hand.take(popped):
            give_back({task.id: task.lease_token for task in popped}, "released", "it came too late for its worker")
            return
        for task in popped:
            self._deliver(task)

    def _back_off(self, error: Exception) -> None:
        """Told once, not each time: there may be hundreds of us."""
        if not self._troubles:
            log.warning("socket_cannot_pop", error=str(error) or type(error).__name__, queue=self._line[1])
        self._hand.pause(min(PAUSE_SECONDS * 2**self._troubles, LONGEST_PAUSE_SECONDS))
        self._troubles = min(self._troubles + 1, 10)

    def _pop_in_turn(self) -> list[PoppedTask]:
        self._services.attendance.note(self._services.database, self._line)
        lines = self._services.task_lines
        if lines.length(self._line) == 0 and (popped := self._pop()):
            return popped
        with self._services.waiting_feeders.taken(self._key.account_id):
            return lines.wait(
                self._line,
                self._pop,
                seconds_until_due=self._seconds_until_due,
                # Without room it must not stand before others: its client has asked for fewer meanwhile.
                has_hung_up=lambda: not self._hand.room() or has_hung_up(self._environ),
                seconds=WAIT_SECONDS,
            )

    def _pop(self) -> list[PoppedTask]:
        most = min(self._hand.room(), self._at_once)
        if not most:
            return []
        terms = self._hand.terms
        with self._services.database.statement() as statement:
            return task_leases.pop(
                statement.cursor, *self._line, most=most, lease_seconds=terms.lease_seconds, worker=terms.worker
            )

    def _seconds_until_due(self) -> float | None:
        with self._services.database.reading() as cursor:
            return task_leases.seconds_until_due(cursor, *self._line)
