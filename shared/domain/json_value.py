"""What a JSON value may be, how it is written, and the walk that tells whether it can be kept."""

import json
import math
import re
from typing import Final, TypeAlias

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

MAX_DEPTH: Final = 32
MAX_INTEGER: Final = 2**53  # past it, most languages read another number than was written

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_Fault: TypeAlias = tuple[str, list[str]]  # what is wrong, and the steps to it from the inside out


class InvalidJson(ValueError):
    """The text or value is no JSON that can be kept; `pointer` says where, as far as that is known."""

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(f"{detail} (at {pointer})" if pointer else detail)
        self.detail = detail
        self.pointer = pointer


class JsonTooLong(InvalidJson):
    """The value is JSON, but longer than is allowed where it stands."""


def check_value(
    value: object,
    *,
    max_depth: int = MAX_DEPTH,
    max_integer: int = MAX_INTEGER,
    max_length: int | None = None,
) -> int:
    """The length of the value's text in characters, escapes not counted, if the value can be kept.

    A part that is referred to twice counts twice, as it would be written twice. Raises InvalidJson when the
    value is nested too deep, is too long, or holds an integer past ±max_integer, a number that is not finite,
    a NUL character, a lone surrogate, or something that is no JSON at all.

    >>> check_value({"a": [True, None]})
    17
    """
    walk = _Walk(max_depth, max_integer, max_length)
    if fault := walk.fault(value, 0):
        detail, steps = fault
        kind_of_fault = JsonTooLong if walk.is_too_long else InvalidJson
        raise kind_of_fault(detail, "".join(f"/{escaped(step)}" for step in reversed(steps)))
    return walk.length


def canonical(value: Json) -> str:
    """One text for all values that are equal as JSON: 1 and 1.0 share it, 1 and true do not.

    >>> canonical({"b": 1.0, "a": [True]})
    '{"a":[true],"b":1}'
    """
    return json.dumps(_with_whole_numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


# json.dumps would make one of these for every call.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def written(value: Json) -> str:
    """The compact text of a value, members in their own order.

    >>> written({"b": 1.0, "a": "é"})
    '{"b":1.0,"a":"é"}'
    """
    return _ENCODER.encode(value)


def escaped(step: str) -> str:
    """One member name as it stands in a JSON Pointer.

    >>> escaped("a/b~c")
    'a~1b~0c'
    """
    return step.replace("~", "~0").replace("/", "~1")


def _with_whole_numbers(value: Json) -> Json:
    """The value with every float that is a whole number turned into that integer, exactly."""
    if isinstance(value, dict):
        return {key: _with_whole_numbers(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(element) for element in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


class _Walk:
    """One pass over a value; recursion is safe because it ends at the depth that is allowed."""

    def __init__(self, max_depth: int, max_integer: int, max_length: int | None) -> None:
        self.length = 0
        self._max_depth = max_depth
        self._max_integer = max_integer
        self._max_length = max_length

    @property
    def is_too_long(self) -> bool:
        return self._max_length is not None and self.length > self._max_length

    def fault(self, value: object, depth: int) -> _Fault | None:
        if type(value) is str:
            return self._text_fault(value)
        if type(value) is dict or type(value) is list:
            return self._container_fault(value, depth + 1)
        if value is None or value is True:
            return self._grown(4)
        if value is False:
            return self._grown(5)
        if type(value) is int:
            if not -self._max_integer <= value <= self._max_integer:
                return f"the integer is outside -{self._max_integer} to {self._max_integer}", []
            return self._grown(len(str(value)))
        if type(value) is float:
            if not math.isfinite(value):
                return (
                    "the number is not finite, as JSON numbers are",
                    [],
                )
            return self._grown(len(repr(value)))
        return "this is not a JSON value", []

    def _container_fault(self, value: dict[object, object] | list[object], depth: int) -> _Fault | None:
        if depth > self._max_depth:
            return f"the value is nested more than {self._max_depth} deep", []
        if fault := self._grown(2 + max(len(value) - 1, 0)):  # brackets and commas
            return fault
        if isinstance(value, list):
            for index, element in enumerate(value):
                if fault := self.fault(element, depth):
                    fault[1].append(str(index))
                    return fault
            return None
        for key, member in value.items():
            if type(key) is not str:
                return "a member name is not a string", []
            if fault := self._text_fault(key) or self._grown(1):
                return fault
            if fault := self.fault(member, depth):
                fault[1].append(key)
                return fault
        return None

    def _text_fault(self, text: str) -> _Fault | None:
        if "\0" in text or (not text.isascii() and _UNSTORABLE.search(text)):
            kind = "a NUL character" if "\0" in text else "a lone surrogate"
            return f"the text holds {kind}, which cannot be stored", []
        return self._grown(len(text) + 2)

    def _grown(self, characters: int) -> _Fault | None:
        self.length += characters
        if self.is_too_long:
            return f"the value is longer than {self._max_length} characters", []
        return None
