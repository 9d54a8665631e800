"""gunicorn's configuration, and the application it serves."""

import signal
from typing import Any

import gevent
import gevent.socket
import psycopg2
import psycopg2.extensions
from flask import Flask
from prometheus_client import multiprocess

from api import create_app
from shared.logs import configure_logs
from shared.settings import settings_of_process

worker_class = "gevent"
worker_connections = 1_000
timeout = 30
graceful_timeout = 2  # an idle kept-alive connection counts as a request: it would take all of this
keepalive = 75
limit_request_line = 8_190
preload_app = False
accesslog = None
errorlog = "-"
loglevel = "warning"


def application() -> Flask:
    """The application, configured by the environment."""
    settings = settings_of_process()
    configure_logs("api", settings.log_format, settings.log_level)
    return create_app(settings)


def post_fork(_server: Any, _worker: Any) -> None:
    """libpq is C and knows nothing of gevent: let it wait for its socket through the event loop."""
    psycopg2.extensions.set_wait_callback(_wait_with_gevent)


def post_worker_init(worker: Any) -> None:
    """Who only waits is answered as soon as the process is told to end; the time it has left is for the others."""

    def handle_exit(number: int, frame: Any) -> None:
        worker.handle_exit(number, frame)
        gevent.spawn(worker.wsgi.extensions["roundsman"].end_waits)

    worker.wsgi.extensions["roundsman.processors"].begin()  # a thread, which would not be there after the fork
    signal.signal(signal.SIGTERM, handle_exit)
    signal.siginterrupt(signal.SIGTERM, False)  # as gunicorn has it


def child_exit(_server: Any, worker: Any) -> None:
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # prometheus_client has no types here


def _wait_with_gevent(connection: Any, timeout: float | None = None) -> None:
    while True:
        state = connection.poll()
        if state == psycopg2.extensions.POLL_OK:
            return
        if state == psycopg2.extensions.POLL_READ:
            gevent.socket.wait_read(connection.fileno(), timeout=timeout)
        elif state == psycopg2.extensions.POLL_WRITE:
            gevent.socket.wait_write(connection.fileno(), timeout=timeout)
        else:
            raise psycopg2.OperationalError(f"the connection is in the unknown state {state}")
