"""A cron in words, made from the very values that its instants are reckoned with."""

from collections.abc import Sequence
from typing import Final

from shared.domain.cron_fields import DAY, HOUR, LAST, MINUTE, MONTH, SECOND, WEEKDAY, FieldKind, FieldValues
from shared.domain.wall_pattern import WallPattern

MAX_TIMES: Final = 6  # told one by one; more are told by their rule

_WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_PLACES: Final = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", LAST: "last"}


def pattern_sentence(pattern: WallPattern) -> str:
    """The times of day, then the days, then the months, such as "At 09:30, Monday through Friday, in May"."""
    phrases = [*_times(pattern), _days(pattern.days, pattern.weekdays), _months(pattern.months)]
    text = ", ".join(phrase for phrase in phrases if phrase)
    return text[0].upper() + text[1:]


def _times(pattern: WallPattern) -> list[str]:
    seconds, minutes, hours = pattern.seconds, pattern.minutes, pattern.hours
    on_the_hour = seconds == minutes == (0,)
    if len(seconds) * len(minutes) * len(hours) <= MAX_TIMES or (on_the_hour and len(_runs(HOUR, hours)) > 2):
        return [(on_the_hour and _rhythm(HOUR, hours)) or _one_by_one(pattern)]
    if on_the_hour:
        return ["every hour", _in_hours(hours)]
    if seconds == (0,):
        return [_rhythm(MINUTE, minutes) or _at("at", MINUTE, minutes, hours), _in_hours(hours)]
    # "Every 10 seconds, every 15 minutes" could be read as two rhythms: beside seconds, minutes are told by number.
    in_minutes = "" if len(minutes) == 60 else _at("in", MINUTE, minutes, hours)
    return [_rhythm(SECOND, seconds) or _at("at", SECOND, seconds, minutes), in_minutes, _in_hours(hours)]


def _one_by_one(pattern: WallPattern) -> str:
    return "at " + _listed(
        [
            f"{hour:02}:{minute:02}" + ("" if pattern.seconds == (0,) else f":{second:02}")
            for hour in pattern.hours
            for minute in pattern.minutes
            for second in pattern.seconds
        ]
    )


def _rhythm(kind: FieldKind, values: Sequence[int]) -> str:
    """Such as "every 15 minutes", if the values keep that distance over the end of the cycle as well, else empty."""
    step, rest = divmod(_size(kind), len(values))
    if rest or list(values) != list(range(0, _size(kind), step)) or len(values) == 1:
        return ""
    return f"every {kind.name}" if step == 1 else f"every {step} {kind.name}s"


def _at(preposition: str, kind: FieldKind, values: Sequence[int], larger: Sequence[int]) -> str:
    """Such as "at minutes 5 and 35 of every hour"; `larger` are the values of the next larger unit."""
    beyond = MINUTE if kind is SECOND else HOUR
    whole = f" of every {beyond.name}" if len(larger) == _size(beyond) else ""
    return f"{preposition} {kind.name}{'s' if len(values) > 1 else ''} {_listed(_spans(kind, values))}{whole}"


def _in_hours(hours: Sequence[int]) -> str:
    if len(hours) == 24:
        return ""
    if len(runs := _runs(HOUR, hours)) == 1:
        return f"from {runs[0][0]:02}:00 through {runs[0][-1]:02}:59"
    return f"in hours {_listed(_spans(HOUR, hours))}"


def _days(days: FieldValues, weekdays: FieldValues) -> str:
    phrases = []
    if not days.starred:
        numbers = _spans(DAY, days.values)
        named = [f"day{'s' if len(days.values) > 1 else ''} {_listed(numbers)}"] if numbers else []
        phrases.append(f"on {_listed([*named, *(['the last day'] if days.last_day else [])])} of the month")
    if not weekdays.starred:
        placed = [f"the {_PLACES[place]} {_WEEKDAYS[weekday]}" for weekday, place in sorted(weekdays.places)]
        spans = _spans(WEEKDAY, weekdays.values, _WEEKDAYS)
        alone = len(spans) == 1 and "through" in spans[0]
        phrases.append(f"on {_listed(placed)} of the month" if placed else ("" if alone else "on ") + _listed(spans))
    return " or ".join(phrases)


def _months(months: Sequence[int]) -> str:
    return "" if len(months) == 12 else f"in {_listed(_spans(MONTH, months, ('', *_MONTHS)))}"


def _spans(kind: FieldKind, values: Sequence[int], names: Sequence[str] | None = None) -> list[str]:
    """The values in words; three and more that follow each other as a span."""
    words: list[str] = []
    for run in _runs(kind, values):
        told = [str(value) if names is None else names[value] for value in run]
        words += told if len(told) < 3 else [f"{told[0]} through {told[-1]}"]
    return words


def _runs(kind: FieldKind, values: Sequence[int]) -> list[list[int]]:
    """The values in runs of neighbours; hours, weekdays and months go on over the end of their cycle."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    is_cycle = kind in (HOUR, WEEKDAY, MONTH)
    if is_cycle and len(runs) > 1 and (runs[0][0], runs[-1][-1]) == (kind.first, kind.last):
        runs.append(runs.pop() + runs.pop(0))
    return runs


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _size(kind: FieldKind) -> int:
    return kind.last - kind.first + 1
