"""What libcurl's codes are told as."""

import errno

import pycurl
import pytest

from worker.outbound.failures import explain

NO_HTTP = ("protocol", "the answer is not valid HTTP")


@pytest.mark.parametrize(
    ("code", "os_errno", "told"),
    [
        (pycurl.E_COULDNT_CONNECT, errno.ECONNREFUSED, ("refused", "the connection was refused")),
        (pycurl.E_UNSUPPORTED_PROTOCOL, 0, NO_HTTP),
        (pycurl.E_FTP_WEIRD_SERVER_REPLY, 0, NO_HTTP),
        (pycurl.E_OUT_OF_MEMORY, 0, ("service_busy", "this service had no socket left for the call")),
        (pycurl.E_FAILED_INIT, 0, ("protocol", "the call failed in a way that is not known here (libcurl error 2)")),
        (9_999, 0, ("protocol", "the call failed in a way that is not known here (libcurl error 9999)")),
    ],
)
def test_a_code_is_told_as_what_it_means_and_an_unknown_one_as_unknown(
    code: int, os_errno: int, told: tuple[str, str]
) -> None:
    assert explain(code, os_errno, 5) == told
