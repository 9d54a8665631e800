"""Bodies that no route may take for one of its own, and values that few members may have."""

import json
from typing import Any

NOT_OBJECTS = {
    "null": b"null",
    "array": b"[]",
    "array of objects": b"[{}]",
    "string": b'""',
    "number": b"0",
    "true": b"true",
}
NOT_JSON = {
    "one brace": b"{",
    "cut off": b'{"name": "a',
    "two values": b"{}{}",
    "single quotes": b"{'name': 'a'}",
    "trailing comma": b'{"name": "a",}',
    "comment": b"{} // so",
    "form": b"name=a",
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": -Infinity}',
    "1e999": b'{"name": 1e999}',
    "10^400": b'{"name": 1' + b"0" * 400 + b"}",
    "10^5000": b'{"name": 1' + b"0" * 5_000 + b"}",
    "2^53 + 1": b'{"name": 9007199254740993}',
    "nested arrays": b"[" * 60_000,
    "nested objects": b'{"a":' * 12_000,
    "closed nesting": b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}",
    "duplicate keys": b'{"name": "a", "name": "b"}',
    "duplicate keys inside": b'{"variables": {"a": "1", "a": "2"}}',
    "escaped NUL": b'{"name": "a\\u0000"}',
    "NUL in a key": b'{"a\\u0000": 1}',
    "NUL byte": b'{"name": "a\x00"}',
    "lone surrogate": b'{"name": "\\ud800"}',
    "surrogates the wrong way round": b'{"name": "\\udc00\\ud800"}',
    "surrogate in bytes": b'{"name": "\xed\xa0\x80"}',
    "latin-1": b'{"name": "\xe9"}',
    "overlong": b'{"name": "\xc0\x80"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "utf-16": '{"name": "a"}'.encode("utf-16"),
    "control character": b'{"name": "\x01"}',
    "blank": b" \n",
}
TOO_MUCH = {
    "many fields": json.dumps({f"field {number}": number for number in range(30_000)}).encode(),
    "long field": json.dumps({"x" * 10_240: 1}).encode(),
    "pointer in a field": b'{"a/b~c": 1}',
    "many objects": b'{"flows": [' + b",".join([b"{}"] * 80_000) + b"]}",
    "many checks": b'{"checks": [' + b",".join([b"{}"] * 80_000) + b"]}",
    "many rules": b'{"rules": [' + b",".join([b"{}"] * 80_000) + b"]}",
    "lists of lists": json.dumps(
        {"flows": [{"name": "f", "snapshots": [{}] * 400, "steps": [{}] * 90}] * 190}
    ).encode(),
}
RAW = NOT_OBJECTS | NOT_JSON | TOO_MUCH

WRONG_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 1.5, 2**53, -(2**53), 1e300),
    *("", " ", "x", "\t", "\x7f", "\u202e", "é" * 300, "a" * 10_240, "5", "null", "{{x}}", "'; DROP TABLE work; --"),
    *([], [None], [[]], [{}], ["x"], [1] * 2_000, {}, {"": ""}, {"a": None}, {"a": {"b": []}}, {"x" * 10_240: "x"}),
]
