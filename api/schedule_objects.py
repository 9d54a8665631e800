"""Schedules, their occurrences and previews as clients see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from api.schedule_targets import shown_target
from api.scheduling import stored_when, upcoming
from api.schemas.fields import write_timestamp
from api.sentences import sentence
from api.store.schedule_history import LastWork, Occurrence, last_work
from shared.database import Cursor
from shared.domain.when import CronWhen, When
from shared.domain.zones import zone
from shared.store.schedules import Schedule


def schedule_objects(cursor: Cursor, schedules: Sequence[Schedule]) -> dict[int, dict[str, Any]]:
    """The objects by id; whatever their number, one query looks for what they last did."""
    latest = {(item.schedule_id, item.which): item for item in last_work(cursor, [each.id for each in schedules])}
    return {
        each.id: _schedule_object(each)
        | {which: _work_object(latest.get((each.id, which))) for which in ("last", "last_success", "last_failure")}
        for each in schedules
    }


def _schedule_object(schedule: Schedule) -> dict[str, Any]:
    when = stored_when(schedule)
    is_active = schedule.state == "active"
    return {
        "id": schedule.id,
        "name": schedule.name,
        "sentence": None if when is None else sentence(when),
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "interval_seconds": schedule.interval_seconds,
        "run_at": write_timestamp(schedule.run_at),
        "minute": schedule.minute,
        "recurring": schedule.recurring,
        **shown_target(schedule),
        "paused": schedule.state == "paused",
        "note": schedule.note,
        "starts_at": write_timestamp(schedule.starts_at),
        "ends_at": write_timestamp(schedule.ends_at),
        "max_occurrences": schedule.max_occurrences,
        "jitter_seconds": schedule.jitter_seconds,
        "overlap": schedule.overlap,
        "catchup_window_seconds": schedule.catchup_window_seconds,
        "coalesce": schedule.coalesce,
        "pause_on_failure": schedule.pause_on_failure,
        "pause_on_change": schedule.pause_on_change,
        "state": schedule.state,
        "skip_next": schedule.skip_next,
        "next_run_at": write_timestamp(schedule.next_run_at) if is_active else None,
        "upcoming": [write_timestamp(instant) for instant in upcoming(schedule, when)],
        "last_run_at": write_timestamp(schedule.last_run_at),
        "counters": {"fired": schedule.fired, "skipped": schedule.skipped, "missed": schedule.missed},
        "created_at": write_timestamp(schedule.created_at),
        "updated_at": write_timestamp(schedule.updated_at),
    }


def _work_object(work: LastWork | None) -> dict[str, Any] | None:
    if work is None:
        return None
    return {
        "id": str(work.id),
        "kind": work.kind,
        "at": write_timestamp(work.at),
        "state": work.state,
        "outcome": work.outcome,
    }


def occurrence_object(occurrence: Occurrence) -> dict[str, Any]:
    return {
        "scheduled_for": write_timestamp(occurrence.scheduled_for),
        "outcome": occurrence.outcome,
        "reason": occurrence.reason,
        "kind": occurrence.kind,
        "work_id": str(occurrence.work_id) if occurrence.work_id else None,
    }


def preview_object(when: When, instants: Sequence[datetime]) -> dict[str, Any]:
    name = when.cron.zone_name if isinstance(when, CronWhen) else "UTC"
    return {
        "sentence": sentence(when),
        "instants": [
            {"utc": write_timestamp(instant), "local": instant.astimezone(zone(name)).isoformat()}
            for instant in instants
        ],
        "timezone": name,
    }
