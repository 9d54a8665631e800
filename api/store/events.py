"""Events as their owners read them: what happened, and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class Event:
    id: UUID
    type: str
    data: dict[str, Any]
    created_at: datetime


GET = """
SELECT id, type, data, created_at
FROM events
WHERE account_id = %(account_id)s AND id = %(id)s
"""


def get(cursor: Cursor, account_id: int, event_id: UUID) -> Event | None:
    cursor.execute(GET, {"account_id": account_id, "id": event_id})
    row = cursor.fetchone()
    return Event(*row) if row else None


LIST = """
SELECT id, type, data, created_at
FROM events
WHERE account_id = %(account_id)s
  AND (%(before)s::uuid IS NULL OR id < %(before)s)
  AND (%(type)s IS NULL OR type = %(type)s)
ORDER BY id DESC
LIMIT %(limit)s
"""


def page(
    cursor: Cursor, account_id: int, *, before: UUID | None, limit: int, event_type: str | None = None
) -> list[Event]:
    """The account's events, newest first, from behind `before`."""
    cursor.execute(LIST, {"account_id": account_id, "before": before, "limit": limit, "type": event_type})
    return [Event(*row) for row in cursor.fetchall()]
