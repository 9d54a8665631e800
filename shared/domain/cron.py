"""Cron expressions in a time zone: from text to a value, and from an instant to the next.

Five fields (minute hour day-of-month month day-of-week), six with seconds first, or one of MACROS. A field takes `*`,
values, ranges (also over the end: 22-2, FRI-MON), steps (*/5, 8-18/2; 5/15 from 5 on), lists of these, and names of
months and weekdays; Sunday is 0 and 7. Days of the month also take `L` (the last), weekdays `5#2` (the second Friday)
and `L5` (the last); both take `?` for `*`. Where both are restricted, either is enough, as cron has it.

Where the clocks jump:
- A time that does not exist fires right after the gap, whatever the expression; several of them, once.
- An expression whose hour field does not match every hour names fixed times: one that exists twice fires once, the
  first time.
- An expression whose hour field matches every hour follows the time that passes: it fires in both hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from shared.domain.clock_change import first_instant, repetition, utc
from shared.domain.cron_fields import DAY, HOUR, MINUTE, MONTH, SECOND, WEEKDAY, InvalidCron, fault, parse_field
from shared.domain.wall_pattern import LAST_YEAR, WallPattern
from shared.domain.zones import zone

__all__ = ["MACROS", "MAX_EXPRESSION_LENGTH", "Cron", "InvalidCron", "instants_after", "next_after", "parse_cron"]

MAX_EXPRESSION_LENGTH: Final = 200
MACROS: Final = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
}

_KINDS: Final = (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY)
_ONE_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that parse_cron() accepted: in upper case, with single spaces, macros written out."""

    expression: str
    zone_name: str
    pattern: WallPattern = field(repr=False, compare=False)


@lru_cache(maxsize=4_096)  # a batch of due schedules names few different expressions
def parse_cron(expression: str, zone_name: str = "UTC") -> Cron:
    """The expression in that zone.

    Raises InvalidCron, whose sentence and position tell the field and the character at fault; InvalidZone.

    >>> parse_cron("30 9 * * mon-fri", "Europe/Berlin").expression
    '30 9 * * MON-FRI'
    """
    zone(zone_name)
    words = _words(expression)
    # Five fields are six with a second of 0; its position is never told, as it cannot be wrong.
    given = words if len(words) == 6 else [("0", 0), *words]
    second, minute, hour, day, month, weekday = (
        parse_field(kind, word, position) for kind, (word, position) in zip(_KINDS, given, strict=True)
    )
    pattern = WallPattern(second.values, minute.values, hour.values, day, month.values, weekday)
    if not pattern.has_a_date:
        fault(DAY, "there is no such day in these months", given[3][1])
    if weekday.places and not day.starred:
        # Implementations disagree whether "13" and "5#2" mean either or both: refused rather than guessed.
        fault(WEEKDAY, "# and L need * as the day-of-month", given[5][1])
    return Cron(" ".join(word for word, _ in words), zone_name, pattern)


def _words(expression: str) -> list[tuple[str, int]]:
    """The five or six words of the expression in upper case, each with the position of its first character."""
    if len(expression) > MAX_EXPRESSION_LENGTH:
        limit = MAX_EXPRESSION_LENGTH
        raise InvalidCron(f"a cron expression has at most {limit} characters, not {len(expression):,}", limit + 1)
    for position, character in enumerate(expression, start=1):
        if not " " <= character <= "~":
            raise InvalidCron(f"a cron expression is plain ASCII with spaces; character {position} is not", position)
    text = expression.upper()
    start = len(text) - len(text.lstrip(" ")) + 1
    if text.startswith("@", start - 1):
        if (written_out := MACROS.get(text.strip(" "))) is None:
            known = " ".join(MACROS).lower()
            raise InvalidCron(f"at character {start}: of the words with @, only these are known: {known}", start)
        text = written_out
    words: list[tuple[str, int]] = []
    position = 1
    for word in text.split(" "):
        if word:
            words.append((word, position))
        position += len(word) + 1
    if len(words) not in (5, 6):
        raise InvalidCron(
            "expected 5 fields (minute hour day-of-month month day-of-week), or 6 with the second first,"
            f" but there are {len(words)}" + ("; years are not supported" if len(words) == 7 else ""),
            words[6][1] if len(words) > 6 else len(expression) + 1,
        )
    return words


def next_after(cron: Cron, after: datetime) -> datetime | None:
    """The first instant strictly after that one, in UTC; None if there is none in the next 50 years.

    Raises ValueError for a naive `after`.

    >>> next_after(parse_cron("30 9 * * *", "Europe/Berlin"), datetime(2026, 7, 1, tzinfo=UTC)).isoformat()
    '2026-07-01T07:30:00+00:00'
    """
    if after.utcoffset() is None:
        raise ValueError("expected an aware instant")
    # Instants are whole seconds, so all of one second have the same next: one entry serves a whole batch.
    return _cached_next(cron, after.astimezone(UTC).replace(microsecond=0))


def instants_after(cron: Cron, after: datetime) -> Iterator[datetime]:
    """All instants strictly after that one in order, in UTC; past the cache, which a long outage would flush."""
    found = next_after(cron, after)
    while found is not None:
        yield found
        found = _next(cron, found)


def _next(cron: Cron, after: datetime) -> datetime | None:
    if after.year >= LAST_YEAR:
        return None
    place = zone(cron.zone_name)
    local = after.astimezone(place)
    now = local.replace(tzinfo=None, fold=0)
    wall = now + _ONE_SECOND
    pattern = cron.pattern
    if (twice := repetition(now, place)) is not None:
        if local.fold == 0:
            found = pattern.first_from(wall)
            if found is not None and found < twice.ends:
                return utc(found, twice.first_offset)
            wall = twice.begins
        if pattern.matches_every_hour:
            found = pattern.first_from(wall)
            if found is not None and found < twice.ends:
                return utc(found, twice.second_offset)
        wall = twice.ends
    found = pattern.first_from(wall)
    return None if found is None else first_instant(found, place)


_cached_next = lru_cache(maxsize=16_384)(_next)
