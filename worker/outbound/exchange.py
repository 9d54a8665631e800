"""What goes out and what came of it: the values of an outbound call."""

from typing import Final, Literal, NamedTuple

Reason = Literal[
    "timed_out",
    "refused",
    "reset",
    "name_not_found",
    "tls",
    "address_not_allowed",
    "invalid_url",
    "protocol",
    "service_busy",  # the fault is ours: no call was made
]

MAX_BODY_BYTES: Final = 1_048_576
MAX_REDIRECTS: Final = 5


class Request(NamedTuple):
    """One HTTP call to be made; header values are ASCII or Latin-1 text, the body is sent as it is.

    `own_headers` are ours, not a user's: they need no looking at. `on_fresh_connection` is for what met a connection
    that had died before.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    follow_redirects: bool = False
    own_headers: tuple[tuple[str, str], ...] = ()
    on_fresh_connection: bool = False


class Response(NamedTuple):
    """An answer, whatever its status; `truncated` says that the body went on after what is kept here."""

    status: int
    headers: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes
    truncated: bool
    elapsed_ms: int


class Unreachable(NamedTuple):
    """No complete answer: the reason for programs, the detail as a sentence a user may read."""

    reason: Reason
    detail: str
    elapsed_ms: int


Answer = Response | Unreachable
