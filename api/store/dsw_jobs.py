"""Jobs as dsw lists them: what it has no words for is passed over, and nothing is read that it does not show."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class DswJob:
    """A job, or of one that it has no words for only the id: then `spec` is None."""

    id: UUID
    spec: dict[str, Any] | None
    scheduled_for: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    characters: int


# Payloads are measured here, so that no more of them are sent than asked for; the first one in any case.
LIST = """
WITH looked_at AS (
    SELECT id, spec, error_of IS NULL AND spec ->> 'method' = 'POST' AS is_shown, scheduled_for, created_at, started_at,
           finished_at
    FROM work
    WHERE account_id = %(account_id)s AND kind = 'job' AND (%(before)s::uuid IS NULL OR id < %(before)s)
    ORDER BY id DESC
    LIMIT %(limit)s
),
measured AS (
    SELECT id, CASE WHEN is_shown THEN spec END AS spec, scheduled_for, created_at, started_at, finished_at,
           CASE WHEN is_shown THEN length(spec::text) ELSE 0 END AS characters
    FROM looked_at
),
added_up AS (
    SELECT id, spec, scheduled_for, created_at, started_at, finished_at, characters,
           sum(characters) OVER (ORDER BY id DESC) AS characters_so_far,
           row_number() OVER (ORDER BY id DESC) AS place
    FROM measured
)
SELECT id, spec, scheduled_for, created_at, started_at, finished_at, characters
FROM added_up
WHERE characters_so_far <= %(most_characters)s OR (place = 1 AND %(before)s::uuid IS NULL)
ORDER BY id DESC
"""


def page(cursor: Cursor, account_id: int, *, before: UUID | None, limit: int, most_characters: int) -> list[DswJob]:
    """The newest jobs, or those from behind `before`: so many, or fewer that have so many characters together."""
    cursor.execute(
        LIST, {"account_id": account_id, "before": before, "limit": limit, "most_characters": most_characters}
    )
    return [DswJob(*row) for row in cursor.fetchall()]
