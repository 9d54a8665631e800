"""Whatever a server sends, a call ends in time, and what it ends with can be kept."""

import json
import re
import time

import pytest

from tests.raw_server import RawServer
from tests.worker.outbound.conftest import Send
from worker.excerpt import excerpt
from worker.exchange import exchange_of
from worker.outbound import Response, Unreachable
from worker.outbound.exchange import MAX_BODY_BYTES
from worker.outbound.message import MAX_HEADER_BYTES, MAX_HEADERS

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"
ALLOWANCE_SECONDS = 0.3

ANSWERS = [
    b"",
    b"\r\n\r\n",
    b"\0" * 1_000,
    b"H",
    b"HTTP/1.1",
    b"HTTP/1.1 200",
    b"HTTP/1.1 200\r\n\r\n",
    b"HTTP/9.9 200 OK\r\n\r\n",
    b"HTTP/1.1 999 Odd\r\n" + EMPTY,
    b"HTTP/1.1 099 Odd\r\n" + EMPTY,
    b"HTTP/1.1 000 Odd\r\n" + EMPTY,
    b"HTTP/1.1 -200 Odd\r\n" + EMPTY,
    b"HTTP/1.1 2000 Odd\r\n" + EMPTY,
    b"HTTP/1.1 99999999999999999999 Odd\r\n" + EMPTY,
    b"HTTP/1.1 200 \xff\x00\x1b[2J\r\n" + EMPTY,
    b"HTTP/1.1 200 " + b"x" * 200_000 + b"\r\n" + EMPTY,
    b"HTTP/2 200\r\n" + EMPTY,
    b"HTTP/2 200 OK\r\n" + EMPTY,
    b"ICY 200 OK\r\n" + EMPTY,
    b"RTSP/1.0 200 OK\r\n" + EMPTY,
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"* OK IMAP4 ready\r\n",
    b"-ERR unknown command\r\n",
    b"\x15\x03\x01\x00\x02\x02\x46",
    OK + b"X-A: a\x00b\r\n" + EMPTY,
    OK + b"X-\x00A: b\r\n" + EMPTY,
    OK + b"\x00: b\r\n" + EMPTY,
    OK + b"X-A: \x1b[2J\x07\x7f\x9b\r\n" + EMPTY,
    OK + b"X-A: " + bytes(range(1, 256)).replace(b"\n", b"").replace(b"\r", b"") + b"\r\n" + EMPTY,
    OK + b"X-A: gr\xfcn \xe2\x98\x83 \xed\xa0\x80\r\n" + EMPTY,
    OK + b"X-A: a\rX-B: b\r\n" + EMPTY,
    OK + b"X-A: a\nX-B: b\n\n",
    OK + b"X-A: a\r\n folded\r\n\tagain\r\n" + EMPTY,
    OK + b" folded at once\r\n" + EMPTY,
    OK + b"no colon\r\n" + EMPTY,
    OK + b": no name\r\n" + EMPTY,
    OK + b"X A : spaces\r\n" + EMPTY,
    OK + b"X-A:\r\n" * 99 + EMPTY,
    OK + b"X-A: 1\r\n" * 100_000 + EMPTY,
    OK + b"X-Long: " + b"v" * 31_000 + b"\r\n" + EMPTY,
    OK + b"X-Long: " + b"v" * 1_000_000 + b"\r\n" + EMPTY,
    OK + b"v" * 1_000_000 + b": x\r\n" + EMPTY,
    OK + b"Content-Length: -1\r\n\r\nbody",
    OK + b"Content-Length: 5, 6\r\n\r\nbody",
    OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
    OK + b"Content-Length: 0x4\r\n\r\nbody",
    OK + b"Content-Length: 99999999999999999999999\r\n\r\nbody",
    OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffffff\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nx",
    OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n4;" + b"x" * 300_000 + b"\r\nbody\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Trailer: 1\r\nSet-Cookie: a=b\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-Trailer: 1\r\n" * 100_000 + b"\r\n",
    OK + b"Transfer-Encoding: " + b"chunked, " * 50 + b"chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: gzip, deflate, br, zstd\r\n\r\nx",
    OK + b"Content-Encoding: " + b"gzip, " * 500 + b"gzip\r\n" + EMPTY,
    OK + b"Content-Type: text/plain; charset=\xff\xfe\x00\r\n\r\nbody",
    OK + b"Content-Type: application/json\r\n\r\n" + b"[" * 100_000,
    OK + b"Content-Type: application/json\r\n\r\n" + b'{"a":"\\u0000\\ud800"}',
    OK + b"\r\nbody \x00 with NUL, \xff and \x1b[31m",
    OK + b"\r\n" + b"\xed\xa0\x80" * 1_000,
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + OK + EMPTY,
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nX-Early: 1\r\n\r\n" + OK + EMPTY,
    b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nbody!",
    b"HTTP/1.1 302 Found\r\n" + EMPTY,
    b"HTTP/1.1 302 Found\r\nLocation: \r\n" + EMPTY,
    b"HTTP/1.1 302 Found\r\nLocation: " + b"/" * 20_000 + b"\r\n" + EMPTY,
    b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n" + EMPTY,
    b"HTTP/1.1 302 Found\r\nLocation: http://gr\xfcn.test/\r\n" + EMPTY,
    b"HTTP/1.1 302 Found\r\nLocation: http://\x1b\x07\r\n" + EMPTY,
    b"HTTP/1.1 302 Found\r\nLocation: /a\x00b\r\n" + EMPTY,
    b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n" + EMPTY,
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:99999/\r\n" + EMPTY,
    b"HTTP/1.1 302 Found\r\nLocation: javascript:alert(1)\r\n" + EMPTY,
    b"HTTP/1.1 302 Found\r\nLocation: http://a:b@127.0.0.1/\r\n" + EMPTY,
]


