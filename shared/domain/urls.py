"""What is wrong with a URL or a header of an outbound call, before anything is sent."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import unquote

from shared.domain.addresses import Address, Network, allowed

MAX_URL_LENGTH: Final = 2_048
MAX_HEADER_VALUE_LENGTH: Final = 4_096

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

ADDRESS_NOT_ALLOWED: Final = "the address of this URL is not allowed"

# Printable ASCII without the space and the backslash: what is left has one reading only.
_READABLE: Final = re.compile(r"[!-\[\]-~]*")
_PARTS: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):/{2}(?P<authority>[^/?#]*)(?P<rest>.*)")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>.*))?")
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE: Final = re.compile(r"[\t -~\xa0-\xff]*")

# Set by the call itself, or about the connection rather than the request: a second opinion on where a request
# ends is how requests are smuggled.
RESERVED_HEADERS: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@lru_cache(maxsize=1_024)  # asked again at every call, mostly about the same few URLs
def url_problem(url: str) -> str | None:
    """Why the URL cannot be called, as a sentence, or None.

    Names and paths outside ASCII are refused rather than translated: their writer sends punycode and percent
    encoding, and so every part of the system reads the same host.

    >>> url_problem("https://example.com:8443/hooks?id=1")
    >>> url_problem("ftp://example.com/")
    'the URL must begin with http:// or https://'
    """
    if len(url) > MAX_URL_LENGTH:
        return f"the URL must not be longer than {MAX_URL_LENGTH:,} characters"
    if _READABLE.fullmatch(url) is None:
        return (
            "the URL must not contain spaces, control characters, backslashes or characters outside ASCII;"
            " write names in punycode and the rest in percent encoding"
        )
    parts = _PARTS.fullmatch(url)
    if parts is None or parts["scheme"].lower() not in ("http", "https"):
        return "the URL must begin with http:// or https://"
    if "@" in parts["authority"]:
        return "the URL must not contain a user name or password"
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if authority is None:
        return "the URL must have a host, and after it at most a colon and a port"
    if (port := authority["port"]) is not None and (_PORT.fullmatch(port) is None or int(port) > 65_535):
        return "the port of the URL must be a number from 1 to 65535"
    return _host_problem(authority["host"])


def _host_problem(host: str) -> str | None:
    if host.startswith("["):
        if _ipv6(host) is None or "%" in host:
            return "the host of the URL in brackets must be an IPv6 address without a zone"
        return None
    name = host.removesuffix(".")
    if not name or len(name) > 253:
        return "the URL must have a host of 1 to 253 characters"
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        return "the host of the URL must be a name of letters, digits, hyphens and dots, or an IP address"
    # Resolvers disagree about 1.2.3.4.5 and 127.0.0.256; a name never ends in a number.
    if _NUMBER.fullmatch(labels[-1]) and _ipv4(name) is None:
        return "the host of the URL ends in a number, but it is not an IPv4 address"
    return None


def literal_address(url: str) -> Address | None:
    """The IP address that stands in the URL as its host, in any way of writing that a resolver reads.

    >>> [str(literal_address(f"http://{host}/")) for host in ("2130706433", "0x7f.1", "①②⑦.⓪.⓪.①")]
    ['127.0.0.1', '127.0.0.1', '127.0.0.1']
    >>> literal_address("http://example.com/")
    """
    parts = _PARTS.fullmatch(url.replace("\\", "/"))
    if parts is None:
        return None
    authority = _AUTHORITY.fullmatch(parts["authority"].rpartition("@")[2])
    if authority is None:
        return None
    host = authority["host"]
    if host.startswith("["):
        return _ipv6(host)
    plain = unicodedata.normalize("NFKC", unquote(host)).replace("。", ".")
    return _ipv4(plain.removesuffix("."))


def _ipv6(host: str) -> IPv6Address | None:
    try:
        return IPv6Address(unquote(host[1:-1]))
    except ValueError:
        return None


def _ipv4(host: str) -> IPv4Address | None:
    """The address as inet_aton reads it: one to four numbers, the last of which fills what is left."""
    words = host.split(".")
    if len(words) > 4 or not all(_NUMBER.fullmatch(word) and len(word) <= 64 for word in words):
        return None
    try:
        *leading, last = (_number(word) for word in words)
    except ValueError:
        return None
    if any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):
        return None
    return IPv4Address(sum(number << (24 - 8 * place) for place, number in enumerate(leading)) + last)


def _number(word: str) -> int:
    if word[:2] in ("0x", "0X"):
        return int(word[2:] or "0", 16)
    return int(word, 8) if word.startswith("0") else int(word)


def target_problem(url: str, allow: Iterable[Network]) -> str | None:
    """Why the URL cannot be called, judged by what is written in it, or None.

    Names are judged when they are resolved, at every connect.

    >>> target_problem("http://169.254.169.254/latest", [])
    'the address of this URL is not allowed'
    """
    if (problem := url_problem(url)) is not None:
        return problem
    address = literal_address(url)
    return ADDRESS_NOT_ALLOWED if address is not None and not allowed(address, allow) else None


@lru_cache(maxsize=1_024)  # asked again at every call, mostly about the same few headers
def header_problem(name: str, value: str) -> str | None:
    r"""Why the header cannot be sent, as a sentence, or None.

    >>> header_problem("X-Team", "billing")
    >>> header_problem("X-Team", "billing\r\nHost: other")
    'the value of the header X-Team must be printable characters of Latin-1, without line breaks'
    """
    if _TOKEN.fullmatch(name) is None:
        return "the name of a header must be 1 to 128 letters, digits and hyphens"
    # Many servers hand headers to the application as CONTENT_LENGTH, whichever of the two was written.
    if name.lower().replace("_", "-") in RESERVED_HEADERS:
        return f"the header {name} cannot be set"
    if len(value) > MAX_HEADER_VALUE_LENGTH:
        return f"the value of the header {name} must have at most {MAX_HEADER_VALUE_LENGTH:,} characters"
    if _VALUE.fullmatch(value) is None:
        return f"the value of the header {name} must be printable characters of Latin-1, without line breaks"
    return None
