from tests.target import Target
from tests.worker.outbound.conftest import LOOPBACK, Send
from worker.outbound import Outbound, Request, Response, Unreachable


def test_a_trusted_server_is_called_over_tls(send: Send) -> None:
    with Target(tls=True) as target:
        for host in ("127.0.0.1", "localhost"):
            assert isinstance(send(target.url(host=host)), Response)


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    with Target(tls=True) as target, Outbound(concurrency=1, allow=[LOOPBACK]) as outbound:
        answer = outbound.submit(outbound.send(Request("GET", target.url()), 5)).result(10)
        assert target.requests == []
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == ("tls", "the certificate of the server could not be verified")


def test_a_certificate_for_another_name_is_refused(send: Send) -> None:
    with Target(tls=True) as target:
        answer = send(target.url(host="other.localhost"))
        assert target.requests == []
    assert isinstance(answer, Unreachable)
    assert answer.reason == "tls"


def test_a_server_that_speaks_no_tls_is_told_as_such(target: Target, send: Send) -> None:
    answer = send(target.url().replace("http:", "https:"))
    assert isinstance(answer, Unreachable)
    assert answer.reason == "tls"


def test_a_broken_tls_answer_is_a_reset(send: Send) -> None:
    with Target("reset-body", tls=True) as target:
        answer = send(target.url())
    assert isinstance(answer, Unreachable)
    assert answer.reason == "reset"
