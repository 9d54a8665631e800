"""A worker's end of a WebSocket: over TCP to a real process, or to the application in this process."""

import base64
import json
import socket
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from werkzeug.test import EnvironBuilder
from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from tests.api_client import ApiClient

KEY = base64.b64encode(bytes(range(16))).decode()
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}
PATIENCE_SECONDS = 15.0


class SocketClient:
    """Sends and expects JSON messages; `closed` is the code that the other side closed with, once it did."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.socket.settimeout(PATIENCE_SECONDS)
        self.head = b""
        self.closed: int | None = None
        self.pings = 0
        self.answers_pings = True
        self._protocol = Protocol(ConnectionType.CLIENT)
        self._text = ""
        self._heard: list[Any] = []

    def open(self) -> Self:
        """Read the head of the answer; what follows is the protocol's."""
        while b"\r\n\r\n" not in self.head:
            data = self.socket.recv(65_536)
            assert data, self.head
            self.head += data
        self.head, _, rest = self.head.partition(b"\r\n\r\n")
        self._protocol.receive_data(rest)
        return self

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    def say(self, **message: Any) -> None:
        self.send_text(json.dumps(message))

    def send_text(self, text: str) -> None:
        self.send_event(TextMessage(data=text))

    def send_event(self, event: Event) -> None:
        self.socket.sendall(self._protocol.send(event))

    def send_raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hear(self) -> Any:
        """The next message; fails when the connection ends before, or nothing comes in time."""
        self._listen(lambda: bool(self._heard))
        assert self._heard, f"the connection was closed with {self.closed}"
        return self._heard.pop(0)

    def hears_nothing(self, seconds: float) -> bool:
        """Whether no message comes within that time."""
        self._listen(lambda: bool(self._heard), seconds)
        return not self._heard

    def heard_pings(self, count: int) -> None:
        """Wait for that many pings in all."""
        self._listen(lambda: self.pings >= count)
        assert self.pings >= count

    def wait_for_close(self) -> int | None:
        """The code with which the other side closed; None if it did without one. Messages before it are dropped."""
        self._listen(lambda: False)
        return self.closed

    def asks(self, **message: Any) -> Any:
        """Say something, and hear the answer."""
        self.say(**message)
        return self.hear()

    def goodbye(self) -> None:
        self.send_event(CloseConnection(code=1000))

    def hang_up(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    def _listen(self, until: Any, seconds: float = PATIENCE_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        self._take_events()
        while not until() and (remaining := deadline - time.monotonic()) > 0:
            self.socket.settimeout(remaining)
            try:
                data = self.socket.recv(65_536)
            except TimeoutError:
                break
            except ConnectionResetError:
                data = b""
            if not data:
                break
            self._protocol.receive_data(data)
            self._take_events()
        self.socket.settimeout(PATIENCE_SECONDS)

    def _take_events(self) -> None:
        for event in self._protocol.events():
            match event:
                case TextMessage(data=piece, message_finished=is_finished):
                    self._text += piece
                    if is_finished:
                        self._heard.append(json.loads(self._text))
                        self._text = ""
                case Ping(payload=payload):
                    self.pings += 1
                    if self.answers_pings:
                        self.send_event(Pong(payload=payload))
                case CloseConnection(code=code):
                    self.closed = code
                case BytesMessage():
                    raise AssertionError("the service sends text only")


class SocketsHere:
    """Sockets of the application in this process, each served by a thread as a server would."""

    def __init__(self) -> None:
        self._clients: list[SocketClient] = []
        self._threads: list[threading.Thread] = []
        self.accidents: list[BaseException] = []

    def open(self, api: ApiClient, path: str, headers: Mapping[str, str] | None = None) -> SocketClient:
        """A client at this path, with the key of the API; it must not be refused."""
        ours, theirs = socket.socketpair()
        key = {"Authorization": f"Bearer {api.key}"} if api.key else {}
        environ = EnvironBuilder(path, headers={**UPGRADE, **key, **(headers or {})}).get_environ()
        environ["gunicorn.socket"] = theirs
        app = api.client.application

        def serve() -> None:
            def refuse(status: str, *_: Any) -> Any:
                raise AssertionError(f"the socket was refused: {status}")

            try:
                list(app.wsgi_app(environ, refuse))
            except StopIteration:
                pass
            except BaseException as error:
                self.accidents.append(error)
                raise
            finally:
                theirs.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client = SocketClient(ours)
        self._clients.append(client)
        self._threads.append(thread)
        return client.open()

    def join(self) -> None:
        """Hang up, and wait until all of them have ended."""
        for client in self._clients:
            client.hang_up()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
        assert self.accidents == []


def connect(url: str, path: str, headers: Mapping[str, str]) -> SocketClient:
    """A client at a real process; `status` tells whether it was let in."""
    host, _, port = url.removeprefix("http://").partition(":")
    client = SocketClient(socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS))
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}"]
    lines += [f"{name}: {value}" for name, value in {**UPGRADE, **headers}.items()]
    client.socket.sendall("\r\n".join([*lines, "", ""]).encode())
    return client.open()
