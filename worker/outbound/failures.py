"""What libcurl's error codes mean to the user whose call failed."""

import errno
from typing import Final

import pycurl

from shared.domain import urls
from worker.outbound.exchange import MAX_REDIRECTS, Reason

Failure = tuple[Reason, str]

ADDRESS_NOT_ALLOWED: Final[Failure] = ("address_not_allowed", urls.ADDRESS_NOT_ALLOWED)
HEADERS_TOO_LARGE: Final[Failure] = ("protocol", "the answer has more than 100 headers or 32 KiB of them")
TOO_MANY_REDIRECTS: Final[Failure] = ("protocol", f"there were more than {MAX_REDIRECTS} redirects")
REFUSED: Final[Failure] = ("refused", "the connection was refused")
RESET: Final[Failure] = ("reset", "the connection was closed before the answer was complete")
NO_SOCKET_LEFT: Final[Failure] = ("service_busy", "this service had no socket left for the call")

_UNREACHABLE_HOST: Final[Failure] = ("refused", "the host could not be reached")
_HANDSHAKE: Final[Failure] = ("tls", "no TLS connection could be made")
_CERTIFICATE: Final[Failure] = ("tls", "the certificate of the server could not be verified")
_URL: Final[Failure] = ("invalid_url", "the URL could not be read")
_NO_HTTP: Final[Failure] = ("protocol", "the answer is not valid HTTP")

_BY_CODE: Final[dict[int, Failure]] = {
    pycurl.E_URL_MALFORMAT: _URL,
    pycurl.E_COULDNT_RESOLVE_HOST: ("name_not_found", "the name could not be resolved"),
    pycurl.E_GOT_NOTHING: RESET,
    pycurl.E_PARTIAL_FILE: RESET,
    pycurl.E_RECV_ERROR: RESET,
    pycurl.E_SEND_ERROR: RESET,
    # Our own refusal to send the request a second time after a kept connection died under it.
    pycurl.E_ABORTED_BY_CALLBACK: RESET,
    pycurl.E_SSL_CONNECT_ERROR: _HANDSHAKE,
    pycurl.E_SSL_CIPHER: _HANDSHAKE,
    pycurl.E_SSL_CERTPROBLEM: _HANDSHAKE,
    pycurl.E_PEER_FAILED_VERIFICATION: _CERTIFICATE,
    pycurl.E_SSL_ISSUER_ERROR: _CERTIFICATE,
    pycurl.E_SSL_CACERT_BADFILE: ("tls", "the certificates that this service trusts could not be read"),
    pycurl.E_UNSUPPORTED_PROTOCOL: _NO_HTTP,  # of an answer: HTTP/0.9
    pycurl.E_FTP_WEIRD_SERVER_REPLY: _NO_HTTP,  # since long not of FTP alone
    pycurl.E_OUT_OF_MEMORY: NO_SOCKET_LEFT,
    pycurl.E_BAD_CONTENT_ENCODING: ("protocol", "the answer is encoded in a way that was not asked for"),
}

_BY_ERRNO: Final[dict[int, Failure]] = {
    errno.EHOSTUNREACH: _UNREACHABLE_HOST,
    errno.ENETUNREACH: _UNREACHABLE_HOST,
    errno.EADDRNOTAVAIL: _UNREACHABLE_HOST,
    errno.ECONNRESET: RESET,
    errno.ETIMEDOUT: ("timed_out", "no connection could be made in time"),
}


def explain(code: int, os_errno: int, timeout_seconds: float) -> Failure:
    """The reason and the sentence for a libcurl error code; `os_errno` tells failed connects apart.

    Neither the resolved address nor libcurl's own message is part of it: both tell about the network that
    this service runs in.
    """
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return timed_out(timeout_seconds)
    if code == pycurl.E_COULDNT_CONNECT:
        return _BY_ERRNO.get(os_errno, REFUSED)
    return _BY_CODE.get(code, ("protocol", f"the call failed in a way that is not known here (libcurl error {code})"))


def no_place(waited_seconds: float) -> Failure:
    """The failure of a call that could not be begun within its allowance, because so many others were under way.

    >>> no_place(30)
    ('service_busy', 'this service had no place for the call within 30 s')
    """
    return "service_busy", f"this service had no place for the call within {max(0.1, round(waited_seconds, 1)):g} s"


def timed_out(timeout_seconds: float) -> Failure:
    """The failure of a call that was not over within its allowance.

    >>> timed_out(30)
    ('timed_out', 'no answer within 30 s')
    """
    return "timed_out", f"no answer within {max(0.1, round(timeout_seconds, 1)):g} s"
