"""A receiver of webhooks for the desk: verifies what arrives, shows it, and answers as it was told to."""

import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from roundsman.arrivals import Arrival, ArrivalHandler, Receiving
from roundsman.local.addresses import reachable_host, service_url

MOST_AT_ONCE = 32
REQUEST_SECONDS = 10.0
LOOK_SECONDS = 0.05


class Listener:
    """Listens as soon as it is made; what comes before start() waits, because there may be no secret yet.

    `show` is given every arrival, from several threads at a time. Raises OSError when it cannot listen there.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        status: int,
        show: Callable[[Arrival], None],
        request_seconds: float = REQUEST_SECONDS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._receiving = Receiving("", status, show, request_seconds, clock)
        self._server = _Server(host, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(LOOK_SECONDS,), daemon=True)
        self.url = f"{service_url(reachable_host(host), self._server.server_address[1])}/"

    def start(self, secret: str) -> None:
        """Answer what arrives; what this secret has signed is verified."""
        self._server.receiving = replace(self._receiving, secret=secret)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(socketserver.ThreadingTCPServer):
    """A thread for each connection, of which there are only so many; who comes beyond that is hung up on."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    receiving: Receiving

    def __init__(self, host: str, port: int) -> None:
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        self.address_family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        super().__init__(address, ArrivalHandler)  # type: ignore[arg-type]  # an IPv6 address has four parts

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread to be had
            self._free.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Whoever hangs up before the answer is no accident of ours.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
