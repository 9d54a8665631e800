import asyncio
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pycurl
import pytest

from tests.certificate import ca_file
from tests.target import Target
from worker.outbound import Outbound, Request, Response, Unreachable
from worker.outbound.transfer import Transfer

LOOPBACK = ip_network("127.0.0.0/8")

Send = Callable[..., Response | Unreachable]


@pytest.fixture(scope="session")
def all_connects() -> Iterator[list[tuple[str, bool]]]:
    """Every address that libcurl asked a socket for, and whether it got one."""
    connects: list[tuple[str, bool]] = []
    judge = Transfer._on_connect

    def recorded(transfer: Transfer, purpose: int, address: Any) -> Any:
        answer = judge(transfer, purpose, address)
        connects.append((address.addr[0], answer != pycurl.SOCKET_BAD))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transfer, "_on_connect", recorded)
        yield connects


@pytest.fixture(autouse=True)
def connects(all_connects: list[tuple[str, bool]]) -> Iterator[list[tuple[str, bool]]]:
    """Those of one test. Whatever it did, no socket was opened to anywhere but this machine."""
    all_connects.clear()
    yield all_connects
    left = [address for address, opened in all_connects if opened and ip_address(address) not in LOOPBACK]
    assert left == []


@pytest.fixture
def target() -> Iterator[Target]:
    with Target() as target:
        yield target


@pytest.fixture
def outbound(connects: object) -> Iterator[Outbound]:
    with Outbound(concurrency=32, allow=[LOOPBACK], ca_file=ca_file()) as outbound:
        yield outbound


@pytest.fixture
def send(outbound: Outbound) -> Send:
    """Make one call and wait for what comes of it: send(url, method="GET", timeout_seconds=5, …)."""

    def send(url: str, method: str = "GET", *, timeout_seconds: float = 5, **parts: Any) -> Response | Unreachable:
        request = Request(method, url, **parts)
        return outbound.submit(outbound.send(request, timeout_seconds)).result(timeout_seconds + 5)

    return send


async def send_all(outbound: Outbound, requests: list[Request], timeout_seconds: float) -> list[Response | Unreachable]:
    """All of them at once."""
    return await asyncio.gather(*(outbound.send(request, timeout_seconds) for request in requests))
