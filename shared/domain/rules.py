"""The rules of a checklist: where a value need not equal its snapshot, and what is asked of it instead."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from shared.domain.json_value import MAX_DEPTH, Json
from shared.domain.patterns import InvalidPattern, compile_pattern

MATCHES: Final = ("ignore", "type", "regex", "unordered", "approx")
MAX_RULES: Final = 200
MAX_PATH_LENGTH: Final = 1_000
MAX_NAME_LENGTH: Final = 200

_FIELDS: Final = ("path", "match", "flow", "check", "value")
_BROKEN_ESCAPE: Final = re.compile("~(?![01])")


class InvalidRule(ValueError):
    """A rule that says nothing sensible; `pointer` leads to the fault inside what was parsed."""

    def __init__(self, detail: str, pointer: str) -> None:
        super().__init__(f"{detail} (at {pointer})" if pointer else detail)
        self.detail = detail
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Rule:
    """How values at `path` are matched, in one flow or check only if that is named.

    ignore: anything passes, on either side, also nothing.
    type: the same JSON type; integers and other numbers are one type, null is a type.
    regex: the observed value is a string that matches the RE2 pattern `value` from end to end.
    unordered: arrays are equal as multisets.
    approx: numbers differ by at most `value`; without a `value` by one part in 1,000,000,000. What is no
    number is compared as ever.
    Where several rules meet, each of them must be content, but for `ignore`, which ends the question.
    """

    path: str
    match: str
    flow: str | None = None
    check: str | None = None
    value: Json = None

    def steps(self) -> tuple[str, ...]:
        """The member names along the path, where `*` is any member.

        >>> Rule("/a~1b/*", "ignore").steps()
        ('a/b', '*')
        """
        return tuple(step.replace("~1", "/").replace("~0", "~") for step in self.path.split("/")[1:])

    def holds_for(self, flow: str, check: str) -> bool:
        """Whether the rule speaks about this check."""
        return self.flow in (None, flow) and self.check in (None, check)

    def allows(self, expected: float, observed: float) -> bool:
        """Whether `approx` takes the one number for the other."""
        if self.value is None:
            return math.isclose(expected, observed, rel_tol=1e-9)
        return abs(expected - observed) <= cast(float, self.value)


def parse_rule(raw: Json) -> Rule:
    """The rule that a JSON object describes.

    Raises InvalidRule with a sentence about the first fault.

    >>> parse_rule({"path": "/items/*/id", "match": "type"})
    Rule(path='/items/*/id', match='type', flow=None, check=None, value=None)
    """
    if not isinstance(raw, dict):
        raise InvalidRule("expected an object with path and match", "")
    for name in raw:
        if name not in _FIELDS:
            raise InvalidRule(f"unknown field; a rule has {', '.join(_FIELDS)}", f"/{name[:100]}")
    path, match = _path(raw.get("path")), raw.get("match")
    if not isinstance(match, str) or match not in MATCHES:
        raise InvalidRule(f"expected one of {', '.join(MATCHES)}", "/match")
    value = raw.get("value")
    if match == "regex":
        _require_pattern(value)
    elif match == "approx":
        _require_tolerance(value)
    elif value is not None:
        raise InvalidRule(f"the match {match} takes no value", "/value")
    return Rule(path, match, _name(raw, "flow"), _name(raw, "check"), value)


def parse_rules(raw: Json) -> tuple[Rule, ...]:
    """The rules that a JSON array describes, at most MAX_RULES.

    Raises InvalidRule.
    """
    if not isinstance(raw, list):
        raise InvalidRule("expected an array of rules", "")
    if len(raw) > MAX_RULES:
        raise InvalidRule(f"there are {len(raw)} rules; at most {MAX_RULES} are allowed", "")
    rules = []
    for index, item in enumerate(raw):
        try:
            rules.append(parse_rule(item))
        except InvalidRule as fault:
            raise InvalidRule(fault.detail, f"/{index}{fault.pointer}") from None
    return tuple(rules)


def _path(path: Json) -> str:
    if not isinstance(path, str):
        raise InvalidRule('expected a JSON Pointer such as "/items/*/id", or "" for the whole value', "/path")
    if path and not path.startswith("/"):
        raise InvalidRule("a JSON Pointer starts with /, or is empty for the whole value", "/path")
    if len(path) > MAX_PATH_LENGTH:
        raise InvalidRule(f"the path has more than {MAX_PATH_LENGTH} characters", "/path")
    if path.count("/") > MAX_DEPTH:
        raise InvalidRule(f"the path has more than {MAX_DEPTH} steps; no value is nested as deep", "/path")
    if _BROKEN_ESCAPE.search(path):
        raise InvalidRule("in a JSON Pointer ~ is written ~0 and / inside a name ~1", "/path")
    return path


def _name(raw: Mapping[str, Json], field: str) -> str | None:
    name = raw.get(field)
    if name is None:
        return None
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise InvalidRule(f"expected a {field} name of 1 to {MAX_NAME_LENGTH} characters", f"/{field}")
    return name


def _require_pattern(value: Json) -> None:
    if not isinstance(value, str):
        raise InvalidRule("the match regex needs a value: the RE2 pattern as a string", "/value")
    try:
        compile_pattern(value)
    except InvalidPattern as fault:
        raise InvalidRule(fault.detail, "/value") from None


def _require_tolerance(value: Json) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRule("the match approx takes a number as value: the largest difference allowed", "/value")
    if not (value >= 0 and math.isfinite(value)):
        raise InvalidRule("the largest difference allowed is a number of 0 or more", "/value")
