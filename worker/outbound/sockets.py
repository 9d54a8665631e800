"""Waiting for many sockets at once, in libcurl's words; entering one is a system call and little else."""

import select
import selectors
import sys
from typing import Final

import pycurl

IN: Final = 1  # what libcurl calls CURL_CSELECT_IN and CURL_CSELECT_OUT, and selectors reading and writing
OUT: Final = 2


class Selected:
    """Wherever Python runs."""

    EVENTS: Final[dict[int, int]] = {pycurl.POLL_IN: IN, pycurl.POLL_OUT: OUT, pycurl.POLL_INOUT: IN | OUT}

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.close = self._selector.close
        self.forget = self._selector.unregister

    def fileno(self) -> int:
        """A file that can be read when one of them is ready; epoll and kqueue have it."""
        return int(self._selector.fileno())

    def watch(self, descriptor: int, what: int) -> None:
        self._selector.register(descriptor, self.EVENTS[what])

    def change(self, descriptor: int, what: int) -> None:
        self._selector.modify(descriptor, self.EVENTS[what])

    def ready(self) -> list[tuple[int, int]]:
        """Those that are ready now, and for what."""
        return [(key.fd, events) for key, events in self._selector.select(0)]


if sys.platform == "linux":

    class Polled:
        """On Linux, without the bookkeeping of selectors: it costs 3 us for every call."""

        EVENTS: Final[dict[int, int]] = {
            pycurl.POLL_IN: select.EPOLLIN,
            pycurl.POLL_OUT: select.EPOLLOUT,
            pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
        }

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self.fileno = self._epoll.fileno
            self.close = self._epoll.close
            self.forget = self._epoll.unregister

        def watch(self, descriptor: int, what: int) -> None:
            self._epoll.register(descriptor, self.EVENTS[what])

        def change(self, descriptor: int, what: int) -> None:
            self._epoll.modify(descriptor, self.EVENTS[what])

        def ready(self) -> list[tuple[int, int]]:
            """Those that are ready now, and for what; an error is both, so that libcurl looks."""
            return [
                (descriptor, IN if events == select.EPOLLIN else _both(events))
                for descriptor, events in self._epoll.poll(0)
            ]

    def _both(events: int) -> int:
        return (IN if events & ~select.EPOLLOUT else 0) | (OUT if events & ~select.EPOLLIN else 0)

    Sockets = Polled
else:
    Sockets = Selected
