"""One request to the listener: verified, shown, answered."""

import socket
import socketserver
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

from roundsman.posts import PostHandler
from roundsman.webhooks import WebhookNotVerified, verify


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that arrived; `problem` says why it is not to be trusted, `status` what it was answered."""

    at: datetime
    id: str | None
    problem: str | None
    body: bytes
    status: int


@dataclass(frozen=True, slots=True)
class Receiving:
    """How requests are dealt with: what is signed with the secret is verified, and answered with the status.

    `show` is given every arrival before that is answered: what was answered with 2xx was shown.
    """

    secret: str
    status: int
    show: Callable[[Arrival], None]
    request_seconds: float
    clock: Callable[[], datetime]


class ArrivalServer(Protocol):
    """The server that this handler is for."""

    @property
    def receiving(self) -> Receiving: ...


class ArrivalHandler(PostHandler):
    """One request."""

    other_method = "is no delivery: those come by POST"

    def __init__(self, request: socket.socket, client_address: Any, server: socketserver.BaseServer) -> None:
        self.receiving = cast(ArrivalServer, server).receiving
        super().__init__(request, client_address, server)

    @property
    def request_seconds(self) -> float:
        return self.receiving.request_seconds

    def receive(self, body: bytes) -> None:
        try:
            verify(self.receiving.secret, self.headers, body, now=self.receiving.clock())
        except WebhookNotVerified as error:
            self.refuse(401, str(error), body)
        else:
            self._show(None, body, self.receiving.status)
            self.answer(self.receiving.status, b"")

    def refuse(self, status: int, problem: str, body: bytes) -> None:
        self._show(problem, body, status)
        super().refuse(status, problem, body)

    def _show(self, problem: str | None, body: bytes, status: int) -> None:
        headers = getattr(self, "headers", None)  # there are none yet when the first line is garbage
        id = None if headers is None else headers.get("webhook-id")
        self.receiving.show(Arrival(self.receiving.clock(), id, problem, body, status))
