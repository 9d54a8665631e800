"""Where in a JSON text a value stands, so that a message about it can name the line."""

import json
from typing import Final

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = " \t\r\n"


def line_of(text: str, pointer: str) -> int:
    """The line where the value at this JSON Pointer begins, or the innermost there is of those it lies in.

    The text must be JSON; of a key that appears twice it is the first.

    >>> line_of('[\\n{"a": 1,\\n"b": [2]}\\n]', "/0/b/0"), line_of('[\\n{"a": 1,\\n"b": [2]}\\n]', "/0/c/d")
    (3, 2)
    """
    at = _past_space(text, 0)
    for step in pointer.split("/")[1:]:
        inner = _member(text, at, step.replace("~1", "/").replace("~0", "~"))
        if inner is None:
            break
        at = inner
    return text.count("\n", 0, at) + 1


def _member(text: str, at: int, name: str) -> int | None:
    """Where the member of this name, or item of this number, begins in the object or array that begins at `at`."""
    opening, number = text[at], 0
    if opening not in "[{":
        return None
    at = _past_space(text, at + 1)
    while text[at] not in "]}":
        key = str(number)
        if opening == "{":
            key, at = _DECODER.raw_decode(text, at)
            at = _past_space(text, _past_space(text, at) + 1)
        if key == name:
            return at
        _, at = _DECODER.raw_decode(text, at)
        at = _past_space(text, at)
        if text[at] == ",":
            at = _past_space(text, at + 1)
        number += 1
    return None


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
