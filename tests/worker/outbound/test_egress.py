"""Where calls may go: judged at every connect by the address itself, whatever the URL says."""

from ipaddress import ip_network
from typing import Any

import pycurl
import pytest

from tests.shared.domain.test_addresses import NOT_PUBLIC
from tests.shared.domain.test_urls import BAD_URLS, LOOPBACK_SPELLINGS
from tests.target import Target
from tests.worker.outbound.conftest import LOOPBACK, Send
from worker.outbound import Outbound, Request, Response, Unreachable, message, transfer

Connects = list[tuple[str, bool]]

NOT_ALLOWED = ("address_not_allowed", "the address of this URL is not allowed")

# Not to be looked up: a query to a name server would be a packet that leaves the machine.
NEEDS_NO_NAME_SERVER = [url for url in BAD_URLS if "example" not in url and "exa" not in url]

HOSTILE_HOSTS = [
    *LOOPBACK_SPELLINGS,
    *(f"[{text.partition('%')[0]}]" if ":" in text else text for text in NOT_PUBLIC),
    "0",
    "0x0",
    "017700000001",
    "10.1",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.16689662",
    "2852039166",
    "192.168.257",
    "localhost",
    "LOCALHOST",
    "sub.localhost",
]


@pytest.fixture
def closed() -> Any:
    """An engine that may call the public Internet, and nothing else."""
    with Outbound(concurrency=8, allow=()) as outbound:
        yield lambda url, **parts: outbound.submit(outbound.send(Request("GET", url, **parts), 2)).result(10)


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_no_socket_is_opened_to_what_is_not_public(closed: Any, connects: Connects, host: str) -> None:
    answer = closed(f"http://{host}:8080/")
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == NOT_ALLOWED
    assert [address for address, opened in connects if opened] == []
    assert connects


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_with_two_readings_is_refused_before_anything_happens(closed: Any, connects: Connects, url: str) -> None:
    answer = closed(url)
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.elapsed_ms) == ("invalid_url", 0)
    assert connects == []


@pytest.mark.parametrize("url", [url for url in NEEDS_NO_NAME_SERVER if url.isascii() and "\0" not in url])
def test_even_unread_such_a_url_reaches_nothing(
    closed: Any, connects: Connects, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket is the second line of defence, and holds without the first."""
    monkeypatch.setattr(message, "url_problem", lambda _url: None)
    monkeypatch.setattr(transfer, "FIXED_OPTIONS", (*transfer.FIXED_OPTIONS, _unknown_names()))
    assert isinstance(closed(url), Unreachable)
    assert [address for address, opened in connects if opened] == []


def test_a_public_service_on_this_machine_is_refused_without_permission(target: Target, closed: Any) -> None:
    answer = closed(target.url())
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == NOT_ALLOWED
    assert target.connections == 0


def test_permission_for_one_network_is_no_permission_for_its_neighbour(target: Target) -> None:
    with Outbound(concurrency=1, allow=[ip_network("127.0.0.1/32")]) as outbound:
        near = outbound.submit(outbound.send(Request("GET", target.url(host="127.0.0.2")), 5)).result(10)
        there = outbound.submit(outbound.send(Request("GET", target.url()), 5)).result(10)
    assert isinstance(near, Unreachable)
    assert near.reason == "address_not_allowed"
    assert isinstance(there, Response)


def resolving(names: dict[str, str], port: int) -> tuple[int, list[str]]:
    """libcurl's answers to these names, as if a name server had given them."""
    return pycurl.RESOLVE, [f"{name}:{port}:{addresses}" for name, addresses in names.items()]


def _unknown_names() -> tuple[int, list[str]]:
    return pycurl.RESOLVE, [f"*:{port}:192.0.2.1" for port in (80, 443)]


@pytest.mark.parametrize(
    ("addresses", "outcome"),
    [
        ("127.0.0.1", "answered"),
        ("10.0.0.1", "address_not_allowed"),
        ("169.254.169.254,10.0.0.1,[fd00:ec2::254]", "address_not_allowed"),
        ("10.0.0.1,127.0.0.1", "answered"),
        ("127.0.0.1,10.0.0.1", "answered"),
        ("127.0.0.2,10.0.0.1", "refused"),
        ("10.0.0.1,127.0.0.2", "refused"),
    ],
)
def test_every_address_of_a_name_is_judged_by_itself(
    target: Target, connects: Connects, monkeypatch: pytest.MonkeyPatch, addresses: str, outcome: str
) -> None:
    options = (*transfer.FIXED_OPTIONS, resolving({"name.test": addresses}, target.port))
    monkeypatch.setattr(transfer, "FIXED_OPTIONS", options)
    with Outbound(concurrency=1, allow=[LOOPBACK]) as outbound:
        sending = outbound.send(Request("GET", target.url(host="name.test")), 5)
        answer = outbound.submit(sending).result(10)
    assert (answer.reason if isinstance(answer, Unreachable) else "answered") == outcome
    assert all(opened == address.startswith("127.") for address, opened in connects)


def test_nothing_about_the_network_is_told(closed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    options = (*transfer.FIXED_OPTIONS, resolving({"name.test": "10.1.2.3"}, 80))
    monkeypatch.setattr(transfer, "FIXED_OPTIONS", options)
    assert "10.1.2.3" not in repr(closed("http://name.test/"))


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://2852039166/",
        "//10.0.0.1/",
        "http://0/",
    ],
)
def test_a_redirect_into_the_network_is_refused_at_its_hop(target: Target, send: Send, location: str) -> None:
    answer = send(target.url(f"/redirect?to={location}"), follow_redirects=True, timeout_seconds=2)
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == NOT_ALLOWED


@pytest.mark.parametrize(
    "location",
    ["ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "dict://127.0.0.1/", "ws://127.0.0.1/"],
)
def test_a_redirect_to_another_protocol_is_refused(target: Target, send: Send, location: str) -> None:
    answer = send(target.url(f"/redirect?to={location}"), follow_redirects=True)
    assert isinstance(answer, Unreachable)
    assert answer.reason == "protocol"
