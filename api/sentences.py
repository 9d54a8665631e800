"""What a schedule says, in an English sentence."""

from datetime import UTC, datetime
from typing import assert_never

from api.cron_sentence import pattern_sentence
from shared.domain.when import CronWhen, IntervalWhen, MinuteWhen, OnceWhen, When


def sentence(when: When) -> str:
    """The *when* in words.

    >>> sentence(IntervalWhen(90, datetime(2026, 1, 1, tzinfo=UTC)))
    'Every 90 seconds'
    """
    match when:
        case CronWhen(cron):
            return f"{pattern_sentence(cron.pattern)}, in {cron.zone_name}"
        case IntervalWhen(seconds, _):
            return _interval_sentence(seconds)
        case OnceWhen(at):
            return f"Once, on {_date_and_time(at)}"
        case MinuteWhen(_, "none"):
            return f"Once, on {_date_and_time(when.at)}"
        case MinuteWhen(_, "daily"):
            return f"Every day at {when.at:%H:%M} UTC, from {when.at:%Y-%m-%d} on"
        case MinuteWhen(_, _):
            return f"Every week on {when.at:%A} at {when.at:%H:%M} UTC, from {when.at:%Y-%m-%d} on"
        case _:
            assert_never(when)


def _interval_sentence(seconds: int) -> str:
    # Hours and not days: an interval knows nothing of the days that daylight saving makes longer and shorter.
    for size, unit in ((3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            number = seconds // size
            return f"Every {unit}" if number == 1 else f"Every {number:,} {unit}s"
    raise AssertionError("every number is a multiple of one")


def _date_and_time(instant: datetime) -> str:
    there = instant.astimezone(UTC)
    return f"{there:%Y-%m-%d} at {there:%H:%M}{f':{there:%S}' if there.second else ''} UTC"
