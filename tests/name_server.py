"""A name server on 127.0.0.1 that libcurl asks over HTTPS: it knows the names that a test gives it, no others.

    with NameServer() as names:
        names.answer("name.test", ["127.0.0.1"], ["10.0.0.1"])  # first the one, from then on the other

Since libcurl asks it instead of the machine's resolver, no look-up can become a packet that leaves.
"""

import socketserver
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self

from tests.certificate import server_context

A, AAAA = 1, 28
NO_SUCH_NAME = 3


class NameServer:
    """The server; a context manager. `asked` holds the names of all queries, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._turns: dict[str, list[list[str]]] = {}
        self._counts: Counter[tuple[str, int]] = Counter()
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.names = self
        self._server.socket = server_context().wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}/dns-query"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="names", daemon=True)

    def answer(self, name: str, *turns: list[str]) -> None:
        """Answer this name with the addresses of each turn in turn, and with the last for good; [] never answers."""
        self._turns[name] = list(turns)

    def message_for(self, query: bytes) -> bytes:
        """The answer to one query of the wire format."""
        name, end = _name(query)
        kind = int.from_bytes(query[end : end + 2])
        self.asked.append(name)
        turns = self._turns.get(name)
        count = self._counts[name, kind]
        self._counts[name, kind] += 1
        addresses = turns[min(count, len(turns) - 1)] if turns else []
        if turns and not addresses:
            self._released.wait(10)  # longer than any caller here waits
        version = {A: 4, AAAA: 6}.get(kind)
        found = [ip_address(text).packed for text in addresses if ip_address(text).version == version]
        flags = 0x8180 | (0 if turns else NO_SUCH_NAME)
        counts = b"".join(number.to_bytes(2) for number in (flags, 1, len(found), 0, 0))
        records = b"".join(
            b"\xc0\x0c" + kind.to_bytes(2) + b"\0\x01" + bytes(4) + len(packed).to_bytes(2) + packed for packed in found
        )
        return query[:2] + counts + query[12 : end + 4] + records

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    names: NameServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up: what the tests provoke."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        query = self.rfile.read(int(self.headers["content-length"]))
        message = self.server.names.message_for(query)  # type: ignore[attr-defined]  # it is our _Server
        self.send_response(200)
        self.send_header("content-type", "application/dns-message")
        self.send_header("content-length", str(len(message)))
        self.end_headers()
        self.wfile.write(message)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 (the name of what it overrides)
        """Nothing to tell."""


def _name(query: bytes) -> tuple[str, int]:
    """The name asked for, and where its type stands."""
    labels, at = [], 12
    while (length := query[at]) > 0:
        labels.append(query[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1
