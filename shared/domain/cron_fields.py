"""One field of a cron expression: from its text to the values it stands for."""

import re
from dataclasses import dataclass
from typing import Final, NoReturn

LAST: Final = -1  # the place of the last weekday of a month, where others have 1 to 5


class InvalidCron(ValueError):
    """The text is no cron expression; `position` is the character at fault, counted from 1."""

    def __init__(self, detail: str, position: int) -> None:
        super().__init__(detail)
        self.detail = detail
        self.position = position


@dataclass(frozen=True, slots=True)
class FieldKind:
    """The name of a field, its bounds, and the words that may stand for numbers (the first for `first`)."""

    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()


SECOND: Final = FieldKind("second", 0, 59)
MINUTE: Final = FieldKind("minute", 0, 59)
HOUR: Final = FieldKind("hour", 0, 23)
DAY: Final = FieldKind("day-of-month", 1, 31)
MONTH: Final = FieldKind(
    "month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
)
WEEKDAY: Final = FieldKind("day-of-week", 0, 6, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))


@dataclass(frozen=True, slots=True)
class FieldValues:
    """What a field stands for: `values` in order; `last_day` for L; `places` for 5#2 and L5 as (weekday, place)."""

    values: tuple[int, ...]
    starred: bool = False
    last_day: bool = False
    places: frozenset[tuple[int, int]] = frozenset()


_ITEM: Final = re.compile(r"(?P<low>[^/#-]*)(?P<range>-(?P<high>[^/#-]*))?(?P<stepped>/(?P<step>.*))?")
_PLACED: Final = re.compile(r"(?P<weekday>[^#]*)#(?P<place>.*)|L(?P<last>.+)")
_NUMBER: Final = re.compile(r"[0-9]{1,2}")


def parse_field(kind: FieldKind, text: str, position: int) -> FieldValues:
    """The values of the field whose upper-case text begins at that position of the expression.

    Raises InvalidCron.

    >>> parse_field(HOUR, "22-2,9", 1).values
    (0, 1, 2, 9, 22, 23)
    """
    if text == "*" or (text == "?" and kind in (DAY, WEEKDAY)):
        return FieldValues(tuple(range(kind.first, kind.last + 1)), starred=True)
    values: set[int] = set()
    places: set[tuple[int, int]] = set()
    last_day = False
    for item in text.split(","):
        if kind is DAY and item == "L":
            last_day = True
        elif kind is WEEKDAY and (placed := _PLACED.fullmatch(item)) is not None:
            places.add(_place(placed, position))
        else:
            values |= _values(kind, item, position)
        position += len(item) + 1
    if places and values:
        fault(kind, "weekdays with # or L and plain weekdays cannot stand in one list", position - len(text) - 1)
    return FieldValues(tuple(sorted(values)), last_day=last_day, places=frozenset(places))


def fault(kind: FieldKind, what: str, position: int) -> NoReturn:
    """Refuse the expression in a sentence that names the field and the character."""
    raise InvalidCron(f"the {kind.name} field is wrong at character {position}: {what}", position)


def _values(kind: FieldKind, item: str, position: int) -> set[int]:
    if item[:1] in ("H", "R"):
        fault(kind, "H and R stand for random times, which are not supported", position)
    parts = _ITEM.fullmatch(item)
    if parts is None:
        fault(kind, f"{item[:20]} is neither a value, a range such as 1-5 nor a step such as */5", position)
    step = _step(kind, parts, position)
    if parts["low"] == "*":
        if not parts["stepped"] or parts["range"]:
            fault(kind, "* stands alone or before a step, not in a list or a range", position)
        return set(range(kind.first, kind.last + 1, step))
    low = _value(kind, parts["low"], position)
    if not parts["range"]:
        # 5/15 is from 5 on, as in croniter and Quartz.
        return set(range(low, kind.last + 1, step)) if parts["stepped"] else {low}
    high = _value(kind, parts["high"], position + parts.start("high"))
    if low == high and parts["low"] == parts["high"]:
        fault(kind, f"the range {item[:20]} begins where it ends", position)
    if kind is WEEKDAY and (parts["low"], parts["high"]) == ("0", "7"):
        return set(range(0, 7, step))
    return _range(kind, low, high, step)


def _range(kind: FieldKind, low: int, high: int, step: int) -> set[int]:
    """From low to high, over the end of the cycle where high comes first (22-2, FRI-MON)."""
    size = kind.last - kind.first + 1
    span = (high - low) % size
    return {(low - kind.first + steps) % size + kind.first for steps in range(0, span + 1, step)}


def _step(kind: FieldKind, parts: re.Match[str], position: int) -> int:
    if not parts["stepped"]:
        return 1
    size = kind.last - kind.first + 1
    text = parts["step"]
    # A step over the whole cycle would start again at its beginning: */90 is not every 90 minutes.
    if _NUMBER.fullmatch(text) is None or not 1 <= int(text) <= size:
        fault(kind, f"the step must be a number from 1 to {size}", position + parts.start("step"))
    return int(text)


def _value(kind: FieldKind, text: str, position: int) -> int:
    if text in kind.words:
        return kind.first + kind.words.index(text)
    # 7 is Sunday as well, as everywhere.
    last = 7 if kind is WEEKDAY else kind.last
    if _NUMBER.fullmatch(text) is None or not kind.first <= int(text) <= last:
        words = f" or a name such as {kind.words[1]}" if kind.words else ""
        fault(kind, f"expected a number from {kind.first} to {last}{words}", position)
    return 0 if kind is WEEKDAY and text.lstrip("0") == "7" else int(text)


def _place(parts: re.Match[str], position: int) -> tuple[int, int]:
    if parts["last"] is not None:
        return _value(WEEKDAY, parts["last"], position + parts.start("last")), LAST
    weekday = _value(WEEKDAY, parts["weekday"], position)
    if parts["place"] not in ("1", "2", "3", "4", "5"):
        fault(WEEKDAY, "expected a number from 1 to 5 after #", position + parts.start("place"))
    return weekday, int(parts["place"])
