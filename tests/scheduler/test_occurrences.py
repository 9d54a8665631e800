from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scheduler.occurrences import Coalesce, Fate, Overlap, decide, next_fates, overlapping
from shared.domain.cron import parse_cron
from shared.domain.when import CronWhen, IntervalWhen, When, instants

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVERY_MINUTE = IntervalWhen(60, NOW - timedelta(days=1))


def ago(*minutes: int) -> list[datetime]:
    return [NOW - timedelta(minutes=number) for number in minutes]


def told(fates: Sequence[Fate]) -> list[str]:
    return [fate.outcome if fate.reason is None else f"{fate.outcome}: {fate.reason}" for fate in fates]


@pytest.mark.parametrize(
    ("coalesce", "fates"),
    [
        ("latest", ["miss: outside the catch-up window", "miss: coalesced", "miss: coalesced", "fire"]),
        ("earliest", ["miss: outside the catch-up window", "fire", "miss: coalesced", "miss: coalesced"]),
        ("all", ["miss: outside the catch-up window", "fire", "fire", "fire"]),
    ],
)
def test_what_is_within_the_window_is_coalesced(coalesce: Coalesce, fates: list[str]) -> None:
    due = ago(61, 60, 30, 0)
    found = decide(due, now=NOW, catchup_window=HOUR, coalesce=coalesce)
    assert told(found) == fates
    assert [fate.instant for fate in found] == due


@pytest.mark.parametrize("coalesce", ["latest", "earliest", "all"])
def test_nothing_fires_when_all_is_outside_the_window(coalesce: Coalesce) -> None:
    found = decide(ago(90, 61), now=NOW, catchup_window=HOUR, coalesce=coalesce)
    assert told(found) == ["miss: outside the catch-up window"] * 2


@pytest.mark.parametrize("coalesce", ["latest", "earliest", "all"])
def test_one_instant_on_time_fires(coalesce: Coalesce) -> None:
    assert told(decide([NOW], now=NOW, catchup_window=timedelta(0), coalesce=coalesce)) == ["fire"]
    assert decide([], now=NOW, catchup_window=HOUR, coalesce=coalesce) == ()


@pytest.mark.parametrize("minutes", [(1, 2), (2, 2)])
def test_instants_out_of_order_or_twice_are_refused(minutes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="in order and each only once"):
        decide(ago(*minutes), now=NOW, catchup_window=HOUR, coalesce="all")


missed = some.sets(some.integers(0, 10_000), max_size=40).map(lambda minutes: ago(*sorted(minutes, reverse=True)))
windows = some.timedeltas(timedelta(0), timedelta(days=8))
coalesces: some.SearchStrategy[Coalesce] = some.sampled_from(["latest", "earliest", "all"])


@given(missed, windows, coalesces)
def test_every_due_instant_has_one_fate_and_a_reason_unless_it_fires(
    due: list[datetime], window: timedelta, coalesce: Coalesce
) -> None:
    found = decide(due, now=NOW, catchup_window=window, coalesce=coalesce)
    assert [fate.instant for fate in found] == due
    assert all((fate.reason is None) == (fate.outcome == "fire") for fate in found)
    in_time = [instant for instant in due if NOW - instant <= window]
    fired = [fate.instant for fate in found if fate.outcome == "fire"]
    assert fired == {"latest": in_time[-1:], "earliest": in_time[:1], "all": in_time}[coalesce]


@given(missed)
def test_with_all_and_a_window_without_end_everything_fires(due: list[datetime]) -> None:
    found = decide(due, now=NOW, catchup_window=timedelta.max, coalesce="all")
    assert found == tuple(Fate(instant, "fire") for instant in due)


def decided_in_batches(when: When, after: datetime, window: timedelta, coalesce: Coalesce, limit: int) -> list[Fate]:
    fates: list[Fate] = []
    earliest_fired, complete = False, False
    while not complete:
        batch = next_fates(
            when,
            after,
            now=NOW,
            catchup_window=window,
            coalesce=coalesce,
            limit=limit,
            earliest_fired=earliest_fired,
        )
        assert len(batch.fates) <= limit
        assert batch.complete or len(batch.fates) == limit
        fates += batch.fates
        after = fates[-1].instant if fates else after
        earliest_fired, complete = batch.earliest_fired, batch.complete
    return fates


