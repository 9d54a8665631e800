"""One libcurl easy handle: how a request is put on it, and what is kept of the answer."""

import errno
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, Final

import pycurl

from shared.domain.addresses import Network, allowed
from worker.outbound import failures
from worker.outbound.exchange import Request, Response, Unreachable
from worker.outbound.message import MAX_HEADER_BYTES, final_headers, header_lines

# 1xx answers and trailers count as well: this bounds what an endless sequence of them can occupy.
MAX_HEADER_BYTES_IN_ALL: Final = MAX_HEADER_BYTES * 4

HTTP_AND_HTTPS: Final = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

# Set once for the life of the handle. What is not here stays at libcurl's default: no cookies, no netrc, no
# decompression, no Alt-Svc or HSTS memory, certificates verified, and no redirect followed: libcurl would take
# an X-Api-Key along to the next host, so hops are calls of their own (see redirects.py).
FIXED_OPTIONS: Final[tuple[tuple[int, Any], ...]] = (
    (pycurl.NOSIGNAL, 1),
    (pycurl.PROXY, ""),  # an empty text also hides http_proxy and its relatives in the environment
    (pycurl.NOPROXY, "*"),
    (pycurl.PROTOCOLS, HTTP_AND_HTTPS),
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.HTTP09_ALLOWED, 0),
    (pycurl.PATH_AS_IS, 1),  # /a/../b goes out as it was written: testing such paths is what users do
    # Servers close idle connections after 2 s (gunicorn), 5 s (Node, uvicorn) or more. A request that meets
    # the close is lost, for it is not sent again (see _before_request): no connection is kept that long.
    (pycurl.MAXAGE_CONN, 1),
)


