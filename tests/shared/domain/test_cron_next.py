"""The next instant of a cron: hand-written cases, and croniter as a second opinion where no clock jumps."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as some

from shared.domain.cron import instants_after, next_after, parse_cron
from shared.domain.zones import zone


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "then"),
    [
        ("* * * * *", "2026-01-01T00:00", "2026-01-01T00:01"),
        ("* * * * *", "2026-12-31T23:59:59.999999", "2027-01-01T00:00"),
        ("* * * * * *", "2026-01-01T00:00:00.000001", "2026-01-01T00:00:01"),
        ("0 0 * * * *", "2026-01-01T00:00", "2026-01-01T01:00"),
        ("30 0 9 * * *", "2026-01-01T09:00:30", "2026-01-02T09:00:30"),
        ("0 9 * * MON-FRI", "2026-01-02T09:00", "2026-01-05T09:00"),
        ("0 0 13 * 5", "2026-02-06T00:00", "2026-02-13T00:00"),
        ("0 0 14 * 5", "2026-02-13T00:00", "2026-02-14T00:00"),
        ("0 0 ? * 7", "2026-02-13T00:00", "2026-02-15T00:00"),
        ("0 0 L * *", "2028-02-01T00:00", "2028-02-29T00:00"),
        ("0 0 L * *", "2028-02-29T00:00", "2028-03-31T00:00"),
        ("0 0 1,L * *", "2026-01-01T00:00", "2026-01-31T00:00"),
        ("0 0 * * 5#2", "2026-01-01T00:00", "2026-01-09T00:00"),
        ("0 0 * * 5#5", "2026-02-01T00:00", "2026-05-29T00:00"),
        ("0 0 * * L5", "2026-01-01T00:00", "2026-01-30T00:00"),
        ("0 0 * * L5,1#1", "2026-01-30T00:00", "2026-02-02T00:00"),
        ("0 0 29 2 *", "2096-02-29T00:00", "2104-02-29T00:00"),
        ("0 0 * 2 MON#5", "2072-02-29T00:00", "2112-02-29T00:00"),
        ("0 0 31 * *", "2026-03-31T00:00", "2026-05-31T00:00"),
        ("@yearly", "2026-01-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_the_next_instant_is_strictly_after(expression: str, after: str, then: str) -> None:
    assert next_after(parse_cron(expression), at(after)) == at(then)


def test_an_instant_is_given_in_utc_whatever_the_zone_of_the_question() -> None:
    after = datetime(2026, 7, 1, 9, 29, tzinfo=zone("Europe/Berlin"))
    found = next_after(parse_cron("30 9 * * *", "Europe/Berlin"), after)
    assert found == at("2026-07-01T07:30")
    assert found is not None
    assert found.tzinfo is UTC


def test_a_zone_may_be_off_by_quarters_of_an_hour() -> None:
    assert next_after(parse_cron("0 0 * * *", "Asia/Kathmandu"), at("2026-01-01T00:00")) == at("2026-01-01T18:15")


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an aware instant"):
        next_after(parse_cron("* * * * *"), datetime(2026, 1, 1))  # noqa: DTZ001  # the point of the test


@pytest.mark.parametrize("name", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_there_is_no_next_at_the_end_of_time(name: str) -> None:
    assert next_after(parse_cron("* * * * *", name), datetime.max.replace(tzinfo=UTC)) is None


def test_equal_crons_share_what_was_reckoned_for_a_second() -> None:
    first = next_after(parse_cron("17 3 * * mon"), at("2026-01-01T00:00:00.1"))
    again = next_after(parse_cron(" 17 3 * * MON"), at("2026-01-01T00:00:00.9"))
    assert first is again


def star_or(values: some.SearchStrategy[str]) -> some.SearchStrategy[str]:
    return some.just("*") | values


def field(low: int, high: int) -> some.SearchStrategy[str]:
    value = some.integers(low, high)
    step = some.integers(1, high - low + 1)
    return some.lists(
        value.map(str)
        | some.tuples(value, value).filter(lambda ends: ends[0] != ends[1]).map(lambda ends: f"{ends[0]}-{ends[1]}")
        | some.tuples(value, step).map(lambda pair: f"{pair[0]}/{pair[1]}")
        | step.map(lambda number: f"*/{number}"),
        min_size=1,
        max_size=3,
    ).map(",".join)


# Where both days are restricted by a list with a star in it, croniter has rules of its own.
days = some.one_of(
    star_or(field(1, 28)).map(lambda text: (text, "*")),
    star_or(field(0, 6)).map(lambda text: ("*", text)),
    some.tuples(some.integers(1, 28).map(str), some.integers(0, 6).map(str)),
    some.sampled_from([("L", "*"), ("1,L", "*"), ("*", "FRI#2"), ("*", "L0"), ("*", "2#1,3#5"), ("*", "SAT-SUN")]),
)
expressions = some.builds(
    lambda second, minute, hour, day, month: " ".join([*second, minute, hour, day[0], month, day[1]]),
    some.just([]) | star_or(field(0, 59)).map(lambda text: [text]),
    star_or(field(0, 59)),
    star_or(field(0, 23)),
    days,
    some.just("*") | field(1, 12),
)
moments = some.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)).map(lambda wall: wall.replace(tzinfo=UTC))  # noqa: DTZ001  # hypothesis takes naive bounds


@given(expressions, moments)
def test_croniter_is_of_the_same_opinion_in_utc(expression: str, after: datetime) -> None:
    ours: Sequence[datetime] = list(islice(instants_after(parse_cron(expression), after), 4))
    other = croniter(expression, after, ret_type=datetime, second_at_beginning=True)
    assert ours == [other.get_next() for _ in ours]
    assert len(ours) == 4


@given(expressions, moments, some.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]))
def test_instants_increase_and_every_moment_between_two_leads_to_the_later(
    expression: str, after: datetime, name: str
) -> None:
    cron = parse_cron(expression, name)
    found = list(islice(instants_after(cron, after), 4))
    for earlier, later in pairwise([after, *found]):
        assert earlier < later
        for between in (earlier, earlier + (later - earlier) / 2, later - timedelta(microseconds=1)):
            assert next_after(cron, between) == later
