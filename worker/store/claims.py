"""Claiming work: which lanes wait, and leases on what is due in them.

A lane is what may hold itself up: the calls to one host, the runs of one checklist. Lanes and accounts take turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.array import array
from shared.database import Cursor, read_json
from shared.store.work import ClaimedWork

MOST_BYTES = 16 * 1_048_576
USUAL_MOST_BYTES = 1_048_576  # the bodies that are let in are no larger, unless the settings say otherwise


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


# From account to account along the index of what is pending, one probe each.
WAITING_ACCOUNTS = """
WITH RECURSIVE waiting_accounts AS (
    (
        SELECT account_id, 1 AS visited
        FROM work
        WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery')
          AND account_id > %(after)s
        ORDER BY account_id, lane, due_at
        LIMIT 1
    )
    UNION ALL
    SELECT next_account.account_id, waiting_accounts.visited + 1
    FROM waiting_accounts
    CROSS JOIN LATERAL (
        SELECT account_id
        FROM work
        WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery')
          AND work.account_id > waiting_accounts.account_id
        ORDER BY work.account_id, work.lane, work.due_at
        LIMIT 1
    ) AS next_account
    WHERE waiting_accounts.visited < %(limit)s
)
SELECT account_id
FROM waiting_accounts
ORDER BY account_id
"""


def waiting_accounts(cursor: Cursor, *, limit: int, after: int = 0) -> list[int]:
    """The next accounts with pending work, due or not."""
    cursor.execute(WAITING_ACCOUNTS, {"after": after, "limit": limit})
    return [row[0] for row in cursor.fetchall()]


# From lane to lane along the same index: its first entry of a lane is also the one that is due first. One lane of each
# account, then another of each, and so on: Postgres makes the rows of a recursion as they are asked for, step by step,
# so the LIMIT ends it after so many of all of them; `visited` bounds it should that ever change.
WAITING_LANES = """
WITH RECURSIVE waiting_lanes AS (
    SELECT account_id, account_id - (after_lane IS NULL)::integer AS after_account_id,
           coalesce(after_lane, '') AS lane, NULL::timestamptz AS due_at, 0 AS visited
    FROM unnest(%(account_ids)s::bigint[], %(after_lanes)s::text[]) AS looked_at (account_id, after_lane)
    UNION ALL
    SELECT next_lane.account_id, next_lane.account_id, next_lane.lane, next_lane.due_at, waiting_lanes.visited + 1
    FROM waiting_lanes
    CROSS JOIN LATERAL (
        SELECT account_id, lane, due_at
        FROM work
        WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery')
          AND work.account_id = waiting_lanes.account_id
          AND (work.account_id, work.lane) > (waiting_lanes.after_account_id, waiting_lanes.lane)
        ORDER BY work.account_id, work.lane, work.due_at
        LIMIT 1
    ) AS next_lane
    WHERE waiting_lanes.visited < %(limit)s
)
SELECT account_id, lane, due_at <= coalesce(%(now)s, now())
FROM (
    SELECT account_id, lane, due_at
    FROM waiting_lanes
    WHERE visited > 0
    LIMIT %(limit)s
) AS next_lanes
ORDER BY account_id, lane
"""


def waiting_lanes(
    cursor: Cursor, after: Mapping[int, str | None], *, limit: int, now: datetime | None = None
) -> list[Lane]:
    """The next lanes of these accounts with pending work, due or not, each from behind the lane that is told with it.

    When there are more, all accounts that have any left get the same number, or one less.
    """
    cursor.execute(
        WAITING_LANES,
        {"account_ids": array(after.keys()), "after_lanes": array(after.values()), "limit": limit, "now": now},
    )
    return [Lane(*row) for row in cursor.fetchall()]


# Every share is taken by itself, past what others are claiming just now. Each of them is looked at once only, which
# MATERIALIZED sees to: a nested loop that did it again would lock more than was asked for.
# The array makes the planner look these rows up by their ids: joined, it would read all work for them.
# The lease begins with the statement: a process may have been frozen since its transaction began.
# What a claim brings is bounded in bytes too, one of each account first: of a compressed row only the most that it may
# come to is known without reading it.
CLAIM = """
WITH shares AS (
    SELECT account_id, lane, most
    FROM unnest(%(account_ids)s::bigint[], %(lanes)s::text[], %(most)s::integer[]) AS shares (account_id, lane, most)
),
locked_work AS MATERIALIZED (
    SELECT due_work.id, shares.account_id, due_work.due_at, due_work.bytes
    FROM shares
    CROSS JOIN LATERAL (
        SELECT id, due_at,
               CASE
                   WHEN pg_column_compression(spec) IS NULL THEN pg_column_size(spec)
                   ELSE least(pg_column_size(spec) * 100, %(usual_most_bytes)s)
               END AS bytes
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
work_in_turn AS (
    SELECT id, due_at, bytes, row_number() OVER (PARTITION BY account_id ORDER BY due_at, id) AS turn
    FROM locked_work
),
work_with_bytes AS (
    SELECT id, sum(bytes) OVER (ORDER BY turn, due_at, id ROWS UNBOUNDED PRECEDING) - bytes AS bytes_before
    FROM work_in_turn
),
claimed_work AS (
    UPDATE work
    SET state = 'running',
        attempt = attempt + 1,
        lease_token = gen_random_uuid(),
        lease_expires_at =
            coalesce(%(now)s, statement_timestamp()) + make_interval(secs => timeout_seconds + %(margin_seconds)s),
        started_at = coalesce(started_at, %(now)s, statement_timestamp())
    WHERE id = ANY(ARRAY(SELECT id FROM work_with_bytes WHERE bytes_before < %(most_bytes)s))
    RETURNING id, account_id, kind, lane, attempt, released, max_attempts, lease_token, timeout_seconds,
              checklist_id, schedule_id, scheduled_for, webhook_id, event_id, inert, error_of, trigger, spec, due_at
),
begun_attempts AS (
    INSERT INTO attempts (work_id, number, worker, started_at)
    SELECT id, attempt, %(worker)s, coalesce(%(now)s, statement_timestamp())
    FROM claimed_work
)
SELECT id::text, account_id, kind, lane, attempt, released, max_attempts, lease_token::text, timeout_seconds,
       checklist_id, schedule_id, scheduled_for, webhook_id, event_id, inert, error_of, trigger,
       (spec - 'payload')::text, (spec -> 'payload')::text
FROM claimed_work
ORDER BY due_at, id
"""


def claim(
    cursor: Cursor, shares: Sequence[Share], *, worker: str, margin_seconds: float, now: datetime | None = None
) -> list[ClaimedWork]:
    """Lease what is due in these lanes, the oldest first, up to the share of each and to MOST_BYTES in all."""
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
            "most_bytes": MOST_BYTES,
            "usual_most_bytes": USUAL_MOST_BYTES,
            "now": now,
        },
    )
    # Work that is claimed together is much alike: what is the same text is read once.
    specs: dict[str, Mapping[str, Any]] = {}
    claimed = []
    for row in cursor.fetchall():
        spec = row[-2]
        if spec not in specs:
            specs[spec] = read_json(spec)
        claimed.append(ClaimedWork._make((*row[:-2], specs[spec], row[-1])))
    return claimed
