"""The guarded JSON parser."""

import json

import pytest
from hypothesis import given, settings

from shared.domain.json_text import InvalidJson, canonical, check_value, parse, written
from shared.domain.json_value import JsonTooLong
from shared.domain.snapshot import equal
from tests.shared.json_values import alike_values, json_values


def refusal(text: bytes | str, **limits: int) -> InvalidJson:
    with pytest.raises(InvalidJson) as caught:
        parse(text, **limits)
    return caught.value


@given(json_values)
@settings(database=None, deadline=None)
def test_every_value_that_is_written_is_read_back_the_same(value):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False), written(value)):
        assert repr(parse(text)) == repr(value)
        assert repr(parse(text.encode())) == repr(value)


@pytest.mark.parametrize("text", ["", b"", " \n\t "])
def test_an_empty_text_is_told_what_was_expected(text):
    assert refusal(text).detail == "the body is empty; expected JSON"


def test_a_byte_order_mark_is_refused_by_name():
    assert "byte order mark" in refusal(b"\xef\xbb\xbf{}").detail
    assert "byte order mark" in refusal("\ufeff{}").detail


@pytest.mark.parametrize(
    ("text", "place"), [(b'"\xff"', "byte 2"), (b'"\xed\xa0\x80"', "byte 2"), ('{"a":"\ud800"}', "character 7")]
)
def test_what_is_not_utf_8_is_refused_with_its_place(text, place):
    assert place in refusal(text).detail


def test_the_depth_is_bounded_before_anything_is_built():
    assert parse("[" * 32 + "]" * 32) is not None
    for text in ("[" * 33 + "]" * 33, "[" * 60_000, '{"a":' * 60_000, "[" * 500_000 + "]" * 500_000):
        assert refusal(text).detail == "the JSON is nested more than 32 deep"


@pytest.mark.parametrize("text", ['["' + "[" * 100 + '"]', json.dumps(["\\" * 3 + '"' + "[{" * 50] * 2)])
def test_brackets_inside_strings_are_no_depth(text):
    assert parse(text) == json.loads(text)


def test_brackets_after_an_escaped_quote_in_a_string_do_not_hide_depth():
    assert "nested" in refusal('["\\\\",' + "[" * 40 + "]" * 41).detail


def test_a_key_that_appears_twice_is_named():
    assert refusal('{"x": {"a": 1, "b": 2, "a": 3}}').detail == 'the key "a" appears twice in one object'
    assert refusal('{"a": 1, "\\u0061": 2}').detail == 'the key "a" appears twice in one object'


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity", "1e999", "-1E+999", "1" * 400 + ".0", "1e0999"])
def test_numbers_that_are_not_finite_are_refused(text):
    assert "not finite" in refusal(text).detail


@pytest.mark.parametrize("digits", [str(2**53 + 1), str(-(2**53) - 1), "9" * 17, "1" + "0" * 5_000])
def test_integers_past_the_bound_are_refused_with_their_place(digits):
    fault = refusal(f'{{"a/b": [0, {digits}]}}')
    assert fault.detail.startswith("the integer is outside")
    assert fault.pointer == "/a~1b/1"


def test_the_bound_of_integers_can_be_moved():
    assert parse(str(2**64), max_integer=2**64) == 2**64
    assert "outside" in refusal(str(2**64 + 1), max_integer=2**64).detail
    assert "outside" in refusal("101", max_integer=100).detail
    assert parse("[9007199254740992, -9007199254740992]") == [2**53, -(2**53)]


def test_long_digits_that_are_no_large_integer_pass():
    assert parse('["12345678901234567890", 0.12345678901234567890]') == [
        "12345678901234567890",
        0.12345678901234568,
    ]
    assert parse('["NaN", "1e0005", "Infinity"]') == ["NaN", "1e0005", "Infinity"]


@pytest.mark.parametrize("text", ['"\\u0000"', '{"a\\u0000": 1}', '["\\ud800"]', '"\\uDFFF"', '{"\\udc00": 1}'])
def test_nul_characters_and_lone_surrogates_are_refused(text):
    assert "cannot be stored" in refusal(text).detail


def test_surrogate_pairs_and_escaped_backslashes_are_fine():
    assert parse('["\\ud83d\\ude00", "\\\\u0000"]') == ["😀", "\\u0000"]


@pytest.mark.parametrize(
    "text", ["{", "[1,]", "{'a':1}", '{"a" 1}', "tru", '"a', '"\x01"', "01", "+1", ".5", "[1 2]", "\x00", "]"]
)
def test_malformed_text_is_refused_with_line_and_column(text):
    fault = refusal(text)
    assert fault.detail.startswith("not JSON: ")
    assert "line 1 column" in fault.detail


def test_text_after_the_value_is_refused():
    assert refusal("{} {}").detail == "not JSON: more text follows the value, at line 1 column 4"


@pytest.mark.parametrize("value", [{1: 2}, (1, 2), [b"x"], object(), {"a": {"b": float("nan")}}])
def test_what_is_no_json_value_fails_the_check(value):
    with pytest.raises(InvalidJson):
        check_value(value)


@given(json_values)
@settings(database=None, deadline=None)
def test_the_length_of_a_value_is_that_of_its_text_without_escapes(value):
    assert check_value(value) <= len(written(value))
    if "\\" not in written(value):
        assert check_value(value) == len(written(value))


def test_parts_that_are_shared_count_as_often_as_they_would_be_written():
    value: list[object] = []
    for _ in range(30):
        value = [value, value]
    with pytest.raises(JsonTooLong, match="longer than 1000 characters"):
        check_value(value, max_length=1_000)


@given(alike_values, alike_values)
@settings(database=None, deadline=None, max_examples=300)
def test_two_values_share_their_canonical_text_exactly_when_they_are_equal(one, other):
    assert (canonical(one) == canonical(other)) is equal(one, other)
