"""Approved values: the one in force for every check, and all that were before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.extras import Json

from shared.database import Cursor
from shared.domain.snapshot import NotJson


@dataclass(frozen=True, slots=True)
class Snapshot:
    id: int
    flow: str
    name: str
    value: Any
    observed_at: datetime
    accepted_at: datetime
    accepted_by: str
    run_id: UUID | None
    superseded_at: datetime | None
    obsolete: bool
    text: str | None
    is_json: bool


@dataclass(frozen=True, slots=True)
class NewSnapshot:
    """A value to be put in force for a check, and where it was seen."""

    account_id: int
    checklist_id: int
    flow: str
    name: str
    value: Any
    accepted_by: str
    run_id: UUID | str | None
    observed_at: datetime | None = None  # None: now
    text: str | None = None  # the value as it was written, if it came as a text
    is_json: bool = True  # False: the value is that text, which is no JSON


IN_FORCE = """
SELECT id, flow, name, value, observed_at, accepted_at, accepted_by, run_id, superseded_at, obsolete,
       text, is_json
FROM snapshots
WHERE account_id = %(account_id)s
  AND checklist_id = %(checklist_id)s
  AND superseded_at IS NULL
  AND id > %(after)s
ORDER BY id
LIMIT %(limit)s
"""


def in_force(
    cursor: Cursor, account_id: int, checklist_id: int, *, after: int = 0, limit: int | None = None
) -> list[Snapshot]:
    """The snapshots that the next run is compared with, by id, from behind `after`."""
    cursor.execute(IN_FORCE, {"account_id": account_id, "checklist_id": checklist_id, "after": after, "limit": limit})
    return [Snapshot(*row) for row in cursor.fetchall()]


FOR_RUNS = """
SELECT checklist_id, flow, name, value, obsolete, is_json
FROM snapshots
WHERE checklist_id = ANY(%(checklist_ids)s) AND superseded_at IS NULL
"""

ApprovedValues = dict[tuple[str, str], Any]  # a value that is no JSON is a NotJson


def for_runs(
    cursor: Cursor, checklist_ids: Sequence[int]
) -> tuple[dict[int, ApprovedValues], set[tuple[int, str, str]]]:
    """The approved values of these checklists by (flow, name), and which of them are marked as obsolete."""
    cursor.execute(FOR_RUNS, {"checklist_ids": list(checklist_ids)})
    approved: dict[int, ApprovedValues] = {checklist_id: {} for checklist_id in checklist_ids}
    obsolete: set[tuple[int, str, str]] = set()
    for checklist_id, flow, name, value, is_obsolete, is_json in cursor.fetchall():
        approved[checklist_id][flow, name] = value if is_json else NotJson(value)
        if is_obsolete:
            obsolete.add((checklist_id, flow, name))
    return approved, obsolete


HISTORY = """
SELECT id, flow, name, value, observed_at, accepted_at, accepted_by, run_id, superseded_at, obsolete,
       text, is_json
