"""Nothing that can be written into a URL opens a socket to what is not public, checked at the socket itself."""

from collections.abc import Callable, Iterator
from ipaddress import ip_network

import pytest

from shared.domain.urls import target_problem
from tests.certificate import ca_file
from tests.raw_server import RawServer
from tests.target import Target
from tests.worker.outbound.bypasses import CONFUSIONS, HOSTS, NAMES_OF_THIS_MACHINE, NOT_LOOPBACK, PLAIN
from tests.worker.outbound.conftest import LOOPBACK
from worker.outbound import Outbound, Request, Response, Unreachable, message

Connects = list[tuple[str, bool]]
Call = Callable[..., Response | Unreachable]

EVERYTHING = [*CONFUSIONS, *PLAIN, *(f"http://{host}:{{port}}/" for host in HOSTS)]
NOT_CALLED = ("invalid_url", "address_not_allowed", "name_not_found")


def caller(outbound: Outbound) -> Call:
    def call(url: str, *, timeout_seconds: float = 2, follow_redirects: bool = False) -> Response | Unreachable:
        request = Request("GET", url, follow_redirects=follow_redirects)
        return outbound.submit(outbound.send(request, timeout_seconds)).result(10)

    return call


@pytest.fixture(scope="module")
def closed() -> Iterator[Call]:
    """Calls to the public Internet alone."""
    with Outbound(concurrency=4, allow=(), ca_file=ca_file()) as outbound:
        yield caller(outbound)


@pytest.fixture(scope="module")
def loopback() -> Iterator[Call]:
    """Calls to the public Internet and to 127.0.0.0/8."""
    with Outbound(concurrency=4, allow=[LOOPBACK], ca_file=ca_file()) as outbound:
        yield caller(outbound)


@pytest.fixture(scope="module")
def listening() -> Iterator[Target]:
    with Target() as target:
        yield target


@pytest.fixture(scope="module")
def redirecting() -> Iterator[RawServer]:
    with RawServer(b"") as server:
        yield server


def opened(connects: Connects) -> list[str]:
    return [address for address, was_opened in connects if was_opened]


def test_there_are_many_ways() -> None:
    assert len(set(HOSTS)) + len(set(CONFUSIONS)) > 700


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_reaches_what_is_not_public(closed: Call, connects: Connects, listening: Target, host: str) -> None:
    before = listening.connections
    answer = closed(f"http://{host}:{listening.port}/")
    assert isinstance(answer, Unreachable)
    assert answer.reason in NOT_CALLED
    assert opened(connects) == []
    assert listening.connections == before


@pytest.mark.parametrize("host", [host for host in HOSTS if host not in NAMES_OF_THIS_MACHINE])
def test_no_address_is_accepted_on_writing(host: str) -> None:
    problem = target_problem(f"https://{host}/", [])
    if host.endswith((".nip", "e0")) and "%" not in host:  # a name like any other, judged when it is resolved
        assert problem is None
    else:
        assert problem is not None


@pytest.mark.parametrize("host", NOT_LOOPBACK)
def test_permission_for_loopback_opens_nothing_else(loopback: Call, connects: Connects, host: str) -> None:
    """Spellings of 127.0.0.1 within IPv6 aside, which are what they say."""
    answer = loopback(f"http://{host}:9/")
    assert isinstance(answer, Unreachable)
    assert answer.reason in NOT_CALLED
    assert opened(connects) == []


@pytest.mark.parametrize("url", CONFUSIONS)
def test_no_url_with_two_readings_is_called(loopback: Call, connects: Connects, listening: Target, url: str) -> None:
    answer = loopback(url.format(port=listening.port))
    assert isinstance(answer, Unreachable)
    assert answer.reason in NOT_CALLED
    assert opened(connects) == []


@pytest.mark.parametrize("url", PLAIN)
def test_a_url_with_one_reading_goes_where_it_says(
    loopback: Call, closed: Call, connects: Connects, listening: Target, url: str
) -> None:
    assert isinstance(closed(url.format(port=listening.port)), Unreachable)
    assert opened(connects) == []
    assert isinstance(loopback(url.format(port=listening.port)), Response)


@pytest.mark.parametrize("url", [url for url in EVERYTHING if "\0" not in url])
def test_the_socket_is_judged_even_if_no_url_ever_were(
    closed: Call, connects: Connects, listening: Target, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second line of defence holds without the first: libcurl gets the URL unread, as bytes."""
    monkeypatch.setattr(message, "url_problem", lambda _url: None)
    text = url.format(port=listening.port)
    before = listening.connections
    answer = closed(text.encode())  # type: ignore[arg-type]  # past every check of text
    assert isinstance(answer, Unreachable)
    assert opened(connects) == []
    assert listening.connections == before


@pytest.mark.parametrize("host", [host for host in NOT_LOOPBACK if host.isascii() and host.isprintable()])
@pytest.mark.parametrize("form", ["http://{}/", "//{}/"])
def test_no_redirect_leads_behind_the_wall(
    loopback: Call, connects: Connects, redirecting: RawServer, form: str, host: str
) -> None:
    redirecting.answer = f"HTTP/1.1 302 Found\r\nLocation: {form.format(host)}\r\n\r\n".encode()
    answer = loopback(redirecting.url(), follow_redirects=True)
    assert isinstance(answer, Unreachable)
    assert answer.reason in ("protocol", "address_not_allowed", "name_not_found")
    assert opened(connects) == ["127.0.0.1"]


@pytest.mark.parametrize("address", ["10.0.0.1", "192.0.2.1", "[2001:db8::1]"])
def test_the_guard_of_the_tests_sees_what_would_get_through(address: str, escapes_of_libcurl: list[str]) -> None:
    """Were everything allowed, libcurl would go there: the tests above do not pass for want of trying."""
    with Outbound(concurrency=1, allow=[ip_network("0.0.0.0/0"), ip_network("::/0")]) as outbound:
        assert isinstance(caller(outbound)(f"http://{address}/"), Unreachable)
    assert escapes_of_libcurl == [address.strip("[]")]
    escapes_of_libcurl.clear()
