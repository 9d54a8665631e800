"""A WebSocket behind gunicorn: bounded text messages in and out, pings, and an end that both sides see."""

import contextlib
import select
import socket
import threading
import time
from typing import Final

from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import LocalProtocolError

MOST_BYTES: Final = 1_048_576
MOST_FRAMES: Final = 10_000  # of one message; a frame may be empty, and then costs no bytes
READ_BYTES: Final = 16_384
SEND_SECONDS: Final = 10.0  # a client that does not read is given up after that
FAREWELL_SECONDS: Final = 1.0
# Frames that complete no message cost us more than their sender: after so many there is a pause.
IDLE_FRAMES: Final = 100
IDLE_FRAMES_PAUSE_SECONDS: Final = 0.02

# RFC 6455, 7.4.1
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
GONE: Final = 1006
POLICY: Final = 1008
TOO_BIG: Final = 1009
ACCIDENT: Final = 1011


class SocketClosed(Exception):
    """the connection is over: its client is gone, broke the protocol, or does not read what it is sent"""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Connection:
    """One thread receives and closes; any may send. Nothing is kept for later: who sends waits until it is sent."""

    def __init__(self, connected: socket.socket) -> None:
        connected.settimeout(SEND_SECONDS)
        self._socket = connected
        self._protocol = Protocol(ConnectionType.SERVER)
        self._sending = threading.Lock()
        self._pieces: list[str] = []
        self._size = 0
        self._frames = 0
        self._idle_frames = 0
        self.heard_at = time.monotonic()

    def begin(self, head: bytes) -> bool:
        """Send the answer to the request that opened it; False if the client is gone already."""
        try:
            self._socket.sendall(head)
        except OSError:
            return False
        return True

    def receive(self, seconds: float) -> str | bytes | None:
        """The next message, of a binary one no more than its kind (b""); None when there is none within `seconds`.

        Raises SocketClosed; it is left to the caller to close() with its code.
        """
        deadline = time.monotonic() + seconds
        while True:
            for event in self._protocol.events():
                if (message := self._message(event)) is not None:
                    return message
                self._idle_frames += 1
                if self._idle_frames % IDLE_FRAMES == 0:
                    time.sleep(IDLE_FRAMES_PAUSE_SECONDS)
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not self._is_readable(remaining):
                return None
            self._protocol.receive_data(self._read())
            time.sleep(0)  # whoever sends without a pause must not keep the others of this process from their turn

    def send(self, text: str) -> None:
        """Raises SocketClosed."""
        self._send(TextMessage(data=text))

    def ping(self) -> None:
        """Raises SocketClosed."""
        self._send(Ping())

    def close(self, code: int, reason: str) -> None:
        """Say goodbye, and leave the client a moment to say so as well; never raises. It may take SEND_SECONDS."""
        if code == GONE:
            return
        try:
            self._send(CloseConnection(code=code, reason=reason))
            self._socket.shutdown(socket.SHUT_WR)
            # Closed with something unread, the connection would be reset, and the goodbye lost.
            deadline = time.monotonic() + FAREWELL_SECONDS
            while (remaining := deadline - time.monotonic()) > 0 and self._is_readable(remaining):
                if not self._socket.recv(READ_BYTES):
                    return
        except (OSError, SocketClosed):
            pass

    def wake(self) -> None:
        """Let the receiver see an end of what it reads; it can still send."""
        self._shut(socket.SHUT_RD)

    def hang_up(self) -> None:
        """Cut the connection off; the receiver sees that."""
        self._shut(socket.SHUT_RDWR)

    def _message(self, event: Event) -> str | bytes | None:
        """The message that this event completes; answers what is for the connection itself."""
        match event:
            case Ping():
                self._send(event.response())
            case TextMessage(data=piece) | BytesMessage(data=piece):
                self._size += len(piece.encode() if isinstance(piece, str) else piece)
                self._frames += event.frame_finished
                if self._size > MOST_BYTES or self._frames > MOST_FRAMES:
                    raise SocketClosed(TOO_BIG, f"a message has at most {MOST_BYTES} bytes, in {MOST_FRAMES} frames")
                if isinstance(piece, str) and piece:
                    self._pieces.append(piece)
                if event.message_finished:
                    message = "".join(self._pieces) if isinstance(event, TextMessage) else b""
                    self._pieces, self._size, self._frames = [], 0, 0
                    return message
            case CloseConnection(code=code, reason=said):
                raise SocketClosed(code, said or "")
        return None

    def _is_readable(self, seconds: float) -> bool:
        try:
            readable = select.poll()  # unlike select(), also for the thousandth file that the process has open
            readable.register(self._socket, select.POLLIN)
            return bool(readable.poll(seconds * 1_000))
        except (OSError, ValueError) as error:
            raise SocketClosed(GONE, f"the connection is gone: {error}") from error

    def _read(self) -> bytes:
        try:
            data = self._socket.recv(READ_BYTES)
        except OSError as error:
            raise SocketClosed(GONE, f"the connection is gone: {error}") from error
        if not data:
            raise SocketClosed(GONE, "the client hung up")
        self.heard_at = time.monotonic()
        return data

    def _send(self, event: Event) -> None:
        with self._sending:
            try:
                self._socket.sendall(self._protocol.send(event))
            except LocalProtocolError as error:
                raise SocketClosed(GONE, "the connection is being closed") from error
            except OSError as error:
                self.hang_up()
                raise SocketClosed(GONE, f"the client cannot be reached, or does not read: {error}") from error

    def _shut(self, directions: int) -> None:
        with contextlib.suppress(OSError):  # it is gone already
            self._socket.shutdown(directions)
