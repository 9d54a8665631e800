"""What automated-qa lists: rows of ours that it has words for, with nothing but what it shows of them."""

from typing import NamedTuple

from shared.array import array
from shared.database import Cursor
from shared.domain.webhook_formats import AUTOMATED_QA, AUTOMATED_QA_TYPES


class ListedChecklist(NamedTuple):
    id: int
    worker_url: str


CHECKLISTS = """
SELECT id, worker_url
FROM checklists
WHERE account_id = %(account_id)s AND worker_url IS NOT NULL
ORDER BY id
LIMIT %(limit)s
"""


def checklists(cursor: Cursor, account_id: int, *, limit: int) -> list[ListedChecklist]:
    """The first checklists whose observations a worker brings."""
    cursor.execute(CHECKLISTS, {"account_id": account_id, "limit": limit})
    return [ListedChecklist._make(row) for row in cursor.fetchall()]


class ListedSchedule(NamedTuple):
    id: int
    checklist_id: int | None
    cron: str | None


SCHEDULES = """
SELECT id, checklist_id, cron
FROM schedules
WHERE account_id = %(account_id)s AND kind = 'run' AND cron IS NOT NULL AND timezone = 'UTC'
ORDER BY id
LIMIT %(limit)s
"""


def schedules(cursor: Cursor, account_id: int, *, limit: int) -> list[ListedSchedule]:
    """The first schedules of checklists by a cron in UTC."""
    cursor.execute(SCHEDULES, {"account_id": account_id, "limit": limit})
    return [ListedSchedule._make(row) for row in cursor.fetchall()]


class ListedWebhook(NamedTuple):
    id: int
    event_types: list[str]
    url: str
    format: str


WEBHOOKS = """
SELECT id, event_types, url, format
FROM webhooks
WHERE account_id = %(account_id)s
  AND format = %(format)s
  AND cardinality(event_types) = 1
  AND event_types[1] = ANY(%(types)s::text[])
ORDER BY id
LIMIT %(limit)s
"""


def webhooks(cursor: Cursor, account_id: int, *, limit: int) -> list[ListedWebhook]:
    """The first webhooks that are told of one event in its words."""
    types = array(AUTOMATED_QA_TYPES.values())
    cursor.execute(WEBHOOKS, {"account_id": account_id, "format": AUTOMATED_QA, "types": types, "limit": limit})
    return [ListedWebhook._make(row) for row in cursor.fetchall()]
