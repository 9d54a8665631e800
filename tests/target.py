"""A server on 127.0.0.1 that answers as well, or as badly, as a test wants, and remembers what it was asked.

    with Target() as target:
        call(target.url("/status/503"))
        seen = target.wait_for(1)[0]

The path chooses the mode, see tests/target_modes.py for all of them; `Target("hang")` answers everything in
that mode, and `target.on("/hook", "status/410")` sets it for one path while the test goes on.
"""

import asyncio
import json
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.certificate import server_context
from tests.target_modes import MODES, Exchange


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that arrived; header names in lower case, `at` by time.monotonic()."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float
    connection: int

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for each, value in self.headers if each == name.lower()), None)

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Target:
    """The server; a context manager. With `tls`, `tests.certificate.ca_file()` is what to trust."""

    def __init__(self, mode: str | None = None, *, tls: bool = False) -> None:
        self.mode = mode
        self.tls = tls
        self.port = 0
        self.connections = 0
        self.answers: dict[str, Any] = {}  # path to the JSON that mode ok answers there
        self._modes: dict[str, str] = {}
        self._seen: list[Seen] = []
        self._arrived = threading.Condition()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._serve, name="target", daemon=True)

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        """The URL of a path here."""
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def on(self, path: str, mode: str) -> None:
        """Answer this path in this mode from now on."""
        self._modes[path] = mode

    @property
    def requests(self) -> list[Seen]:
        """What arrived until now, in order."""
        with self._arrived:
            return list(self._seen)

    def wait_for(self, count: int, timeout_seconds: float = 5) -> list[Seen]:
        """What arrived, as soon as it is `count` requests; AssertionError if it takes longer."""
        with self._arrived:
            enough = self._arrived.wait_for(lambda: len(self._seen) >= count, timeout_seconds)
            assert enough, f"{len(self._seen)} requests in {timeout_seconds} s instead of {count}"
            return list(self._seen)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5), "the target did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        assert not self._thread.is_alive(), "the target did not stop"

    def _serve(self) -> None:
        loop = self._loop
        server = loop.run_until_complete(
            asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=server_context() if self.tls else None, backlog=512)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        loop.run_forever()
        server.close()
        loop.run_until_complete(self._hang_up_on_everyone())
        loop.close()

    async def _hang_up_on_everyone(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports take one more round to be gone

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = self._loop.create_task(self._converse(reader, writer, self.connections))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        exchange = Exchange(reader, writer)
        try:
            if self.mode == "reset-on-accept":
                exchange.reset()
            elif self.mode == "mute":
                await exchange.until_hung_up()
            else:
                while True:
                    await self._answer(exchange, await self._read(reader, connection))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client hung up, which many of the modes are there to provoke
        finally:
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader, connection: int) -> Seen:
        first = await reader.readexactly(1)
        if not first.isalpha():
            raise ConnectionAbortedError  # not HTTP: somebody speaks TLS to a plain target
        head = first + await reader.readuntil(b"\r\n\r\n")
        request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, path, _version = request_line.split(" ")
        pairs = (line.partition(":") for line in lines)
        headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
        length = int(dict(headers).get("content-length", "0"))
        body = await reader.readexactly(length)
        seen = Seen(method, path, headers, body, time.monotonic(), connection)
        with self._arrived:
            self._seen.append(seen)
            self._arrived.notify_all()
        return seen

    async def _answer(self, exchange: Exchange, seen: Seen) -> None:
        parts = urlsplit(seen.path)
        mode = self._modes.get(parts.path) or self.mode or parts.path.lstrip("/")
        name, _, argument = mode.partition("/")
        exchange.path, exchange.method, exchange.argument = parts.path, seen.method, argument
        exchange.query = dict(parse_qsl(parts.query))
        exchange.json_answer = self.answers.get(parts.path, {"ok": True})
        exchange.received = {
            "method": seen.method,
            "path": seen.path,
            "headers": [list(pair) for pair in seen.headers],
            "body": seen.body.decode("latin-1"),
        }
        await MODES.get(name, MODES["ok"])(exchange)
