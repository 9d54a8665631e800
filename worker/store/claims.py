"""Claiming work: which lanes wait, and leases on what is due in them.

A lane is what may hold itself up: the calls to one host, the runs of one checklist. Lanes and accounts take turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.array import array
from shared.database import Cursor
from shared.store.work import ClaimedWork


@dataclass(frozen=True, slots=True)
class Lane:
    """The pending work of one account in one lane, and whether some of it is due."""

    account_id: int
    name: str
    is_due: bool


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a lane may be claimed."""

    account_id: int
    lane: str
    most: int


# From lane to lane along the index, one probe each: its first entry is also the one that is due first.
WAITING_LANES = """
WITH RECURSIVE waiting_lanes AS (
    (
        SELECT account_id, lane, due_at, 1 AS visited
        FROM work
        WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery')
          AND (account_id, lane) > (%(after_account_id)s, %(after_lane)s)
        ORDER BY account_id, lane, due_at
        LIMIT 1
    )
    UNION ALL
    SELECT next_lane.account_id, next_lane.lane, next_lane.due_at, waiting_lanes.visited + 1
    FROM waiting_lanes
    CROSS JOIN LATERAL (
        SELECT account_id, lane, due_at
        FROM work
        WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery')
          AND (work.account_id, work.lane) > (waiting_lanes.account_id, waiting_lanes.lane)
        ORDER BY work.account_id, work.lane, work.due_at
        LIMIT 1
    ) AS next_lane
    WHERE waiting_lanes.visited < %(limit)s
)
SELECT account_id, lane, due_at <= coalesce(%(now)s, now())
FROM waiting_lanes
"""


def waiting_lanes(cursor: Cursor, *, limit: int, after: Lane | None = None, now: datetime | None = None) -> list[Lane]:
    """The lanes with pending work, due or not, from behind `after` on."""
    cursor.execute(
        WAITING_LANES,
        {
            "after_account_id": after.account_id if after else 0,
            "after_lane": after.name if after else "",
            "limit": limit,
            "now": now,
        },
    )
    return [Lane(*row) for row in cursor.fetchall()]


# Every share is taken by itself, past what others are claiming just now. Each of them is looked at once only, which
# MATERIALIZED sees to: a nested loop that did it again would lock more than was asked for.
# The array makes the planner look these rows up by their ids: joined, it would read all work for them.
# The lease begins with the statement: a process may have been frozen since its transaction began.
CLAIM = """
WITH shares AS (
    SELECT account_id, lane, most
    FROM unnest(%(account_ids)s::bigint[], %(lanes)s::text[], %(most)s::integer[]) AS shares (account_id, lane, most)
),
locked_work AS MATERIALIZED (
    SELECT due_work.id
    FROM shares
    CROSS JOIN LATERAL (
        SELECT id
        FROM work
        WHERE work.account_id = shares.account_id
          AND work.lane = shares.lane
          AND state = 'pending' AND kind IN ('run', 'job', 'delivery')
          AND due_at <= coalesce(%(now)s, now())
        ORDER BY due_at, id
        LIMIT shares.most
        FOR UPDATE SKIP LOCKED
    ) AS due_work
),
claimed_work AS (
    UPDATE work
    SET state = 'running',
        attempt = attempt + 1,
        lease_token = gen_random_uuid(),
        lease_expires_at =
            coalesce(%(now)s, statement_timestamp()) + make_interval(secs => timeout_seconds + %(margin_seconds)s),
        started_at = coalesce(started_at, %(now)s, statement_timestamp())
    WHERE id = ANY(ARRAY(SELECT id FROM locked_work))
    RETURNING id, account_id, kind, lane, attempt, released, max_attempts, lease_token, timeout_seconds,
              checklist_id, schedule_id, scheduled_for, webhook_id, event_id, inert, error_of, trigger, spec, due_at
),
begun_attempts AS (
    INSERT INTO attempts (work_id, number, worker, started_at)
    SELECT id, attempt, %(worker)s, coalesce(%(now)s, statement_timestamp())
    FROM claimed_work
)
SELECT id, account_id, kind, lane, attempt, released, max_attempts, lease_token, timeout_seconds,
       checklist_id, schedule_id, scheduled_for, webhook_id, event_id, inert, error_of, trigger, spec
FROM claimed_work
ORDER BY due_at, id
"""


def claim(
    cursor: Cursor, shares: Sequence[Share], *, worker: str, margin_seconds: float, now: datetime | None = None
) -> list[ClaimedWork]:
    """Lease what is due in these lanes, the oldest first, up to the share of each."""
    if not shares:
        return []
    cursor.execute(
        CLAIM,
        {
            "account_ids": array(share.account_id for share in shares),
            "lanes": array(share.lane for share in shares),
            "most": array(share.most for share in shares),
            "worker": worker,
            "margin_seconds": margin_seconds,
            "now": now,
        },
    )
    return [ClaimedWork._make(row) for row in cursor.fetchall()]
