"""What the page of a run tells beside the run itself: what has become of its values, and what it was begun with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database import Cursor


@dataclass(frozen=True, slots=True)
class Standing:
    """The snapshot in force for a check that a run has not found to match.

    `is_as_observed`: it has the value that the run observed. `is_newer`: it was observed after the run had ended.
    """

    accepted_at: datetime
    accepted_by: str
    is_as_observed: bool
    is_newer: bool


# Materialized, for the planner would take the result apart anew for every snapshot.
STANDINGS = """
WITH chosen_run AS (
    SELECT checklist_id, finished_at, result
    FROM work
    WHERE account_id = %(account_id)s AND kind = 'run' AND id = %(run_id)s
),
observed_values AS MATERIALIZED (
    SELECT checklist_id, finished_at, flow ->> 'name' AS flow, assertion ->> 'name' AS name,
           assertion -> 'observed' AS value
    FROM chosen_run
    CROSS JOIN LATERAL jsonb_array_elements(result -> 'flows') AS flow
    CROSS JOIN LATERAL jsonb_array_elements(flow -> 'assertions') AS assertion
    WHERE assertion ->> 'result' <> 'MATCH' AND assertion ? 'observed'
)
SELECT flow, name, accepted_at, accepted_by, is_json AND snapshots.value = observed_values.value,
       observed_at > finished_at
FROM observed_values
JOIN snapshots USING (checklist_id, flow, name)
WHERE snapshots.account_id = %(account_id)s AND superseded_at IS NULL
ORDER BY flow, name
"""


def standings(cursor: Cursor, account_id: int, run_id: UUID) -> dict[tuple[str, str], Standing]:
    """By (flow, check): what is in force now where this run has observed something that did not match."""
    cursor.execute(STANDINGS, {"account_id": account_id, "run_id": run_id})
    return {(flow, name): Standing(*rest) for flow, name, *rest in cursor.fetchall()}


VARIABLES = """
SELECT spec -> 'variables'
FROM work
WHERE account_id = %(account_id)s AND kind = 'run' AND id = %(run_id)s
"""


def variables(cursor: Cursor, account_id: int, run_id: UUID) -> dict[str, Any]:
    """What the run was given besides the variables of its checklist."""
    cursor.execute(VARIABLES, {"account_id": account_id, "run_id": run_id})
    row = cursor.fetchone()
    return (row and row[0]) or {}
