import json
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.domain.urls import METHODS, url_problem
from tests.target import Target
from tests.worker.outbound.conftest import Send
from worker.outbound import Request, Response, Unreachable
from worker.outbound.redirects import FOLLOWED, redirected


def test_a_redirect_is_an_answer_unless_following_is_asked_for(target: Target, send: Send) -> None:
    answer = send(target.url("/redirect/1"))
    assert isinstance(answer, Response)
    assert (answer.status, dict(answer.headers)["location"]) == (302, "/redirect/0")
    assert len(target.requests) == 1


def test_five_redirects_are_followed_and_a_sixth_is_not(target: Target, send: Send) -> None:
    answer = send(target.url("/redirect/5"), follow_redirects=True)
    assert isinstance(answer, Response)
    assert answer.status == 200
    assert "location" not in dict(answer.headers)
    answer = send(target.url("/redirect/6"), follow_redirects=True)
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == ("protocol", "there were more than 5 redirects")


def test_following_ends_with_the_call_that_asked_for_it(target: Target, send: Send) -> None:
    for follow, status in ((True, 200), (False, 302)):
        answer = send(target.url("/redirect/1"), follow_redirects=follow)
        assert isinstance(answer, Response)
        assert answer.status == status


def test_bodies_of_redirects_are_not_kept(target: Target, send: Send) -> None:
    path = f"/redirect?bytes=5000000&to={target.url('/ok')}"
    answer = send(target.url(path), follow_redirects=True)
    assert isinstance(answer, Response)
    assert (answer.body, answer.truncated) == (b'{"ok": true}', False)


@pytest.mark.parametrize(
    ("method", "status", "arrives_as"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 303, "GET"),
        ("PUT", 307, "PUT"),
        ("DELETE", 308, "DELETE"),
        ("HEAD", 302, "HEAD"),
        ("GET", 307, "GET"),
    ],
)
def test_the_status_decides_the_method_of_the_next_hop(
    target: Target, send: Send, method: str, status: int, arrives_as: str
) -> None:
    body = b"data" if method in ("POST", "PUT") else b""
    path = f"/redirect?status={status}&to={target.url('/ok')}"
    assert isinstance(send(target.url(path), method, body=body, follow_redirects=True), Response)
    assert [seen.method for seen in target.requests] == [method, arrives_as]
    assert target.requests[1].body == (body if arrives_as == method else b"")


SECRETS = (("Authorization", "Bearer secret"), ("Cookie", "a=b"), ("X-Api-Key", "secret"), ("user-agent", "mine"))
OURS = {"host", "user-agent", "accept", "accept-encoding"}


def test_headers_stay_with_the_origin_they_were_meant_for(target: Target, send: Send) -> None:
    with Target() as other, Target(tls=True) as over_tls:
        elsewhere = [
            other.url("/echo"),  # another port
            target.url("/echo", host="localhost"),  # another name
            target.url("/echo", host="127.0.0.2"),  # another address
            over_tls.url("/echo"),  # another scheme
            target.url(f"/redirect?to={target.url('/echo', host='localhost')}"),  # one hop later
            other.url(f"/redirect?to={target.url('/echo')}"),  # there and back
        ]
        for status in (301, 302, 303, 307, 308):
            for location in elsewhere:
                path = f"/redirect?status={status}&to={quote(location, safe='')}"
                answer = send(target.url(path), headers=SECRETS, follow_redirects=True)
                if isinstance(answer, Unreachable):  # nothing listens at 127.0.0.2
                    assert answer.reason == "refused"
                    continue
                received = dict(json.loads(answer.body)["headers"])
                assert set(received) == OURS
                assert received["user-agent"] == "Roundsman"


@pytest.mark.parametrize("location", ["/echo", "echo?x", "//127.0.0.1:{port}/echo", "HTTP://127.0.0.1:{port}/echo"])
def test_headers_go_on_to_the_same_origin(target: Target, send: Send, location: str) -> None:
    path = f"/redirect?to={quote(location.format(port=target.port), safe='')}"
    answer = send(target.url(path), headers=SECRETS, follow_redirects=True)
    assert isinstance(answer, Response)
    received = dict(json.loads(answer.body)["headers"])
    assert {name: received[name] for name in ("authorization", "cookie", "x-api-key", "user-agent")} == {
        name.lower(): value for name, value in SECRETS
    }


def test_only_what_describes_a_body_goes_with_it_to_another_origin(target: Target, send: Send) -> None:
    headers = (*SECRETS, ("Content-Type", "application/json"))
    with Target() as other:
        for status, arrives in ((307, {"content-type", "content-length"}), (302, set())):
            path = f"/redirect?status={status}&to={other.url('/echo')}"
            answer = send(target.url(path), "POST", headers=headers, body=b"{}", follow_redirects=True)
            assert isinstance(answer, Response)
            assert {name for name, _ in json.loads(answer.body)["headers"]} == OURS | arrives


def test_a_body_that_stays_behind_takes_its_description_along(target: Target, send: Send) -> None:
    headers = (("Content-Type", "application/json"), ("X-Team", "billing"))
    answer = send(target.url("/redirect?to=/echo"), "POST", headers=headers, body=b"{}", follow_redirects=True)
    assert isinstance(answer, Response)
    assert {name for name, _ in json.loads(answer.body)["headers"]} == OURS | {"x-team"}


@pytest.mark.parametrize(
    ("url", "location", "is_same"),
    [
        ("https://a.example/", "http://a.example:443/", False),
        ("http://a.example:443/", "https://a.example/", False),
        ("https://a.example/", "https://a.example:443/x", True),
        ("http://a.example/", "http://A.example.:80/", True),
        ("http://a.example/", "http://a.example:81/", False),
        ("http://a.example/", "http://b.a.example/", False),
        ("http://a.example/", "http://a.example.evil.test/", False),
        ("http://a.example/", "?b=http://evil.test/", True),
    ],
)
def test_an_origin_is_a_scheme_a_host_and_a_port(url: str, location: str, is_same: bool) -> None:
    moved = Response(307, (("location", location),), b"", False, 1)
    onward = redirected(Request("GET", url, SECRETS, follow_redirects=True), moved)
    assert isinstance(onward, Request)
    assert onward.headers == (SECRETS if is_same else ())


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
def test_a_status_that_is_no_redirect_is_an_answer(target: Target, send: Send, status: int) -> None:
    answer = send(target.url(f"/redirect?status={status}&to=/ok"), follow_redirects=True)
    assert isinstance(answer, Response)
    assert answer.status == status
    assert len(target.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_that_leads_nowhere_is_an_answer(target: Target, send: Send, status: int) -> None:
    answer = send(target.url(f"/status/{status}"), follow_redirects=True)
    assert isinstance(answer, Response)
    assert answer.status == status


@given(some.text(max_size=80), some.sampled_from(FOLLOWED), some.sampled_from(METHODS))
def test_any_location_is_read_without_an_accident(location: str, status: int, method: str) -> None:
    request = Request(method, "https://example.com:8443/a/b?c", SECRETS, follow_redirects=True)
    text = location.encode("latin-1", errors="replace").decode("latin-1")
    for written in (text, f"//{text}", f"http://{text}/", f"https://example.com:{text}/"):
        onward = redirected(request, Response(status, (("location", written),), b"", False, 1))
        if isinstance(onward, Request):
            assert url_problem(onward.url) is None
            stays = urlsplit(onward.url.lower())[:2] == ("https", "example.com:8443")
            assert onward.headers == (SECRETS if stays else ())
        else:
            assert onward is not None
            assert onward[0] == "protocol"
