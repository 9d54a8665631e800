"""The one guarded JSON parser: what passes it can be stored, compared and written again."""

import json
from typing import Final

from shared.domain.json_value import (
    MAX_DEPTH,
    MAX_INTEGER,
    InvalidJson,
    Json,
    canonical,
    check_value,
    escaped,
    written,
)

__all__ = ["InvalidJson", "Json", "canonical", "check_value", "escaped", "parse", "written"]

_LONGEST_INTEGER: Final = 40
# Digits become 0 and exponents e, so that plain substring searches find long and huge numbers.
_SHAPE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_DEPTH_CHANGE: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def parse(text: bytes | str, *, max_depth: int = MAX_DEPTH, max_integer: int = MAX_INTEGER) -> Json:
    """The value that the text stands for; `max_integer` may have at most 39 digits.

    Raises InvalidJson for anything but one strict UTF-8 JSON text, no key twice, that passes check_value.

    >>> parse('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    """
    raw, text = _both_forms(text)
    if not raw or raw.isspace():
        raise InvalidJson("the body is empty; expected JSON")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise InvalidJson("the text begins with a byte order mark; expected UTF-8 JSON without one")
    if raw.count(b"[") + raw.count(b"{") > max_depth and _depth(raw) > max_depth:
        raise InvalidJson(f"the JSON is nested more than {max_depth} deep")
    suspicious = _is_suspicious(raw, max_integer)
    try:
        value: Json = (_CAREFUL if suspicious else _PLAIN).decode(text)
    except json.JSONDecodeError as error:
        reason = "more text follows the value" if error.msg == "Extra data" else error.msg
        raise InvalidJson(f"not JSON: {reason}, at line {error.lineno} column {error.colno}") from None
    if suspicious:
        check_value(value, max_depth=max_depth, max_integer=max_integer)
    return value


def _both_forms(text: bytes | str) -> tuple[bytes, str]:
    try:
        if isinstance(text, str):
            return text.encode(), text
        return text, text.decode()
    except UnicodeDecodeError as error:
        raise InvalidJson(f"byte {error.start + 1} of the text is not UTF-8; expected UTF-8 JSON") from None
    except UnicodeEncodeError as error:
        raise InvalidJson(f"character {error.start + 1} of the text is a lone surrogate") from None


def _is_suspicious(raw: bytes, max_integer: int) -> bool:
    """Whether only a walk over the value can judge it; other text never pays for that walk."""
    shape = raw.translate(_SHAPE, b"+")
    return (
        b"0" * len(str(max_integer)) in shape
        or b"0e000" in shape  # an exponent of two digits cannot make a number infinite
        or b"\\u0000" in raw
        or b"\\ud" in raw
        or b"\\uD" in raw
        or b"NaN" in raw
        or b"Infinity" in raw
    )


def _depth(raw: bytes) -> int:
    """How deep a correct text is nested, and no less than the correct beginning of any other text is."""
    without_escapes = raw.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in raw else raw
    outside_strings = b"".join(without_escapes.split(b'"')[::2])
    depth = deepest = 0
    for bracket in outside_strings.translate(None, _NOT_BRACKETS):
        depth += _DEPTH_CHANGE[bracket]
        if depth > deepest:
            deepest = depth
    return deepest


def _unique(members: list[tuple[str, Json]]) -> Json:
    value = dict(members)
    if len(value) != len(members):
        names = [name for name, _ in members]
        repeated = next(name for name in value if names.count(name) > 1)
        raise InvalidJson(f"the key {json.dumps(repeated[:100])} appears twice in one object")
    return value


def _cut_integer(digits: str) -> int:
    """The integer; one too long for Python to read is cut to one that is still past every bound."""
    return int(digits[:_LONGEST_INTEGER])


# Built once: building a decoder costs more than reading a small body.
_PLAIN: Final = json.JSONDecoder(object_pairs_hook=_unique)
_CAREFUL: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_cut_integer)
