from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scheduler.jitter import jitter

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(some.text(max_size=20), some.integers(0, 100_000), some.integers(0, 86_400))
def test_a_jitter_is_within_its_bounds_and_always_the_same(key: str, minutes: int, seconds: int) -> None:
    instant = NOON + timedelta(minutes=minutes)
    found = jitter(key, instant, seconds)
    assert timedelta(0) <= found <= timedelta(seconds=seconds)
    assert found == jitter(key, instant.astimezone(timezone(timedelta(hours=9))), seconds)


def test_a_jitter_stays_the_same_from_release_to_release() -> None:
    assert jitter("7", NOON, 60) == timedelta(seconds=38, microseconds=613_711)


def test_schedules_and_instants_are_spread_over_the_whole_time() -> None:
    by_key = [jitter(str(number), NOON, 100).total_seconds() for number in range(1_000)]
    by_instant = [jitter("7", NOON + timedelta(minutes=number), 100).total_seconds() for number in range(1_000)]
    for found in (by_key, by_instant):
        assert all(sum(low <= delay < low + 10 for delay in found) > 60 for low in range(0, 100, 10))


def test_what_cannot_be_reckoned_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        jitter("7", NOON, -1)
    with pytest.raises(ValueError, match="expected an aware instant"):
        jitter("7", NOON.replace(tzinfo=None), 1)
