"""Connections that another thread can end: a request that waits for its answer could not be stopped otherwise."""

import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from roundsman.deadlines import Deadlines

DEADLINES = Deadlines()

Connected = TypeVar("Connected")


@dataclass(slots=True)
class Allowance:
    """What one request may take in all."""

    is_used_up: bool = False


class HangingUp(HTTPAdapter):
    """Remembers the sockets of its connections, so that it can shut them down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[Any] = weakref.WeakSet()
        self._is_over = False
        self._allowance = Allowance()
        self._pools: dict[str, type[HTTPConnectionPool]] = {}
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        opened = self._opened

        class Connection(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return opened(super()._new_conn())

        class TlsConnection(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                connected = super()._new_conn()
                # What a proxy says comes before TLS, and may trickle; a handshake has a deadline of its own.
                return connected if self.proxy is None else opened(connected)

            def connect(self) -> None:
                super().connect()
                opened(self.sock)

        class Pool(HTTPConnectionPool):
            ConnectionCls = Connection

        class TlsPool(HTTPSConnectionPool):
            ConnectionCls = TlsConnection

        self._pools = {"http": Pool, "https": TlsPool}
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if isinstance(manager, ProxyManager):  # the way through SOCKS has connections of its own
            manager.pool_classes_by_scheme = self._pools
        return manager

    def hang_up(self) -> None:
        """End what is under way, and whatever would begin after this."""
        with self._lock:
            self._is_over = True
            for each in self._sockets:
                _shut_down(each)

    @contextmanager
    def within(self, seconds: float) -> Iterator[Allowance]:
        """Shut the connections down as soon as what is done in here has taken so long.

        The end of a connection may look like the end of an answer: whether it was this is in the allowance.
        """
        self._allowance = allowance = Allowance()
        with DEADLINES.within(seconds, lambda: self._use_up(allowance)):
            yield allowance

    def _use_up(self, allowance: Allowance) -> None:
        with self._lock:
            allowance.is_used_up = True
            for each in self._sockets:
                _shut_down(each)

    def _opened(self, connected: Connected) -> Connected:
        with self._lock:
            self._sockets.add(connected)
            if self._is_over or self._allowance.is_used_up:
                _shut_down(connected)
        return connected


def _shut_down(connected: Any) -> None:
    """Whoever reads from it finds its end; to close it is left to them."""
    # By another handle on the connection: a TLS socket that was shut down itself would break its reader. An OSError
    # says that it is closed already, or that the other side was first.
    with suppress(OSError), socket.socket(fileno=socket.dup(connected.fileno())) as handle:
        handle.shutdown(socket.SHUT_RDWR)
