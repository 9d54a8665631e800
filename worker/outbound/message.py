"""How a request is written for libcurl, and how the headers of an answer are read."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from shared.domain.urls import METHODS, header_problem, url_problem
from worker.outbound.exchange import Request
from worker.outbound.failures import Failure

MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 32_768


def problem(request: Request) -> Failure | None:
    """Why the request cannot be sent at all, before any name is looked up."""
    if (sentence := url_problem(request.url)) is not None:
        return "invalid_url", sentence
    if request.method not in METHODS:
        return "protocol", f"the method must be one of {', '.join(METHODS)}"
    if request.method == "HEAD" and request.body:
        return "protocol", "a HEAD request cannot have a body"
    for name, value in request.headers:
        if (sentence := header_problem(name, value)) is not None:
            return "protocol", sentence
    return None


def header_lines(
    headers: tuple[tuple[str, str], ...], own_headers: Sequence[tuple[str, str]] = ()
) -> list[bytes | str]:
    """The headers as libcurl takes them, without those that it would add on its own; ours are never empty, and ASCII.

    >>> header_lines((("X-Empty", ""),), [("Content-Type", "text/plain")])
    [b'X-Empty;', b'Expect:', b'Accept-Encoding: identity', 'Content-Type: text/plain']
    """
    names_type, lines = _their_lines(headers)
    written: list[bytes | str] = [*lines]
    for name, value in own_headers:
        written.append(f"{name}: {value}")
        names_type = names_type or name in ("Content-Type", "content-type")
    if not names_type:
        written.append(b"Content-Type:")  # otherwise a body is called a form
    return written


@lru_cache(maxsize=64)  # the calls of a job, and those to a host, mostly have the same
def _their_lines(headers: tuple[tuple[str, str], ...]) -> tuple[bool, tuple[bytes, ...]]:
    """Whether the type of the body is among them; the lines of a user's headers, and what libcurl is to leave out."""
    names = {name.lower() for name, _ in headers}
    lines = [
        # "Name:" would take the header away, "Name;" sends it empty.
        (f"{name}: {text}" if (text := value.strip()) else f"{name};").encode("latin-1")
        for name, value in headers
    ]
    lines.append(b"Expect:")  # otherwise a large body waits for a 100 Continue
    if "accept-encoding" not in names:
        lines.append(b"Accept-Encoding: identity")
    return "content-type" in names, tuple(lines)


@lru_cache(maxsize=64)  # under load the answers of a second are all alike
def final_headers(lines: tuple[bytes, ...]) -> tuple[tuple[str, str], ...] | None:
    r"""The headers of the last answer among these lines, or None if they are too many or too long.

    >>> final_headers((b"HTTP/1.1 100 Continue\r\n", b"\r\n", b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n", b"\r\n"))
    (('x-a', '1'),)
    """
    first = 0
    for number, line in enumerate(lines):
        if line.startswith(b"HTTP/") and (number == 0 or lines[number - 1] in (b"\r\n", b"\n")):
            first = number + 1
    headers: list[tuple[str, str]] = []
    length = 0
    for line in lines[first:]:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            break  # the empty line; what follows are trailers
        length += len(line)
        if len(headers) == MAX_HEADERS or length > MAX_HEADER_BYTES:
            return None
        headers.append((name.strip().lower(), value.strip()))
    return tuple(headers)
