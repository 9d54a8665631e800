"""Where a redirect leads, and what of the request goes there with it."""

from string import ascii_letters, digits, punctuation
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from shared.domain.urls import url_problem
from worker.outbound.exchange import Request, Response
from worker.outbound.failures import Failure

FOLLOWED: Final = (301, 302, 303, 307, 308)
DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_AS_WRITTEN: Final = ascii_letters + digits + punctuation
# They describe the body: with it they go on to another host, and without it they do not go on at all.
_ABOUT_THE_BODY: Final = ("content-type", "content-encoding", "content-language")


def redirected(request: Request, answer: Response) -> Request | Failure | None:
    """The request that the answer asks for, why it cannot be made, or None if the answer is the last one.

    A redirect to another scheme, host or port takes no header along, be it Authorization or one that only its
    writer knows to be a secret; only what describes the body stays with the body.

    >>> moved = Response(302, (("location", "/b"),), b"", False, 1)
    >>> onward = redirected(Request("POST", "http://127.0.0.1/a", body=b"x", follow_redirects=True), moved)
    >>> onward.method, onward.url, onward.body
    ('GET', 'http://127.0.0.1/b', b'')
    """
    if not request.follow_redirects or answer.status not in FOLLOWED:
        return None
    location = next((value for name, value in answer.headers if name == "location"), None)
    if location is None:
        return None
    # What is not printable ASCII is written in percent encoding, as browsers do: servers send plain UTF-8.
    written = quote(location.encode("latin-1"), safe=_AS_WRITTEN)
    try:
        url = urljoin(request.url, written)
    except ValueError:
        url = ""
    if (sentence := url_problem(url)) is not None:
        return "protocol", f"the answer redirects to where no call can go: {sentence}"
    onward = _in_its_new_method(request, answer.status)
    if _origin(url) != _origin(request.url):
        onward = onward._replace(own_headers=(), headers=_about_the_body(onward) if onward.body else ())
    return onward._replace(url=url)


def _in_its_new_method(request: Request, status: int) -> Request:
    """303 asks for a GET; after 301 and 302 a POST becomes one, because that is what all clients do."""
    stays = status in (307, 308) or request.method in ("GET", "HEAD") or (status != 303 and request.method != "POST")
    if stays:
        return request
    headers = tuple(pair for pair in request.headers if pair[0].lower() not in _ABOUT_THE_BODY)
    return request._replace(method="GET", headers=headers, body=b"")


def _about_the_body(request: Request) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in request.headers if pair[0].lower() in _ABOUT_THE_BODY)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").removesuffix("."), parts.port or DEFAULT_PORTS[parts.scheme]
