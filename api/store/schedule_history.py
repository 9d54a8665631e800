"""What has become of schedules until now: their work, and every instant that was due."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class LastWork:
    """A piece of work of a schedule; `which` is last, last_success or last_failure."""

    schedule_id: int
    which: str
    id: UUID
    kind: str
    at: datetime
    state: str
    outcome: str | None


# Each by one probe of an index, also where a schedule has a million runs behind it.
LAST_WORK = """
SELECT asked.id, latest.which, latest.id, latest.kind, latest.at, latest.state, latest.outcome
FROM unnest(%(schedule_ids)s::bigint[]) AS asked (id)
CROSS JOIN LATERAL (
    (
        SELECT 'last_success' AS which, id, kind, coalesce(scheduled_for, created_at) AS at, state, outcome
        FROM work
        WHERE schedule_id = asked.id AND state = 'succeeded'
        ORDER BY id DESC
        LIMIT 1
    )
    UNION ALL
    (
        SELECT 'last_failure', id, kind, coalesce(scheduled_for, created_at), state, outcome
        FROM work
        WHERE schedule_id = asked.id AND state = 'failed'
        ORDER BY id DESC
        LIMIT 1
    )
    UNION ALL
    (
        SELECT 'last', id, kind, coalesce(scheduled_for, created_at), state, outcome
        FROM (
            SELECT latest_of_state.*
            FROM unnest(ARRAY['pending', 'running', 'succeeded', 'failed', 'canceled']) AS states (state)
            CROSS JOIN LATERAL (
                SELECT id, kind, scheduled_for, created_at, state, outcome
                FROM work
                WHERE schedule_id = asked.id AND work.state = states.state
                ORDER BY id DESC
                LIMIT 1
            ) AS latest_of_state
        ) AS latest_of_states
        ORDER BY id DESC
        LIMIT 1
    )
) AS latest
"""


def last_work(cursor: Cursor, schedule_ids: list[int]) -> list[LastWork]:
    """What each schedule last began, last had succeed and last had fail."""
    cursor.execute(LAST_WORK, {"schedule_ids": schedule_ids})
    return [LastWork(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Occurrence:
    scheduled_for: datetime
    outcome: str
    reason: str | None
    kind: str
    work_id: UUID | None


OCCURRENCES = """
SELECT occurrences.scheduled_for, occurrences.outcome, occurrences.reason, schedules.kind, occurrences.work_id
FROM occurrences
JOIN schedules ON schedules.id = occurrences.schedule_id
WHERE schedules.account_id = %(account_id)s
  AND schedules.id = %(schedule_id)s
  AND (%(before)s::timestamptz IS NULL OR occurrences.scheduled_for < %(before)s)
  AND (%(outcome)s IS NULL OR occurrences.outcome = %(outcome)s)
ORDER BY occurrences.scheduled_for DESC
LIMIT %(limit)s
"""


def occurrences(
    cursor: Cursor,
    account_id: int,
    schedule_id: int,
    *,
    before: datetime | None,
    limit: int,
    outcome: str | None = None,
) -> list[Occurrence]:
    """Every instant that was due, newest first, from behind `before`."""
    cursor.execute(
        OCCURRENCES,
        {
            "account_id": account_id,
            "schedule_id": schedule_id,
            "before": before,
            "limit": limit,
            "outcome": outcome,
        },
    )
    return [Occurrence(*row) for row in cursor.fetchall()]