FROM snapshots
WHERE account_id = %(account_id)s
  AND checklist_id = %(checklist_id)s
  AND flow = %(flow)s
  AND name = %(name)s
  AND (%(before)s = 0 OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s
"""


def history(
    cursor: Cursor, account_id: int, checklist_id: int, flow: str, name: str, *, before: int, limit: int
) -> list[Snapshot]:
    """Every value that was ever approved for this check, newest first, from behind `before` (0: from the newest)."""
    cursor.execute(
        HISTORY,
        {
            "account_id": account_id,
            "checklist_id": checklist_id,
            "flow": flow,
            "name": name,
            "before": before,
            "limit": limit,
        },
    )
    return [Snapshot(*row) for row in cursor.fetchall()]


# A checklist deleted in the meantime takes its values with it; the lock keeps it until this transaction ends.
PUT_FIRST = """
WITH values_seen AS (
    SELECT *
    FROM unnest(
        %(account_ids)s::bigint[], %(checklist_ids)s::bigint[], %(flows)s::text[], %(names)s::text[],
        %(values)s::jsonb[], %(accepted_by)s::text[], %(run_ids)s::uuid[], %(observed_ats)s::timestamptz[],
        %(texts)s::text[], %(is_json)s::boolean[]
    ) AS values_seen (account_id, checklist_id, flow, name, value, accepted_by, run_id, observed_at, text, is_json)
),
living_checklists AS (
    SELECT id
    FROM checklists
    WHERE id = ANY(%(checklist_ids)s::bigint[])
    ORDER BY id
    FOR KEY SHARE
)
INSERT INTO snapshots (
    account_id, checklist_id, flow, name, value, accepted_by, run_id, observed_at, text, is_json
)
SELECT account_id, checklist_id, flow, name, value, accepted_by, run_id, coalesce(observed_at, now()), text, is_json
FROM values_seen
JOIN living_checklists ON living_checklists.id = values_seen.checklist_id
ORDER BY checklist_id, flow, name
ON CONFLICT (checklist_id, flow, name) WHERE superseded_at IS NULL DO NOTHING
"""


def put_first(cursor: Cursor, values: Sequence[NewSnapshot]) -> None:
    """Put these values in force where a check has none yet; where it has one, that one stays."""
    if values:
        cursor.execute(PUT_FIRST, _columns(values))


SUPERSEDE = """
UPDATE snapshots
SET superseded_at = now()
FROM unnest(%(checklist_ids)s::bigint[], %(flows)s::text[], %(names)s::text[]) AS replaced (checklist_id, flow, name)
WHERE snapshots.checklist_id = replaced.checklist_id
  AND snapshots.flow = replaced.flow
  AND snapshots.name = replaced.name
  AND snapshots.superseded_at IS NULL
"""


def put(cursor: Cursor, values: Sequence[NewSnapshot]) -> None:
    """Put these values in force; the ones before them become history."""
    if values:
        cursor.execute(SUPERSEDE, _columns(values))
        cursor.execute(PUT_FIRST, _columns(values))


MARK_OBSOLETE = """
UPDATE snapshots
SET obsolete = marks.obsolete
FROM unnest(%(checklist_ids)s::bigint[], %(flows)s::text[], %(names)s::text[], %(obsolete)s::boolean[])
    AS marks (checklist_id, flow, name, obsolete)
WHERE snapshots.checklist_id = marks.checklist_id
  AND snapshots.flow = marks.flow
  AND snapshots.name = marks.name
  AND snapshots.superseded_at IS NULL
"""


def mark_obsolete(cursor: Cursor, marks: dict[tuple[int, str, str], bool]) -> None:
    """Record for (checklist, flow, name) whether the last run that could have observed the check did not."""
    if marks:
        keys = sorted(marks)
        cursor.execute(
            MARK_OBSOLETE,
            {
                "checklist_ids": [key[0] for key in keys],
                "flows": [key[1] for key in keys],
                "names": [key[2] for key in keys],
                "obsolete": [marks[key] for key in keys],
            },
        )


FORGET = """
DELETE FROM snapshots
USING unnest(%(flows)s::text[], %(names)s::text[]) AS forgotten (flow, name)
WHERE account_id = %(account_id)s
  AND checklist_id = %(checklist_id)s
  AND snapshots.flow = forgotten.flow
  AND (forgotten.name IS NULL OR snapshots.name = forgotten.name)
"""

FORGET_ALL = """
DELETE FROM snapshots
WHERE account_id = %(account_id)s AND checklist_id = %(checklist_id)s
"""


def forget(cursor: Cursor, account_id: int, checklist_id: int, checks: Sequence[tuple[str, str | None]] | None) -> None:
    """Delete the snapshots of these (flow, name) with their history; a name of None is the whole flow, None is all."""
    checklist = {"account_id": account_id, "checklist_id": checklist_id}
    if checks is None:
        cursor.execute(FORGET_ALL, checklist)
    elif checks:
        cursor.execute(
            FORGET, checklist | {"flows": [flow for flow, _ in checks], "names": [name for _, name in checks]}
        )


def _columns(values: Sequence[NewSnapshot]) -> dict[str, list[Any]]:
    return {
        "account_ids": [item.account_id for item in values],
        "checklist_ids": [item.checklist_id for item in values],
        "flows": [item.flow for item in values],
        "names": [item.name for item in values],
        "values": [Json(item.value) for item in values],
        "accepted_by": [item.accepted_by for item in values],
        "run_ids": [item.run_id for item in values],
        "observed_ats": [item.observed_at for item in values],
        "texts": [item.text for item in values],
        "is_json": [item.is_json for item in values],
    }
