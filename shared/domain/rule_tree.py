"""Which rules hold where: the rules of a check as a tree, walked in step with the value."""

from collections.abc import Iterable
from typing import Final

from shared.domain.rules import Rule

ANY: Final = "*"


class _Node:
    """One place in the tree of all paths."""

    __slots__ = ("below", "rules")

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.below: dict[str, _Node] = {}


class Place:
    """A place in a value, and the rules that hold there.

    Every place is worked out once and kept: a step costs one look-up, however many elements an array has.
    """

    __slots__ = ("_named", "_nodes", "_others", "matches")

    def __init__(self, nodes: tuple[_Node, ...]) -> None:
        self._nodes = nodes
        self._named: dict[str, Place | None] = {name: None for node in nodes for name in node.below}
        self._named.pop(ANY, None)
        self._others: Place | None = None
        self.matches: dict[str, tuple[Rule, ...]] = {}
        for node in nodes:
            for rule in node.rules:
                self.matches[rule.match] = (*self.matches.get(rule.match, ()), rule)

    @property
    def is_bare(self) -> bool:
        """Whether no rule holds here or anywhere below."""
        return not self._nodes

    def member(self, name: str) -> "Place":
        """The place of one member of the value at this place."""
        if name not in self._named:
            return self.any_member()
        place = self._named[name]
        if place is None:
            place = self._named[name] = self._step(name)
        return place

    def any_member(self) -> "Place":
        """The place of a member that no rule calls by its name."""
        if self._others is None:
            self._others = self._step(ANY)
        return self._others

    def _step(self, name: str) -> "Place":
        names = dict.fromkeys((name, ANY))
        return Place(tuple(node.below[step] for node in self._nodes for step in names if step in node.below))


def plant(rules: Iterable[Rule]) -> Place:
    """The root place of the tree of the rules.

    >>> place = plant([Rule("/items/*/id", "ignore")])
    >>> sorted(place.member("items").member("7").member("id").matches)
    ['ignore']
    """
    root = _Node()
    for rule in rules:
        node = root
        for step in rule.steps():
            node = node.below.setdefault(step, _Node())
        node.rules.append(rule)
    return Place((root,) if root.rules or root.below else ())
