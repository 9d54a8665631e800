from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from api.cron_sentence import pattern_sentence
from api.sentences import sentence
from shared.domain.cron import InvalidCron, parse_cron
from shared.domain.wall_pattern import WallPattern
from shared.domain.when import CronWhen, IntervalWhen, MinuteWhen, OnceWhen, When

NINE = datetime(2026, 1, 1, 9, tzinfo=UTC)
NINE_AS_MINUTE = 29_454_300


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("30 9 * * 1-5", "At 09:30, Monday through Friday"),
        ("30 9 * * mon-fri", "At 09:30, Monday through Friday"),
        ("05 00 * * 07", "At 00:05, on Sunday"),
        ("0 30 9 * * MON", "At 09:30, on Monday"),
        ("15 30 21 ? * ?", "At 21:30:15"),
        ("0,30 9,17 * * *", "At 09:00, 09:30, 17:00 and 17:30"),
        ("30 1,2 * * *", "At 01:30 and 02:30"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("*/7 * * * *", "At minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour"),
        ("*/15 9-17 * * *", "Every 15 minutes, from 09:00 through 17:59"),
        ("* 22-2 * * *", "Every minute, from 22:00 through 02:59"),
        ("* 9,12 * * *", "Every minute, in hours 9 and 12"),
        ("30 * * * *", "At minute 30 of every hour"),
        ("*/10 * * * * *", "Every 10 seconds"),
        ("*/10 */30 * * * *", "Every 10 seconds, in minutes 0 and 30 of every hour"),
        ("5 * * * * *", "At second 5 of every minute"),
        ("* * * * *", "Every minute"),
        ("* * * * * *", "Every second"),
        ("0 * * * *", "Every hour"),
        ("0 9-17 * * *", "Every hour, from 09:00 through 17:59"),
        ("0 */2 * * *", "Every 2 hours"),
        ("0 */5 * * *", "At 00:00, 05:00, 10:00, 15:00 and 20:00"),
        ("@daily", "At 00:00"),
        ("0 0 13 * 5", "At 00:00, on day 13 of the month or on Friday"),
        ("0 0 1,15 * *", "At 00:00, on days 1 and 15 of the month"),
        ("0 0 L * *", "At 00:00, on the last day of the month"),
        ("0 0 1,L * *", "At 00:00, on day 1 and the last day of the month"),
        ("0 0 * * 5#2,1#1", "At 00:00, on the first Monday and the second Friday of the month"),
        ("0 0 * * L5", "At 00:00, on the last Friday of the month"),
        ("0 0 * * 5-1", "At 00:00, Friday through Monday"),
        ("0 0 * * 1,3,5", "At 00:00, on Monday, Wednesday and Friday"),
        ("0 0 29 2 *", "At 00:00, on day 29 of the month, in February"),
        ("0 0 1 11-2 *", "At 00:00, on day 1 of the month, in November through February"),
    ],
)
def test_a_cron_is_told_with_its_zone(expression: str, words: str) -> None:
    assert sentence(CronWhen(parse_cron(expression, "Europe/Berlin"))) == f"{words}, in Europe/Berlin"


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (IntervalWhen(1, NINE), "Every second"),
        (IntervalWhen(90, NINE), "Every 90 seconds"),
        (IntervalWhen(60, NINE), "Every minute"),
        (IntervalWhen(300, NINE), "Every 5 minutes"),
        (IntervalWhen(3_600, NINE), "Every hour"),
        (IntervalWhen(86_400, NINE), "Every 24 hours"),
        (IntervalWhen(86_401, NINE), "Every 86,401 seconds"),
        (OnceWhen(NINE), "Once, on 2026-01-01 at 09:00 UTC"),
        (OnceWhen(NINE + timedelta(seconds=5)), "Once, on 2026-01-01 at 09:00:05 UTC"),
        (OnceWhen(NINE.astimezone(timezone(timedelta(hours=-10)))), "Once, on 2026-01-01 at 09:00 UTC"),
        (MinuteWhen(NINE_AS_MINUTE), "Once, on 2026-01-01 at 09:00 UTC"),
        (MinuteWhen(NINE_AS_MINUTE, "daily"), "Every day at 09:00 UTC, from 2026-01-01 on"),
        (MinuteWhen(NINE_AS_MINUTE, "weekly"), "Every week on Thursday at 09:00 UTC, from 2026-01-01 on"),
    ],
)
def test_the_other_kinds_are_told_in_utc(when: When, words: str) -> None:
    assert sentence(when) == words


item = some.from_regex(r"([0-9]{1,2}|\*)(/[1-9]|-[0-9])?|[1-5]#[1-5]|L[0-7]|L|\?|MON|JAN-MAR", fullmatch=True)
fields = some.lists(item, min_size=1, max_size=2).map(",".join) | some.just("*")


@given(some.lists(fields, min_size=5, max_size=6).map(" ".join))
def test_every_expression_that_is_accepted_has_a_sentence(expression: str) -> None:
    try:
        when = CronWhen(parse_cron(expression))
    except InvalidCron:
        return
    words = sentence(when)
    assert words.startswith(("At ", "Every "))
    assert words.endswith(", in UTC")
    assert ",," not in words
    assert "  " not in words


few = some.sampled_from(["*", "0", "3", "0,3", "2-4", "*/12", "5-2", "0,2,4,6,8"])
days = some.sampled_from([("*", "*"), ("L", "*"), ("1-5", "*"), ("1", "1"), ("*", "1-5"), ("*", "5#2"), ("*", "L5")])
crons = some.builds(
    lambda times, day, month: parse_cron(f"{' '.join(times)} {day[0]} {month} {day[1]}").pattern,
    some.lists(few, min_size=2, max_size=3),
    days,
    some.sampled_from(["*", "2", "1-3", "11-2"]),
)


@settings(max_examples=500)
@given(crons, crons)
def test_expressions_that_mean_different_times_have_different_sentences(one: WallPattern, other: WallPattern) -> None:
    assert (pattern_sentence(one) == pattern_sentence(other)) == (one == other)
