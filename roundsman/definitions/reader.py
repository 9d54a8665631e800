"""YAML text to JSON values, strictly: no key twice, no tags, nothing that grows without bound."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from roundsman.definitions.parts import InvalidFile, Part
from roundsman.definitions.scalars import DoubtfulScalar, read_plain

MAX_DEPTH = 32
# An alias weighs as much as what it stands for, so that a few lines cannot become gigabytes.
MAX_WEIGHT = 2 * 1024 * 1024
WEIGHT_OF_A_PART = 8
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")

# The parser in C is thirty times as fast, but is not everywhere.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_documents(text: str, file: str) -> list[Part]:
    """The documents in the text that are not empty. Raises InvalidFile."""
    if found := UNPRINTABLE.search(text):
        before = text[: found.start()]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        raise InvalidFile(file, f"the character U+{ord(found[0]):04X} cannot stand in YAML", line, column)
    try:
        return list(_Reader(yaml.parse(text, Loader=LOADER), file).documents())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(part for part in (error.context, error.problem) if part) or "not YAML"
        if mark is None:
            raise InvalidFile(file, problem) from None
        raise InvalidFile(file, problem, mark.line + 1, mark.column + 1) from None
    except yaml.YAMLError as error:
        raise InvalidFile(file, " ".join(str(error).split())) from None
    except (ValueError, OverflowError):
        # The parser in Python lets these through from its reading of \U escapes.
        raise InvalidFile(file, "an escape in quotes stands for no character") from None


class _Reader:
    """Puts values together from the parser's events; as deep in calls as the value is, so at most MAX_DEPTH."""

    def __init__(self, events: Iterator[Any], file: str) -> None:
        self._events = events
        self._file = file
        self._anchors: dict[str, Part] = {}
        self._weight = 0

    def documents(self) -> Iterator[Part]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                part = self._part(next(self._events), 0)
                if part.value is not None:
                    yield part

    def _part(self, event: Any, depth: int) -> Part:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if event.tag is not None and not _is_harmless(event):
            raise self._invalid(event, f"the tag {event.tag[:100]} is not accepted; expected plain values")
        self._weigh(event, WEIGHT_OF_A_PART)
        if isinstance(event, yaml.ScalarEvent):
            part = self._scalar(event)
        elif depth == MAX_DEPTH:
            raise self._invalid(event, f"nested more than {MAX_DEPTH} deep")
        elif isinstance(event, yaml.MappingStartEvent):
            part = self._object(event, depth)
        else:
            part = self._list(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = part
        return part

    def _alias(self, event: Any, depth: int) -> Part:
        meant = self._anchors.get(event.anchor)
        if meant is None:
            raise self._invalid(event, f"the alias *{event.anchor[:100]} has no complete value before it")
        if depth + meant.height > MAX_DEPTH:
            raise self._invalid(event, f"nested more than {MAX_DEPTH} deep")
        self._weigh(event, meant.weight)
        return meant

    def _scalar(self, event: Any) -> Part:
        self._weigh(event, len(event.value))
        value: Any = event.value
        if event.implicit[0] and event.tag is None:
            try:
                value = read_plain(event.value)
            except DoubtfulScalar as doubt:
                raise self._invalid(event, str(doubt)) from None
        return Part(value, *_place(event), weight=WEIGHT_OF_A_PART + len(event.value))

    def _object(self, start: Any, depth: int) -> Part:
        members: dict[str, Part] = {}
        keys_weight = 0
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, members)
            keys_weight += len(key)
            self._weigh(event, len(key))
            members[key] = self._part(next(self._events), depth + 1)
        return _container({key: part.value for key, part in members.items()}, start, members, keys_weight)

    def _list(self, start: Any, depth: int) -> Part:
        parts: list[Part] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            parts.append(self._part(event, depth + 1))
        members = {str(index): part for index, part in enumerate(parts)}
        return _container([part.value for part in parts], start, members, 0)

    def _key(self, event: Any, members: dict[str, Part]) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
            raise self._invalid(event, "a key must be plain text")
        key: str = event.value
        if key == "<<" and event.implicit[0]:
            raise self._invalid(event, "merging with << is not supported; write the members out, or use an alias")
        if key in members:
            raise self._invalid(event, f"the key {key[:100]!r} appears twice, first at line {members[key].line}")
        return key

    def _weigh(self, event: Any, weight: int) -> None:
        self._weight += weight
        if self._weight > MAX_WEIGHT:
            raise self._invalid(event, "the file grows too large here, with what its aliases stand for")

    def _invalid(self, event: Any, problem: str) -> InvalidFile:
        return InvalidFile(self._file, problem, *_place(event))


def _is_harmless(event: Any) -> bool:
    if isinstance(event, yaml.ScalarEvent):
        return event.tag in ("!", "tag:yaml.org,2002:str")
    return event.tag in ("!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def _container(value: Any, start: Any, members: dict[str, Part], keys_weight: int) -> Part:
    weight = WEIGHT_OF_A_PART + keys_weight + sum(part.weight for part in members.values())
    height = 1 + max((part.height for part in members.values()), default=0)
    return Part(value, *_place(start), weight=weight, height=height, members=members)


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
