"""Deliveries: the pieces of work that tell a webhook of an event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.extras import Json

from shared.database import Cursor
from shared.store.events import DELIVERY_TIMEOUT_SECONDS

TEST_EVENT_TYPE = "webhook.test"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as its owner sees it; `replay_of` is the id of the delivery that it repeats."""

    id: UUID
    webhook_id: int | None
    event_id: UUID
    event_type: str
    state: str
    error: str | None
    attempt: int
    max_attempts: int
    inert: bool
    replay_of: str | None
    due_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


GET = """
SELECT work.id, webhook_id, event_id, events.type, state, error, attempt, max_attempts, inert,
       spec ->> 'replay_of', due_at, work.created_at, started_at, finished_at
FROM work
JOIN events ON events.account_id = work.account_id AND events.id = work.event_id
WHERE work.account_id = %(account_id)s AND kind = 'delivery' AND work.id = %(id)s
"""


def get(cursor: Cursor, account_id: int, delivery_id: UUID) -> Delivery | None:
    cursor.execute(GET, {"account_id": account_id, "id": delivery_id})
    row = cursor.fetchone()
    return Delivery(*row) if row else None


LIST = """
SELECT work.id, webhook_id, event_id, events.type, state, error, attempt, max_attempts, inert,
       spec ->> 'replay_of', due_at, work.created_at, started_at, finished_at
FROM work
JOIN events ON events.account_id = work.account_id AND events.id = work.event_id
WHERE work.account_id = %(account_id)s
  AND kind = 'delivery'
  AND (%(before)s::uuid IS NULL OR work.id < %(before)s)
  AND (%(webhook_id)s IS NULL OR webhook_id = %(webhook_id)s)
  AND (%(event_id)s::uuid IS NULL OR event_id = %(event_id)s)
  AND (%(state)s IS NULL OR state = %(state)s)
ORDER BY work.id DESC
LIMIT %(limit)s
"""


def page(
    cursor: Cursor,
    account_id: int,
    *,
    before: UUID | None,
    limit: int,
    webhook_id: int | None = None,
    event_id: UUID | None = None,
    state: str | None = None,
) -> list[Delivery]:
    """The account's deliveries, newest first, from behind `before`."""
    cursor.execute(
        LIST,
        {
            "account_id": account_id,
            "before": before,
            "limit": limit,
            "webhook_id": webhook_id,
            "event_id": event_id,
            "state": state,
        },
    )
    return [Delivery(*row) for row in cursor.fetchall()]


# For this webhook alone, whichever types it asked for and whether it is enabled or not.
TEST = """
WITH tested_webhook AS (
    SELECT account_id, id, url
    FROM webhooks
    WHERE account_id = %(account_id)s AND id = %(webhook_id)s
),
born_event AS (
    INSERT INTO events (account_id, type, data)
    SELECT account_id, %(type)s, %(data)s
    FROM tested_webhook
    RETURNING id
)
INSERT INTO work (account_id, kind, lane, webhook_id, event_id, inert, max_attempts, timeout_seconds)
SELECT tested_webhook.account_id, 'delivery', lane_of(tested_webhook.url), tested_webhook.id, born_event.id,
       true, 1, %(timeout_seconds)s
FROM tested_webhook
CROSS JOIN born_event
RETURNING id
"""


def test(cursor: Cursor, account_id: int, webhook_id: int) -> Delivery | None:
    """A delivery of an event that was made up for it, due at once; None when the account has no such webhook."""
    data = Json({"webhook_id": webhook_id})
    return _made(cursor, account_id, TEST, {"webhook_id": webhook_id, "type": TEST_EVENT_TYPE, "data": data})


REPLAY = """
INSERT INTO work (account_id, kind, lane, webhook_id, event_id, inert, max_attempts, timeout_seconds, spec)
SELECT first.account_id, 'delivery', lane_of(webhooks.url), webhooks.id, first.event_id, true, 1, %(timeout_seconds)s,
       jsonb_build_object('replay_of', first.id)
FROM work AS first
JOIN webhooks ON webhooks.id = first.webhook_id
WHERE first.account_id = %(account_id)s AND first.kind = 'delivery' AND first.id = %(id)s
RETURNING id
"""


def replay(cursor: Cursor, account_id: int, delivery_id: UUID) -> Delivery | None:
    """Another delivery of the same event to the same webhook, due at once; None when either is gone."""
    return _made(cursor, account_id, REPLAY, {"id": delivery_id})


def _made(cursor: Cursor, account_id: int, statement: str, values: dict[str, Any]) -> Delivery | None:
    cursor.execute(statement, values | {"account_id": account_id, "timeout_seconds": DELIVERY_TIMEOUT_SECONDS})
    row = cursor.fetchone()
    return get(cursor, account_id, row[0]) if row else None


LEAD_TO = """
UPDATE work
SET lane = lane_of(%(url)s)
WHERE account_id = %(account_id)s
  AND webhook_id = %(webhook_id)s
  AND state IN ('pending', 'running')
  AND lane <> lane_of(%(url)s)
"""


def lead_to(cursor: Cursor, account_id: int, webhook_id: int, url: str) -> None:
    """Let the webhook's deliveries wait in the lane of its new URL: the host of the old one may be what is slow."""
    cursor.execute(LEAD_TO, {"account_id": account_id, "webhook_id": webhook_id, "url": url})
