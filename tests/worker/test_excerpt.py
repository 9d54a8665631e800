import base64
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from worker.excerpt import MAX_CHARACTERS, READ_BYTES, excerpt
from worker.outbound.exchange import MAX_BODY_BYTES

MEBIBYTE = 1_048_576


def test_a_short_text_is_kept_as_it_came() -> None:
    assert excerpt(b'{"ok": true}', "application/json") == '{"ok": true}'
    assert excerpt("grün ☃ 😀".encode(), "text/plain; charset=utf-8") == "grün ☃ 😀"
    assert excerpt(b" \n two\tlines\r\nof it \n", None) == "two\tlines\nof it"


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t ", b"\xef\xbb\xbf \n"])
def test_of_nothing_there_is_no_excerpt(body: bytes) -> None:
    assert excerpt(body, "text/plain") is None


@pytest.mark.parametrize("body", [b"a" * 1_001, b"a" * MEBIBYTE, ("☃" * 5_000).encode(), ("😀" * 5_000).encode()])
def test_a_long_text_is_cut_and_says_so(body: bytes) -> None:
    kept = excerpt(body, "text/plain")
    assert kept == body[: 4 * MAX_CHARACTERS].decode(errors="ignore")[: MAX_CHARACTERS - 1] + "…"


def test_a_thousand_characters_are_the_limit() -> None:
    assert excerpt(b"a" * 1_000, None) == "a" * 1_000


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"\x89PNG\r\n" + bytes(1_228), "image/png", "(1,234 bytes of image/png)"),
        (b"x", "IMAGE/PNG", "(1 byte of IMAGE/PNG)"),
        (b"%PDF-1.7", "application/pdf; version=1", "(8 bytes of application/pdf)"),
        (bytes(MAX_BODY_BYTES), "video/mp4", "(1,048,576 bytes or more of video/mp4)"),
        (bytes(range(256)), None, "(256 bytes of binary data)"),
        (bytes(range(256)), "", "(256 bytes of binary data)"),
        (bytes(range(256)), "text/plain", "(256 bytes of text/plain)"),
        (bytes(4), "nonsense", "(4 bytes of binary data)"),
        (bytes(4), "a/b c\x1b[31m", "(4 bytes of binary data)"),
        (bytes(4), "x" * 100_000 + "/y", "(4 bytes of binary data)"),
        ("Grüße".encode("utf-16"), "text/plain", "(12 bytes of text/plain)"),
        (gzip.compress(b'{"ok": true}', mtime=0), "application/json", "(32 bytes of application/json)"),
    ],
)
def test_what_is_no_text_is_told_by_its_size_and_kind(body: bytes, content_type: str | None, sentence: str) -> None:
    assert excerpt(body, content_type) == sentence


@pytest.mark.parametrize("content_type", ["image/svg+xml", "application/octet-stream", "application/x-own", None])
def test_text_is_shown_whatever_it_is_called(content_type: str | None) -> None:
    assert excerpt(b"<svg/>", content_type) == "<svg/>"


def test_a_broken_text_is_shown_with_replacements() -> None:
    assert excerpt(b"a long text with one \xff broken byte and one \x00 in it", "text/plain") == (
        "a long text with one � broken byte and one � in it"
    )


def test_a_character_that_the_cut_goes_through_is_not_a_broken_one() -> None:
    secret = "s" * (READ_BYTES - 100)
    for padding in range(4):
        body = f"password={secret}&{'a' * padding}{'😀' * 200}".encode()
        kept = excerpt(body, None)
        assert kept is not None
        assert "\ufffd" not in kept


@pytest.mark.parametrize("escape", ["\x1b[2J", "\x9b31m", "\r", "\b\b\b", "\x07", "\u202e", "\u2028", "\x7f", "\0"])
def test_nothing_in_it_can_act_on_a_terminal_or_break_storage(escape: str) -> None:
    kept = excerpt(f"a quite ordinary text {escape} that goes on for a while".encode(), "text/html")
    assert kept is not None
    assert kept.replace("�", "").isprintable()


@given(some.binary(max_size=2_000) | some.text(max_size=2_000).map(str.encode), some.none() | some.text())
def test_any_answer_makes_an_excerpt_that_can_be_stored(body: bytes, content_type: str | None) -> None:
    kept = excerpt(body, content_type)
    if kept is not None:
        assert 0 < len(kept) <= MAX_CHARACTERS
        assert kept.encode()
        assert not any(character in kept for character in "\0\x1b\r\x7f\x9b\u202e")


@pytest.mark.parametrize(
    "body",
    [
        b'{"password": "hunter2"}',
        b"api_key=hunter2&x=1",
        b"Authorization: Basic hunter2==",
        b'{"headers": [["authorization", "Bearer hunter2"]]}',
        b"key rk_abc_hunter2 was revoked",
        b"secret whsec_hunter2 is wrong",
        b"see https://ann:hunter2@example.com/",
        b'{"pass\x00word": 1, "token": "hunter2"}',
        b'{"token": "' + b"x" * 100_000 + b"hunter2",
        b"x" * (MAX_CHARACTERS - 20) + b' {"token": "hunter2 and more of it"}',
    ],
)
def test_no_secret_is_kept(body: bytes) -> None:
    kept = excerpt(body, "text/plain")
    assert kept is not None
    assert "hunter" not in kept


HOSTILE = [
    '{"token": ',
    '{"token":{',
    '"token":"',
    '\\"token\\":\\"',
    "token ",
    "tokentoken",
    "password: \t\n",
    "https://a:b@",
    "://",
    "bearer ",
    "\\",
    '"',
    "'",
    "[",
    "rk_a_",
    "eyJ.",
    "-" * 61 + "token",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_only_the_beginning_of_a_body_is_ever_looked_at(unit: str) -> None:
    """The bound on the work: whatever follows the first 8 KiB, be it a megabyte of the worst, changes nothing."""
    beginning = (unit * READ_BYTES)[:READ_BYTES].encode()
    whole = excerpt(beginning + (unit * MEBIBYTE)[:MEBIBYTE].encode(), "text/plain")
    assert whole == excerpt(beginning + b"\xff", "text/plain")
    assert whole is not None


def test_a_secret_that_ends_beyond_that_beginning_hides_all_that_is_left_of_it() -> None:
    assert excerpt(b'token="' + b"x" * READ_BYTES + b'" after', None) == "token=[redacted]…"
    assert excerpt(b'token="' + b"x" * 100 + b'" after', None) == "token=[redacted] after"


def test_a_megabyte_of_json_is_excerpted() -> None:
    body = json.dumps([{"id": number, "secret": base64.b85encode(b"x").decode()} for number in range(40_000)])
    kept = excerpt(body.encode(), "application/json")
    assert kept is not None
    assert kept.startswith('[{"id": 0, "secret": [redacted]}, {"id": 1')
