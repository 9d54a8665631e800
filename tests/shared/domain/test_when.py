from datetime import UTC, datetime, timedelta, timezone
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.domain.cron import parse_cron
from shared.domain.when import (
    MAX_INTERVAL_SECONDS,
    MAX_MINUTE,
    CronWhen,
    IntervalWhen,
    MinuteWhen,
    OnceWhen,
    When,
    instants,
    next_instant,
)

NINE = datetime(2026, 1, 1, 9, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
NINE_AS_MINUTE = 29_454_300

HOURLY = CronWhen(parse_cron("@hourly"))


@pytest.mark.parametrize(
    ("when", "after", "then"),
    [
        (HOURLY, NINE, NINE + HOUR),
        (IntervalWhen(90, NINE), NINE - DAY, NINE),
        (IntervalWhen(90, NINE), NINE - TICK, NINE),
        (IntervalWhen(90, NINE), NINE, NINE + 90 * SECOND),
        (IntervalWhen(90, NINE), NINE + 90 * SECOND - TICK, NINE + 90 * SECOND),
        (IntervalWhen(90, NINE), NINE + 90 * SECOND, NINE + 180 * SECOND),
        (IntervalWhen(1, NINE + TICK), NINE + 366 * DAY, NINE + 366 * DAY + TICK),
        (OnceWhen(NINE), NINE - TICK, NINE),
        (OnceWhen(NINE), NINE, None),
        (MinuteWhen(NINE_AS_MINUTE), NINE - DAY, NINE),
        (MinuteWhen(NINE_AS_MINUTE), NINE, None),
        (MinuteWhen(NINE_AS_MINUTE, "daily"), NINE - DAY, NINE),
        (MinuteWhen(NINE_AS_MINUTE, "daily"), NINE, NINE + DAY),
        (MinuteWhen(NINE_AS_MINUTE, "weekly"), NINE + 8 * DAY, NINE + 14 * DAY),
        (IntervalWhen(86_400, NINE), datetime.max.replace(tzinfo=UTC), None),
    ],
)
def test_the_next_instant_is_strictly_after(when: When, after: datetime, then: datetime | None) -> None:
    assert next_instant(when, after) == then


def test_the_instants_are_in_utc_whatever_the_zone_given() -> None:
    there = NINE.astimezone(timezone(timedelta(hours=5, minutes=45)))
    for when in (IntervalWhen(60, there), OnceWhen(there)):
        found = next_instant(when, there - TICK)
        assert found == NINE
        assert found is not None
        assert found.tzinfo is UTC


@pytest.mark.parametrize("when", [HOURLY, IntervalWhen(3_600, NINE - DAY), MinuteWhen(NINE_AS_MINUTE, "daily")])
def test_both_bounds_belong_to_the_schedule(when: When) -> None:
    assert next_instant(when, NINE - 5 * DAY, starts_at=NINE) == NINE
    assert next_instant(when, NINE - TICK, ends_at=NINE) == NINE
    assert next_instant(when, NINE - TICK, starts_at=NINE, ends_at=NINE) == NINE
    assert next_instant(when, NINE, starts_at=NINE, ends_at=NINE) is None
    assert next_instant(when, NINE - TICK, ends_at=NINE - TICK) is None
    assert instants(when, NINE - 5 * DAY, None, 9, starts_at=NINE, ends_at=NINE) == (NINE,)


def test_a_start_between_two_seconds_leaves_out_the_earlier() -> None:
    assert next_instant(HOURLY, NINE - DAY, starts_at=NINE + TICK) == NINE + HOUR


def test_instants_end_with_until_and_with_the_limit() -> None:
    assert instants(HOURLY, NINE, NINE + 2 * HOUR, 10) == (NINE + HOUR, NINE + 2 * HOUR)
    assert instants(HOURLY, NINE, None, 2) == (NINE + HOUR, NINE + 2 * HOUR)
    assert instants(HOURLY, NINE, None, 0) == ()
    assert instants(OnceWhen(NINE), NINE, None, 5) == ()


def test_a_century_of_seconds_is_passed_over_without_walking_it() -> None:
    when = IntervalWhen(1, NINE)
    later = NINE + timedelta(days=36_525)
    assert next_instant(when, later) == later + SECOND


@pytest.mark.parametrize("seconds", [0, -1, MAX_INTERVAL_SECONDS + 1, 10**30])
def test_an_interval_out_of_bounds_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="an interval has from 1 to"):
        IntervalWhen(seconds, NINE)


@pytest.mark.parametrize("minute", [-1, MAX_MINUTE + 1, 10**30])
def test_a_minute_out_of_bounds_is_refused(minute: int) -> None:
    with pytest.raises(ValueError, match="a minute is a number from 0 to"):
        MinuteWhen(minute)


def test_the_last_minute_is_the_last_of_the_year_2099() -> None:
    assert MinuteWhen(MAX_MINUTE).at == datetime(2099, 12, 31, 23, 59, tzinfo=UTC)


def test_naive_instants_are_refused() -> None:
    naive = NINE.replace(tzinfo=None)
    with pytest.raises(ValueError, match="anchor must be an aware instant"):
        IntervalWhen(60, naive)
    with pytest.raises(ValueError, match="at must be an aware instant"):
        OnceWhen(naive)


moments = some.timedeltas(timedelta(days=-30), timedelta(days=30)).map(lambda shift: NINE + shift)
whens: some.SearchStrategy[When] = some.one_of(
    some.builds(IntervalWhen, some.integers(20_000, 10_000_000), moments),
    some.builds(OnceWhen, moments),
    some.builds(
        MinuteWhen,
        some.integers(NINE_AS_MINUTE - 40_000, NINE_AS_MINUTE + 40_000),
        some.sampled_from(["none", "daily", "weekly"]),
    ),
    some.sampled_from(["@daily", "0 */7 * * *", "30 0 9 * * 1-5"]).map(lambda text: CronWhen(parse_cron(text))),
)
bounds = some.none() | moments


@given(whens, moments, moments, bounds, bounds)
def test_both_questions_get_one_answer(
    when: When, after: datetime, until: datetime, starts_at: datetime | None, ends_at: datetime | None
) -> None:
    one_by_one, found = [], after
    while (step := next_instant(when, found, starts_at=starts_at, ends_at=ends_at)) is not None and step <= until:
        assert step > found
        assert starts_at is None or step >= starts_at
        assert ends_at is None or step <= ends_at
        one_by_one.append(step)
        found = step
    assert list(instants(when, after, until, 10_000, starts_at=starts_at, ends_at=ends_at)) == one_by_one
    unbounded = takewhile(lambda instant: instant <= until, instants(when, after, None, 300))
    within = [step for step in unbounded if (starts_at or step) <= step <= (ends_at or step)]
    assert within == one_by_one
