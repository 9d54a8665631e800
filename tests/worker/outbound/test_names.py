"""Names are judged by what they resolve to, at every connect; the name server here is one of ours."""

import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pycurl
import pytest

from tests.certificate import ca_file
from tests.name_server import NameServer
from tests.shared.domain.test_addresses import NOT_PUBLIC
from tests.target import Target
from tests.worker.outbound.conftest import LOOPBACK
from worker.outbound import Outbound, Request, Response, Unreachable, transfer

Connects = list[tuple[str, bool]]
Call = Callable[..., Response | Unreachable]

NOT_ALLOWED = ("address_not_allowed", "the address of this URL is not allowed")
WITHOUT_ZONES = [text for text in NOT_PUBLIC if "%" not in text]


@pytest.fixture
def names(connects: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """The name server that all calls ask from now on, at every connect anew."""
    with NameServer() as names:
        asking = ((pycurl.DOH_URL, names.url), (pycurl.DNS_CACHE_TIMEOUT, 0), (pycurl.FORBID_REUSE, 1))
        monkeypatch.setattr(transfer, "FIXED_OPTIONS", (*transfer.FIXED_OPTIONS, *asking))
        yield names


@pytest.fixture
def call(names: NameServer) -> Iterator[Call]:
    with Outbound(concurrency=4, allow=[LOOPBACK], ca_file=ca_file()) as outbound:

        def call(url: str, *, timeout_seconds: float = 5, **parts: object) -> Response | Unreachable:
            request = Request("GET", url, **parts)  # type: ignore[arg-type]  # its fields, by name
            return outbound.submit(outbound.send(request, timeout_seconds)).result(10)

        yield call


def opened(connects: Connects) -> list[str]:
    return [address for address, was_opened in connects if was_opened]


def test_a_name_that_resolves_to_what_is_allowed_is_called(names: NameServer, call: Call, target: Target) -> None:
    names.answer("name.test", ["127.0.0.1"])
    assert isinstance(call(target.url(host="name.test")), Response)
    assert set(names.asked) == {"name.test"}
    assert target.requests[0].header("host") == f"name.test:{target.port}"


def test_a_name_that_resolves_to_what_is_not_public_is_refused(
    names: NameServer, call: Call, connects: Connects
) -> None:
    not_allowed = [text for text in WITHOUT_ZONES if not text.removeprefix("::ffff:").startswith("127.")]
    for number, address in enumerate(not_allowed):
        names.answer(f"name{number}.test", [address])
        answer = call(f"http://name{number}.test:9/")
        assert isinstance(answer, Unreachable), address
        assert (answer.reason, answer.detail) == NOT_ALLOWED, address
        assert address not in answer.detail
    assert opened(connects) == []
    assert len(connects) == len(not_allowed) > 50


@pytest.mark.parametrize(
    "name",
    [
        "NAME.test",
        "name.test.",
        "xn--lcalhost-j3g.test",
        "xn--80ak6aa92e.test",
        "127.0.0.1.name.test",
        "0x7f.1.name.test",
        "metadata.google.internal",
        "kubernetes.default.svc",
        "host.docker.internal",
        "1.test",
        "_http._tcp.test",
    ],
)
def test_no_name_is_better_than_its_address(names: NameServer, call: Call, connects: Connects, name: str) -> None:
    names.answer(name.lower().rstrip("."), ["169.254.169.254", "fd00:ec2::254"])
    answer = call(f"http://{name}/")
    assert isinstance(answer, Unreachable)
    assert answer.reason == "address_not_allowed"
    assert opened(connects) == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["10.0.0.1", "169.254.169.254", "127.0.0.1", "192.168.1.1"],
        ["::1", "127.0.0.1"],
        ["fd00::1", "fe80::1", "127.0.0.1"],
        ["::ffff:10.0.0.1", "127.0.0.1", "10.0.0.1"],
        ["64:ff9b::a00:1", "127.0.0.1"],
    ],
)
def test_of_several_addresses_only_those_allowed_are_connected_to(
    names: NameServer, call: Call, connects: Connects, target: Target, addresses: list[str]
) -> None:
    names.answer("many.test", addresses)
    assert isinstance(call(target.url(host="many.test")), Response)
    assert opened(connects) == ["127.0.0.1"]


def test_a_name_that_turns_inwards_after_its_first_answer_is_refused(
    names: NameServer, call: Call, connects: Connects, target: Target
) -> None:
    names.answer("turning.test", ["127.0.0.1"], ["10.0.0.1"])
    assert isinstance(call(target.url(host="turning.test")), Response)
    for _ in range(3):
        answer = call(target.url(host="turning.test"))
        assert isinstance(answer, Unreachable)
        assert (answer.reason, answer.detail) == NOT_ALLOWED
    assert opened(connects) == ["127.0.0.1"]
    assert len(target.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_name_that_turns_inwards_between_two_hops_is_refused(
    names: NameServer, call: Call, connects: Connects, target: Target, status: int
) -> None:
    names.answer("turning.test", ["127.0.0.1"], ["192.168.1.1"])
    answer = call(target.url(f"/redirect?status={status}&to=/ok", host="turning.test"), follow_redirects=True)
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == NOT_ALLOWED
    assert opened(connects) == ["127.0.0.1"]
    assert [seen.path for seen in target.requests] == [f"/redirect?status={status}&to=/ok"]


def test_the_last_of_five_hops_is_judged_like_the_first(names: NameServer, call: Call, target: Target) -> None:
    location = "http://inside.test/"
    names.answer("inside.test", ["10.0.0.1"])
    for _ in range(5):
        location = target.url(f"/redirect?to={quote(location, safe='')}")
    answer = call(location, follow_redirects=True)
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == NOT_ALLOWED
    assert len(target.requests) == 5


def test_an_open_connection_serves_no_other_name(
    names: NameServer, target: Target, connects: Connects, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [option for option in transfer.FIXED_OPTIONS if option[0] != pycurl.FORBID_REUSE]
    monkeypatch.setattr(transfer, "FIXED_OPTIONS", kept)
    names.answer("outside.test", ["127.0.0.1"])
    names.answer("inside.test", ["10.0.0.1"])
    answers = []
    with Outbound(concurrency=4, allow=[LOOPBACK], ca_file=ca_file()) as outbound:
        for name in ("outside.test", "inside.test", "outside.test"):
            request = Request("GET", target.url(host=name))
            answers.append(outbound.submit(outbound.send(request, 5)).result(10))
    assert [isinstance(answer, Response) for answer in answers] == [True, False, True]
    assert opened(connects) == ["127.0.0.1"]
    assert target.connections == 1


def test_a_name_that_nobody_knows_is_not_found(names: NameServer, call: Call) -> None:
    answer = call("http://unknown.test/")
    assert isinstance(answer, Unreachable)
    assert answer.reason == "name_not_found"
    assert set(names.asked) == {"unknown.test"}


def test_a_name_server_that_never_answers_is_part_of_the_allowance(names: NameServer, call: Call) -> None:
    names.answer("silent.test", [])
    begun = time.monotonic()
    answer = call("http://silent.test/", timeout_seconds=0.3)
    assert time.monotonic() - begun <= 0.6
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == ("timed_out", "no answer within 0.3 s")
