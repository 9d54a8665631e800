"""From what a client says of a schedule to its definition, the instant at which it begins, and those that follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from api.schedule_targets import REFERENCE, stored_target
from api.store.schedules import Definition
from shared.domain.when import IntervalWhen, MinuteWhen, OnceWhen, When, instants, next_instant
from shared.rhythm import make_when, when_of
from shared.store.schedules import Schedule

UPCOMING = 5
PREVIEWED = 10

_JUST_BEFORE = timedelta(microseconds=-1)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a schedule stands: intervals are counted from the anchor; without a next instant it is finished."""

    anchor: datetime
    next_run_at: datetime | None


def definition_of(fields: Mapping[str, Any]) -> Definition:
    """The definition that the fields of a valid request make."""
    kind, target = stored_target(fields)
    return Definition(
        name=fields.get("name"),
        cron=fields.get("cron"),
        timezone=fields.get("timezone", "UTC"),
        interval_seconds=fields.get("interval_seconds"),
        run_at=fields.get("run_at"),
        minute=fields.get("minute"),
        recurring=_recurring(fields),
        kind=kind,
        checklist_id=fields.get(REFERENCE),
        target=target,
        paused=fields["paused"],
        note=fields.get("note"),
        starts_at=fields.get("starts_at"),
        ends_at=fields.get("ends_at"),
        max_occurrences=fields.get("max_occurrences"),
        jitter_seconds=fields["jitter_seconds"],
        overlap=fields["overlap"],
        catchup_window_seconds=fields["catchup_window_seconds"],
        coalesce=fields["coalesce"],
        pause_on_failure=fields["pause_on_failure"],
        pause_on_change=fields["pause_on_change"],
    )


def rhythm_of(fields: Mapping[str, Any], now: datetime) -> tuple[When, Start]:
    """When the fields of a valid request are due, and where that begins.

    An interval begins at `starts_at`, or without it one interval after `now`. What is due only once begins there even
    if that is past: the scheduler fires it, or records that it was missed.
    """
    starts_at = fields.get("starts_at")
    anchor = now if starts_at is None else starts_at
    when = _when(fields, anchor)
    match when:
        case OnceWhen(at) | MinuteWhen(at=at, recurring="none"):
            after = at + _JUST_BEFORE
        case IntervalWhen() if starts_at is None:
            after = now
        case _:
            after = now + _JUST_BEFORE
    return when, Start(anchor, next_instant(when, after, starts_at=starts_at, ends_at=fields.get("ends_at")))


def replaced_start(fields: Mapping[str, Any], schedule: Schedule, now: datetime) -> Start:
    """Where a schedule stands once these fields are in the place of its own.

    With the same rhythm it goes on as it was, also with instants that are due and not yet told of; another rhythm
    begins now. It has fired as often as before.
    """
    limit = fields.get("max_occurrences")
    if limit is not None and schedule.fired >= limit:
        return Start(schedule.anchor, None)
    if not _has_rhythm_of(fields, schedule):
        return rhythm_of(fields, now)[1]
    after = min(now, schedule.next_run_at or now) + _JUST_BEFORE
    bounds = {"starts_at": fields.get("starts_at"), "ends_at": fields.get("ends_at")}
    return Start(schedule.anchor, next_instant(_when(fields, schedule.anchor), after, **bounds))


def first_instants(when: When, start: Start, fields: Mapping[str, Any]) -> tuple[datetime, ...]:
    """The first ten instants of a request."""
    if start.next_run_at is None:
        return ()
    most = min(PREVIEWED, fields.get("max_occurrences", PREVIEWED))
    bounds = {"starts_at": fields.get("starts_at"), "ends_at": fields.get("ends_at")}
    return instants(when, start.next_run_at + _JUST_BEFORE, None, most, **bounds)


def upcoming(schedule: Schedule, when: When | None) -> tuple[datetime, ...]:
    """The next five instants of a schedule that is active; none for any other."""
    if when is None or schedule.state != "active" or schedule.next_run_at is None:
        return ()
    left = UPCOMING if schedule.max_occurrences is None else schedule.max_occurrences - schedule.fired
    bounds = {"starts_at": schedule.starts_at, "ends_at": schedule.ends_at}
    return instants(when, schedule.next_run_at + _JUST_BEFORE, None, max(0, min(UPCOMING, left)), **bounds)


def stored_when(schedule: Schedule) -> When | None:
    """When a stored schedule is due; None for a row from which that cannot be computed (any more)."""
    try:
        return when_of(schedule)
    except ValueError:
        return None


def _has_rhythm_of(fields: Mapping[str, Any], schedule: Schedule) -> bool:
    same = (
        fields.get("cron") == schedule.cron
        and fields.get("timezone", "UTC") == schedule.timezone
        and fields.get("interval_seconds") == schedule.interval_seconds
        and fields.get("run_at") == schedule.run_at
        and fields.get("minute") == schedule.minute
        and _recurring(fields) == schedule.recurring
    )
    return same and (schedule.interval_seconds is None or fields.get("starts_at") == schedule.starts_at)


def _when(fields: Mapping[str, Any], anchor: datetime) -> When:
    return make_when(
        cron=fields.get("cron"),
        timezone=fields.get("timezone", "UTC"),
        interval_seconds=fields.get("interval_seconds"),
        run_at=fields.get("run_at"),
        minute=fields.get("minute"),
        recurring=_recurring(fields),
        anchor=anchor,
    )


def _recurring(fields: Mapping[str, Any]) -> str | None:
    return fields.get("recurring", "none") if "minute" in fields else None
