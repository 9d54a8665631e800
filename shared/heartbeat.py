"""The sign of life that schedulers and workers give, with what they have counted."""

import os
import socket
import time
from collections.abc import Mapping
from uuid import uuid4

import structlog

from shared.database import Database
from shared.errors import DatabaseUnavailable
from shared.store import processes

log = structlog.get_logger(__name__)

BEAT_SECONDS = 3.0


class Heartbeat:
    """Beats at most every BEAT_SECONDS, however often it is asked to."""

    def __init__(self, database: Database, kind: str) -> None:
        self.id = uuid4()
        self._database = database
        self._kind = kind
        self._last = -BEAT_SECONDS
        self._has_begun = False

    def beat(self, counters: Mapping[str, int]) -> None:
        """Say that this process is alive, if it is time to."""
        if time.monotonic() - self._last < BEAT_SECONDS:
            return
        host = socket.gethostname()
        with self._database.transaction() as transaction:
            if not self._has_begun:
                processes.bury(transaction.cursor, host=host, is_alive=_is_alive)
            processes.beat(
                transaction.cursor, id=self.id, kind=self._kind, host=host, pid=os.getpid(), counters=dict(counters)
            )
        self._last, self._has_begun = time.monotonic(), True

    def stop(self) -> None:
        """Say good-bye; a database that is away learns of it by the silence."""
        try:
            with self._database.transaction() as transaction:
                processes.leave(transaction.cursor, self.id)
        except DatabaseUnavailable as error:
            log.warning("good_bye_unsaid", error=str(error))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