@pytest.mark.parametrize("raw", ANSWERS, ids=range(len(ANSWERS)))
def test_every_answer_ends_in_something_that_can_be_kept(send: Send, raw: bytes) -> None:
    begun = time.monotonic()
    with RawServer(raw) as server:
        answers = [send(server.url(), timeout_seconds=1, follow_redirects=follow) for follow in (False, True)]
    assert time.monotonic() - begun <= 3
    for answer in answers:
        if isinstance(answer, Unreachable):
            assert answer.reason in ("protocol", "reset", "timed_out")
            assert answer.detail.isprintable()
        else:
            assert_storable(answer)


def assert_storable(answer: Response) -> None:
    """As JSON and as text, which in Postgres hold neither NUL nor half a character; and within all bounds."""
    assert 0 <= answer.status <= 999
    assert len(answer.headers) <= MAX_HEADERS
    assert sum(len(name) + len(value) for name, value in answer.headers) <= MAX_HEADER_BYTES
    assert len(answer.body) <= MAX_BODY_BYTES
    exchange = exchange_of(answer)
    document = json.dumps(exchange.as_json() if exchange.unusable is None else exchange.headers, allow_nan=False)
    assert re.search(r"(?<!\\)(\\\\)*\\u0000", document) is None  # as JSON writes NUL
    kept = excerpt(answer.body, dict(answer.headers).get("content-type")) or ""
    for text in (document, kept, *(text for pair in answer.headers for text in pair)):
        text.encode()  # raises for half a character
        assert "\0" not in text


ENDLESS = [
    (b"", b"H"),
    (b"", b"\r\n"),
    (b"HTTP/1.1 200 ", b"x" * 10_000),
    (OK, b"X-A: 1\r\n" * 1_000),
    (OK + b"X-A: ", b"v" * 10_000),
    (OK + b"X-A: 1\r\n", b" folded\r\n" * 1_000),
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
    (OK + b"\r\n", b"b" * 50_000),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nb\r\n" * 5_000),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n4;", b"x" * 10_000),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 10_000),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: 1\r\n" * 1_000),
    (OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b", b"\0" * 50_000),
]


@pytest.mark.parametrize(("beginning", "piece"), ENDLESS, ids=range(len(ENDLESS)))
def test_an_endless_answer_ends_with_the_allowance_or_a_cap(send: Send, beginning: bytes, piece: bytes) -> None:
    with RawServer(beginning, piece) as server:
        begun = time.monotonic()
        answer = send(server.url(), timeout_seconds=ALLOWANCE_SECONDS)
        assert time.monotonic() - begun <= ALLOWANCE_SECONDS + 0.4
    if isinstance(answer, Response):
        assert answer.truncated
        assert len(answer.body) == MAX_BODY_BYTES
    else:
        assert answer.reason in ("timed_out", "protocol", "reset")


# A record that announces more than ever comes; a record that is complete, and no more after it; alerts for ever.
HANDSHAKES = [
    (b"\x16\x03\x03\x40\x00", b"\x02"),
    (b"\x16\x03\x03\x00\x04\x02\x00\x40\x00", b""),
    (b"", b"\x15\x03\x03\x00\x02\x01\x00"),
    (b"", b""),
]


@pytest.mark.parametrize(("beginning", "piece"), HANDSHAKES, ids=["trickled", "half", "warnings", "nothing"])
def test_a_tls_handshake_that_never_ends_is_part_of_the_allowance(send: Send, beginning: bytes, piece: bytes) -> None:
    with RawServer(beginning, piece or b"\x16", pause=0.01 if piece else 5, at_once=True) as server:
        begun = time.monotonic()
        answer = send(server.url(scheme="https"), timeout_seconds=ALLOWANCE_SECONDS)
        assert time.monotonic() - begun <= ALLOWANCE_SECONDS + 0.4
    assert isinstance(answer, Unreachable)
    assert answer.reason in ("timed_out", "tls")
