import json
from typing import Any

import pytest

from tests.target import Target
from tests.worker.outbound.conftest import LOOPBACK, Send
from worker.outbound import Outbound, Request, Response, Unreachable
from worker.outbound.message import MAX_HEADERS


def echoed(answer: Response | Unreachable) -> Any:
    assert isinstance(answer, Response), answer
    return json.loads(answer.body)


def test_an_answer_comes_back_whole(target: Target, send: Send) -> None:
    target.answers["/state"] = {"healthy": True}
    answer = send(target.url("/state"))
    assert isinstance(answer, Response)
    assert (answer.status, json.loads(answer.body), answer.truncated) == (200, {"healthy": True}, False)
    assert ("content-type", "application/json") in answer.headers
    assert 0 <= answer.elapsed_ms < 5_000


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("body", [b"", b'{"a": 1}', b"\x00\xff" * 50_000], ids=["empty", "json", "binary"])
def test_method_and_body_arrive_as_they_were_given(target: Target, send: Send, method: str, body: bytes) -> None:
    answer = echoed(send(target.url("/echo?x=%20y#z"), method, body=body))
    assert (answer["method"], answer["path"]) == (method, "/echo?x=%20y")
    assert target.requests[0].body == body
    length = target.requests[0].header("content-length")
    assert length == (str(len(body)) if body or method in ("POST", "PUT", "PATCH") else None)


def test_a_head_request_gets_headers_only(target: Target, send: Send) -> None:
    answer = send(target.url("/ok"), "HEAD")
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (200, b"")
    assert ("content-length", "12") in answer.headers


def test_one_handle_after_the_other_method_keeps_nothing_of_it(target: Target, connects: object) -> None:
    methods = ["PUT", "GET", "HEAD", "POST", "DELETE", "GET", "HEAD", "PATCH", "OPTIONS", "GET"]
    with Outbound(concurrency=1, allow=[LOOPBACK]) as outbound:
        for method in methods:
            body = b"data" if method in ("PUT", "PATCH", "DELETE") else b""
            request = Request(method, target.url("/ok"), body=body)
            assert isinstance(outbound.submit(outbound.send(request, 5)).result(10), Response)
    assert [seen.method for seen in target.requests] == methods
    assert [seen.body for seen in target.requests if seen.method in ("GET", "HEAD", "POST")] == [b""] * 6
    assert target.connections == 1


