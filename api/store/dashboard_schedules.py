"""Schedules as the pages show them: found by a part of the name, with what they begin by name, and how it has gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Cursor
from shared.store.schedules import Schedule


@dataclass(frozen=True, slots=True)
class ListedSchedule:
    """A schedule, and what the checklist that it runs is called."""

    schedule: Schedule
    checklist_name: str | None


LIST = """
SELECT schedules.id, schedules.account_id, schedules.name, schedules.cron, schedules.timezone,
       schedules.interval_seconds, schedules.run_at, schedules.minute, schedules.recurring, schedules.kind,
       schedules.checklist_id, schedules.target, schedules.starts_at, schedules.ends_at, schedules.max_occurrences,
       schedules.jitter_seconds, schedules.overlap, schedules.catchup_window_seconds, schedules.coalesce,
       schedules.pause_on_failure, schedules.pause_on_change, schedules.state, schedules.note, schedules.paused_at,
       schedules.resumed_at, schedules.skip_next, schedules.anchor, schedules.next_run_at, schedules.last_run_at,
       schedules.fired, schedules.skipped, schedules.missed, schedules.created_at, schedules.updated_at,
       checklists.name
FROM schedules
LEFT JOIN checklists ON checklists.account_id = schedules.account_id AND checklists.id = schedules.checklist_id
WHERE schedules.account_id = %(account_id)s
  AND schedules.id > %(after)s
  AND (%(name_part)s IS NULL OR strpos(lower(schedules.name), lower(%(name_part)s)) > 0)
  AND (%(checklist_id)s IS NULL OR schedules.checklist_id = %(checklist_id)s)
  AND (%(state)s IS NULL OR schedules.state = %(state)s)
ORDER BY schedules.id
LIMIT %(limit)s
"""


def page(
    cursor: Cursor,
    account_id: int,
    *,
    after: int,
    limit: int,
    name_part: str | None = None,
    checklist_id: int | None = None,
    state: str | None = None,
) -> list[ListedSchedule]:
    """The account's schedules by id, from behind `after`; only those whose names have this part, large or small."""
    filters = {"name_part": name_part, "checklist_id": checklist_id, "state": state}
    cursor.execute(LIST, {"account_id": account_id, "after": after, "limit": limit, **filters})
    return [ListedSchedule(Schedule(*row[:-1]), row[-1]) for row in cursor.fetchall()]


CHECKLIST_NAMES = """
SELECT id, name
FROM checklists
WHERE account_id = %(account_id)s
ORDER BY name
LIMIT %(limit)s
"""


def checklist_names(cursor: Cursor, account_id: int, *, limit: int) -> dict[int, str]:
    """What there is to run: the names of the account's checklists by id, in the order of the names."""
    cursor.execute(CHECKLIST_NAMES, {"account_id": account_id, "limit": limit})
    return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class OccurrenceCount:
    """How many instants of a quarter of an hour, which begins `at`, had this outcome."""

    at: datetime
    outcome: str
    number: int


# A quarter of an hour: no zone is off by less, so that these can be put together into the hours of any. One walk of the
# primary key, that ends at the number asked for: of a schedule that is due every second there are millions.
COUNTS = """
WITH latest_occurrences AS (
    SELECT scheduled_for, outcome
    FROM occurrences
    WHERE schedule_id = (SELECT id FROM schedules WHERE account_id = %(account_id)s AND id = %(schedule_id)s)
      AND scheduled_for >= %(since)s
    ORDER BY scheduled_for DESC
    LIMIT %(most)s
)
SELECT date_bin('15 minutes', scheduled_for, 'epoch') AS at, outcome, count(*)
FROM latest_occurrences
GROUP BY at, outcome
ORDER BY at, outcome
"""


def occurrence_counts(
    cursor: Cursor, account_id: int, schedule_id: int, *, since: datetime, most: int
) -> list[OccurrenceCount]:
    """What became of the schedule's instants since then, in order of time; of more than `most` only the latest."""
    cursor.execute(COUNTS, {"account_id": account_id, "schedule_id": schedule_id, "since": since, "most": most})
    return [OccurrenceCount(*row) for row in cursor.fetchall()]


WORDS = """
SELECT id, coalesce(outcome, state)
FROM work
WHERE account_id = %(account_id)s AND id = ANY(%(work_ids)s::uuid[])
"""


def words_for_work(cursor: Cursor, account_id: int, work_ids: Sequence[str]) -> dict[str, str]:
    """What each of these pieces of work found, or how far it is; those that are no longer kept are left out."""
    cursor.execute(WORDS, {"account_id": account_id, "work_ids": list(work_ids)})
    found: list[tuple[UUID, str]] = cursor.fetchall()
    return {str(id): word for id, word in found}
