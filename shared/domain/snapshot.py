"""Observed values held against their snapshots: equality and differences of JSON values."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, TypeAlias

from shared.domain.json_kind import ABSENT, Absent, is_number, kind
from shared.domain.json_value import Json, escaped
from shared.domain.multiset import pair_off
from shared.domain.patterns import Patterns
from shared.domain.rule_tree import Place, plant
from shared.domain.rules import Rule

__all__ = ["ABSENT", "Absent", "Difference", "NotJson", "as_json", "differences", "equal"]

MAX_POINTER_LENGTH: Final = 1_000  # characters

# The way from the root, innermost step last; written out only where there is a difference.
_Trail: TypeAlias = tuple["_Trail", str] | None
_Pair: TypeAlias = tuple[_Trail, Json | Absent, Json | Absent, Place]


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the values differ; ABSENT on the side that has nothing there, not even null."""

    pointer: str
    expected: Json | Absent
    observed: Json | Absent


@dataclass(frozen=True, slots=True)
class NotJson:
    """An approved text that is no JSON: no value equals it, not even a string of the same characters."""

    text: str


def as_json(difference: Difference) -> dict[str, Json]:
    """The difference as an object without a member for the side that is absent.

    >>> as_json(Difference("/a", None, ABSENT))
    {'pointer': '/a', 'expected': None}
    """
    members: dict[str, Json] = {"pointer": difference.pointer}
    if difference.expected is not ABSENT:
        members["expected"] = difference.expected
    if difference.observed is not ABSENT:
        members["observed"] = difference.observed
    return members


def equal(one: Json, other: Json) -> bool:
    """JSON equality: key order is free, array order counts, 1 equals 1.0, true is not 1, "1" is not 1.

    >>> equal({"a": 1, "b": []}, {"b": [], "a": 1.0}), equal([True], [1])
    (True, False)
    """
    pairs: list[tuple[Json, Json]] = [(one, other)]
    while pairs:
        one, other = pairs.pop()
        if one is other:
            continue
        if isinstance(one, dict):
            if not isinstance(other, dict) or one.keys() != other.keys():
                return False
            pairs.extend((member, other[name]) for name, member in one.items())
        elif isinstance(one, list):
            if not isinstance(other, list) or len(one) != len(other):
                return False
            pairs.extend(zip(one, other, strict=True))
        elif isinstance(one, bool) is not isinstance(other, bool) or one != other:
            return False
    return True


def differences(
    expected: Json,
    observed: Json,
    rules: Iterable[Rule] = (),
    *,
    limit: int = 200,
    patterns: Patterns | None = None,
) -> tuple[Difference, ...]:
    """Where the observed value departs from the expected: object members by name, array elements by index.

    The first `limit` are found, names in order. Rules apply whichever flow and check they name.
    Raises PatternsTooCostly.

    >>> differences({"a": [1, 2]}, {"a": [1]})
    (Difference(pointer='/a/1', expected=2, observed=<Absent.ABSENT: 'absent'>),)
    """
    return compare(expected, observed, plant(rules), limit=limit, patterns=patterns or Patterns())


def compare(expected: Json, observed: Json, place: Place, *, limit: int, patterns: Patterns) -> tuple[Difference, ...]:
    """Differences under rules that are planted already, for comparing many values under the same ones."""
    if place.is_bare and equal(expected, observed):
        return ()
    found: list[Difference] = []
    pending: list[Iterator[_Pair]] = [iter([(None, expected, observed, place)])]
    while pending and len(found) < limit:
        pair = next(pending[-1], None)
        if pair is None:
            pending.pop()
        elif "ignore" in pair[3].matches:
            continue
        elif members := _members(pair, patterns):
            pending.append(members)
        elif not _is_content(pair, patterns):
            found.append(Difference(_pointer(pair[0]), pair[1], pair[2]))
    return tuple(found)


_ASKED_INSTEAD: Final = ("type", "regex")


def _members(pair: _Pair, patterns: Patterns) -> Iterator[_Pair] | None:
    """The pairs inside two containers of one kind, unless a rule asks for something else than those."""
    trail, expected, observed, place = pair
    if any(match in place.matches for match in _ASKED_INSTEAD):
        return None
    if isinstance(expected, dict) and isinstance(observed, dict):
        return (
            ((trail, name), expected.get(name, ABSENT), observed.get(name, ABSENT), place.member(name))
            for name in sorted(expected.keys() | observed.keys())
        )
    if isinstance(expected, list) and isinstance(observed, list):
        if "unordered" in place.matches:
            each = place.any_member()
            return (
                ((trail, str(index)), one, other, each)
                for index, one, other in pair_off(expected, observed, each, patterns)
            )
        return (
            ((trail, str(index)), one, other, place.member(str(index)))
            for index, (one, other) in enumerate(zip_longest(expected, observed, fillvalue=ABSENT))
        )
    return None


def _is_content(pair: _Pair, patterns: Patterns) -> bool:
    """Whether two values that are not looked into may stand for each other."""
    _, expected, observed, place = pair
    if isinstance(expected, Absent) or isinstance(observed, Absent):
        return False
    matches = place.matches
    if any(match in matches for match in _ASKED_INSTEAD):
        if "type" in matches and kind(expected) != kind(observed):
            return False
        regexes = matches.get("regex", ())
        if regexes and not isinstance(observed, str):
            return False
        if not all(patterns.match(str(rule.value), str(observed)) for rule in regexes):
            return False
    if "approx" in matches and is_number(expected) and is_number(observed):
        return all(rule.allows(expected, observed) for rule in matches["approx"])
    return any(match in matches for match in _ASKED_INSTEAD) or equal(expected, observed)


def _pointer(trail: _Trail) -> str:
    """The way as a JSON Pointer; a long one, as only hostile names make it, is cut and ends in an ellipsis."""
    steps = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    pointer = ""
    for step in reversed(steps):
        pointer += f"/{escaped(step[:MAX_POINTER_LENGTH])}"
        if len(pointer) > MAX_POINTER_LENGTH:
            return f"{pointer[:MAX_POINTER_LENGTH]}…"
    return pointer
