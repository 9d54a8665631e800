"""One request to the listener: read within bounds, verified, shown, answered."""

import io
import socket
import socketserver
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol, cast

from roundsman.webhooks import WebhookNotVerified, verify

MAX_BODY_BYTES = 1024 * 1024
LINGER_READS = 64
CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that arrived; `problem` says why it is not to be trusted, `status` what it was answered."""

    at: datetime
    id: str | None
    problem: str | None
    body: bytes
    status: int


@dataclass(frozen=True, slots=True)
class Receiving:
    """How requests are dealt with: what is signed with the secret is verified, and answered with the status.

    `show` is given every arrival before that is answered: what was answered with 2xx was shown.
    """

    secret: str
    status: int
    show: Callable[[Arrival], None]
    request_seconds: float
    clock: Callable[[], datetime]


class ArrivalServer(Protocol):
    """The server that this handler is for."""

    @property
    def receiving(self) -> Receiving: ...


class ArrivalHandler(BaseHTTPRequestHandler):
    """One request, and then the connection is closed."""

    protocol_version = "HTTP/1.1"

    def __init__(self, request: socket.socket, client_address: Any, server: socketserver.BaseServer) -> None:
        self.receiving = cast(ArrivalServer, server).receiving
        super().__init__(request, client_address, server)

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        deadline = time.monotonic() + self.receiving.request_seconds
        self.rfile = io.BufferedReader(_ReadingUntil(self.connection, deadline))

    def version_string(self) -> str:
        return "roundsman"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (http.server's name)
        """Nothing: what matters is shown."""

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit() and len(length) < 16):
            self._refuse_unread(411, "it does not say how long its body is, with Content-Length")
        elif int(length) > MAX_BODY_BYTES:
            self._refuse_unread(413, f"its body is larger than {MAX_BODY_BYTES} bytes")
        else:
            self._receive(int(length))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server does about a request that is none, or of a method that has no do_ here."""
        if code == 501:
            self._refuse_unread(405, f"{self.command} is no delivery: those come by POST")
        else:
            self._refuse_unread(code, message or explain or "it is no request")

    def _receive(self, length: int) -> None:
        try:
            body = self.rfile.read(length)
        except TimeoutError:
            self._answer(408, f"it did not come to its end within {self.receiving.request_seconds:g} s", b"")
            return
        if len(body) < length:
            self._answer(400, f"its body ended after {len(body)} of {length} bytes", body)
            return
        try:
            verify(self.receiving.secret, self.headers, body, now=self.receiving.clock())
        except WebhookNotVerified as error:
            self._answer(401, str(error), body)
        else:
            self._answer(self.receiving.status, None, body)

    def _refuse_unread(self, status: int, problem: str) -> None:
        self._answer(status, problem, b"")
        # Closing with something unread would take the answer from the sender, too.
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(LINGER_READS):
                if not self.rfile.read(CHUNK_BYTES):
                    break

    def _answer(self, status: int, problem: str | None, body: bytes) -> None:
        headers = getattr(self, "headers", None)  # there are none yet when the first line is garbage
        id = None if headers is None else headers.get("webhook-id")
        self.receiving.show(Arrival(self.receiving.clock(), id, problem, body, status))
        said = b"" if problem is None else f"{problem}\n".encode("utf-8", "backslashreplace")
        self.close_connection = True
        self.send_response(status)
        self.send_header("Connection", "close")
        if status not in (204, 304):
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


class _ReadingUntil(io.RawIOBase):
    """What comes on a connection until a deadline, however slowly it trickles."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request did not come to its end")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)
