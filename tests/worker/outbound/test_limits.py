import time

import pytest

from tests.target import Target
from tests.target_modes import HUGE_BYTES
from tests.worker.outbound.conftest import LOOPBACK, Send
from worker.outbound import Outbound, Request, Response, Unreachable, transfer
from worker.outbound.exchange import MAX_BODY_BYTES

ALLOWANCE_SECONDS = 0.3
LATEST_SECONDS = ALLOWANCE_SECONDS + 0.3


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    "mode",
    [
        "hang",
        "mute",
        "trickled-header",
        "trickled-header/0.002",
        "trickled-body",
        "trickled-body/0.002",
        "endless-1xx",
    ],
)
def test_no_answer_outlasts_the_allowance(send: Send, mode: str, tls: bool) -> None:
    with Target(mode, tls=tls) as target:
        begun = time.monotonic()
        answer = send(target.url(), timeout_seconds=ALLOWANCE_SECONDS)
        lasted = time.monotonic() - begun
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == ("timed_out", "no answer within 0.3 s")
    assert ALLOWANCE_SECONDS - 0.05 <= lasted <= LATEST_SECONDS
    assert ALLOWANCE_SECONDS * 1_000 - 50 <= answer.elapsed_ms <= LATEST_SECONDS * 1_000


def test_a_tls_handshake_that_is_never_answered_is_part_of_the_allowance(send: Send) -> None:
    with Target("mute") as target:
        answer = send(target.url().replace("http:", "https:"), timeout_seconds=ALLOWANCE_SECONDS)
    assert isinstance(answer, Unreachable)
    assert answer.reason == "timed_out"
    assert answer.elapsed_ms <= LATEST_SECONDS * 1_000


def test_a_flood_of_provisional_answers_is_over_in_the_allowance(target: Target, send: Send) -> None:
    begun = time.monotonic()
    answer = send(target.url("/endless-1xx/0.00001"), timeout_seconds=ALLOWANCE_SECONDS)
    assert isinstance(answer, Unreachable)
    assert answer.reason in ("timed_out", "protocol")
    assert time.monotonic() - begun <= LATEST_SECONDS


def test_redirects_do_not_begin_the_allowance_anew(target: Target, send: Send) -> None:
    begun = time.monotonic()
    hop = target.url("/hang")
    for _ in range(3):
        hop = target.url(f"/redirect?to={hop}")
    answer = send(hop, timeout_seconds=ALLOWANCE_SECONDS, follow_redirects=True)
    assert isinstance(answer, Unreachable)
    assert answer.reason == "timed_out"
    assert time.monotonic() - begun <= LATEST_SECONDS


def test_the_loop_ends_a_transfer_that_libcurl_does_not(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = transfer.Transfer.begin

    def without_deadline(self: transfer.Transfer, request: Request, **limits: float) -> None:
        begin(self, request, timeout_ms=0, timeout_seconds=limits["timeout_seconds"])  # 0: wait for ever

    monkeypatch.setattr(transfer.Transfer, "begin", without_deadline)
    with Outbound(concurrency=1, allow=[LOOPBACK]) as outbound:
        sending = outbound.send(Request("GET", target.url("/hang")), ALLOWANCE_SECONDS)
        answer = outbound.submit(sending).result(10)
    assert isinstance(answer, Unreachable)
    assert (answer.reason, answer.detail) == ("timed_out", "no answer within 0.3 s")
    assert answer.elapsed_ms <= 700


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_huge_body_is_cut_at_the_cap_and_marked(send: Send, tls: bool) -> None:
    with Target("huge", tls=tls) as target:
        answer = send(target.url())
    assert isinstance(answer, Response)
    assert (answer.status, answer.truncated) == (200, True)
    assert answer.body == b"h" * MAX_BODY_BYTES
    assert HUGE_BYTES > 10 * MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("length", "kept", "truncated"),
    [(0, 0, False), (999, 999, False), (1_000, 1_000, False), (1_001, 1_000, True)],
)
def test_the_cap_is_exact(target: Target, length: int, kept: int, truncated: bool) -> None:
    with Outbound(concurrency=1, allow=[LOOPBACK], max_body_bytes=1_000) as outbound:
        answer = outbound.submit(outbound.send(Request("GET", target.url(f"/body/{length}")), 5)).result(10)
    assert isinstance(answer, Response)
    assert (len(answer.body), answer.truncated) == (kept, truncated)


def test_after_a_cut_body_the_next_call_is_answered_whole(target: Target) -> None:
    with Outbound(concurrency=1, allow=[LOOPBACK], max_body_bytes=1_000) as outbound:
        for path, truncated in (("/huge", True), ("/ok", False), ("/headers/200", None), ("/ok", False)):
            answer = outbound.submit(outbound.send(Request("GET", target.url(path)), 5)).result(10)
            assert getattr(answer, "truncated", None) == truncated


def test_a_compressed_body_is_never_expanded(target: Target, send: Send) -> None:
    for path in ("/gzip", "/gzip-bomb"):
        answer = send(target.url(path))
        assert isinstance(answer, Response)
        assert answer.body.startswith(b"\x1f\x8b")
        assert len(answer.body) < 400_000
        assert target.requests[-1].header("accept-encoding") == "identity"


def test_a_compressed_transfer_is_refused(target: Target, send: Send) -> None:
    answer = send(target.url("/gzip-transfer"))
    assert isinstance(answer, Unreachable)
    assert answer.reason == "protocol"
