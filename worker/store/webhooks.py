"""Webhooks as their deliveries need them, and the record of how those went."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.array import array
from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to deliver to; the sealed secrets are those that sign now, the newest first."""

    id: int
    url: str
    is_enabled: bool
    format: str
    secrets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Event:
    id: UUID
    type: str
    data: Any
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DisabledWebhook:
    id: int
    account_id: int
    url: str
    reason: str


ENDPOINTS = """
SELECT id, url, enabled, format, secret, CASE WHEN previous_secret_until > now() THEN previous_secret END
FROM webhooks
WHERE id = ANY(%(ids)s::bigint[])
"""


def endpoints(cursor: Cursor, ids: Sequence[int]) -> dict[int, Endpoint]:
    cursor.execute(ENDPOINTS, {"ids": array(sorted(set(ids)))})
    return {
        id: Endpoint(id, url, enabled, written_in, tuple(bytes(secret) for secret in secrets if secret is not None))
        for id, url, enabled, written_in, *secrets in cursor.fetchall()
    }


EVENTS = """
SELECT events.id, type, data, created_at, now()
FROM unnest(%(account_ids)s::bigint[], %(ids)s::uuid[]) AS asked (account_id, id)
JOIN events ON events.account_id = asked.account_id AND events.id = asked.id
"""


def events(cursor: Cursor, asked: set[tuple[int, UUID]]) -> tuple[dict[UUID, Event], datetime | None]:
    """The events of these accounts and ids, and the database's time."""
    in_order = sorted(asked)
    cursor.execute(
        EVENTS, {"account_ids": array(each[0] for each in in_order), "ids": array(each[1] for each in in_order)}
    )
    rows = cursor.fetchall()
    return {row[0]: Event(*row[:-1]) for row in rows}, rows[0][-1] if rows else None


# Only where something changes: a webhook that always takes what it gets is never written to.
NOTE = """
WITH noted AS (
    SELECT webhooks.id, verdicts.is_taken
    FROM unnest(%(ids)s::bigint[], %(urls)s::text[], %(taken)s::boolean[]) AS verdicts (id, url, is_taken)
    JOIN webhooks ON webhooks.id = verdicts.id AND webhooks.url = verdicts.url
    WHERE (webhooks.failing_since IS NOT NULL) = verdicts.is_taken
    ORDER BY webhooks.id
    FOR NO KEY UPDATE OF webhooks
)
UPDATE webhooks
SET failing_since = CASE WHEN noted.is_taken THEN NULL ELSE now() END
FROM noted
WHERE webhooks.id = noted.id
"""

Receiver = tuple[int, str]  # a webhook, and the URL that it had when it was told


def note(cursor: Cursor, *, taken: Set[Receiver], refused: Set[Receiver]) -> None:
    """Note since when a webhook has refused everything; one success makes its record clean."""
    if taken or refused:
        receivers = sorted(taken | refused)
        cursor.execute(
            NOTE,
            {
                "ids": array(id for id, _ in receivers),
                "urls": array(url for _, url in receivers),
                "taken": array(receiver in taken for receiver in receivers),
            },
        )


# Past what another worker has in its hands: it holds its deliveries and waits for the webhook that we hold.
CANCEL_PENDING = """
WITH pending_deliveries AS (
    SELECT id
    FROM work
    WHERE webhook_id = ANY(%(webhook_ids)s::bigint[]) AND state = 'pending'
    ORDER BY id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE work
SET state = 'canceled', error = %(reason)s, finished_at = now()
FROM pending_deliveries
WHERE work.id = pending_deliveries.id
"""


def cancel_pending(cursor: Cursor, webhook_ids: Sequence[int], reason: str, *, limit: int) -> None:
    """Cancel so much of what waits to be delivered to these; the rest, and what is under way, ends by itself."""
    if webhook_ids:
        cursor.execute(CANCEL_PENDING, {"webhook_ids": array(webhook_ids), "reason": reason, "limit": limit})


DISABLE = """
WITH lost_webhooks AS (
    SELECT webhooks.id, verdicts.is_gone
    FROM unnest(%(ids)s::bigint[], %(urls)s::text[], %(gone)s::boolean[]) AS verdicts (id, url, is_gone)
    JOIN webhooks ON webhooks.id = verdicts.id AND webhooks.url = verdicts.url
    WHERE webhooks.enabled
      AND (verdicts.is_gone OR webhooks.failing_since <= now() - make_interval(secs => %(failing_seconds)s))
    ORDER BY webhooks.id
    FOR NO KEY UPDATE OF webhooks
)
UPDATE webhooks
SET enabled = false,
    disabled_at = now(),
    updated_at = now(),
    disabled_reason = CASE
        WHEN is_gone THEN 'it answered 410 Gone'
        ELSE to_char(failing_since AT TIME ZONE 'UTC', '"every attempt has failed since" YYYY-MM-DD"T"HH24:MI:SS"Z"')
    END
FROM lost_webhooks
WHERE webhooks.id = lost_webhooks.id
RETURNING webhooks.id, account_id, url, disabled_reason
"""


def disable(
    cursor: Cursor, *, gone: Set[Receiver], failing: Set[Receiver], failing_seconds: float
) -> list[DisabledWebhook]:
    """Disable those that are gone, and those of the failing that have failed for so long."""
    if not gone and not failing:
        return []
    receivers = sorted(gone | failing)
    cursor.execute(
        DISABLE,
        {
            "ids": array(id for id, _ in receivers),
            "urls": array(url for _, url in receivers),
            "gone": array(receiver in gone for receiver in receivers),
            "failing_seconds": failing_seconds,
        },
    )
    return [DisabledWebhook(*row) for row in cursor.fetchall()]
