"""The request of an act, filled and checked: from its JSON to what is sent."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, urlencode

from shared.domain.json_kind import kind
from shared.domain.json_value import Json, written
from shared.domain.urls import METHODS, header_problem, url_problem
from worker.outbound.exchange import Request

_JSON_TYPE: Final = ("content-type", "application/json")
_TEXT_TYPE: Final = ("content-type", "text/plain; charset=utf-8")


class InvalidRequest(Exception):
    """The request cannot be sent as it stands once filled; `detail` says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def request_of(raw: Json) -> Request:
    """The call that {method?, url, headers?, query?, json? | body?, auth?, follow_redirects?} describes.

    The method is GET, or POST if there is a body. Raises InvalidRequest.

    >>> request_of({"url": "http://127.0.0.1/todos", "query": {"page": 2}}).url
    'http://127.0.0.1/todos?page=2'
    """
    if not isinstance(raw, dict):
        raise InvalidRequest("the request is not an object")
    if "json" in raw and "body" in raw:
        raise InvalidRequest("the request has both json and body; only one may be given")
    has_body = "json" in raw or "body" in raw
    method = _text(raw.get("method", "POST" if has_body else "GET"), "the method").upper()
    if method not in METHODS:
        raise InvalidRequest(f"the method must be one of {', '.join(METHODS)}")
    return Request(
        method=method,
        url=_url(raw),
        headers=tuple(_headers(raw)),
        body=_body(raw),
        follow_redirects=raw.get("follow_redirects") is True,
    )


def _url(raw: dict[str, Json]) -> str:
    url, _, _ = _text(raw.get("url"), "the url").partition("#")
    if parameters := _members(raw, "query"):
        pairs = [(name, _text(value, f"the query parameter {name}")) for name, value in parameters.items()]
        url += ("&" if "?" in url else "?") + urlencode(pairs, quote_via=quote)
    if problem := url_problem(url):
        raise InvalidRequest(problem)
    return url


def _headers(raw: dict[str, Json]) -> Iterator[tuple[str, str]]:
    names = set()
    for name, value in _members(raw, "headers").items():
        text = _text(value, f"the header {name}")
        if problem := header_problem(name, text):
            raise InvalidRequest(problem)
        names.add(name.lower())
        yield name, text
    if "auth" in raw:
        if "authorization" in names:
            raise InvalidRequest("the request has both auth and a header authorization")
        yield "authorization", _authorization(raw["auth"])
    if "content-type" not in names and ("json" in raw or "body" in raw):
        yield _JSON_TYPE if "json" in raw else _TEXT_TYPE


def _authorization(auth: Json) -> str:
    match auth:
        case {"basic": [user, password]}:
            credentials = f"{_text(user, 'the user name')}:{_text(password, 'the password')}"
            value = f"Basic {b64encode(credentials.encode()).decode()}"
        case {"bearer": token}:
            value = f"Bearer {_text(token, 'the bearer token')}"
        case _:
            raise InvalidRequest('auth must be {"basic": [user, password]} or {"bearer": token}')
    if problem := header_problem("authorization", value):
        raise InvalidRequest(problem)
    return value


def _body(raw: dict[str, Json]) -> bytes:
    if "json" in raw:
        return written(raw["json"]).encode()
    body = raw.get("body", "")
    return (body if isinstance(body, str) else written(body)).encode()


def _members(raw: dict[str, Json], name: str) -> dict[str, Json]:
    members = raw.get(name, {})
    if not isinstance(members, dict):
        raise InvalidRequest(f"{name} must be an object")
    return members


def _text(value: Json, what: str) -> str:
    """The value as text; a variable may have filled in a number or a boolean."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return written(value)
    raise InvalidRequest(f"{what} must be text, and is {kind(value)}")
