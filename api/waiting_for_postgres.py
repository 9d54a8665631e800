"""Waiting for Postgres without holding up the others of a process: libpq is C, and knows nothing of gevent."""

import time
from typing import Any, Final

import gevent.socket
import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE, STATUS_SETUP

from shared.database import CONNECT_SECONDS, STATEMENT_SECONDS

# Postgres ends a statement that takes too long, and says so. Who has heard nothing so long after is not heard at all.
ANSWER_SECONDS: Final = STATEMENT_SECONDS + 5.0


def wait_with_gevent(connection: Any) -> None:
    """psycopg2's wait callback: until what the connection is at has been done, or its time is over.

    libpq keeps none of its own time limits when somebody else waits for it. Raises OperationalError; the driver then
    closes the connection.
    """
    seconds = CONNECT_SECONDS if connection.status == STATUS_SETUP else ANSWER_SECONDS
    deadline = time.monotonic() + seconds
    while (state := connection.poll()) != POLL_OK:
        remaining = deadline - time.monotonic()
        too_late = psycopg2.OperationalError(f"Postgres has not answered for {seconds:g} s")
        if remaining <= 0:
            raise too_late
        if state == POLL_READ:
            gevent.socket.wait_read(connection.fileno(), timeout=remaining, timeout_exc=too_late)
        elif state == POLL_WRITE:
            gevent.socket.wait_write(connection.fileno(), timeout=remaining, timeout_exc=too_late)
        else:
            raise psycopg2.OperationalError(f"the connection is in the unknown state {state}")
