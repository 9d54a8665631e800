"""Answers as checks look at them."""

import pytest

from worker.exchange import exchange_of
from worker.outbound.exchange import Response


def answer(body: bytes, *headers: tuple[str, str], truncated: bool = False) -> Response:
    return Response(200, headers, body, truncated, 12)


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b'{"id": 1}', {"id": 1}),
        (b"18446744073709551615", 2**64 - 1),
        (b"hello", "hello"),
        (b"", ""),
        (b"<html>", "<html>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        (b"NaN", "NaN"),
        (b"[" * 40 + b"]" * 40, "[" * 40 + "]" * 40),
        (b'"\\u0000"', '"\\u0000"'),
    ],
)
def test_a_body_is_json_if_it_can_be_and_else_text(body, seen):
    exchange = exchange_of(answer(body))
    assert exchange.body == seen
    assert exchange.unusable is None


def test_a_body_that_was_cut_is_not_looked_at():
    assert exchange_of(answer(b"[1, 2]", truncated=True)).unusable == "the answer is larger than 1 MiB"


def test_a_body_with_nul_characters_is_not_looked_at():
    assert "NUL" in (exchange_of(answer(b"a\0b")).unusable or "")


def test_headers_that_repeat_are_joined():
    exchange = exchange_of(answer(b"1", ("vary", "a"), ("etag", "x"), ("vary", "b")))
    assert exchange.as_json() == {
        "status": 200,
        "headers": {"vary": "a, b", "etag": "x"},
        "body": 1,
        "elapsed_ms": 12,
    }
