"""The request of an act."""

import pytest

from worker.flow_request import InvalidRequest, request_of
from worker.outbound.exchange import Request

URL = "http://127.0.0.1/todos"


def test_a_request_is_a_get_unless_it_has_a_body():
    assert request_of({"url": URL}) == Request("GET", URL)
    assert request_of({"url": URL, "json": None}).method == "POST"
    assert request_of({"url": URL, "body": ""}).method == "POST"
    assert request_of({"url": URL, "json": 1, "method": "put"}).method == "PUT"


def test_json_is_sent_compactly_with_its_type():
    request = request_of({"url": URL, "json": {"a": ["é"]}})
    assert request.body == '{"a":["é"]}'.encode()
    assert request.headers == (("content-type", "application/json"),)


def test_a_body_is_sent_as_it_is_with_the_type_that_was_given():
    request = request_of({"url": URL, "body": "a=b", "headers": {"Content-Type": "application/x-www-form-urlencoded"}})
    assert request.body == b"a=b"
    assert request.headers == (("Content-Type", "application/x-www-form-urlencoded"),)
    assert request_of({"url": URL, "body": "hé"}).headers == (("content-type", "text/plain; charset=utf-8"),)
    assert request_of({"url": URL, "body": {"a": 1}}).body == b'{"a":1}'


@pytest.mark.parametrize(
    ("url", "query", "merged"),
    [
        (URL, {"q": "a b&c=d", "n": 5}, f"{URL}?q=a%20b%26c%3Dd&n=5"),
        (f"{URL}?a=1", {"b": True}, f"{URL}?a=1&b=true"),
        (f"{URL}#part", {"ü": "/"}, f"{URL}?%C3%BC=%2F"),
        (f"{URL}?a=1#part", {}, f"{URL}?a=1"),
    ],
)
def test_the_query_is_merged_into_the_url(url, query, merged):
    assert request_of({"url": url, "query": query}).url == merged


def test_auth_becomes_a_header():
    assert request_of({"url": URL, "auth": {"basic": ["Aladdin", "open sesame"]}}).headers == (
        ("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
    )
    assert request_of({"url": URL, "auth": {"bearer": "t0k"}}).headers == (("authorization", "Bearer t0k"),)


def test_redirects_are_followed_only_if_asked():
    assert not request_of({"url": URL}).follow_redirects
    assert request_of({"url": URL, "follow_redirects": True}).follow_redirects
    assert not request_of({"url": URL, "follow_redirects": "true"}).follow_redirects


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": None}, "the url must be text, and is null"),
        ({"url": ["x"]}, "the url must be text, and is array"),
        ({"url": "http://127.0.0.1/a b"}, "spaces"),
        ({"url": "http://127.0.0.1/\r\nHost: x"}, "control characters"),
        ({"url": "ftp://127.0.0.1/"}, "http"),
        ({"url": "http://user@127.0.0.1/"}, "user name"),
        ({"method": "CONNECT"}, "the method must be one of GET"),
        ({"method": 5}, "the method must be one of GET"),
        ({"headers": {"x-a": "b\r\nhost: c"}}, "x-a"),
        ({"headers": {"x a": "b"}}, "name of a header"),
        ({"headers": {"x-a": "☃"}}, "Latin-1"),
        ({"headers": {"x-a": None}}, "the header x-a must be text, and is null"),
        ({"headers": {"host": "c"}}, "cannot be set"),
        ({"headers": []}, "headers must be an object"),
        ({"query": "a=b"}, "query must be an object"),
        ({"query": {"a": {}}}, "the query parameter a must be text, and is object"),
        ({"json": 1, "body": "x"}, "only one"),
        ({"auth": {"bearer": "a\nb"}}, "authorization"),
        ({"auth": {"digest": "x"}}, "auth must be"),
        ({"auth": {"basic": ["only"]}}, "auth must be"),
        ({"auth": {"bearer": "t"}, "headers": {"Authorization": "x"}}, "both auth"),
    ],
)
def test_a_request_that_cannot_be_sent_says_why(changes, words):
    with pytest.raises(InvalidRequest) as caught:
        request_of({"url": URL, **changes})
    assert words in caught.value.detail
