"""What pages show of webhooks beside what the API tells: their last deliveries, and in whose words they are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class LatestDelivery:
    """One of the last deliveries of a webhook; `attempt` is how often it was begun."""

    webhook_id: int
    id: UUID
    event_type: str
    state: str
    attempt: int
    at: datetime


# The ids alone, newest first, stand in work_of_webhook: a webhook with a hundred thousand deliveries costs as much as
# any other. With more columns the planner would gather all of them to sort them.
LATEST = """
SELECT webhooks.id, deliveries.id, events.type, deliveries.state, deliveries.attempt, deliveries.created_at
FROM webhooks
CROSS JOIN LATERAL (
    SELECT work.id
    FROM work
    WHERE work.webhook_id = webhooks.id
    ORDER BY work.id DESC
    LIMIT %(each)s
) AS latest_deliveries
JOIN work AS deliveries ON deliveries.id = latest_deliveries.id
JOIN events ON events.account_id = deliveries.account_id AND events.id = deliveries.event_id
WHERE webhooks.account_id = %(account_id)s AND webhooks.id = ANY(%(webhook_ids)s::bigint[])
ORDER BY webhooks.id, deliveries.id DESC
"""


def latest(
    cursor: Cursor, account_id: int, webhook_ids: Sequence[int], *, each: int
) -> dict[int, list[LatestDelivery]]:
    """The last deliveries of each of these webhooks, at most `each`, newest first; an empty list where none."""
    cursor.execute(LATEST, {"account_id": account_id, "webhook_ids": list(webhook_ids), "each": each})
    found: dict[int, list[LatestDelivery]] = {webhook_id: [] for webhook_id in webhook_ids}
    for row in cursor.fetchall():
        found[row[0]].append(LatestDelivery(*row))
    return found


FORMATS = """
SELECT id, format
FROM webhooks
WHERE account_id = %(account_id)s AND id = ANY(%(webhook_ids)s::bigint[])
"""


def formats(cursor: Cursor, account_id: int, webhook_ids: Sequence[int]) -> dict[int, str]:
    """The format in which each of these webhooks is told."""
    cursor.execute(FORMATS, {"account_id": account_id, "webhook_ids": list(webhook_ids)})
    return dict(cursor.fetchall())
