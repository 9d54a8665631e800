"""JSON equality, differences, and the rules that loosen them."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.patterns import Patterns, PatternsTooCostly
from shared.domain.rules import Rule
from shared.domain.snapshot import ABSENT, MAX_POINTER_LENGTH, Difference, as_json, differences, equal
from tests.shared.json_values import alike_values, json_values

relaxed = settings(database=None, deadline=None, max_examples=300)


def pointers(expected, observed, *rules):
    return [difference.pointer for difference in differences(expected, observed, rules)]


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        (1, 1.0, True),
        (0, -0.0, True),
        (True, 1, False),
        (False, 0, False),
        ("1", 1, False),
        (None, False, False),
        ([], {}, False),
        ("", None, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        ([True], [1], False),
        ({"a": None}, {}, False),
        (2**53 + 1, float(2**53), False),
        (2**64, float(2**64), True),
        (10**400, 1e308, False),
    ],
)
def test_equality_is_that_of_json(one, other, are_equal):
    assert equal(one, other) is are_equal
    assert equal(other, one) is are_equal
    assert equal({"x": [one]}, {"x": [other]}) is are_equal


@given(alike_values, alike_values, alike_values)
@relaxed
def test_equality_is_an_equivalence(a, b, c):
    assert equal(a, a)
    assert equal(a, b) is equal(b, a)
    if equal(a, b) and equal(b, c):
        assert equal(a, c)


@given(alike_values | json_values, alike_values | json_values)
@relaxed
def test_there_are_no_differences_exactly_when_the_values_are_equal(one, other):
    assert (differences(one, other) == ()) is equal(one, other)
    # A rule about a place that is not there keeps the whole walk busy, and changes nothing.
    assert (differences(one, other, [Rule("/zz/zz", "type")]) == ()) is equal(one, other)


def test_a_missing_member_is_told_apart_from_null():
    (gone,) = differences({"a": None}, {})
    (came,) = differences({}, {"a": None})
    assert as_json(gone) == {"pointer": "/a", "expected": None}
    assert as_json(came) == {"pointer": "/a", "observed": None}
    assert gone == Difference("/a", None, ABSENT)


def test_arrays_are_compared_index_by_index():
    assert [as_json(found) for found in differences([1, 2, 3], [1, 5])] == [
        {"pointer": "/1", "expected": 2, "observed": 5},
        {"pointer": "/2", "expected": 3},
    ]


def test_names_are_escaped_in_pointers():
    assert pointers({"a/b": {"~": 1, "": 1}}, {"a/b": {"~": 2, "": 2}}) == ["/a~1b/", "/a~1b/~0"]


def test_differences_end_at_their_limit():
    assert len(differences([1] * 500, [2] * 500)) == 200
    assert len(differences([1] * 500, [2] * 500, limit=3)) == 3


def test_depth_is_no_trap():
    deep: object = 1
    other: object = 2
    for _ in range(20_000):
        deep, other = [deep], [other]
    assert not equal(deep, other)
    (found,) = differences(deep, other)
    assert found.pointer == "/0" * (MAX_POINTER_LENGTH // 2) + "…"


@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("x" * 998, "/" + "x" * 998 + "/"),
        ("x" * 999, "/" + "x" * 999 + "…"),
        ("x" * 900_000, "/" + "x" * 999 + "…"),
        ("~" * 900_000, "/" + "~0" * 499 + "~…"),
    ],
    ids=["whole", "one-too-many", "huge", "escaped"],
)
def test_a_pointer_is_told_whole_up_to_a_thousand_characters(name, pointer):
    found = differences({name: {"": 1}}, {name: {"": 2}})
    assert [difference.pointer for difference in found] == [pointer]
    many = {name: {f"m{number}": number for number in range(200)}}
    assert sum(len(pointer) for pointer in pointers(many, {name: {}})) <= 200 * (MAX_POINTER_LENGTH + 1)


def test_ignore_excuses_any_value_and_none_on_either_side():
    rule = Rule("/*/at", "ignore")
    assert pointers([{"at": 1}, {"at": 1}, {}], [{"at": 2}, {}, {"at": [3]}], rule) == []
    assert pointers([{"at": 1, "x": 1}], [{"x": 2}], rule) == ["/0/x"]


def test_type_asks_for_the_same_json_type_and_looks_no_deeper():
    rule = Rule("/a", "type")
    assert pointers({"a": 1}, {"a": 2.5}, rule) == []
    assert pointers({"a": [1]}, {"a": []}, rule) == []
    assert pointers({"a": 1}, {"a": True}, rule) == ["/a"]
    assert pointers({"a": 1}, {"a": None}, rule) == ["/a"]
    assert pointers({"a": None}, {"a": None}, rule) == []
    assert pointers({"a": 1}, {}, rule) == ["/a"]


def test_regex_asks_the_observed_text_to_match_from_end_to_end():
    rule = Rule("/id", "regex", value="[0-9]+")
    assert pointers({"id": "1"}, {"id": "22"}, rule) == []
    assert pointers({"id": "1"}, {"id": "22x"}, rule) == ["/id"]
    assert pointers({"id": "x"}, {"id": "x"}, rule) == ["/id"]
    assert pointers({"id": "1"}, {"id": 22}, rule) == ["/id"]
    assert pointers({"id": "1"}, {}, rule) == ["/id"]


def test_regex_work_is_bounded():
    rule = Rule("/*", "regex", value="(a|b)*a(a|b){50}")
    with pytest.raises(PatternsTooCostly):
        differences(["ab" * 500] * 20, ["ba" * 500] * 20, [rule], patterns=Patterns(work=100_000))


def test_approx_takes_its_value_as_the_largest_difference():
    rule = Rule("/t", "approx", value=0.5)
    assert pointers({"t": 1}, {"t": 1.5}, rule) == []
    assert pointers({"t": 1}, {"t": 1.6}, rule) == ["/t"]
    assert pointers({"t": 1}, {"t": True}, rule) == ["/t"]
    assert pointers({"t": "a"}, {"t": "a"}, rule) == []
    assert pointers({"t": [1]}, {"t": [2]}, rule) == ["/t/0"]


def test_approx_without_a_value_is_one_part_in_a_billion():
    rule = Rule("", "approx")
    assert pointers(0.1 + 0.2, 0.3, rule) == []
    assert pointers(1_000_000_000, 1_000_000_003, rule) == [""]


def test_several_rules_must_all_be_content():
    both = [Rule("/*", "type"), Rule("/id", "regex", value="[0-9]+")]
    assert pointers({"id": "1"}, {"id": "2"}, *both) == []
    assert pointers({"id": 1}, {"id": "2"}, *both) == ["/id"]
    assert pointers({"id": "1"}, {"id": "x"}, *both) == ["/id"]
    assert pointers({"id": "1"}, {"id": "x"}, *both, Rule("/id", "ignore")) == []


def test_unordered_arrays_are_multisets():
    rule = Rule("/a", "unordered")
    assert pointers({"a": [1, {"x": 2}, True]}, {"a": [True, 1.0, {"x": 2.0}]}, rule) == []
    assert [as_json(found) for found in differences({"a": [1, 1, 2]}, {"a": [2, 1, 3]}, [rule])] == [
        {"pointer": "/a/1", "expected": 1},
        {"pointer": "/a/2", "observed": 3},
    ]
    assert len(pointers({"a": [True]}, {"a": [1]}, rule)) == 2
    assert pointers({"a": [1]}, {"a": {}}, rule) == ["/a"]


def test_rules_below_an_unordered_array_are_worked_in():
    unordered = Rule("", "unordered")
    mine = [{"id": 1, "at": "x", "tags": ["a", "b"]}, {"id": 2, "at": "y", "tags": []}]
    theirs = [{"id": 2, "tags": []}, {"id": 1, "at": 5, "tags": ["b", "a"]}]
    rules = [unordered, Rule("/*/at", "ignore"), Rule("/*/tags", "unordered")]
    assert pointers(mine, theirs, *rules) == []
    assert len(pointers(mine, theirs, *rules[:2])) == 2
    assert pointers([{"a": "x"}], [{"a": "7"}], unordered, Rule("/*/a", "regex", value="[0-9]")) == []
    assert len(pointers([{"a": "7"}], [{"a": "x"}], unordered, Rule("/*/a", "regex", value="[0-9]"))) == 2
    assert pointers([[1], ["a"]], [["b"], [2]], unordered, Rule("/*/0", "type")) == []


def test_numbers_under_approx_below_an_unordered_array_are_paired_by_size():
    rules = [Rule("", "unordered"), Rule("/*/t", "approx", value=0.5)]
    mine = [{"n": "a", "t": 1}, {"n": "a", "t": 10}, {"n": "b", "t": 1}]
    theirs = [{"n": "b", "t": 1.2}, {"n": "a", "t": 10.4}, {"n": "a", "t": 0.9}]
    assert pointers(mine, theirs, *rules) == []
    theirs[1]["t"] = 11
    assert pointers(mine, theirs, *rules) == ["/1/t"]


@given(st.lists(alike_values, max_size=5), st.randoms(use_true_random=False))
@relaxed
def test_shuffling_an_unordered_array_makes_no_difference(values, shuffler):
    shuffled = list(values)
    shuffler.shuffle(shuffled)
    assert differences(values, shuffled, [Rule("", "unordered")]) == ()


@given(st.lists(alike_values, max_size=4), st.lists(alike_values, max_size=4))
@relaxed
def test_arrays_are_equal_as_multisets_exactly_when_their_elements_pair_off(one, other):
    left = list(other)
    for value in one:
        match = next((index for index, candidate in enumerate(left) if equal(value, candidate)), None)
        if match is None:
            break
        left.pop(match)
    else:
        assert (differences(one, other, [Rule("", "unordered")]) == ()) is (not left)
        return
    assert differences(one, other, [Rule("", "unordered")]) != ()


def test_large_unordered_arrays_are_no_quadratic_trap():
    values = [{"id": number, "flag": number % 2 == 0} for number in range(50_000)]
    shuffled = random.Random(7).sample(values, len(values))  # noqa: S311 (a shuffle, no secret)
    # Comparing every element with every other would take hours.
    assert differences(values, shuffled, [Rule("", "unordered")]) == ()
