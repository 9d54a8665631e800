import json

import pytest

from tests.target import Target
from tests.worker.outbound.conftest import Send
from worker.outbound import Response, Unreachable


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


def test_credentials_stay_with_the_host_they_were_meant_for(target: Target, send: Send) -> None:
    headers = (("Authorization", "Bearer secret"), ("Cookie", "a=b"), ("X-Team", "billing"))
    with Target() as other:
        for location in (other.url("/echo"), target.url("/echo")):
            answer = send(target.url(f"/redirect?to={location}"), headers=headers, follow_redirects=True)
            assert isinstance(answer, Response)
            received = {name for name, _ in json.loads(answer.body)["headers"]}
            assert "x-team" in received
            assert ("authorization" in received) == (location == target.url("/echo"))
            assert ("cookie" in received) == (location == target.url("/echo"))
