"""What the overview tells of an account: what needs somebody, what comes, what was. Each question is bounded."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Cursor, only_row
from shared.store.schedules import Schedule

CHECKLISTS_LOOKED_AT = 5_000
MOST_SHOWN = 20
MOST_WORK = 60_000  # of each kind, the newest: who has more in a day sees the end of it


@dataclass(frozen=True, slots=True)
class Deviation:
    """A checklist whose latest run did not find what was approved, and how many values wait to be accepted."""

    checklist_id: int
    name: str
    run_id: UUID
    outcome: str
    error: str | None
    missed: int
    new: int
    finished_at: datetime


# One probe for each checklist. What was accepted from the run meanwhile needs nobody any more.
DEVIATIONS = """
WITH looked_at AS (
    SELECT id, name
    FROM checklists
    WHERE account_id = %(account_id)s
    ORDER BY id DESC
    LIMIT %(checklists)s
),
latest_runs AS (
    SELECT looked_at.id AS checklist_id, looked_at.name, latest_run.id, latest_run.outcome, latest_run.error,
           coalesce((latest_run.summary ->> 'miss')::integer, 0) AS missed,
           coalesce((latest_run.summary ->> 'new')::integer, 0) AS new, latest_run.finished_at
    FROM looked_at
    CROSS JOIN LATERAL (
        SELECT id, outcome, error, result -> 'summary' AS summary, finished_at
        FROM work
        WHERE checklist_id = looked_at.id AND kind = 'run' AND state IN ('succeeded', 'failed')
        ORDER BY id DESC
        LIMIT 1
    ) AS latest_run
    WHERE latest_run.outcome IN ('changed', 'new', 'error')
)
SELECT checklist_id, name, id, outcome, error, missed, new, finished_at
FROM latest_runs
WHERE outcome = 'error' OR missed + new > (
    SELECT count(*)
    FROM snapshots
    WHERE snapshots.checklist_id = latest_runs.checklist_id
      AND snapshots.run_id = latest_runs.id
      AND superseded_at IS NULL
      AND accepted_by <> 'first value'
)
ORDER BY array_position(ARRAY['changed', 'error', 'new'], outcome), id DESC
LIMIT %(limit)s
"""


def deviations(cursor: Cursor, account_id: int, *, limit: int = MOST_SHOWN) -> list[Deviation]:
    """Those that changed first, then those that could not be observed, then those with new values."""
    cursor.execute(DEVIATIONS, {"account_id": account_id, "checklists": CHECKLISTS_LOOKED_AT, "limit": limit})
    return [Deviation(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something else that needs somebody: what it is, its id or name, and why."""

    what: str
    id: str
    name: str
    why: str | None
    since: datetime | None


TROUBLES = """
(
    SELECT 'webhook', id::text, url, disabled_reason, disabled_at
    FROM webhooks
    WHERE account_id = %(account_id)s AND NOT enabled AND disabled_reason IS NOT NULL
    ORDER BY disabled_at DESC, id
    LIMIT %(limit)s
)
UNION ALL
(
    SELECT 'queue', name, name, NULL, unattended_since
    FROM queues
    WHERE account_id = %(account_id)s AND unattended_since IS NOT NULL
    ORDER BY unattended_since, name
    LIMIT %(limit)s
)
UNION ALL
(
    SELECT 'schedule ' || state, id::text, coalesce(name, 'schedule ' || id), note, coalesce(paused_at, updated_at)
    FROM schedules
    WHERE account_id = %(account_id)s AND state IN ('invalid', 'paused')
    ORDER BY state, coalesce(paused_at, updated_at) DESC, id
    LIMIT %(limit)s
)
"""


