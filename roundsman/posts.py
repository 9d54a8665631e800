"""A small HTTP server for POSTs, safe to leave open: so many at once, each within a time and a size."""

import io
import socket
import socketserver
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

MAX_BODY_BYTES = 1024 * 1024
LOOK_SECONDS = 0.05
LINGER_READS = 64
CHUNK_BYTES = 65_536


class PostServer(socketserver.ThreadingTCPServer):
    """A thread for each connection, of which there are only `most_at_once`.

    One more waits for `waiting_seconds`, with all who come after it in the queue of the system, and is hung up on then.
    Raises OSError when it cannot listen there.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        host: str,
        port: int,
        handler: type["PostHandler"],
        *,
        most_at_once: int,
        waiting_seconds: float = 0,
    ) -> None:
        self._free = threading.BoundedSemaphore(most_at_once)
        self._waiting_seconds = waiting_seconds
        self._is_ending = False
        self.address_family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        super().__init__(address, handler)  # type: ignore[arg-type]  # an IPv6 address has four parts

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free_place():
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread to be had
            self._free.release()
            self.shutdown_request(request)

    def shutdown(self) -> None:
        self._is_ending = True
        super().shutdown()

    def _free_place(self) -> bool:
        """Whether there is a place, waited for."""
        deadline = time.monotonic() + self._waiting_seconds
        while not self._free.acquire(timeout=LOOK_SECONDS if self._waiting_seconds else 0):
            if self._is_ending or time.monotonic() >= deadline:
                return False
        return True

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Whoever hangs up before the answer is no accident of ours.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class PostHandler(BaseHTTPRequestHandler):
    """One POST, and then the connection is closed; `receive` is given its body, `refuse` what is wrong with it."""

    protocol_version = "HTTP/1.1"
    # What is said to a request by another method, after the method's name.
    other_method = "is not taken here: only POST is"

    def receive(self, body: bytes) -> None:
        """Answer what came as a whole."""
        raise NotImplementedError

    def refuse(self, status: int, problem: str, body: bytes) -> None:
        """Answer what did not; `body` is what has come of it."""
        self.answer(status, f"{problem}\n".encode("utf-8", "backslashreplace"))

    def is_hung_up_on(self) -> bool:
        """Whether nobody waits for the answer any longer; to be asked when the body has come."""
        self.connection.settimeout(0)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.settimeout(self.request_seconds)

    @property
    def request_seconds(self) -> float:
        """Within how many seconds a request must have come as a whole."""
        return 10.0

    def answer(self, status: int, content: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        """Answer, and close the connection."""
        self.close_connection = True
        self.send_response(status)
        self.send_header("Connection", "close")
        if status not in (204, 304):
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        deadline = time.monotonic() + self.request_seconds
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
            self._read(int(length))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server does about a request that is none, or of a method that has no do_ here."""
        if code == 501:
            self._refuse_unread(405, f"{self.command} {self.other_method}")
        else:
            self._refuse_unread(code, message or explain or "it is no request")

    def _read(self, length: int) -> None:
        try:
            body = self.rfile.read(length)
        except TimeoutError:
            self.refuse(408, f"it did not come to its end within {self.request_seconds:g} s", b"")
            return
        if len(body) < length:
            self.refuse(400, f"its body ended after {len(body)} of {length} bytes", body)
            return
        self.receive(body)

    def _refuse_unread(self, status: int, problem: str) -> None:
        self.refuse(status, problem, b"")
        # Closing with something unread would take the answer from the sender, too.
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(LINGER_READS):
                if not self.rfile.read(CHUNK_BYTES):
                    break


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
