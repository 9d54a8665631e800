"""Webhooks: the endpoints that an account wants its events told to."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.store import deliveries
from shared.database import Cursor, only_row
from shared.domain.webhook_formats import ROUNDSMAN
from shared.store import work


@dataclass(frozen=True, slots=True)
class Definition:
    """What a client says of a webhook; the format stays as it is when the webhook is replaced."""

    url: str
    event_types: list[str]
    description: str | None
    enabled: bool
    format: str = ROUNDSMAN


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as its owner may read it: without its secrets."""

    id: int
    url: str
    event_types: list[str]
    description: str | None
    enabled: bool
    format: str
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


CREATE = """
INSERT INTO webhooks (
    account_id, url, event_types, description, enabled, format, disabled_at, disabled_reason, secret
)
VALUES (
    %(account_id)s, %(url)s, %(event_types)s, %(description)s, %(enabled)s, %(format)s,
    CASE WHEN NOT %(enabled)s THEN now() END,
    CASE WHEN NOT %(enabled)s THEN 'disabled by its owner' END,
    %(sealed_secret)s
)
RETURNING id, url, event_types, description, enabled, format, failing_since, disabled_at, disabled_reason,
       previous_secret_until, created_at, updated_at
"""


def create(cursor: Cursor, account_id: int, definition: Definition, sealed_secret: bytes) -> Webhook:
    """Add a webhook that signs with this secret."""
    cursor.execute(CREATE, {"account_id": account_id, "sealed_secret": sealed_secret, **_values(definition)})
    return Webhook(*only_row(cursor))


# Enabled again, or with another URL, it has a clean record: what failed until now says nothing about what comes.
# Disabled already, it keeps since when and why.
REPLACE = """
UPDATE webhooks
SET url = %(url)s,
    event_types = %(event_types)s,
    description = %(description)s,
    enabled = %(enabled)s,
    failing_since = CASE WHEN url = %(url)s AND (enabled OR NOT %(enabled)s) THEN failing_since END,
    disabled_at = CASE WHEN NOT %(enabled)s THEN coalesce(disabled_at, now()) END,
    disabled_reason = CASE
        WHEN NOT %(enabled)s AND enabled THEN 'disabled by its owner'
        WHEN NOT %(enabled)s THEN disabled_reason
    END,
    updated_at = now()
WHERE account_id = %(account_id)s AND id = %(id)s
RETURNING id, url, event_types, description, enabled, format, failing_since, disabled_at, disabled_reason,
       previous_secret_until, created_at, updated_at
"""


def replace(
    cursor: Cursor, account_id: int, webhook_id: int, definition: Definition
) -> tuple[Webhook | None, list[UUID]]:
    """Put another definition in the place of this one's; the secrets stay. Also the deliveries that this canceled.

    Deliveries before the webhook, as everybody locks them who ends deliveries.
    """
    canceled = []
    if definition.enabled:
        deliveries.lead_to(cursor, account_id, webhook_id, definition.url)
    else:
        canceled = work.cancel(cursor, account_id, webhook_id=webhook_id, reason="the webhook was disabled")
    cursor.execute(REPLACE, {"account_id": account_id, "id": webhook_id, **_values(definition)})
    row = cursor.fetchone()
    return (Webhook(*row) if row else None), canceled


ROTATE = """
UPDATE webhooks
SET previous_secret = secret,
    previous_secret_until = now() + interval '24 hours',
    secret = %(sealed_secret)s,
    updated_at = now()
WHERE account_id = %(account_id)s AND id = %(id)s
RETURNING id, url, event_types, description, enabled, format, failing_since, disabled_at, disabled_reason,
       previous_secret_until, created_at, updated_at
"""


def rotate(cursor: Cursor, account_id: int, webhook_id: int, sealed_secret: bytes) -> Webhook | None:
    """Sign with this secret from now on, and for 24 hours with the one before as well; any older one is forgotten."""
    cursor.execute(ROTATE, {"account_id": account_id, "id": webhook_id, "sealed_secret": sealed_secret})
    row = cursor.fetchone()
    return Webhook(*row) if row else None


GET = """
SELECT id, url, event_types, description, enabled, format, failing_since, disabled_at, disabled_reason,
       previous_secret_until, created_at, updated_at
FROM webhooks
WHERE account_id = %(account_id)s AND id = %(id)s
"""