@given(
    some.sampled_from([EVERY_MINUTE, CronWhen(parse_cron("*/7 * * * *"))]),
    some.integers(0, 120),
    some.timedeltas(timedelta(0), 3 * HOUR),
    coalesces,
    some.integers(1, 130),
)
def test_batches_decide_as_one_decision_would(
    when: When, minutes: int, window: timedelta, coalesce: Coalesce, limit: int
) -> None:
    [after] = ago(minutes)
    due = instants(when, after, NOW, 1_000)
    whole = decide(due, now=NOW, catchup_window=window, coalesce=coalesce)
    assert decided_in_batches(when, after, window, coalesce, limit) == list(whole)


def test_an_outage_of_a_month_of_seconds_is_decided_a_batch_at_a_time() -> None:
    when = IntervalWhen(1, NOW - timedelta(days=30))
    batch = next_fates(when, NOW - timedelta(days=30), now=NOW, catchup_window=HOUR, coalesce="latest", limit=500)
    assert told(batch.fates) == ["miss: outside the catch-up window"] * 500
    assert not batch.complete


def test_with_latest_a_later_now_moves_the_fire_to_the_latest_by_then() -> None:
    first = next_fates(EVERY_MINUTE, *ago(3), now=NOW, catchup_window=HOUR, coalesce="latest", limit=2)
    later = NOW + timedelta(minutes=1)
    rest = next_fates(EVERY_MINUTE, first.fates[-1].instant, now=later, catchup_window=HOUR, coalesce="latest", limit=2)
    assert told(first.fates) == ["miss: coalesced", "miss: coalesced"]
    assert told(rest.fates) == ["miss: coalesced", "fire"]
    assert rest.fates[-1].instant == later
    assert rest.complete


def test_the_bounds_of_the_schedule_bound_what_was_due() -> None:
    batch = next_fates(
        EVERY_MINUTE,
        *ago(60),
        now=NOW,
        catchup_window=HOUR,
        coalesce="all",
        limit=10,
        starts_at=NOW - timedelta(minutes=4),
        ends_at=NOW - timedelta(minutes=2),
    )
    assert [fate.instant for fate in batch.fates] == ago(4, 3, 2)
    assert batch.complete


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="limit must be at least 1"):
        next_fates(EVERY_MINUTE, NOW, now=NOW, catchup_window=HOUR, coalesce="all", limit=0)


FIRES = tuple(Fate(instant, "fire") for instant in ago(3, 2, 1))


def marks(fates: Sequence[Fate]) -> list[str]:
    return [
        "waits" if fate.waits_for_running else "cancels" if fate.cancels_running else text
        for fate, text in zip(fates, told(fates), strict=True)
    ]


@pytest.mark.parametrize(
    ("overlap", "has_running", "has_queued", "fates"),
    [
        ("skip", False, False, ["fire", "skip: overlap", "skip: overlap"]),
        ("skip", True, False, ["skip: overlap"] * 3),
        ("skip", False, True, ["skip: overlap"] * 3),
        ("queue_one", False, False, ["fire", "waits", "skip: overlap"]),
        ("queue_one", True, False, ["waits", "skip: overlap", "skip: overlap"]),
        ("queue_one", False, True, ["skip: overlap"] * 3),
        ("queue_one", True, True, ["skip: overlap"] * 3),
        ("allow", True, True, ["fire"] * 3),
        ("cancel_running", False, False, ["fire", "cancels", "cancels"]),
        ("cancel_running", True, False, ["cancels"] * 3),
        ("cancel_running", False, True, ["cancels"] * 3),
    ],
)
def test_what_fires_is_seen_with_the_work_before_it(
    overlap: Overlap, has_running: bool, has_queued: bool, fates: list[str]
) -> None:
    assert marks(overlapping(FIRES, overlap, has_running=has_running, has_queued=has_queued)) == fates


@given(missed, windows, coalesces, some.sampled_from(["skip", "queue_one", "allow", "cancel_running"]), some.booleans())
def test_overlap_touches_nothing_but_fires(
    due: list[datetime], window: timedelta, coalesce: Coalesce, overlap: Overlap, busy: bool
) -> None:
    before = decide(due, now=NOW, catchup_window=window, coalesce=coalesce)
    after = overlapping(before, overlap, has_running=busy, has_queued=False)
    assert [fate.instant for fate in after] == due
    assert [fate for fate in after if fate.outcome == "miss"] == [fate for fate in before if fate.outcome == "miss"]
    waiting_or_begun = sum(fate.outcome == "fire" for fate in after) + busy
    assert waiting_or_begun <= {"skip": 1, "queue_one": 2}.get(overlap, len(due) + 1)
