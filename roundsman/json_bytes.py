"""JSON as it is sent: as bytes, and in parts that are not too large."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")

# The service takes 1 MiB, which is more by what stands around the items.
PART_BYTES = 1_000_000


def json_bytes(value: Any) -> bytes:
    r"""The value as JSON in UTF-8. Raises what json.dumps raises, also for NaN and infinities.

    >>> json_bytes({"name": "Zoë"})
    b'{"name": "Zo\xc3\xab"}'
    >>> json_bytes("half a pair: \ud83d")
    b'"half a pair: \\ud83d"'
    """
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False).encode()


def in_parts(items: Sequence[Item], most: int, most_bytes: int = PART_BYTES) -> list[list[Item]]:
    """The items in their order, in parts of so many and so many bytes of JSON; a larger one is a part by itself.

    >>> in_parts([1, 2, 3], most=2), in_parts(["a", "b" * 80, "c", "d"], most=9, most_bytes=40)[2:]
    ([[1, 2], [3]], [['c', 'd']])
    """
    parts: list[list[Item]] = []
    room = 0
    for item in items:
        size = len(json_bytes(item)) + len(", ")
        if not parts or len(parts[-1]) == most or size > room:
            parts.append([])
            room = most_bytes
        parts[-1].append(item)
        room -= size
    return parts
