"""Where the service is, as a person writes it."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

DEFAULT_URL = "http://127.0.0.1:8080"

UNPRINTABLE = re.compile(r"[^\x21-\x7e]")


class InvalidAddress(ValueError):
    """The URL or the key cannot be one."""


def checked_url(text: str) -> str:
    """The URL in the form that paths are appended to. Raises InvalidAddress.

    >>> checked_url("http://127.0.0.1:8080/")
    'http://127.0.0.1:8080'
    """
    expected = f"expected a URL such as {DEFAULT_URL}"
    parts = _split(text, expected)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidAddress(f"{text[:200]!r} is not where a service can be: {expected}")
    if "@" in parts.netloc:
        raise InvalidAddress(f"the service's URL holds a user name: {expected}, and the key in its own place")
    if parts.query or parts.fragment:
        raise InvalidAddress(f"{text[:200]!r} ends in more than a path: {expected}")
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether only this machine can be reached at this host, and can reach what listens there.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_on_this_machine(url: str) -> bool:
    """Whether what this URL names is on this machine.

    >>> is_on_this_machine("http://localhost:8080"), is_on_this_machine("http://10.0.0.1")
    (True, False)
    """
    return is_loopback(urlsplit(url).hostname or "")


def checked_key(text: str) -> str:
    """The key without the line's end that files have. Raises InvalidAddress, which does not repeat the key."""
    key = text.strip()
    if not 1 <= len(key) <= 200 or UNPRINTABLE.search(key):
        raise InvalidAddress("the API key must be 1 to 200 printable ASCII characters without spaces")
    return key


def _split(text: str, expected: str) -> SplitResult:
    if UNPRINTABLE.search(text):
        raise InvalidAddress(f"the service's URL holds a space or an unprintable character: {expected}")
    try:
        parts = urlsplit(text)
        # Done here, because these raise: for a port that is no number, and for a name such as a..b.
        _ = parts.port, (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise InvalidAddress(f"{text[:200]!r} is no URL: {error}; {expected}") from None
    return parts
