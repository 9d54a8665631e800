from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from worker.retry import backoff, honoured, is_worth_retrying, listed, retry_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
WEBHOOK_SECONDS = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 36_000.0)

jitters = some.floats(-1, 1)
bases = some.integers(0, 86_400) | some.floats(0, 86_400)
waits = some.timedeltas(timedelta(0), timedelta(days=30))


def test_four_attempts_wait_ten_forty_and_a_hundred_and_sixty_seconds() -> None:
    assert [backoff(10, failures, 0).total_seconds() for failures in (1, 2, 3)] == [10, 40, 160]


def test_jitter_moves_a_wait_by_a_fifth_at_most() -> None:
    assert [backoff(10, 1, jitter).total_seconds() for jitter in (-1, -0.5, 0, 0.5, 1)] == [8, 9, 10, 11, 12]
    assert [listed([300], 1, jitter) for jitter in (-1, 1)] == [timedelta(minutes=4), timedelta(minutes=6)]


@pytest.mark.parametrize("failures", [6, 7, 100, 1_000, 10**6, 10**400])
def test_no_number_of_failures_makes_a_wait_longer_than_an_hour(failures: int) -> None:
    assert backoff(10, failures, 0) == backoff(10, failures, 1) == HOUR


def test_at_the_cap_calls_that_failed_together_still_spread() -> None:
    assert backoff(10, 20, -1) == timedelta(minutes=48)


@given(bases, some.integers(1, 10**9), jitters)
def test_a_backoff_is_never_negative_and_never_over_an_hour(base: float, failures: int, jitter: float) -> None:
    assert timedelta(0) <= backoff(base, failures, jitter) <= HOUR


@given(bases, some.integers(1, 1_000), jitters)
def test_a_further_failure_never_shortens_the_wait(base: float, failures: int, jitter: float) -> None:
    assert backoff(base, failures, jitter) <= backoff(base, failures + 1, jitter)


@given(bases, some.integers(1, 1_000), jitters)
def test_jitter_stays_within_a_fifth(base: float, failures: int, jitter: float) -> None:
    plain, moved = (backoff(base, failures, each).total_seconds() for each in (0, jitter))
    assert abs(moved - plain) <= plain * 0.2 + 1e-6


def test_a_list_is_followed_to_its_end() -> None:
    delays = [listed(WEBHOOK_SECONDS, failures, 0) for failures in range(1, 9)]
    assert delays == [*(timedelta(seconds=seconds) for seconds in WEBHOOK_SECONDS), None]


@pytest.mark.parametrize("failures", [-1, 0, 8, 10**9])
def test_a_list_has_no_delay_outside_of_it(failures: int) -> None:
    assert listed(WEBHOOK_SECONDS, failures, 0) is None
    assert listed((), failures, 0) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("3", 3),
        ("120", 120),
        (" 7\t", 7),
        ("007", 7),
        ("86400", 86_400),
        ("86401", 86_400),
        ("99999999", 86_400),
        ("1" + "0" * 400, 86_400),
        ("9" * 5_000, 86_400),
        ("0" * 5_000, 0),
        ("0" * 5_000 + "5", 5),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 1 Mar 2026 12:01:00 GMT", 60),
        ("sun, 01 mar 2026 12:01:00 gmt", 60),
        ("Sun, 01 Mar 2026 13:01:00 +0100", 60),
        ("Sun, 01 Mar 2026 12:01:00 -0000", 60),
        ("Sunday, 01-Mar-26 12:01:00 GMT", 60),
        ("Sun Mar  1 12:01:00 2026", 60),
        ("Mon, 02 Mar 2026 12:00:00 GMT", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Sun Nov  6 08:49:37 1994", 0),
    ],
)
def test_what_a_receiver_asks_for_is_read(value: str, seconds: int) -> None:
    assert retry_after(value, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "\t\t",
        "-1",
        "-0",
        "+3",
        "3.5",
        "1e3",
        "0x10",
        "1_000",
        "3 s",
        "3, 5",
        "120, 120",
        "3;q=1",
        "Infinity",
        "NaN",
        "null",
        "soon",
        "٣",
        "３",
        "²",
        "Sun, 01 Mar 2026 12:01:00 GMT, Sun, 01 Mar 2026 12:02:00 GMT and so on",
        "Sun, 01 Mar 2026",
        "Sun, 32 Mar 2026 12:01:00 GMT",
        "Sun, 30 Feb 2026 12:01:00 GMT",
        "Sun, 01 Mar 2026 25:01:00 GMT",
        "Sun, 01 Mar 2026 12:61:00 GMT",
        "Sun, 01 Mar 99999 12:01:00 GMT",
        "Sun, 01 Mar 0 12:01:00 +9999",
        "Sun, 01 Mar 2026 12:01:00 +99999999",
        "Sun, 01 Mar ٢٠٢٦ 12:01:00 GMT",
        "12:00",
        ":",
        ",:,",
        "2026-03-01T12:01:00Z",
        "\x00",
        "5\x00",
        "5\n",
        "5\r\nX: y",
        "\ud800",
        "a" * 100_000,
        "1:" * 100_000,
    ],
)
def test_what_says_nothing_usable_is_passed_over(value: str) -> None:
    assert retry_after(value, NOW) is None


@given(some.text() | some.text("0123456789:,+- GMTSunMar", max_size=40))
def test_any_header_is_read_without_an_accident(value: str) -> None:
    wait = retry_after(value, NOW)
    assert wait is None or timedelta(0) <= wait <= DAY


@given(
    some.from_regex(
        r"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,6} "
        r"[0-9]{1,3}:[0-9]{1,3}(:[0-9]{1,9})? ([+-][0-9]{1,9}|[A-Z]{1,4})?",
        fullmatch=True,
    )
)
def test_any_near_date_is_read_without_an_accident(value: str) -> None:
    wait = retry_after(value, NOW)
    assert wait is None or timedelta(0) <= wait <= DAY


@given(some.integers(0, 86_400))
def test_a_date_asks_for_the_time_until_it(seconds: int) -> None:
    at = NOW + timedelta(seconds=seconds)
    for form in (format_datetime(at, usegmt=True), f"{at:%A, %d-%b-%y %H:%M:%S} GMT", f"{at:%a %b %e %H:%M:%S %Y}"):
        assert retry_after(form, NOW) == timedelta(seconds=seconds)


@given(some.integers(0))
def test_seconds_ask_for_themselves_up_to_a_day(seconds: int) -> None:
    assert retry_after(str(seconds), NOW) == timedelta(seconds=min(seconds, 86_400))


@given(waits, waits)
def test_a_receiver_can_lengthen_a_wait_to_a_day_and_never_shorten_it(delay: timedelta, after: timedelta) -> None:
    wait = honoured(delay, after)
    assert delay <= wait <= max(delay, DAY)
    assert wait in (delay, after, DAY)
    assert wait >= min(after, DAY)


def test_without_a_wish_our_own_delay_stands() -> None:
    assert honoured(timedelta(seconds=10), None) == timedelta(seconds=10)
    assert honoured(timedelta(hours=30), timedelta(hours=40)) == timedelta(hours=30)


def test_only_what_may_pass_is_tried_again() -> None:
    again = [status for status in range(1_000) if is_worth_retrying(status)]
    assert again == [408, 425, 429, *range(500, 600)]