def test_headers_arrive_and_nothing_is_added_that_nobody_asked_for(target: Target, send: Send) -> None:
    headers = (
        ("X-Team", "billing"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("X-Empty", ""),
        ("X-Spaces", "   "),
        ("X-Umlaut", "grün"),
    )
    send(target.url(), "POST", headers=headers, body=b"b" * 2_000_000)
    received = [(name, value) for name, value in target.requests[0].headers if name != "host"]
    assert sorted(received) == sorted(
        [
            ("accept", "*/*"),
            ("accept-encoding", "identity"),
            ("content-length", "2000000"),
            ("user-agent", "Roundsman"),
            ("x-team", "billing"),
            ("x-twice", "1"),
            ("x-twice", "2"),
            ("x-empty", ""),
            ("x-spaces", ""),
            ("x-umlaut", "grün"),
        ]
    )


def test_headers_of_the_request_replace_ours(target: Target, send: Send) -> None:
    ours = (
        ("User-Agent", "mine"),
        ("accept", "text/plain"),
        ("Content-Type", "text/x"),
        ("Accept-Encoding", "br"),
    )
    echo = echoed(send(target.url("/echo"), "POST", headers=ours, body=b"b"))
    received = {name: value for name, value in echo["headers"] if name not in ("host", "content-length")}
    assert received == {
        "user-agent": "mine",
        "accept": "text/plain",
        "content-type": "text/x",
        "accept-encoding": "br",
    }


def test_a_path_is_sent_as_it_was_written(target: Target, send: Send) -> None:
    send(target.url("/a/../b/./c//%2E%2E/?q=/../"))
    assert target.requests[0].path == "/a/../b/./c//%2E%2E/?q=/../"


def test_statuses_are_answers(target: Target, send: Send) -> None:
    for status in (204, 302, 304, 400, 401, 404, 410, 418, 429, 500, 503, 599):
        answer = send(target.url(f"/status/{status}"))
        assert isinstance(answer, Response)
        assert answer.status == status


def test_retry_after_can_be_read(target: Target, send: Send) -> None:
    answer = send(target.url("/retry-after/120"))
    assert isinstance(answer, Response)
    assert (answer.status, dict(answer.headers)["retry-after"]) == (429, "120")


def test_html_is_an_answer(target: Target, send: Send) -> None:
    answer = send(target.url("/html"))
    assert isinstance(answer, Response)
    assert answer.body.startswith(b"<!doctype html>")


def test_cookies_and_credentials_are_not_kept(target: Target, send: Send) -> None:
    send(target.url("/cookie"), headers=(("Authorization", "Bearer secret"), ("Cookie", "a=b")))
    echo = echoed(send(target.url("/cookie")))
    assert {name for name, _ in echo["headers"]} == {"host", "user-agent", "accept", "accept-encoding"}


def test_proxies_and_netrc_of_the_environment_are_not_used(
    target: Target, send: Send, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login who password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with Target() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        echo = echoed(send(target.url("/echo")))
        assert proxy.requests == []
    assert "authorization" not in dict(echo["headers"])


@pytest.mark.parametrize(
    ("method", "headers", "body", "detail"),
    [
        ("BREW", (), b"", "the method must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("GET /\r\n", (), b"", "the method must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("HEAD", (), b"x", "a HEAD request cannot have a body"),
        ("GET", (("Host", "other"),), b"", "the header Host cannot be set"),
        (
            "GET",
            (("X", "a\r\nY: b"),),
            b"",
            "the value of the header X must be printable characters of Latin-1, without line breaks",
        ),
    ],
)
def test_a_request_that_cannot_be_sent_says_why(
    target: Target, send: Send, method: str, headers: Any, body: bytes, detail: str
) -> None:
    answer = send(target.url(), method, headers=headers, body=body)
    assert answer == Unreachable("protocol", detail, 0)
    assert target.connections == 0


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("reset", "reset"),
        ("reset-body", "reset"),
        ("hang-up", "reset"),
        ("short-body", "reset"),
        ("garbage", "protocol"),
        ("http09", "protocol"),
    ],
)
def test_a_broken_answer_is_told_by_its_kind(target: Target, send: Send, mode: str, reason: str) -> None:
    answer = send(target.url(f"/{mode}"))
    assert isinstance(answer, Unreachable)
    assert answer.reason == reason
    assert "127.0.0.1" not in answer.detail


def test_a_connection_reset_at_once_is_a_reset(send: Send) -> None:
    with Target("reset-on-accept") as target:
        answer = send(target.url())
    assert isinstance(answer, Unreachable)
    assert answer.reason == "reset"


def test_a_closed_port_refuses(send: Send) -> None:
    with Target() as target:
        url = target.url()
    answer = send(url)
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == ("refused", "the connection was refused")


def test_a_name_that_nobody_knows_is_not_found(send: Send) -> None:
    answer = send("http://nowhere.onion/")  # refused inside libcurl: no query leaves the machine
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == ("name_not_found", "the name could not be resolved")


@pytest.mark.parametrize(("count", "is_kept"), [(MAX_HEADERS - 1, True), (MAX_HEADERS, False), (5_000, False)])
def test_headers_are_bounded_in_number(target: Target, send: Send, count: int, is_kept: bool) -> None:
    answer = send(target.url(f"/headers/{count}"))  # and Content-Length
    assert isinstance(answer, Response) == is_kept
    assert is_kept or (isinstance(answer, Unreachable) and answer.reason == "protocol")


@pytest.mark.parametrize(("size", "is_kept"), [(32_000, True), (33_000, False), (250_000, False), (2_000_000, False)])
def test_headers_are_bounded_in_size(target: Target, send: Send, size: int, is_kept: bool) -> None:
    answer = send(target.url(f"/header-bytes/{size}"))
    assert isinstance(answer, Response) == is_kept
    assert is_kept or (isinstance(answer, Unreachable) and "32 KiB" in answer.detail)
