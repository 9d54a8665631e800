"""Telling whether a client is still there, without reading what it sends."""

import socket
import struct
from collections.abc import Iterator

import gevent.socket
import pytest

from api.hang_up import has_hung_up
from tests.processes import wait_until

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["plain", "gevent"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A client and the server's end of its connection, as the two kinds of servers have it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    if request.param == "gevent":
        server = gevent.socket.socket(accepted.family, accepted.type, fileno=accepted.detach())
    else:
        server = accepted
    with client, server:
        yield client, server


def test_a_client_that_waits_has_not_hung_up(pair: Pair) -> None:
    _, server = pair
    assert not has_hung_up({"gunicorn.socket": server})


def test_a_client_that_closed_its_connection_has(pair: Pair) -> None:
    client, server = pair
    client.close()
    wait_until(lambda: has_hung_up({"gunicorn.socket": server}), "the end arrives")


def test_a_client_that_broke_off_has(pair: Pair) -> None:
    client, server = pair
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wait_until(lambda: has_hung_up({"gunicorn.socket": server}), "the reset arrives")


def test_a_client_that_sent_its_next_request_has_not_and_the_request_is_still_there(pair: Pair) -> None:
    client, server = pair
    client.sendall(b"GET")
    assert not has_hung_up({"gunicorn.socket": server})
    assert server.recv(10) == b"GET"
    assert not has_hung_up({"gunicorn.socket": server})


def test_a_connection_that_the_server_closed_has_nobody_behind_it(pair: Pair) -> None:
    _, server = pair
    server.close()
    assert has_hung_up({"gunicorn.socket": server})


def test_behind_a_server_that_hides_the_connection_everybody_is_taken_to_be_there() -> None:
    assert not has_hung_up({})
