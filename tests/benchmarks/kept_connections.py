"""An HTTP client of almost no cost: many kept connections, one request at a time on each, all in one thread.

Python's own clients take more of a core for a request than the service does, and would be what is measured.
"""

import json
import selectors
import socket
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

LONGEST_SILENCE_SECONDS = 60.0


class Request(NamedTuple):
    """What is sent; requests of one name are timed together."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


# What is done on a connection: it yields requests, and is sent their answers.
Script = Generator[Request, Answer, None]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long all took from the first request to the last answer, how long each took, and what this client cost."""

    seconds: float
    client_cpu_seconds: float
    latencies: dict[str, list[float]]


def a_request(name: str, host: str, path: str, body: Any, *headers: str) -> Request:
    """A POST of JSON."""
    text = json.dumps(body, separators=(",", ":")).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {len(text)}",
        *headers,
    ]
    return Request(name, "\r\n".join([*lines, "", ""]).encode() + text)


class _Connection:
    def __init__(self, address: tuple[str, int], script: Script) -> None:
        self.socket = socket.create_connection(address, timeout=LONGEST_SILENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._script = script
        self._received = bytearray()
        self._length: int | None = None
        self._body_at = 0
        self._name = ""
        self._sent_at = 0.0

    def begin(self) -> bool:
        """Whether there is anything to do."""
        try:
            request = next(self._script)
        except StopIteration:
            return False
        self._send(request)
        return True

    def read(self, latencies: dict[str, list[float]]) -> bool:
        """Take in what has come; False when the script has ended."""
        part = self.socket.recv(262_144)
        assert part, f"the server hung up after {bytes(self._received[:200])!r}"
        self._received += part
        answer = self._answer()
        if answer is None:
            return True
        latencies[self._name].append(time.perf_counter() - self._sent_at)
        try:
            request = self._script.send(answer)
        except StopIteration:
            return False
        self._send(request)
        return True

    def _send(self, request: Request) -> None:
        self._received.clear()
        self._length = None
        self._name = request.name
        self._sent_at = time.perf_counter()
        self.socket.sendall(request.content)

    def _answer(self) -> Answer | None:
        if self._length is None:
            head_ends = self._received.find(b"\r\n\r\n")
            if head_ends < 0:
                return None
            head = bytes(self._received[:head_ends]).lower()
            before, found, after = head.partition(b"content-length:")
            assert found or b" 204 " in before[:14], f"an answer without a length: {head!r}"
            self._length = int(after.partition(b"\r\n")[0]) if found else 0
            self._body_at = head_ends + 4
        if len(self._received) < self._body_at + self._length:
            return None
        return Answer(int(self._received[9:12]), bytes(self._received[self._body_at :]))


def perform(address: tuple[str, int], scripts: Sequence[Script]) -> Timing:
    """Perform the scripts at the same time, each on a connection of its own."""
    latencies: dict[str, list[float]] = defaultdict(list)
    connections = [_Connection(address, script) for script in scripts]
    with selectors.DefaultSelector() as selector:
        began, cpu_began = time.perf_counter(), time.process_time()
        for connection in connections:
            if connection.begin():
                selector.register(connection.socket, selectors.EVENT_READ, connection)
        while selector.get_map():
            ready = selector.select(LONGEST_SILENCE_SECONDS)
            assert ready, f"no answer within {LONGEST_SILENCE_SECONDS:g} s"
            for key, _ in ready:
                if not key.data.read(latencies):
                    selector.unregister(key.data.socket)
        timing = Timing(time.perf_counter() - began, time.process_time() - cpu_began, dict(latencies))
    for connection in connections:
        connection.socket.close()
    return timing
