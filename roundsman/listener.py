"""A receiver of webhooks for the desk: verifies what arrives, shows it, and answers as it was told to."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from roundsman.arrivals import Arrival, ArrivalHandler, Receiving
from roundsman.local.addresses import reachable_host, url_of
from roundsman.posts import PostServer

REQUEST_SECONDS = 10.0
LOOK_SECONDS = 0.05
MOST_AT_ONCE = 32


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
        self.url = f"{url_of(reachable_host(host), self._server.server_address[1])}/"

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


class _Server(PostServer):
    receiving: Receiving

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, ArrivalHandler, most_at_once=MOST_AT_ONCE)
