"""The state of a piece of work, whatever its kind: all that whoever waits for its end has to know."""

from uuid import UUID

from shared.database import Cursor

STATE = """
SELECT state
FROM work
WHERE account_id = %(account_id)s AND id = %(id)s
"""


def state_of(cursor: Cursor, account_id: int, work_id: UUID) -> str | None:
    """None when the account has no such work, or has it no longer."""
    cursor.execute(STATE, {"account_id": account_id, "id": work_id})
    row = cursor.fetchone()
    return str(row[0]) if row else None
