"""Sleeping until it is time, until the API tells of something earlier, or until the process is to stop."""

import os
import select
import time
from contextlib import suppress

import psycopg2
import structlog

from shared.store.schedules import CHANGED_CHANNEL

log = structlog.get_logger(__name__)

LISTEN = f"LISTEN {CHANGED_CHANNEL}"
RECONNECT_SECONDS = 1.0


class WakeUp:
    """Sleeps on a connection that listens; without one the sleep is merely not cut short."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._connection: psycopg2.extensions.connection | None = None
        self._no_attempt_before = 0.0
        self._stop_reader, self._stop_writer = os.pipe()
        self.is_stopping = False

    def stop(self) -> None:
        """End the sleep, and all later ones; may be called by a signal handler."""
        self.is_stopping = True
        os.write(self._stop_writer, b"x")

    def sleep(self, seconds: float) -> None:
        """Sleep this long at the most."""
        if self.is_stopping or seconds <= 0:
            return
        if self._begins_to_listen():
            return  # what was told before is not heard: look once more
        connection = self._connection
        sources = [self._stop_reader] if connection is None else [self._stop_reader, connection.fileno()]
        readable, _, _ = select.select(sources, [], [], seconds)
        if connection is not None and connection.fileno() in readable:
            self._hear(connection)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        os.close(self._stop_reader)
        os.close(self._stop_writer)

    def _begins_to_listen(self) -> bool:
        if self._connection is not None or time.monotonic() < self._no_attempt_before:
            return False
        self._no_attempt_before = time.monotonic() + RECONNECT_SECONDS
        try:
            connection = psycopg2.connect(self._database_url, connect_timeout=3, application_name="roundsman wake-up")
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(LISTEN)
        except psycopg2.Error as error:
            log.warning("not_listening", error=str(error).strip())
            return False
        self._connection = connection
        return True

    def _hear(self, connection: psycopg2.extensions.connection) -> None:
        try:
            connection.poll()
            connection.notifies.clear()
        except psycopg2.Error as error:
            log.warning("not_listening", error=str(error).strip())
            with suppress(psycopg2.Error):
                connection.close()
            self._connection = None