def get(cursor: Cursor, account_id: int, webhook_id: int) -> Webhook | None:
    cursor.execute(GET, {"account_id": account_id, "id": webhook_id})
    row = cursor.fetchone()
    return Webhook(*row) if row else None


LOCK = """
SELECT id
FROM webhooks
WHERE account_id = %(account_id)s AND id = %(id)s
FOR NO KEY UPDATE
"""


def lock(cursor: Cursor, account_id: int, webhook_id: int) -> None:
    """Hold the webhook, if it is there, to the end of the transaction; who locks deliveries too does that before."""
    cursor.execute(LOCK, {"account_id": account_id, "id": webhook_id})


LIST = """
SELECT id, url, event_types, description, enabled, format, failing_since, disabled_at, disabled_reason,
       previous_secret_until, created_at, updated_at
FROM webhooks
WHERE account_id = %(account_id)s
  AND id > %(after)s
  AND (%(enabled)s IS NULL OR enabled = %(enabled)s)
ORDER BY id
LIMIT %(limit)s
"""


def page(cursor: Cursor, account_id: int, *, after: int, limit: int, enabled: bool | None = None) -> list[Webhook]:
    """The account's webhooks by id, from behind `after`."""
    cursor.execute(LIST, {"account_id": account_id, "after": after, "limit": limit, "enabled": enabled})
    return [Webhook(*row) for row in cursor.fetchall()]


# The lock waits for whoever records an event just now: from the commit on, none is delivered here any more.
CLOSE = """
WITH closed_webhook AS (
    SELECT id
    FROM webhooks
    WHERE account_id = %(account_id)s AND id = %(id)s
    FOR UPDATE
)
UPDATE webhooks
SET enabled = false,
    disabled_at = coalesce(disabled_at, now()),
    disabled_reason = coalesce(disabled_reason, 'it is being deleted'),
    updated_at = now()
FROM closed_webhook
WHERE webhooks.id = closed_webhook.id
"""


def close(cursor: Cursor, account_id: int, webhook_id: int) -> bool:
    """Disable a webhook that is to be deleted; whether it is there."""
    cursor.execute(CLOSE, {"account_id": account_id, "id": webhook_id})
    return cursor.rowcount == 1


DETACH = """
WITH some_deliveries AS (
    SELECT id, state IN ('pending', 'running') AS is_open
    FROM work
    WHERE account_id = %(account_id)s AND webhook_id = %(id)s
    ORDER BY id
    LIMIT %(limit)s
    FOR NO KEY UPDATE
)
UPDATE work
SET webhook_id = NULL,
    state = CASE WHEN is_open THEN 'canceled' ELSE state END,
    error = CASE WHEN is_open THEN %(reason)s ELSE error END,
    finished_at = coalesce(finished_at, now()),
    lease_token = NULL,
    lease_expires_at = NULL
FROM some_deliveries
WHERE work.id = some_deliveries.id
RETURNING work.id, is_open
"""


def detach(cursor: Cursor, account_id: int, webhook_id: int, *, limit: int) -> tuple[int, list[UUID]]:
    """Part the webhook from so many of its deliveries; those that have not ended are canceled.

    Answers how many there were, and the ids of the canceled. Several statements, so the cursor must be a transaction's.
    """
    reason = "the webhook was deleted"
    cursor.execute(DETACH, {"account_id": account_id, "id": webhook_id, "limit": limit, "reason": reason})
    parted = cursor.fetchall()
    canceled = [id for id, was_open in parted if was_open]
    work.end_canceled_attempts(cursor, canceled, reason)
    return len(parted), canceled


DELETE = """
DELETE FROM webhooks
WHERE account_id = %(account_id)s AND id = %(id)s
"""


def delete(cursor: Cursor, account_id: int, webhook_id: int) -> bool:
    """Remove the webhook; its deliveries stay. Whether it was there."""
    cursor.execute(DELETE, {"account_id": account_id, "id": webhook_id})
    return cursor.rowcount == 1


def _values(definition: Definition) -> dict[str, object]:
    return {
        "url": definition.url,
        "event_types": definition.event_types,
        "description": definition.description,
        "enabled": definition.enabled,
        "format": definition.format,
    }
