"""Waiting for many sockets at once tells libcurl of those that are ready, and for what."""

import select
import socket
from collections.abc import Iterator

import pycurl
import pytest

from worker.outbound import sockets
from worker.outbound.sockets import IN, OUT, Selected

KINDS = [Selected, sockets.Sockets]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def waiting(request: pytest.FixtureRequest) -> Iterator[Selected]:
    made = request.param()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_socket_is_told_of_when_it_can_be_read(waiting: Selected, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    waiting.watch(ours.fileno(), pycurl.POLL_IN)
    assert waiting.ready() == []
    theirs.send(b"a")
    assert waiting.ready() == [(ours.fileno(), IN)]


def test_a_socket_is_told_of_for_what_it_is_watched_for(
    waiting: Selected, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    theirs.send(b"a")
    waiting.watch(ours.fileno(), pycurl.POLL_OUT)
    assert waiting.ready() == [(ours.fileno(), OUT)]
    waiting.change(ours.fileno(), pycurl.POLL_INOUT)
    assert waiting.ready() == [(ours.fileno(), IN | OUT)]
    waiting.forget(ours.fileno())
    assert waiting.ready() == []


def test_a_socket_whose_far_end_is_gone_is_told_of(
    waiting: Selected, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    waiting.watch(ours.fileno(), pycurl.POLL_IN)
    theirs.close()
    [(descriptor, events)] = waiting.ready()
    assert descriptor == ours.fileno()
    assert events & IN


def test_who_waits_for_all_of_them_wakes_when_one_is_ready(
    waiting: Selected, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    waiting.watch(ours.fileno(), pycurl.POLL_IN)
    assert select.select([waiting.fileno()], [], [], 0)[0] == []
    theirs.send(b"a")
    assert select.select([waiting.fileno()], [], [], 0)[0] == [waiting.fileno()]
