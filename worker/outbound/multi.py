"""libcurl's multi handle inside an asyncio loop: many transfers, no thread of their own."""

import asyncio
from collections.abc import Callable

import pycurl

from worker.outbound.sockets import Sockets


class Multi:
    """Runs easy handles and tells `ended(curl, code)`, code 0 for success, once for each that was added.

    libcurl's sockets are waited for on their own, and the loop waits for them as one: entering a socket there is one
    system call, where the loop's add_reader and add_writer are many lines of Python, four times for every request.
    Everything here runs on the loop's thread.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        kept_connections: int,
        ended: Callable[[pycurl.Curl, int], None],
    ) -> None:
        self._loop = loop
        self._ended = ended
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._sockets = Sockets()
        self._watched: set[int] = set()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, kept_connections)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._remind)
        loop.add_reader(self._sockets.fileno(), self._advance_ready)

    def add(self, curl: pycurl.Curl) -> None:
        """Begin the transfer."""
        self._multi.add_handle(curl)

    def remove(self, curl: pycurl.Curl) -> None:
        """Take the handle out; if its transfer has not ended, its connection is closed."""
        self._multi.remove_handle(curl)

    def close(self) -> None:
        """Close the kept connections; no handle may be inside any more."""
        self._loop.remove_reader(self._sockets.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._multi.close()
        self._sockets.close()

    def _watch(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._watched.remove(descriptor)
            self._sockets.forget(descriptor)
        elif descriptor in self._watched:
            self._sockets.change(descriptor, what)
        else:
            self._watched.add(descriptor)
            self._sockets.watch(descriptor, what)

    def _advance_ready(self) -> None:
        for descriptor, events in self._sockets.ready():
            self._multi.socket_action(descriptor, events)
        self._tell_ended()

    def _remind(self, milliseconds: int) -> None:
        """Call libcurl back after this time. It asks at every request: an earlier timer stays."""
        if milliseconds < 0:
            self._due = None
            return
        self._due = self._loop.time() + milliseconds / 1_000
        if self._timer is None or self._timer.when() > self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._due, self._advance_due)

    def _advance_due(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._due > self._loop.time():
            self._timer = self._loop.call_at(self._due, self._advance_due)
            return
        self._due = None
        self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._tell_ended()

    def _tell_ended(self) -> None:
        left = 1
        while left:
            left, succeeded, failed = self._multi.info_read()
            for curl in succeeded:
                self._ended(curl, 0)
            for curl, code, _message in failed:
                self._ended(curl, code)
