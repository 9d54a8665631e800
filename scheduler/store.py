"""The statements of the scheduler: claim what is due, write what becomes of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.array import array
from shared.database import Cursor

if TYPE_CHECKING:
    from scheduler.planning import Plan


@dataclass(frozen=True, slots=True)
class NewOccurrence:
    schedule_id: int
    scheduled_for: datetime
    outcome: str
    reason: str | None
    work_id: UUID | None


# Nobody has been promised what is fired here: a Postgres that crashes forgets it whole and has it fired again, and a
# worker's claim waits for the disk, which then holds this transaction too.
COMMIT_WITHOUT_WAITING = "SET LOCAL synchronous_commit = off"


def commit_without_waiting(cursor: Cursor) -> None:
    """Let this transaction end before the disk has it."""
    cursor.execute(COMMIT_WITHOUT_WAITING)


# Not the whole row: for ten thousand schedules at one instant every column costs.
CLAIM_DUE = """
SELECT id, account_id, name, cron, timezone, interval_seconds, run_at, minute, recurring, anchor, starts_at, ends_at,
       max_occurrences, jitter_seconds, overlap, catchup_window_seconds, coalesce, state, paused_at, resumed_at,
       skip_next, next_run_at, fired, coalesced_until, coalesce(%(now)s, now())
FROM schedules
WHERE state IN ('active', 'paused') AND next_run_at <= coalesce(%(now)s, now())
ORDER BY next_run_at, id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """What has to be known of a schedule to decide on it.

    `coalesced_until` says how far a batch before this one got with a long outage.
    """

    id: int
    account_id: int
    name: str | None
    cron: str | None
    timezone: str
    interval_seconds: int | None
    run_at: datetime | None
    minute: int | None
    recurring: str | None
    anchor: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    max_occurrences: int | None
    jitter_seconds: int
    overlap: str
    catchup_window_seconds: int
    coalesce: str
    state: str
    paused_at: datetime | None
    resumed_at: datetime | None
    skip_next: bool
    next_run_at: datetime
    fired: int
    coalesced_until: datetime | None


def claim_due(cursor: Cursor, *, limit: int, now: datetime | None = None) -> tuple[list[DueSchedule], datetime | None]:
    """Hold the schedules that are due, oldest instant first, until the transaction ends; and the database's time."""
    cursor.execute(CLAIM_DUE, {"limit": limit, "now": now})
    rows = cursor.fetchall()
    return [DueSchedule(*row[:-1]) for row in rows], rows[0][-1] if rows else None


INSERT_OCCURRENCES = """
INSERT INTO occurrences (schedule_id, scheduled_for, outcome, reason, work_id)
SELECT *
FROM unnest(
    %(schedule_ids)s::bigint[], %(scheduled_for)s::timestamptz[], %(outcomes)s::text[], %(reasons)s::text[],
    %(work_ids)s::uuid[]
)
ON CONFLICT (schedule_id, scheduled_for) DO NOTHING
RETURNING schedule_id, outcome
"""

Recorded = Counter[tuple[int, str]]  # how many rows were written, by schedule and outcome


def insert_occurrences(cursor: Cursor, items: Sequence[NewOccurrence]) -> Recorded:
    """Tell what became of these instants; an instant that has been told of is not told of again."""
    if not items:
        return Counter()
    cursor.execute(
        INSERT_OCCURRENCES,
        {
            "schedule_ids": array(item.schedule_id for item in items),
            "scheduled_for": array(item.scheduled_for for item in items),
            "outcomes": array(item.outcome for item in items),
            "reasons": array(item.reason for item in items),
            "work_ids": array(item.work_id for item in items),
        },
    )
    return Counter(cursor.fetchall())


ADVANCE = """
UPDATE schedules
SET next_run_at = advanced.next_run_at,
    last_run_at = coalesce(advanced.last_run_at, schedules.last_run_at),
    state = CASE WHEN advanced.next_run_at IS NULL THEN 'finished' ELSE schedules.state END,
    skip_next = advanced.skip_next,
    coalesced_until = advanced.coalesced_until,
    fired = schedules.fired + advanced.fired,
    skipped = schedules.skipped + advanced.skipped,
    missed = schedules.missed + advanced.missed
FROM unnest(
    %(ids)s::bigint[], %(next_run_at)s::timestamptz[], %(last_run_at)s::timestamptz[], %(skip_next)s::boolean[],
    %(coalesced_until)s::timestamptz[], %(fired)s::bigint[], %(skipped)s::bigint[], %(missed)s::bigint[]
) AS advanced (id, next_run_at, last_run_at, skip_next, coalesced_until, fired, skipped, missed)
WHERE schedules.id = advanced.id
"""


def advance(cursor: Cursor, plans: Sequence["Plan"], recorded: Recorded) -> None:
    """Move the schedules on, and count what was recorded of them, so that counters and rows always agree."""
    ids = [item.schedule.id for item in plans]
    fired = [[fate.instant for fate in item.fates if fate.outcome == "fire"] for item in plans]
    cursor.execute(
        ADVANCE,
        {
            "ids": array(ids),
            "next_run_at": array(item.next_run_at for item in plans),
            "last_run_at": array(instants[-1] if instants else None for instants in fired),
            "skip_next": array(item.skip_next for item in plans),
            "coalesced_until": array(item.coalesced_until for item in plans),
            **{outcome: array(recorded[id, outcome] for id in ids) for outcome in ("fired", "skipped", "missed")},
        },
    )


MARK_INVALID = """
UPDATE schedules
SET state = 'invalid', note = %(note)s, updated_at = now()
WHERE id = %(id)s
"""


def mark_invalid(cursor: Cursor, schedule_id: int, note: str) -> None:
    """Set aside a schedule that cannot be computed."""
    cursor.execute(MARK_INVALID, {"id": schedule_id, "note": note[:1_000]})


SECONDS_UNTIL_DUE = """
SELECT least(
    (
        SELECT min(next_run_at)
        FROM schedules
        WHERE state IN ('active', 'paused')
    ),
    (
        SELECT due_at
        FROM work
        WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery') AND due_at > now()
        ORDER BY due_at
        LIMIT 1
    )
) - clock_timestamp()
"""


def seconds_until_due(cursor: Cursor) -> float | None:
    """How long until the next schedule, or piece of pending work, is due, by the database's clock; None: nothing is."""
    cursor.execute(SECONDS_UNTIL_DUE)
    row = cursor.fetchone()
    return None if row is None or row[0] is None else max(0.0, row[0].total_seconds())
