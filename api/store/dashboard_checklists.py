"""Checklists and their snapshots as lists of them show them: found by a part of the name, large values left out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class ListedChecklist:
    """A checklist in a line; `flows` is how many it has, if our workers perform them."""

    id: int
    name: str
    worker_url: str | None
    queue: str | None
    flows: int | None


LIST = """
SELECT id, name, worker_url, queue, jsonb_array_length(flows)
FROM checklists
WHERE account_id = %(account_id)s
  AND id > %(after)s
  AND (%(name_part)s IS NULL OR strpos(lower(name), lower(%(name_part)s)) > 0)
ORDER BY id
LIMIT %(limit)s
"""


def page(
    cursor: Cursor, account_id: int, *, after: int, limit: int, name_part: str | None = None
) -> list[ListedChecklist]:
    """The account's checklists by id, from behind `after`; only those whose names have this part, large or small."""
    cursor.execute(LIST, {"account_id": account_id, "after": after, "limit": limit, "name_part": name_part})
    return [ListedChecklist(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class ListedSnapshot:
    """A snapshot in force; one that is stored in more than the bytes asked for `is_large` and shows no value."""

    id: int
    flow: str
    name: str
    value: Any
    is_large: bool
    stored_bytes: int
    accepted_at: datetime
    accepted_by: str
    run_id: UUID | None
    is_obsolete: bool


SNAPSHOTS = """
SELECT id, flow, name,
       CASE WHEN pg_column_size(value) <= %(most_bytes)s THEN value END, pg_column_size(value) > %(most_bytes)s,
       pg_column_size(value), accepted_at, accepted_by, run_id, obsolete
FROM snapshots
WHERE account_id = %(account_id)s
  AND checklist_id = %(checklist_id)s
  AND superseded_at IS NULL
  AND (
      %(after)s = 0
      OR (flow, name) > (
          SELECT last_seen.flow, last_seen.name
          FROM snapshots AS last_seen
          WHERE last_seen.account_id = %(account_id)s AND last_seen.id = %(after)s
      )
  )
ORDER BY flow, name
LIMIT %(limit)s
"""


def snapshots(
    cursor: Cursor, account_id: int, checklist_id: int, *, after: int, limit: int, most_bytes: int
) -> list[ListedSnapshot]:
    """The checklist's snapshots in force by flow and check, from behind the one with the id `after` (0: all)."""
    cursor.execute(
        SNAPSHOTS,
        {
            "account_id": account_id,
            "checklist_id": checklist_id,
            "after": after,
            "limit": limit,
            "most_bytes": most_bytes,
        },
    )
    return [ListedSnapshot(*row) for row in cursor.fetchall()]
