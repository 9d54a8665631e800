"""Observations held against the approved values: what a run has found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.json_value import Json
from shared.domain.observations import ObservedCheck, ObservedFlow
from shared.domain.patterns import Patterns, PatternsTooCostly
from shared.domain.rule_tree import Place, plant
from shared.domain.rules import Rule
from shared.domain.snapshot import ABSENT, Absent, Difference, NotJson, as_json, compare

MAX_DIFFERENCES: Final = 200

Key = tuple[str, str]  # flow, check


@dataclass(frozen=True, slots=True)
class Verdict:
    """A run's findings.

    `flows` and `summary` are as in the run object. `new_values` become snapshots at once. `observed_keys` are
    all checks that took part, with a value or without; `obsolete_keys` the snapshots that no check asked for
    although their flow ran to its end.
    """

    flows: list[dict[str, Json]]
    summary: dict[str, int]
    outcome: str
    new_values: tuple[tuple[str, str, Json], ...]
    observed_keys: frozenset[Key]
    obsolete_keys: frozenset[Key]


def judge(
    flows: Sequence[ObservedFlow], snapshots: Mapping[Key, Json | NotJson], rules: Sequence[Rule], first_value: str
) -> Verdict:
    """The verdict on flows whose names are unique, and in each of which check names are.

    >>> judge([ObservedFlow("f", (ObservedCheck("a", 1, True),))], {("f", "a"): 1.0}, (), "accept").outcome
    'passed'
    """
    comparison = _Comparison(snapshots, rules)
    seen = frozenset((flow.name, check.name) for flow in flows for check in flow.checks)
    complete = {flow.name for flow in flows if flow.error is None}
    obsolete = frozenset(key for key in snapshots if key[0] in complete and key not in seen)
    judged = [_flow_object(flow, comparison, sum(key[0] == flow.name for key in obsolete)) for flow in flows]
    summary = {name: sum(counts[name] for _, counts in judged) for name in _COUNTED}
    unaccepted = summary["new"] if first_value == "review" else 0
    return Verdict(
        flows=[flow_object for flow_object, _ in judged],
        summary=summary,
        outcome=_outcome(summary["miss"], any(flow.error is not None for flow in flows), unaccepted),
        new_values=tuple(comparison.new_values) if first_value == "accept" else (),
        observed_keys=seen,
        obsolete_keys=obsolete,
    )


_COUNTED: Final = ("match", "miss", "new", "obsolete")


def _outcome(misses: int, has_flow_error: bool, unaccepted: int) -> str:
    if misses:
        return "changed"
    if has_flow_error:
        return "error"
    return "new" if unaccepted else "passed"


def _flow_object(
    flow: ObservedFlow, comparison: "_Comparison", obsolete: int
) -> tuple[dict[str, Json], dict[str, int]]:
    assertions = [comparison.assertion(flow.name, check) for check in flow.checks]
    results = [assertion["result"] for assertion in assertions]
    counts = {name: results.count(name.upper()) for name in _COUNTED} | {"obsolete": obsolete}
    flow_object: dict[str, Json] = {"name": flow.name, "summary": dict(counts), "assertions": list(assertions)}
    if flow.error is not None:
        flow_object["error"] = flow.error
    return flow_object, counts


class _Comparison:
    """The snapshots and rules of one run, which share one allowance for regular expressions."""

    def __init__(self, snapshots: Mapping[Key, Json | NotJson], rules: Sequence[Rule]) -> None:
        self.new_values: list[tuple[str, str, Json]] = []
        self._snapshots = snapshots
        self._rules = rules
        self._patterns = Patterns()
        self._places: dict[tuple[bool, ...], Place] = {}

    def assertion(self, flow: str, check: ObservedCheck) -> dict[str, Json]:
        """The check as it stands in the run object: a MATCH, a MISS with all that explains it, or NEW."""
        key = (flow, check.name)
        errors = list(check.errors)
        found: tuple[Difference, ...] = ()
        expected = self._snapshots.get(key, ABSENT)
        if isinstance(expected, NotJson):
            errors.append("the snapshot in force is no JSON text, which nothing equals")
            expected = expected.text
        elif check.observed and not isinstance(expected, Absent):
            try:
                found = self._differences(key, expected, check.value)
            except PatternsTooCostly as fault:
                errors.append(fault.detail)
        if len(found) > MAX_DIFFERENCES:
            errors.append(f"only the first {MAX_DIFFERENCES} differences are shown")
        assertion: dict[str, Json] = {"name": check.name, "result": "MATCH"}
        if check.observed:
            assertion["observed"] = check.value
        if errors or found or not check.observed:
            assertion["result"] = "MISS"
            if not isinstance(expected, Absent):
                assertion["expected"] = expected
        elif isinstance(expected, Absent):
            assertion["result"] = "NEW"
            self.new_values.append((flow, check.name, check.value))
        if found:
            assertion["diff"] = [as_json(difference) for difference in found[:MAX_DIFFERENCES]]
        if errors:
            assertion["error"] = "; ".join(errors)
        return assertion

    def _differences(self, key: Key, expected: Json, observed: Json) -> tuple[Difference, ...]:
        place = self._place(*key)
        return compare(expected, observed, place, limit=MAX_DIFFERENCES + 1, patterns=self._patterns)

    def _place(self, flow: str, check: str) -> Place:
        """The rules for one check, planted; checks with the same rules share them."""
        holding = tuple(rule.holds_for(flow, check) for rule in self._rules)
        if holding not in self._places:
            self._places[holding] = plant(rule for rule, holds in zip(self._rules, holding, strict=True) if holds)
        return self._places[holding]
