"""The ways in which the target answers, by the first word of the path (or of the mode that a test sets).

ok · echo · html · status/503 · retry-after/120 · headers/200 · header-bytes/50000 · cookie · huge · body/5000
redirect/3 (a chain) · redirect?to=URL&status=307&bytes=100
hang · trickled-header · trickled-body · endless-1xx (the last three: /0.01 for the seconds between pieces)
gzip · gzip-bomb · gzip-transfer · garbage · http09
reset · reset-body · hang-up · short-body
and for a whole target: mute (accepts and never says a word) · reset-on-accept
"""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

LONGEST_ANSWER_SECONDS = 60.0
TRICKLE_SECONDS = 0.05
HUGE_BYTES = 50_000_000


class Exchange:
    """One request being answered, with the means to answer it badly."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.method = self.path = self.argument = ""
        self.query: dict[str, str] = {}
        self.json_answer: Any = None
        self.received: dict[str, Any] = {}

    async def answer(self, status: int, body: bytes, *headers: str) -> None:
        """A complete, honest answer; a HEAD gets the same without the body."""
        length = () if status in (204, 304) else (f"Content-Length: {len(body)}",)
        await self.write(head(status, *headers, *length) + (b"" if self.method == "HEAD" else body))

    async def answer_json(self, status: int, value: Any, *headers: str) -> None:
        """The same with a JSON body."""
        await self.answer(status, json.dumps(value).encode(), "Content-Type: application/json", *headers)

    async def write(self, data: bytes) -> None:
        """Send, as fast as the client takes it."""
        self.writer.write(data)
        await self.writer.drain()

    async def repeat(self, data: bytes) -> None:
        """Send it again and again, until the client hangs up or the longest answer is reached."""
        seconds = float(self.argument or TRICKLE_SECONDS)
        for _ in range(int(LONGEST_ANSWER_SECONDS / seconds)):
            await self.write(data)
            await asyncio.sleep(seconds)

    async def until_hung_up(self) -> None:
        """Wait until the client goes away."""
        while await asyncio.wait_for(self.reader.read(65_536), LONGEST_ANSWER_SECONDS):
            pass

    def reset(self) -> None:
        """End the connection with RST."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.hang_up()

    def hang_up(self) -> None:
        """End the connection."""
        self.writer.transport.abort()
        raise ConnectionAbortedError


def head(status: int, *headers: str) -> bytes:
    """Status line and headers, up to and including the empty line."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} {phrase}", *headers, "")).encode("latin-1")


async def ok(exchange: Exchange) -> None:
    await exchange.answer_json(200, exchange.json_answer)


async def echo(exchange: Exchange) -> None:
    await exchange.answer_json(200, exchange.received)


async def html(exchange: Exchange) -> None:
    await exchange.answer(200, b"<!doctype html><h1>Sign in</h1>", "Content-Type: text/html")


async def status(exchange: Exchange) -> None:
    await exchange.answer_json(int(exchange.argument), {"status": int(exchange.argument)})


async def retry_after(exchange: Exchange) -> None:
    await exchange.answer_json(429, {"error": "too many"}, f"Retry-After: {exchange.argument or '1'}")


async def headers(exchange: Exchange) -> None:
    await exchange.answer(200, b"", *(f"X-{number}: v" for number in range(int(exchange.argument))))


async def header_bytes(exchange: Exchange) -> None:
    await exchange.answer(200, b"", *(f"X-Long: {'v' * 990}" for _ in range(int(exchange.argument) // 1_000)))


async def cookie(exchange: Exchange) -> None:
    await exchange.answer_json(200, exchange.received, "Set-Cookie: session=1; Path=/", "WWW-Authenticate: Basic")


async def body(exchange: Exchange) -> None:
    await exchange.answer(200, b"b" * int(exchange.argument))


async def huge(exchange: Exchange) -> None:
    await exchange.write(head(200, f"Content-Length: {HUGE_BYTES}"))
    for _ in range(HUGE_BYTES // 50_000):
        await exchange.write(b"h" * 50_000)


async def redirect(exchange: Exchange) -> None:
    if "to" in exchange.query:
        location, code = exchange.query["to"], int(exchange.query.get("status", "302"))
    elif (left := int(exchange.argument)) > 0:
        location, code = f"/redirect/{left - 1}", 302
    else:
        return await ok(exchange)
    padding = b"r" * int(exchange.query.get("bytes", "0"))
    return await exchange.answer(code, padding, f"Location: {location}")


async def hang(exchange: Exchange) -> None:
    await exchange.until_hung_up()


async def trickled_header(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    await exchange.repeat(b"s")


async def trickled_body(exchange: Exchange) -> None:
    await exchange.write(head(200, "Content-Length: 100000"))
    await exchange.repeat(b"s")


async def endless_1xx(exchange: Exchange) -> None:
    await exchange.repeat(head(100))


async def gzipped(exchange: Exchange) -> None:
    await exchange.answer(200, gzip.compress(b'{"ok": true}', mtime=0), "Content-Encoding: gzip")


async def gzip_bomb(exchange: Exchange) -> None:
    await exchange.answer(200, bomb(), "Content-Encoding: gzip")


async def gzip_transfer(exchange: Exchange) -> None:
    data = bomb()
    chunk = f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n"
    await exchange.write(head(200, "Transfer-Encoding: gzip, chunked") + chunk)


def bomb() -> bytes:
    """300 KB that unpack to 300 MB: one member of zeros, again and again."""
    return gzip.compress(bytes(1_000_000), mtime=0) * 300


async def garbage(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 two hundred\r\nno colon here\r\n\r\n")
    exchange.hang_up()


async def http09(exchange: Exchange) -> None:
    await exchange.write(b"just a body, as in 1991\n")
    exchange.hang_up()


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def reset_body(exchange: Exchange) -> None:
    await exchange.write(head(200, "Content-Length: 1000") + b"r" * 100)
    exchange.reset()


async def hang_up(exchange: Exchange) -> None:
    exchange.hang_up()


async def short_body(exchange: Exchange) -> None:
    await exchange.write(head(200, "Content-Length: 1000") + b"s" * 100)
    exchange.writer.write_eof()
    await exchange.until_hung_up()


MODES: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "ok": ok,
    "echo": echo,
    "html": html,
    "status": status,
    "retry-after": retry_after,
    "headers": headers,
    "header-bytes": header_bytes,
    "cookie": cookie,
    "body": body,
    "huge": huge,
    "redirect": redirect,
    "hang": hang,
    "trickled-header": trickled_header,
    "trickled-body": trickled_body,
    "endless-1xx": endless_1xx,
    "gzip": gzipped,
    "gzip-bomb": gzip_bomb,
    "gzip-transfer": gzip_transfer,
    "garbage": garbage,
    "http09": http09,
    "reset": reset,
    "reset-body": reset_body,
    "hang-up": hang_up,
    "short-body": short_body,
}
