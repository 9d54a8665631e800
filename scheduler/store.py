"""The statements of the scheduler: claim what is due, write what becomes of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.array import array
from shared.database import Cursor
from shared.store.work import RUN_MAX_ATTEMPTS

if TYPE_CHECKING:
    from scheduler.planning import Plan


@dataclass(frozen=True, slots=True)
class NewWork:
    schedule_id: int
    scheduled_for: datetime
    due_at: datetime | str


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


UNFINISHED = """
SELECT schedule_id, bool_or(state = 'running'), bool_or(state = 'pending')
FROM work
WHERE schedule_id = ANY(%(schedule_ids)s) AND state IN ('pending', 'running')
GROUP BY schedule_id
"""


def unfinished(cursor: Cursor, schedule_ids: Sequence[int]) -> dict[int, tuple[bool, bool]]:
    """For each schedule with work that has not ended: whether some of it runs, and whether some of it waits."""
    if not schedule_ids:
        return {}
    cursor.execute(UNFINISHED, {"schedule_ids": list(schedule_ids)})
    return {schedule_id: (running, queued) for schedule_id, running, queued in cursor.fetchall()}


CANCEL_UNFINISHED = """
UPDATE work
SET state = 'canceled',
    error = 'canceled by the next occurrence of its schedule',
    lease_token = NULL,
    lease_expires_at = NULL,
    finished_at = now()
WHERE schedule_id = ANY(%(schedule_ids)s) AND state IN ('pending', 'running')
RETURNING id
"""

# A statement of its own: attempts begun by a claim that the statement above waited for are behind its snapshot.
CLOSE_ATTEMPTS = """
UPDATE attempts
SET finished_at = now(), outcome = 'canceled', error = 'canceled by the next occurrence of its schedule'
WHERE work_id = ANY(%(ids)s) AND finished_at IS NULL
"""


def cancel_unfinished(cursor: Cursor, schedule_ids: Sequence[int]) -> list[UUID]:
    """Cancel all work of these schedules that has not ended; a worker that runs it loses its lease."""
    if not schedule_ids:
        return []
    cursor.execute(CANCEL_UNFINISHED, {"schedule_ids": list(schedule_ids)})
    ids = [row[0] for row in cursor.fetchall()]
    cursor.execute(CLOSE_ATTEMPTS, {"ids": ids})
    return ids


INSERT_WORK = """
INSERT INTO work (
    account_id, kind, lane, schedule_id, scheduled_for, checklist_id, trigger, spec, max_attempts, timeout_seconds,
    due_at
)
SELECT schedules.account_id, schedules.kind,
       CASE schedules.kind
           WHEN 'run' THEN 'checklist ' || schedules.checklist_id
           ELSE coalesce(lane_of(schedules.target ->> 'uri'), '')
       END,
       schedules.id, firing.scheduled_for, schedules.checklist_id, 'schedule',
       CASE schedules.kind
           WHEN 'run' THEN jsonb_build_object('variables', coalesce(schedules.target -> 'variables', '{}'))
           ELSE schedules.target - ARRAY['timeout_seconds', 'max_attempts']
       END,
       coalesce((schedules.target ->> 'max_attempts')::integer, %(run_max_attempts)s),
       coalesce(checklists.timeout_seconds, (schedules.target ->> 'timeout_seconds')::integer),
       firing.due_at
FROM unnest(%(schedule_ids)s::bigint[], %(scheduled_for)s::timestamptz[], %(due_at)s::timestamptz[])
    AS firing (schedule_id, scheduled_for, due_at)
JOIN schedules ON schedules.id = firing.schedule_id
LEFT JOIN checklists ON checklists.id = schedules.checklist_id
ORDER BY firing.scheduled_for, schedules.id
ON CONFLICT (schedule_id, scheduled_for) WHERE schedule_id IS NOT NULL DO NOTHING
RETURNING schedule_id, scheduled_for, id
"""


def insert_work(cursor: Cursor, items: Sequence[NewWork]) -> dict[tuple[int, datetime], UUID]:
    """Make the work of these instants; its ids. An instant that has work already gets no more."""
    if not items:
        return {}
    cursor.execute(
        INSERT_WORK,
        {
            "schedule_ids": array(item.schedule_id for item in items),
            "scheduled_for": array(item.scheduled_for for item in items),
            "due_at": array(item.due_at for item in items),
            "run_max_attempts": RUN_MAX_ATTEMPTS,
        },
    )
    return {(schedule_id, scheduled_for): id for schedule_id, scheduled_for, id in cursor.fetchall()}


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
