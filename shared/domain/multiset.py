"""Arrays whose order does not count: their elements paired off in linear time, rules below them included."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from typing import TypeAlias

from shared.domain.json_kind import ABSENT, Absent, is_number, kind
from shared.domain.json_value import Json
from shared.domain.patterns import Patterns
from shared.domain.rule_tree import Place

_Paired: TypeAlias = tuple[int, Json | Absent, Json | Absent]
_Element: TypeAlias = tuple[list[int | float], int]  # the numbers under `approx` rules in it, and its index


def pair_off(expected: list[Json], observed: list[Json], each: Place, patterns: Patterns) -> Iterator[_Paired]:
    """What is left once every element has found its equal: (index, expected or ABSENT, observed or ABSENT).

    `each` is the place of every element; rules that call an element by its index say nothing here.
    Elements are equal by their form, into which rules are worked: ignored members are gone, `type` leaves the
    type, `regex` whether the pattern matches. Numbers under `approx` are left open: elements alike but for
    them are paired in the order of those numbers, and come out as pairs still to be compared.
    """
    if "ignore" in each.matches:
        return iter(())
    wanted = _by_form(expected, each, patterns, is_observed=False)
    present = _by_form(observed, each, patterns, is_observed=True)
    left: list[_Paired] = []
    for form in dict.fromkeys((*wanted, *present)):
        ours, theirs = wanted.get(form, []), present.get(form, [])
        if any(element[0] for element in ours):
            ours.sort()
            theirs.sort()
            left += [(j, expected[i], observed[j]) for (_, i), (_, j) in zip(ours, theirs, strict=False)]
        left += [(i, expected[i], ABSENT) for _, i in ours[len(theirs) :]]
        left += [(j, ABSENT, observed[j]) for _, j in theirs[len(ours) :]]
    left.sort(key=lambda paired: paired[0])
    return iter(left)


def _by_form(
    elements: list[Json], each: Place, patterns: Patterns, *, is_observed: bool
) -> dict[Hashable, list[_Element]]:
    forms: dict[Hashable, list[_Element]] = defaultdict(list)
    shape = _Shape(patterns, is_observed)
    for index, element in enumerate(elements):
        shape.numbers = []
        forms[shape.form(element, each)].append((shape.numbers, index))
    return forms


class _Shape:
    """Turns a value into its form: hashable, and the same for values that are equal under the rules.

    Recursion is safe: what can be observed is nested at most as deep as the parser allows.
    """

    def __init__(self, patterns: Patterns, is_observed: bool) -> None:
        self.numbers: list[int | float] = []
        self._patterns = patterns
        self._is_observed = is_observed

    def form(self, value: Json, place: Place) -> Hashable:
        matches = place.matches
        if matches and (asked := self._asked(value, place)):
            return ("rule", *asked)
        if isinstance(value, dict):
            return (
                "object",
                frozenset(
                    (name, self.form(member, below))
                    for name, member in value.items()
                    if "ignore" not in (below := place.member(name)).matches
                ),
            )
        if isinstance(value, list):
            if "unordered" in matches:
                each = place.any_member()
                if "ignore" in each.matches:
                    return ("unordered",)
                return (
                    "unordered",
                    frozenset(Counter(self.form(element, each) for element in value).items()),
                )
            return (
                "array",
                *(
                    self.form(element, below)
                    for index, element in enumerate(value)
                    if "ignore" not in (below := place.member(str(index))).matches
                ),
            )
        return (kind(value), value)

    def _asked(self, value: Json, place: Place) -> list[Hashable]:
        """What the rules ask of the value instead of its contents."""
        asked: list[Hashable] = []
        if "type" in place.matches:
            asked.append(kind(value))
        if "regex" in place.matches:
            asked.append(self._matches_all(value, place))
        if "approx" in place.matches and is_number(value):
            self.numbers.append(value)
            asked.append("about")
        return asked

    def _matches_all(self, value: Json, place: Place) -> bool:
        """Only what is observed is held against a pattern; the expected side counts as matching."""
        return not self._is_observed or (
            isinstance(value, str)
            and all(self._patterns.match(str(rule.value), value) for rule in place.matches["regex"])
        )
