"""From the place of a difference to rules about it: their paths, and the rule that speaks about the place already."""

from collections.abc import Iterable
from typing import Any

from api.dashboard.side_by_side import steps
from shared.domain.json_value import Json, escaped
from shared.domain.rules import Rule, parse_rule

ANY = "*"


def for_every_element(pointer: str, *values: Json) -> str | None:
    """The path with `*` for every step into an array of these values; None when it goes into none.

    >>> for_every_element("/todos/0/id", {"todos": [{"id": 1}]}), for_every_element("/0", {"0": 1})
    ('/todos/*/id', None)
    """
    path = ""
    has_arrays = False
    for step in steps(pointer):
        is_index = any(isinstance(value, list) for value in values)
        has_arrays = has_arrays or is_index
        path += f"/{ANY if is_index else escaped(step)}"
        values = tuple(below for value in values for below in _member(value, step))
    return path if has_arrays else None


def _member(value: Json, step: str) -> tuple[Json, ...]:
    if isinstance(value, dict):
        return (value[step],) if step in value else ()
    if isinstance(value, list) and step.isdecimal():
        return tuple(value[int(step) :][:1])
    return ()


def rule_about(rules: Iterable[Rule], flow: str, check: str, pointer: str) -> Rule | None:
    """The first rule of this check that speaks about this place, or ignores a place that it is in.

    >>> rule_about([Rule("/*/at", "ignore", flow="f")], "f", "c", "/0/at/day")
    Rule(path='/*/at', match='ignore', flow='f', check=None, value=None)
    """
    place = steps(pointer)
    for rule in rules:
        path = rule.steps()
        reaches = len(path) == len(place) or (rule.match == "ignore" and len(path) < len(place))
        if (
            reaches
            and rule.holds_for(flow, check)
            and all(step in (ANY, own) for step, own in zip(path, place, strict=False))
        ):
            return rule
    return None


def rules_of(checklist: Any) -> list[Rule]:
    """The rules of a checklist as the API writes it."""
    return [
        parse_rule({name: value for name, value in rule.items() if value is not None}) for rule in checklist["rules"]
    ]
