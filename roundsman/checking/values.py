"""What a flow observed, in the shape in which the service takes it."""

import json
from typing import Any, NotRequired, TypedDict

# Beyond these the service takes no value as it is, but still its JSON as text.
MAX_INTEGER = 2**53
MAX_DEPTH = 20


class Assertion(TypedDict):
    """A check: its value, or that as JSON text."""

    name: str
    value: NotRequired[Any]
    snapshot: NotRequired[str]


class ObservedFlow(TypedDict):
    name: str
    assertions: list[Assertion]


def assertion(name: str, value: Any) -> Assertion:
    """The check with its value as it is now. Raises TypeError when that is no JSON.

    >>> assertion("status", 200), assertion("id", 2**60)
    ({'name': 'status', 'value': 200}, {'name': 'id', 'snapshot': '1152921504606846976'})
    >>> assertion("when", {1, 2})
    Traceback (most recent call last):
        ...
    TypeError: the check 'when' is no JSON: Object of type set is not JSON serializable
    """
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the check {name!r} is no JSON: {error}") from None
    copy = json.loads(text)
    return {"name": name, "value": copy} if _is_taken(copy, MAX_DEPTH) else {"name": name, "snapshot": text}


def is_storable(text: str) -> bool:
    """Whether it is without NUL and lone surrogates, which the service can keep nowhere."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _is_taken(value: Any, depth: int) -> bool:
    """Whether the service takes the value as it is; what it says of its text otherwise concerns this check alone."""
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, int):
        return -MAX_INTEGER <= value <= MAX_INTEGER
    if isinstance(value, dict):
        return depth > 0 and all(_is_taken(key, 0) and _is_taken(each, depth - 1) for key, each in value.items())
    if isinstance(value, list):
        return depth > 0 and all(_is_taken(each, depth - 1) for each in value)
    return True
