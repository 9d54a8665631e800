"""gunicorn's configuration, and the application it serves."""

import signal
from typing import Any, Final

import gevent
from flask import Flask
from gunicorn.workers.ggevent import GeventWorker
from prometheus_client import multiprocess
from psycopg2.extensions import set_wait_callback

from api import create_app
from api.waiting_for_postgres import wait_with_gevent
from shared.logs import configure_logs
from shared.settings import settings_of_process

ANSWER_SECONDS: Final = 60.0  # to take the whole of an answer; the longest are a few MiB


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's, but for clients that do not read what they asked for: those it would wait for without end."""

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        sock.settimeout(ANSWER_SECONDS)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except TimeoutError as error:
            raise StopIteration from error  # as gunicorn says that a connection is of no use any more
        finally:
            sock.settimeout(None)


worker_class = Worker
# Up to 900 that wait (api.waiting_places), 200 sockets (api.sockets.open_sockets), and room for those who do neither.
worker_connections = 1_500
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
    set_wait_callback(wait_with_gevent)


def post_worker_init(worker: Any) -> None:
    """Who only waits is answered as soon as the process is told to end; the time it has left is for the others."""

    services, processors = worker.wsgi.extensions["roundsman"], worker.wsgi.extensions["roundsman.processors"]

    def end() -> None:
        processors.close()
        services.end_waits()

    def handle_exit(number: int, frame: Any) -> None:
        worker.handle_exit(number, frame)
        gevent.spawn(end)

    processors.begin()  # a thread, which would not be there after the fork
    signal.signal(signal.SIGTERM, handle_exit)
    signal.siginterrupt(signal.SIGTERM, False)  # as gunicorn has it


def child_exit(_server: Any, worker: Any) -> None:
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # prometheus_client has no types here