def troubles(cursor: Cursor, account_id: int, *, limit: int = MOST_SHOWN) -> list[Trouble]:
    """Webhooks that were disabled, queues nobody asks for tasks, schedules that sleep or cannot be computed."""
    cursor.execute(TROUBLES, {"account_id": account_id, "limit": limit})
    return [Trouble(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Failures:
    """How many jobs to one host, or tasks of one queue, failed for good within the day, and the latest of them."""

    kind: str
    where: str
    count: int
    latest_id: UUID
    error: str | None


FAILURES = """
WITH failed_work AS (
    (
        SELECT kind, lane AS place, id, error
        FROM work
        WHERE account_id = %(account_id)s AND kind = 'job' AND state = 'failed'
          AND id >= uuid_of_instant(now() - interval '24 hours')
        ORDER BY id DESC
        LIMIT %(work)s
    )
    UNION ALL
    (
        SELECT kind, queue, id, error
        FROM work
        WHERE account_id = %(account_id)s AND kind = 'task' AND state = 'failed' AND run_id IS NULL
          AND id >= uuid_of_instant(now() - interval '24 hours')
        ORDER BY id DESC
        LIMIT %(work)s
    )
)
SELECT kind, place, count(*), (array_agg(id ORDER BY id DESC))[1], (array_agg(error ORDER BY id DESC))[1]
FROM failed_work
GROUP BY kind, place
ORDER BY (array_agg(id ORDER BY id DESC))[1] DESC
LIMIT %(limit)s
"""


def failures(cursor: Cursor, account_id: int, *, limit: int = MOST_SHOWN) -> list[Failures]:
    """What was made within a day and has failed, the latest first."""
    cursor.execute(FAILURES, {"account_id": account_id, "work": 10_000, "limit": limit})
    return [Failures(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Tally:
    """How much ended in a stretch of time, counted from the latest, 0 is now: well, badly, otherwise."""

    age: int
    kind: str
    good: int
    bad: int


# The newest of each kind by the index that lists have; ids tell their time, so a day is a range of them.
ENDED = """
WITH ended_work AS (
    SELECT newest.kind, newest.state, newest.outcome, newest.finished_at
    FROM unnest(ARRAY['run', 'job', 'task', 'delivery']) AS kinds (kind)
    CROSS JOIN LATERAL (
        SELECT kind, state, outcome, finished_at
        FROM work
        WHERE account_id = %(account_id)s AND kind = kinds.kind
          AND id >= uuid_of_instant(now() - make_interval(secs => %(seconds)s))
        ORDER BY id DESC
        LIMIT %(work)s
    ) AS newest
    WHERE newest.state IN ('succeeded', 'failed')
)
SELECT floor(extract(epoch FROM now() - finished_at) / %(step_seconds)s)::integer AS age,
       kind,
       count(*) FILTER (WHERE state = 'succeeded' AND outcome IS DISTINCT FROM 'changed'),
       count(*) FILTER (WHERE state = 'failed' OR outcome = 'changed')
FROM ended_work
WHERE finished_at > now() - make_interval(secs => %(seconds)s)
GROUP BY age, kind
ORDER BY age, kind
"""


def ended(cursor: Cursor, account_id: int, *, seconds: int, step_seconds: int, most: int = MOST_WORK) -> list[Tally]:
    """What ended within so long, in stretches; of work that was made in that time."""
    cursor.execute(ENDED, {"account_id": account_id, "seconds": seconds, "step_seconds": step_seconds, "work": most})
    return [Tally(*row) for row in cursor.fetchall()]


NEXT = """
SELECT id, account_id, name, cron, timezone, interval_seconds, run_at, minute, recurring, kind, checklist_id,
       target, starts_at, ends_at, max_occurrences, jitter_seconds, overlap, catchup_window_seconds, coalesce,
       pause_on_failure, pause_on_change, state, note, paused_at, resumed_at, skip_next, anchor, next_run_at,
       last_run_at, fired, skipped, missed, created_at, updated_at
FROM schedules
WHERE account_id = %(account_id)s AND state = 'active' AND next_run_at <= now() + make_interval(secs => %(seconds)s)
ORDER BY next_run_at, id
LIMIT %(limit)s
"""


def next_schedules(cursor: Cursor, account_id: int, *, seconds: int, limit: int) -> list[Schedule]:
    """The schedules that are due soonest within so long."""
    cursor.execute(NEXT, {"account_id": account_id, "seconds": seconds, "limit": limit})
    return [Schedule(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is of what, up to a limit, and the database's time."""

    checklists: int
    active_schedules: int
    running: int
    waiting: int
    now: datetime


TOTALS = """
SELECT (SELECT count(*) FROM checklists WHERE account_id = %(account_id)s),
       (SELECT count(*) FROM schedules WHERE account_id = %(account_id)s AND state = 'active'),
       (
           SELECT count(*)
           FROM (SELECT FROM work WHERE account_id = %(account_id)s AND state = 'running' LIMIT %(most)s) AS running
       ),
       (
           SELECT count(*)
           FROM (
               SELECT
               FROM work
               WHERE account_id = %(account_id)s AND state = 'pending' AND kind IN ('run', 'job', 'delivery')
               LIMIT %(most)s
           ) AS waiting
       ),
       now()
"""


def totals(cursor: Cursor, account_id: int, *, most: int = 10_000) -> Totals:
    cursor.execute(TOTALS, {"account_id": account_id, "most": most})
    return Totals(*only_row(cursor))
