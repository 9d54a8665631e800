"""Opening a WebSocket: what is checked while refusing is still a matter of HTTP, and the change of protocols."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.routing.exceptions import WebsocketMismatch

from api.auth import caller
from api.errors import Problem, TooManyRequests, problem_response
from api.services import services
from api.sockets.connection import Connection

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

VERSION: Final = "13"
KEY_BYTES: Final = 16
ACCEPT: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class UpgradeRequired(Problem):
    status = 426


class OtherOrigin(Problem):
    status = 403


class SwitchingProtocols(Response):
    """101; from here on the connection is a WebSocket, and the request lasts as long as it does."""

    def __init__(self, accept: str, serve: Callable[[Connection], None]) -> None:
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        super().__init__(status=101, headers=headers)
        del self.headers["Content-Type"]
        self._serve = serve

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        connected = environ["gunicorn.socket"]
        connection = Connection(connected)
        with services().sockets.opened(caller().account_id, connection):
            if connection.begin(self._head()):
                self._serve(connection)
        end_of_request()

    def _head(self) -> bytes:
        lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def end_of_request() -> NoReturn:
    """Tell gunicorn that nothing is left of the connection to answer on."""
    raise StopIteration


def open_socket(serve: Callable[[Connection], None]) -> Response:
    """Answer the request by changing to a WebSocket, which `serve` then serves. Raises Problems."""
    if request.headers.get("Sec-WebSocket-Version") != VERSION:
        raise UpgradeRequired(
            f"this needs version {VERSION} of the WebSocket protocol", headers={"Sec-WebSocket-Version": VERSION}
        )
    key = request.headers.get("Sec-WebSocket-Key", "")
    if not is_key(key):
        raise Problem(f"Sec-WebSocket-Key must be {KEY_BYTES} bytes in base64", status=400)
    if not is_of_host(request.headers.get("Origin"), request.host):
        # A browser that knows a key for this host shows it to pages from anywhere.
        raise OtherOrigin("a page of another origin may not connect")
    sockets = services().sockets
    if sockets.is_closed:
        raise Problem("the service ends or begins anew; connect again", status=503, headers={"Retry-After": "1"})
    if not sockets.has_room(caller().account_id):
        raise TooManyRequests(
            "as many WebSockets as there may be are open in this process; close some, or try again later",
            retry_after_seconds=5,
        )
    if "gunicorn.socket" not in request.environ:
        raise Problem("this server cannot change to another protocol", status=501)
    accept = base64.b64encode(hashlib.sha1(key.encode() + ACCEPT, usedforsecurity=False).digest())
    return SwitchingProtocols(accept.decode(), serve)


def is_key(text: str) -> bool:
    """Whether a client can have made this to open a WebSocket.

    >>> is_key("dGhlIHNhbXBsZSBub25jZQ=="), is_key("dGhlIHNhbXBsZQ=="), is_key("?")
    (True, False, False)
    """
    try:
        return len(base64.b64decode(text, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def is_of_host(origin: str | None, host: str) -> bool:
    """Whether a request came from a page of this host, or from none.

    >>> is_of_host(None, "a:8080"), is_of_host("http://A:8080", "a:8080"), is_of_host("null", "a"), is_of_host("[", "a")
    (True, True, False, False)
    """
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def explain_mismatches(app: Flask) -> None:
    """Say what was expected when a socket's path is asked without an upgrade, or any other path with one."""

    @app.errorhandler(WebsocketMismatch)
    def explain(_: WebsocketMismatch) -> Response:
        if is_upgrade(request.environ):
            return problem_response(Problem("this is no WebSocket; ask without Upgrade", status=400))
        return problem_response(
            UpgradeRequired(
                "this is a WebSocket: ask with GET and Upgrade: websocket", headers={"Upgrade": "websocket"}
            )
        )


def is_upgrade(environ: dict[str, Any]) -> bool:
    return str(environ.get("HTTP_UPGRADE", "")).lower() == "websocket"
