"""What a cron does where the clocks jump: by hand, and against a clock that is watched minute by minute."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from shared.domain.cron import instants_after, parse_cron
from shared.domain.zones import zone

MINUTE = timedelta(minutes=1)


def local_times(expression: str, name: str, after: str, count: int) -> list[str]:
    """The next instants as clocks there show them, day, time and offset; `after` is in UTC."""
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = islice(instants_after(parse_cron(expression, name), start), count)
    return [instant.astimezone(zone(name)).strftime("%d %H:%M%z") for instant in found]


NEW_YORK_SPRING = ("America/New_York", "2026-03-08T05:00")  # 02:00 to 03:00 on the 8th does not exist
NEW_YORK_AUTUMN = ("America/New_York", "2026-11-01T04:00")  # 01:00 to 02:00 on the 1st exists twice
BERLIN_SPRING = ("Europe/Berlin", "2026-03-28T23:00")  # 02:00 to 03:00 on the 29th does not exist
BERLIN_AUTUMN = ("Europe/Berlin", "2026-10-24T22:00")  # 02:00 to 03:00 on the 25th exists twice


@pytest.mark.parametrize(
    ("expression", "place", "times"),
    [
        ("30 2 * * *", NEW_YORK_SPRING, ["08 03:00-0400", "09 02:30-0400"]),
        ("15 30 2 * * *", NEW_YORK_SPRING, ["08 03:00-0400", "09 02:30-0400"]),
        ("30 2 8 3 *", NEW_YORK_SPRING, ["08 03:00-0400", "08 02:30-0500"]),
        ("30 2 * * *", BERLIN_SPRING, ["29 03:00+0200", "30 02:30+0200"]),
        ("0 30 2 * * *", BERLIN_SPRING, ["29 03:00+0200", "30 02:30+0200"]),
        ("0 0 * * *", ("America/Sao_Paulo", "2018-11-03T12:00"), ["04 01:00-0200", "05 00:00-0200"]),
        ("30 0 * * *", ("Asia/Beirut", "2022-03-26T12:00"), ["27 01:00+0300", "28 00:30+0300"]),
        ("15 2 * * *", ("Australia/Lord_Howe", "2026-10-03T01:00"), ["04 02:30+1100", "05 02:15+1100"]),
        ("0 12 * * *", ("Pacific/Apia", "2011-12-29T12:00"), ["29 12:00-1000", "31 00:00+1400", "31 12:00+1400"]),
        ("0 12 30 12 *", ("Pacific/Apia", "2011-12-29T12:00"), ["31 00:00+1400", "30 12:00+1400"]),
    ],
)
def test_a_time_that_does_not_exist_fires_right_after_the_gap(
    expression: str, place: tuple[str, str], times: list[str]
) -> None:
    assert local_times(expression, *place, len(times)) == times


@pytest.mark.parametrize(
    ("expression", "place", "times"),
    [
        ("*/10 2 * * *", NEW_YORK_SPRING, ["08 03:00-0400", "09 02:00-0400"]),
        ("30 2,3 * * *", NEW_YORK_SPRING, ["08 03:00-0400", "08 03:30-0400", "09 02:30-0400"]),
        ("0 2,3 * * *", NEW_YORK_SPRING, ["08 03:00-0400", "09 02:00-0400"]),
        ("* * 2 * * *", BERLIN_SPRING, ["29 03:00+0200", "30 02:00+0200"]),
        ("0 */6 * * *", ("Pacific/Apia", "2011-12-30T02:00"), ["29 18:00-1000", "31 00:00+1400", "31 06:00+1400"]),
    ],
)
def test_several_times_that_do_not_exist_fire_once(expression: str, place: tuple[str, str], times: list[str]) -> None:
    assert local_times(expression, *place, len(times)) == times


@pytest.mark.parametrize(
    ("expression", "place", "times"),
    [
        ("0 * * * *", NEW_YORK_SPRING, ["08 01:00-0500", "08 03:00-0400", "08 04:00-0400"]),
        ("*/30 * * * *", BERLIN_SPRING, ["29 00:30+0100", "29 01:00+0100", "29 01:30+0100", "29 03:00+0200"]),
        ("30 * * * *", NEW_YORK_SPRING, ["08 00:30-0500", "08 01:30-0500", "08 03:00-0400", "08 03:30-0400"]),
        ("0 * * * *", ("Australia/Lord_Howe", "2026-10-03T14:00"), ["04 01:00+1030", "04 02:30+1100", "04 03:00+1100"]),
    ],
)
def test_a_wildcard_is_never_silent_for_longer_than_on_other_days(
    expression: str, place: tuple[str, str], times: list[str]
) -> None:
    assert local_times(expression, *place, len(times)) == times


@pytest.mark.parametrize(
    ("expression", "place", "times"),
    [
        ("30 1 * * *", NEW_YORK_AUTUMN, ["01 01:30-0400", "02 01:30-0500"]),
        ("0 30 1 * * *", NEW_YORK_AUTUMN, ["01 01:30-0400", "02 01:30-0500"]),
        ("30 1,2 * * *", NEW_YORK_AUTUMN, ["01 01:30-0400", "01 02:30-0500", "02 01:30-0500"]),
        ("*/30 1 * * *", NEW_YORK_AUTUMN, ["01 01:00-0400", "01 01:30-0400", "02 01:00-0500"]),
        ("0 0-12 * * *", NEW_YORK_AUTUMN, ["01 01:00-0400", "01 02:00-0500", "01 03:00-0500"]),
        ("30 2 * * *", BERLIN_AUTUMN, ["25 02:30+0200", "26 02:30+0100"]),
        ("30 23 * * *", ("America/Sao_Paulo", "2018-02-17T12:00"), ["17 23:30-0200", "18 23:30-0300"]),
        ("0 0 * * *", ("America/Sao_Paulo", "2018-02-17T12:00"), ["18 00:00-0300", "19 00:00-0300"]),
        ("45 1 * * *", ("Australia/Lord_Howe", "2026-04-04T10:00"), ["05 01:45+1100", "06 01:45+1030"]),
    ],
)
def test_a_fixed_time_that_exists_twice_fires_the_first_time(
    expression: str, place: tuple[str, str], times: list[str]
) -> None:
    assert local_times(expression, *place, len(times)) == times


@pytest.mark.parametrize("after", ["2026-11-01T05:30", "2026-11-01T05:59:59", "2026-11-01T06:00", "2026-11-01T06:45"])
def test_a_fixed_time_that_was_passed_does_not_fire_in_the_second_hour(after: str) -> None:
    assert local_times("30 1 * * *", "America/New_York", after, 1) == ["02 01:30-0500"]


@pytest.mark.parametrize(
    ("expression", "place", "times"),
    [
        ("0 * * * *", NEW_YORK_AUTUMN, ["01 01:00-0400", "01 01:00-0500", "01 02:00-0500"]),
        ("0 0 * * * *", NEW_YORK_AUTUMN, ["01 01:00-0400", "01 01:00-0500", "01 02:00-0500"]),
        ("30 */1 * * *", NEW_YORK_AUTUMN, ["01 00:30-0400", "01 01:30-0400", "01 01:30-0500", "01 02:30-0500"]),
        ("30 0-23 * * *", NEW_YORK_AUTUMN, ["01 00:30-0400", "01 01:30-0400", "01 01:30-0500", "01 02:30-0500"]),
        ("@hourly", BERLIN_AUTUMN, ["25 01:00+0200", "25 02:00+0200", "25 02:00+0100", "25 03:00+0100"]),
        ("30 * 17 2 *", ("America/Sao_Paulo", "2018-02-18T01:00"), ["17 23:30-0200", "17 23:30-0300", "17 00:30-0300"]),
        (
            "*/15 * * * *",
            ("Australia/Lord_Howe", "2026-04-04T14:35"),
            ["05 01:45+1100", "05 01:30+1030", "05 01:45+1030", "05 02:00+1030"],
        ),
    ],
)
def test_a_wildcard_fires_in_both_hours(expression: str, place: tuple[str, str], times: list[str]) -> None:
    assert local_times(expression, *place, len(times)) == times


# Expressions as the sets that a clock is held against.
Sets = tuple[frozenset[int], frozenset[int], frozenset[int]]
every_minute, every_hour, every_weekday = frozenset(range(60)), frozenset(range(24)), frozenset(range(7))
some_minutes = some.sets(some.integers(0, 59), min_size=1, max_size=3).map(frozenset) | some.just(every_minute)
some_hours = some.sets(some.integers(0, 23), min_size=1, max_size=4).map(frozenset) | some.just(every_hour)
some_weekdays = some.sets(some.integers(0, 6), min_size=1, max_size=6).map(frozenset) | some.just(every_weekday)

# Days on which the clocks of a zone jump, or a date is left out.
CHANGES = [
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2040, 10, 28)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("Asia/Beirut", date(2022, 3, 27)),
    ("Asia/Beirut", date(2022, 10, 30)),
    ("America/St_Johns", date(2010, 3, 14)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("Africa/Casablanca", date(2026, 2, 15)),
    ("Africa/Casablanca", date(2026, 3, 22)),
    ("Antarctica/Troll", date(2026, 3, 29)),
    ("Antarctica/Troll", date(2026, 10, 25)),
    ("Asia/Pyongyang", date(2018, 5, 5)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Kathmandu", date(2026, 1, 1)),
]


def fits(wall: datetime, sets: Sets) -> bool:
    minutes, hours, weekdays = sets
    return wall.minute in minutes and wall.hour in hours and wall.isoweekday() % 7 in weekdays


def watched(name: str, start: datetime, end: datetime, sets: Sets) -> Sequence[datetime]:
    """The instants in (start, end] by reading the clock every minute, by the contract's three rules."""
    place, follows_time = zone(name), sets[1] == every_hour
    found, instant, before = [], start, start.astimezone(place)
    while (instant := instant + MINUTE) <= end:
        wall = instant.astimezone(place)
        jump = wall.replace(tzinfo=None) - before.replace(tzinfo=None)
        skipped = [before.replace(tzinfo=None) + MINUTE * number for number in range(1, jump // MINUTE)]
        shown_again = wall.fold == 1 and not follows_time
        if (fits(wall, sets) and not shown_again) or any(fits(reading, sets) for reading in skipped):
            found.append(instant)
        before = wall
    return found


def written(sets: Sets) -> str:
    def text(values: frozenset[int], every: frozenset[int]) -> str:
        return "*" if values == every else ",".join(map(str, sorted(values)))

    minutes, hours, weekdays = sets
    return f"{text(minutes, every_minute)} {text(hours, every_hour)} * * {text(weekdays, every_weekday)}"


@settings(deadline=None)  # the watching takes its time
@given(some.sampled_from(CHANGES), some.integers(0, 1_440), some.tuples(some_minutes, some_hours, some_weekdays))
def test_a_cron_fires_as_a_watched_clock_says(change: tuple[str, date], offset: int, sets: Sets) -> None:
    name, day = change
    start = datetime.combine(day - timedelta(days=1), datetime.min.time(), UTC) + MINUTE * offset
    end = start + timedelta(days=2)
    for expression in (written(sets), f"0 {written(sets)}"):
        found = takewhile(lambda instant: instant <= end, instants_after(parse_cron(expression, name), start))
        assert list(found) == watched(name, start, end, sets)
