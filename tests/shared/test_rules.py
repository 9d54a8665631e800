"""Rules as users write them."""

import pytest

from shared.domain.patterns import InvalidPattern, Patterns, PatternsTooCostly, compile_pattern
from shared.domain.rule_tree import plant
from shared.domain.rules import InvalidRule, Rule, parse_rule, parse_rules


def fault(raw: object) -> tuple[str, str]:
    with pytest.raises(InvalidRule) as caught:
        parse_rule(raw)
    return caught.value.pointer, caught.value.detail


def test_a_rule_keeps_all_its_fields():
    raw = {"path": "/a/*/b", "match": "approx", "flow": "f", "check": "c", "value": 0.5}
    assert parse_rule(raw) == Rule("/a/*/b", "approx", "f", "c", 0.5)


def test_fields_that_are_null_count_as_left_out():
    assert parse_rule({"path": "", "match": "ignore", "flow": None, "check": None, "value": None}) == Rule("", "ignore")


@pytest.mark.parametrize("raw", [None, [], "rule", 0])
def test_a_rule_is_an_object(raw):
    assert fault(raw) == ("", "expected an object with path and match")


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"path": None}, "/path", "JSON Pointer"),
        ({"path": 5}, "/path", "JSON Pointer"),
        ({"path": "a"}, "/path", "starts with /"),
        ({"path": "/" + "a" * 1_000}, "/path", "1000 characters"),
        ({"path": "/a" * 33}, "/path", "32 steps"),
        ({"path": "/a~2"}, "/path", "~0"),
        ({"path": "/a~"}, "/path", "~0"),
        ({"match": "equals"}, "/match", "ignore, type, regex, unordered, approx"),
        ({"match": None}, "/match", "ignore, type"),
        ({"match": ["ignore"]}, "/match", "ignore, type"),
        ({"match": "ignore", "value": 1}, "/value", "takes no value"),
        ({"match": "regex"}, "/value", "RE2"),
        ({"match": "regex", "value": "("}, "/value", "not an RE2 pattern"),
        ({"match": "regex", "value": "(?=a)"}, "/value", "not an RE2 pattern"),
        ({"match": "regex", "value": "a" * 1_001}, "/value", "1000 characters"),
        ({"match": "regex", "value": "((a{100}){100}){100}"}, "/value", "RE2"),
        ({"match": "approx", "value": -0.1}, "/value", "0 or more"),
        ({"match": "approx", "value": "1"}, "/value", "a number"),
        ({"match": "approx", "value": True}, "/value", "a number"),
        ({"match": "approx", "value": float("nan")}, "/value", "0 or more"),
        ({"flow": ""}, "/flow", "1 to 200"),
        ({"check": 7}, "/check", "1 to 200"),
        ({"paths": "/a"}, "/paths", "unknown field"),
    ],
)
def test_every_fault_is_told_with_its_place(changes, pointer, words):
    place, detail = fault({"path": "/a", "match": "type", **changes})
    assert place == pointer
    assert words in detail


def test_a_list_of_rules_tells_which_one_is_wrong():
    with pytest.raises(InvalidRule) as caught:
        parse_rules([{"path": "", "match": "ignore"}, {"path": "x", "match": "ignore"}])
    assert caught.value.pointer == "/1/path"


def test_there_may_be_two_hundred_rules_and_no_more():
    assert len(parse_rules([{"path": "", "match": "ignore"}] * 200)) == 200
    with pytest.raises(InvalidRule, match="at most 200"):
        parse_rules([{"path": "", "match": "ignore"}] * 201)
    with pytest.raises(InvalidRule, match="array"):
        parse_rules({"path": ""})


def test_a_rule_without_flow_and_check_speaks_about_all_of_them():
    assert Rule("", "ignore").holds_for("f", "c")
    assert Rule("", "ignore", flow="f").holds_for("f", "c")
    assert not Rule("", "ignore", flow="g").holds_for("f", "c")
    assert not Rule("", "ignore", flow="f", check="d").holds_for("f", "c")


def test_a_bad_pattern_writes_nothing_to_stderr(capfd):
    with pytest.raises(InvalidPattern):
        compile_pattern("a(((")
    assert capfd.readouterr() == ("", "")


def test_patterns_are_held_against_texts_only_while_their_allowance_lasts():
    patterns = Patterns(work=10_000)
    assert patterns.match("[a-z]+", "abc")
    with pytest.raises(PatternsTooCostly):
        patterns.match("(a|b)*a(a|b){200}", "ab" * 1_000)


def test_the_star_meets_named_members_too():
    place = plant([Rule("/*/x", "ignore"), Rule("/a/x", "type"), Rule("/a/y", "regex")])
    assert sorted(place.member("a").member("x").matches) == ["ignore", "type"]
    assert sorted(place.member("b").member("x").matches) == ["ignore"]
    assert place.member("b").member("y").is_bare
    assert place.member("*").member("x").matches.keys() == {"ignore"}
