"""A server on 127.0.0.1 that answers every connection with the bytes that a test gives it, valid or not."""

import socketserver
import threading
import time
from types import TracebackType
from typing import Any, Self

LONGEST_SECONDS = 10.0


class RawServer:
    """Waits for a request, sends `answer`, then `piece` over and over, `pause` seconds apart; then hangs up.

    With `at_once` it does not wait for a request. `requests` holds what arrived, as it came.
    """

    def __init__(self, answer: bytes, piece: bytes = b"", *, pause: float = 0, at_once: bool = False) -> None:
        self.answer, self.piece, self.pause, self.at_once = answer, piece, pause, at_once
        self.requests: list[bytes] = []
        self.stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.raw = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="raw", daemon=True)

    def url(self, path: str = "/", *, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    raw: RawServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up: what the tests provoke."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        raw = self.server.raw
        self.request.settimeout(LONGEST_SECONDS)
        if not raw.at_once:
            received = b""
            while b"\r\n\r\n" not in received:
                if not (data := self.request.recv(65_536)):
                    return
                received += data
            raw.requests.append(received)
        self.request.sendall(raw.answer)
        until = time.monotonic() + LONGEST_SECONDS
        while raw.piece and time.monotonic() < until and not raw.stopped.wait(raw.pause):
            self.request.sendall(raw.piece)