class Transfer:
    """A reusable handle for one call at a time: `begin`, libcurl's work, `outcome`, `forget`."""

    def __init__(self, *, allow: Sequence[Network], max_body_bytes: int, user_agent: str, ca_file: str) -> None:
        self._allow = allow
        self._max_body_bytes = max_body_bytes
        self._timeout_seconds = 0.0
        self._shape: tuple[str, str, bool, bool] | None = None  # what of the latest request is on the handle
        self.forget()
        self.curl = pycurl.Curl()
        for option, value in FIXED_OPTIONS:
            self.curl.setopt(option, value)
        self.curl.setopt(pycurl.USERAGENT, user_agent)
        self.curl.setopt(pycurl.CAINFO, ca_file)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._on_body)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._on_connect)
        self.curl.setopt(pycurl.PREREQFUNCTION, self._before_request)

    def forget(self) -> None:
        """Drop the answer to the last call, so that an idle handle holds none."""
        self._lines: list[bytes] = []
        self._header_bytes = 0
        self._was_sent = False
        self._chunks: list[bytes] = []
        self._body_bytes = 0
        self._truncated = False
        self._address_was_refused = False
        self._address_was_tried = False
        self._had_no_socket = False

    def begin(self, request: Request, *, timeout_ms: int, timeout_seconds: float) -> None:
        """Put the request on the handle; every option that differs between calls is set here.

        `timeout_ms` is what libcurl has left for everything, name look-up included; `timeout_seconds` is the
        whole allowance, for the sentence that says it ran out.
        """
        self._timeout_seconds = timeout_seconds
        setopt = self.curl.setopt
        setopt(pycurl.TIMEOUT_MS, timeout_ms)
        setopt(pycurl.HTTPHEADER, header_lines(request.headers, request.own_headers))
        body = request.body
        carries_body = bool(body) or request.method in ("POST", "PUT", "PATCH")
        shape = (request.url, request.method, carries_body, request.on_fresh_connection)
        if shape != self._shape:  # the calls of a host are mostly alike, and each option costs half a microsecond
            self._shape = None
            self._take_shape(*shape)
            self._shape = shape
        if carries_body:
            setopt(pycurl.POSTFIELDS, body)

    def _take_shape(self, url: str, method: str, carries_body: bool, on_fresh_connection: bool) -> None:
        setopt = self.curl.setopt
        setopt(pycurl.URL, url)
        setopt(pycurl.FRESH_CONNECT, on_fresh_connection)
        setopt(pycurl.HTTPGET, 1)  # first, for it takes back what a HEAD or a POST before has set
        native = "GET"
        if carries_body:
            setopt(pycurl.POST, 1)
            native = "POST"
        elif method == "HEAD":
            setopt(pycurl.NOBODY, 1)
            native = "HEAD"
        setopt(pycurl.CUSTOMREQUEST, None if method == native else method)

    def outcome(self, code: int, elapsed_ms: int) -> Response | Unreachable:
        """What came of the call that libcurl ended with this code; 0 is success."""
        # Stopping at the cap is an error to libcurl and an answer to us.
        if code != 0 and not (code == pycurl.E_WRITE_ERROR and self._truncated):
            return Unreachable(*self._failure(code), elapsed_ms)
        headers = final_headers(tuple(self._lines))
        if headers is None:
            return Unreachable(*failures.HEADERS_TOO_LARGE, elapsed_ms)
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        return Response(status, headers, b"".join(self._chunks), self._truncated, elapsed_ms)

    def _failure(self, code: int) -> failures.Failure:
        os_errno = self.curl.getinfo(pycurl.OS_ERRNO)
        if code == pycurl.E_COULDNT_CONNECT:
            # A connect that was tried leaves an errno; without, pycurl had no descriptor for its copy of our socket.
            if self._had_no_socket or (self._address_was_tried and os_errno == 0):
                return failures.NO_SOCKET_LEFT
            if self._address_was_refused and not self._address_was_tried:
                return failures.ADDRESS_NOT_ALLOWED
        if self._header_bytes > MAX_HEADER_BYTES_IN_ALL:
            return failures.HEADERS_TOO_LARGE
        return failures.explain(code, os_errno, self._timeout_seconds)

    def _on_connect(self, _purpose: int, address: Any) -> "_Lent | int":
        """Give libcurl a socket for this address, the real one after every resolution, or refuse it."""
        if not allowed(ip_address(address.addr[0]), self._allow):
            self._address_was_refused = True
            return int(pycurl.SOCKET_BAD)
        try:
            opened = socket.socket(address.family, address.socktype, address.protocol)
        except OSError as error:
            if error.errno in NONE_LEFT:
                self._had_no_socket = True
            elif error.errno != errno.EAFNOSUPPORT:  # to libcurl, a host that cannot be reached
                raise
            return int(pycurl.SOCKET_BAD)
        self._address_was_tried = True
        return _Lent(opened)

    def _before_request(self, *_connection: object) -> int:
        """Refuse to send the request twice: one call is one request, whatever became of its connection.

        libcurl repeats a request, POST included, when a kept connection dies before the first byte of the
        answer. The receiver may have acted on it by then; trying again is up to the caller, who records it.
        """
        if self._was_sent:
            return int(pycurl.PREREQFUNC_ABORT)
        self._was_sent = True
        return int(pycurl.PREREQFUNC_OK)

    def _on_header(self, line: bytes) -> int | None:
        self._header_bytes += len(line)
        if self._header_bytes > MAX_HEADER_BYTES_IN_ALL:
            return 0
        self._lines.append(line)
        return None

    def _on_body(self, chunk: bytes) -> int | None:
        room = self._max_body_bytes - self._body_bytes
        if len(chunk) > room:
            self._chunks.append(chunk[:room])
            self._truncated = True
            return 0
        self._body_bytes += len(chunk)
        self._chunks.append(chunk)
        return None


class _Lent:
    """A socket that pycurl duplicates: it takes `fileno`, and ours is closed when pycurl lets go of it."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self.fileno = opened.fileno

    def __del__(self) -> None:
        self._socket.close()
