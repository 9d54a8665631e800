"""What a run has found."""

import pytest

from shared.domain.observations import ObservedCheck, ObservedFlow
from shared.domain.rules import Rule
from shared.domain.snapshot import NotJson
from worker.verdict import judge


def flow(*checks: ObservedCheck, name: str = "f", error: str | None = None) -> ObservedFlow:
    return ObservedFlow(name, checks, error)


def seen(value: object, *errors: str, name: str = "c") -> ObservedCheck:
    return ObservedCheck(name, value, True, errors)


def unseen(*errors: str, name: str = "c") -> ObservedCheck:
    return ObservedCheck(name, None, False, errors)


def test_a_value_equal_to_its_snapshot_is_a_match():
    verdict = judge([flow(seen({"a": 1}))], {("f", "c"): {"a": 1.0}}, (), "accept")
    assert verdict.outcome == "passed"
    assert verdict.flows == [
        {
            "name": "f",
            "summary": {"match": 1, "miss": 0, "new": 0, "obsolete": 0},
            "assertions": [{"name": "c", "result": "MATCH", "observed": {"a": 1}}],
        }
    ]
    assert verdict.new_values == ()


def test_a_different_value_is_a_miss_with_all_that_explains_it():
    verdict = judge([flow(seen({"a": 2}))], {("f", "c"): {"a": 1, "b": None}}, (), "accept")
    assert verdict.outcome == "changed"
    assert verdict.summary == {"match": 0, "miss": 1, "new": 0, "obsolete": 0}
    assert verdict.flows[0]["assertions"] == [
        {
            "name": "c",
            "result": "MISS",
            "observed": {"a": 2},
            "expected": {"a": 1, "b": None},
            "diff": [{"pointer": "/a", "expected": 1, "observed": 2}, {"pointer": "/b", "expected": None}],
        }
    ]


@pytest.mark.parametrize(
    ("first_value", "outcome", "values"), [("accept", "passed", (("f", "c", [1]),)), ("review", "new", ())]
)
def test_a_value_without_a_snapshot_is_new_and_becomes_one_if_first_values_are_accepted(first_value, outcome, values):
    verdict = judge([flow(seen([1]))], {}, (), first_value)
    assert verdict.flows[0]["assertions"] == [{"name": "c", "result": "NEW", "observed": [1]}]
    assert (verdict.outcome, verdict.new_values) == (outcome, values)


def test_null_is_a_value():
    verdict = judge([flow(seen(None))], {}, (), "accept")
    assert verdict.new_values == (("f", "c", None),)
    again = judge([flow(seen(None))], {("f", "c"): None}, (), "accept")
    assert again.flows[0]["assertions"] == [{"name": "c", "result": "MATCH", "observed": None}]


def test_a_check_with_an_error_is_a_miss_and_never_becomes_a_snapshot():
    verdict = judge([flow(seen(1, "too slow", "too late"))], {}, (), "accept")
    assert verdict.flows[0]["assertions"] == [
        {"name": "c", "result": "MISS", "observed": 1, "error": "too slow; too late"}
    ]
    assert (verdict.outcome, verdict.new_values) == ("changed", ())


def test_a_check_that_was_not_observed_is_a_miss_without_a_value():
    verdict = judge([flow(unseen("not JSON"))], {("f", "c"): [1]}, (), "accept")
    assert verdict.flows[0]["assertions"] == [{"name": "c", "result": "MISS", "expected": [1], "error": "not JSON"}]
    assert verdict.obsolete_keys == frozenset()
    assert verdict.observed_keys == {("f", "c")}


def test_snapshots_that_a_complete_flow_did_not_observe_are_obsolete():
    snapshots = {("f", "c"): 1, ("f", "gone"): 2, ("broken", "later"): 3, ("absent", "x"): 4}
    flows = [flow(seen(1)), flow(name="broken", error="act 'a': refused")]
    verdict = judge(flows, snapshots, (), "accept")
    assert verdict.obsolete_keys == {("f", "gone")}
    assert verdict.summary["obsolete"] == 1
    assert [found["summary"]["obsolete"] for found in verdict.flows] == [1, 0]


def test_a_flow_that_ended_early_tells_why_and_makes_the_run_an_error():
    verdict = judge([flow(seen(1), error="act 'a': refused")], {("f", "c"): 1}, (), "accept")
    assert verdict.flows[0]["error"] == "act 'a': refused"
    assert verdict.outcome == "error"


@pytest.mark.parametrize(
    ("flows", "outcome"),
    [
        ([flow(seen(2), error="x")], "changed"),
        ([flow(seen(1), seen(1, name="n"), error="x")], "error"),
        ([flow(seen(1), seen(1, name="n"))], "new"),
        ([flow(seen(1))], "passed"),
        ([], "passed"),
    ],
)
def test_a_miss_weighs_more_than_an_error_and_an_error_more_than_a_new_value(flows, outcome):
    assert judge(flows, {("f", "c"): 1}, (), "review").outcome == outcome


def test_rules_hold_only_for_the_flow_and_check_they_name():
    flows = [flow(seen(1), seen(1, name="d")), flow(seen(1), name="g")]
    snapshots = {("f", "c"): 2, ("f", "d"): 2, ("g", "c"): 2}

    def misses(*rules: Rule) -> list[str]:
        verdict = judge(flows, snapshots, rules, "accept")
        return [
            f"{found['name']}.{assertion['name']}"
            for found in verdict.flows
            for assertion in found["assertions"]
            if assertion["result"] == "MISS"
        ]

    assert misses() == ["f.c", "f.d", "g.c"]
    assert misses(Rule("", "type", flow="f")) == ["g.c"]
    assert misses(Rule("", "type", check="c")) == ["f.d"]
    assert misses(Rule("", "type", flow="f", check="d")) == ["f.c", "g.c"]
    assert misses(Rule("", "ignore")) == []


def test_differences_past_two_hundred_are_cut_with_a_note():
    verdict = judge([flow(seen([0] * 500))], {("f", "c"): [1] * 500}, (), "accept")
    (assertion,) = verdict.flows[0]["assertions"]
    assert len(assertion["diff"]) == 200
    assert assertion["error"] == "only the first 200 differences are shown"


def test_rules_that_take_too_long_make_a_miss_with_a_sentence():
    rule = Rule("", "regex", value="(a|b)*a(a|b){400}")
    text = "ab" * 400_000
    verdict = judge([flow(seen(text))], {("f", "c"): text}, [rule], "accept")
    (assertion,) = verdict.flows[0]["assertions"]
    assert assertion["result"] == "MISS"
    assert "regex rules take too long" in assertion["error"]


def test_nothing_equals_a_snapshot_that_is_no_json_whatever_the_rules_say():
    verdict = judge([flow(seen("!"))], {("f", "c"): NotJson("!")}, [Rule("", "ignore")], "accept")
    assert verdict.outcome == "changed"
    [assertion] = verdict.flows[0]["assertions"]
    assert (assertion["result"], assertion["expected"], assertion["observed"]) == ("MISS", "!", "!")
    assert "no JSON" in assertion["error"]
    assert verdict.new_values == ()


def test_a_snapshot_that_is_no_json_is_told_also_where_nothing_was_observed():
    verdict = judge([flow(unseen("timed out"))], {("f", "c"): NotJson("!")}, (), "accept")
    [assertion] = verdict.flows[0]["assertions"]
    assert (assertion["result"], assertion["expected"]) == ("MISS", "!")
    assert assertion["error"].startswith("timed out; ")
