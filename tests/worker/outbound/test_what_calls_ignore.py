"""Nothing but the request decides where it goes and what goes with it: not the environment, not earlier answers."""

import json
from pathlib import Path

import pytest

from shared.domain.urls import RESERVED_HEADERS
from tests.raw_server import RawServer
from tests.target import Target
from tests.worker.outbound.conftest import Send
from worker.outbound import Response, Unreachable

OURS = {"host", "user-agent", "accept", "accept-encoding"}
PROXIES = ["http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "socks_proxy", "no_proxy", "request_method"]


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("scheme", ["http", "https", "socks4", "socks5", "socks5h"])
def test_no_proxy_of_the_environment_is_used(
    send: Send, monkeypatch: pytest.MonkeyPatch, tls: bool, scheme: str
) -> None:
    with Target() as proxy, Target(tls=tls) as target:
        for name in PROXIES:
            for spelled in (name, name.upper()):
                monkeypatch.setenv(spelled, f"{scheme}://127.0.0.1:{proxy.port}" if "no_" not in name else "none")
        assert isinstance(send(target.url(host="localhost")), Response)
        assert isinstance(send(target.url(f"/redirect?to={target.url('/ok')}"), follow_redirects=True), Response)
        assert proxy.connections == 0


def test_no_file_of_the_user_is_read(
    target: Target, send: Send, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in (".netrc", "_netrc", "netrc"):
        (tmp_path / name).write_text("machine 127.0.0.1 login who password secret\ndefault login a password b\n")
    for name in (".curlrc", "curlrc"):
        (tmp_path / name).write_text('header = "X-Rc: 1"\nproxy = "http://127.0.0.1:9"\n')
    for variable in ("HOME", "CURL_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    answer = send(target.url("/echo"))
    assert isinstance(answer, Response)
    assert {name for name, _ in json.loads(answer.body)["headers"]} == OURS


def test_a_challenge_is_an_answer_and_nothing_is_sent_for_it(send: Send) -> None:
    challenges = b"WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Basic realm=x\r\n"
    with RawServer(
        b"HTTP/1.1 401 Unauthorized\r\n" + challenges + b"Content-Length: 0\r\nConnection: close\r\n\r\n"
    ) as server:
        answer = send(server.url())
        assert isinstance(answer, Response)
        assert answer.status == 401
        assert len(server.requests) == 1
        assert b"uthorization" not in server.requests[0]


def test_cookies_are_kept_neither_for_the_next_call_nor_for_the_next_hop(target: Target, send: Send) -> None:
    cookies = (b"Set-Cookie: session=1; Path=/\r\n" * 3) + b"Set-Cookie2: a=b\r\n"
    redirect = b"HTTP/1.1 302 Found\r\nLocation: %s\r\n" % target.url("/echo").encode()
    with RawServer(redirect + cookies + b"Content-Length: 0\r\nConnection: close\r\n\r\n") as server:
        for location in (server.url(), target.url("/echo"), server.url()):
            answer = send(location, follow_redirects=True)
            assert isinstance(answer, Response)
            assert {name for name, _ in json.loads(answer.body)["headers"]} == OURS
    send(target.url("/cookie"))
    send(target.url("/echo"))
    assert target.requests[-1].header("cookie") is None


def test_an_alternative_service_is_not_gone_to(target: Target, send: Send) -> None:
    offer = f'Alt-Svc: http/1.1="127.0.0.1:{target.port}"; ma=86400, h2=":{target.port}"; persist=1\r\n'
    with RawServer(f"HTTP/1.1 200 OK\r\n{offer}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()) as server:
        for _ in range(3):
            assert isinstance(send(server.url(host="localhost")), Response)
        assert len(server.requests) == 3
    assert target.connections == 0


def test_a_host_that_asks_for_https_is_still_called_as_the_url_says(target: Target, send: Send) -> None:
    strict = b"Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\nUpgrade: TLS/1.2, h2c\r\n"
    with RawServer(b"HTTP/1.1 200 OK\r\n" + strict + b"Content-Length: 0\r\nConnection: close\r\n\r\n") as server:
        for _ in range(2):
            assert isinstance(send(server.url(host="localhost")), Response)
    assert isinstance(send(target.url(host="localhost")), Response)


def test_a_refresh_or_a_location_without_a_redirect_leads_nowhere(target: Target, send: Send) -> None:
    for status in (200, 201, 202, 300, 304, 401, 503):
        headers = f"Location: {target.url()}\r\nRefresh: 0; url={target.url()}\r\nContent-Location: {target.url()}\r\n"
        with RawServer(
            f"HTTP/1.1 {status} X\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        ) as server:
            answer = send(server.url(), follow_redirects=True)
            assert isinstance(answer, Response)
            assert answer.status == status
    assert target.connections == 0


@pytest.mark.parametrize("name", sorted(RESERVED_HEADERS))
@pytest.mark.parametrize("spelled", [str.lower, str.upper, str.title, lambda name: name.replace("-", "_")])
def test_no_header_that_frames_the_request_can_be_set(target: Target, send: Send, name: str, spelled: object) -> None:
    answer = send(target.url(), "POST", headers=((spelled(name), "x"),), body=b"b")  # type: ignore[operator]
    assert isinstance(answer, Unreachable)
    assert "cannot be set" in answer.detail
    assert target.connections == 0


INJECTED = [
    "\r\nX-Evil: 1",
    "\nX-Evil: 1",
    "\rX-Evil: 1",
    "\0",
    "\x0b",
    "\x0c",
    "\x1b[2J",
    "\x7f",
    "\x85",
    "☃",
    "\u010a",
]


@pytest.mark.parametrize("evil", INJECTED)
def test_nothing_can_be_injected_into_a_request(target: Target, send: Send, evil: str) -> None:
    answers = [
        send(target.url(), headers=((f"X-A{evil}", "v"),)),
        send(target.url(), headers=((evil, "v"),)),
        send(target.url(), headers=(("X-A", f"v{evil}"),)),
        send(target.url(), headers=(("X-A", f"v{evil}w"),)),
        send(target.url(), f"GET{evil}"),
        send(target.url(), f"GET / HTTP/1.1{evil}"),
        send(target.url(f"/{evil}")),
        send(target.url(f"/?q={evil}")),
        send(target.url(f"/#{evil}")),
        send(target.url(host=f"127.0.0.1{evil}")),
    ]
    assert {answer.reason for answer in answers if isinstance(answer, Unreachable)} == {"protocol", "invalid_url"}
    assert all(isinstance(answer, Unreachable) for answer in answers)
    assert target.connections == 0
