"""JSON values as lines to be read: short containers on one line, long texts cut, invisible characters written out."""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import repeat
from typing import Final

from shared.domain.json_value import Json

WIDTH: Final = 60  # a container that fits stands on one line
LONGEST_TEXT: Final = 600
LONGEST_NAME: Final = 200
IDENTIFYING: Final = ("id", "key", "name", "title")
SAMPLES, SAMPLE_WIDTH = 4, 22  # of a long container so many members are shown, and so much of each
AROUND: Final = 80  # so much of a text is shown before and behind the part that differs
INDENT: Final = "  "


@dataclass(frozen=True, slots=True)
class Line:
    """A line of which the part in the middle differs from the other side's; it is empty where nothing does."""

    before: str
    differing: str = ""
    after: str = ""

    @property
    def text(self) -> str:
        return self.before + self.differing + self.after

    def followed_by(self, text: str) -> "Line":
        return replace(self, after=self.after + text)


def plain(depth: int, name: str | None, text: str) -> Line:
    """A line of which nothing in particular differs."""
    return Line(_start(depth, name) + text)


def lines(value: Json, depth: int = 0, name: str | None = None, end: str = "") -> Iterator[Line]:
    """The value over as many lines as it needs, members by name.

    >>> [line.text for line in lines({"b": ["long " * 20], "a": {"c": 1}})][:3]
    ['{', '  "a": {"c": 1},', '  "b": [']
    """
    if not isinstance(value, dict | list):
        yield plain(depth, name, _scalar(value) + end)
    elif (short := _short(value, WIDTH)) is not None:
        yield plain(depth, name, short + end)
    elif isinstance(value, dict):
        yield plain(depth, name, "{")
        last = max(value)
        for member in sorted(value):
            yield from lines(value[member], depth + 1, member, "" if member == last else ",")
        yield plain(depth, None, "}" + end)
    else:
        yield plain(depth, name, "[")
        for index, element in enumerate(value, 1):
            yield from lines(element, depth + 1, None, "" if index == len(value) else ",")
        yield plain(depth, None, "]" + end)


def in_line(value: Json, longest: int = LONGEST_TEXT) -> str:
    """The value on one line; of a long container the beginning, of a long text `longest` characters.

    >>> in_line({"id": 1, "tags": ["a"]}), in_line([True] * 99), in_line("abcdef", 3)
    ('{"id": 1, "tags": ["a"]}', '[true, true, true, true, … 95 more]', '"abc… (6 characters)"')
    """
    if not isinstance(value, dict | list):
        return _scalar(value, longest)
    return _short(value, WIDTH) or _beginning(value)


def _beginning(value: dict[str, Json] | list[Json]) -> str:
    """As many of the members as give an idea, those first that tell an object from others.

    >>> _beginning({"at": "2026", "done": False, "id": 7, "text": "long " * 9})
    '{"id": 7, "at": "2026", "done": false, … 1 more}'
    """
    if isinstance(value, list):
        members = _named(value[:SAMPLES])
    else:
        names = dict.fromkeys((*filter(value.__contains__, IDENTIFYING), *nsmallest(SAMPLES, value)))
        members = ((name, value[name]) for name in names)
    room = WIDTH
    shown: list[str] = []
    for name, member in members:
        text = _start(0, name) + (_short(member, SAMPLE_WIDTH) or _hint(member))
        room -= len(text) + 2
        if room < 0:
            break
        shown.append(text)
    rest = len(value) - len(shown)
    inside = ", ".join([*shown, f"… {rest:,} more"] if rest else shown) if shown else f" … {rest:,} in it "
    return f"{{{inside}}}" if isinstance(value, dict) else f"[{inside}]"


def _hint(value: Json) -> str:
    if isinstance(value, str):
        return f'"{_written(value[:SAMPLE_WIDTH])}…"'
    return "{…}" if isinstance(value, dict) else "[…]" if isinstance(value, list) else json.dumps(value)


def differing(depth: int, name: str | None, one: Json, other: Json) -> tuple[Line, Line]:
    """The lines of two values that are no containers, with the part of them that differs.

    Of two texts that part is between what they share at both ends. Texts that look alike are written in ASCII.

    >>> [line.differing for line in differing(0, "title", "pay the rent", "pay a rent")]
    ['the', 'a']
    """
    start = _start(depth, name)
    if not isinstance(one, str) or not isinstance(other, str):
        return Line(start, _scalar(one)), Line(start, _scalar(other))
    before = _shared(one, other)
    after = _shared(one[before:][::-1], other[before:][::-1])
    parts = one[before : len(one) - after], other[before : len(other) - after]
    alike = _look(parts[0]) == _look(parts[1])
    head = ("…" if before > AROUND else "") + _written(one[max(0, before - AROUND) : before])
    tail = _written(one[len(one) - after : len(one) - after + AROUND]) + ("…" if after > AROUND else "")
    first, second = (Line(f'{start}"{head}', _cut(part, ascii_only=alike), f'{tail}"') for part in parts)
    return first, second


def _start(depth: int, name: str | None) -> str:
    return INDENT * depth + ("" if name is None else f'"{_cut(name, LONGEST_NAME)}": ')


def _short(value: Json, room: int) -> str | None:
    """The text of the value if it is no longer than that; looks at no more of it than it takes to know."""
    if not isinstance(value, dict | list):
        text = _scalar(value) if not isinstance(value, str) or len(value) <= room else ""
        return text if 0 < len(text) <= room else None
    if len(value) > room:
        return None
    members = _named(value) if isinstance(value, list) else sorted(value.items())
    room -= 2
    written: list[str] = []
    for name, member in members:
        start = f"{', ' if written else ''}{_start(0, name)}"
        inner = _short(member, room - len(start))
        if inner is None:
            return None
        written.append(start + inner)
        room -= len(written[-1])
    brackets = "{}" if isinstance(value, dict) else "[]"
    return brackets[0] + "".join(written) + brackets[1] if room >= 0 else None


def _named(elements: list[Json]) -> Iterable[tuple[str | None, Json]]:
    """The elements as members without names."""
    return zip(repeat(None), elements, strict=False)


def _scalar(value: Json, longest: int = LONGEST_TEXT) -> str:
    return f'"{_cut(value, longest)}"' if isinstance(value, str) else json.dumps(value)


def _cut(text: str, longest: int = LONGEST_TEXT, *, ascii_only: bool = False) -> str:
    """What stands between the quotation marks."""
    shown = _written(text[:longest], ascii_only=ascii_only)
    return shown if len(text) <= longest else f"{shown}… ({len(text):,} characters)"


def _written(text: str, *, ascii_only: bool = False) -> str:
    """As in a JSON text; what has no looks of its own, or turns the looks of others around, by its number."""
    written = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
    if written.isprintable():
        return written
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in written)


def _look(text: str) -> str:
    return unicodedata.normalize("NFKC", text[:LONGEST_TEXT])


def _shared(one: str, other: str) -> int:
    """How many characters both begin with; found in halves, for texts may be long.

    >>> _shared("abcd", "abx"), _shared("", "a"), _shared("a", "a")
    (2, 0, 1)
    """
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least
