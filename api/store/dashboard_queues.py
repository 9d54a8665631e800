"""What pages of queues tell besides what the API does."""

from collections.abc import Sequence

from api.store.queues import MOST_COUNTED
from shared.database import Cursor

# Of each priority those behind now, so that the many that are due are never read.
DUE_LATER = """
SELECT listed.name, later_tasks.count
FROM unnest(%(names)s::text[]) AS listed (name)
CROSS JOIN LATERAL (
    SELECT count(*) AS count
    FROM (
        SELECT
        FROM waiting_priorities(%(account_id)s, listed.name) AS waiting
        CROSS JOIN LATERAL (
            SELECT
            FROM work
            WHERE account_id = %(account_id)s AND queue = listed.name AND state = 'pending' AND kind = 'task'
              AND priority = waiting.priority AND due_at > now()
            LIMIT %(most_counted)s
        ) AS tasks_of_priority
        LIMIT %(most_counted)s
    ) AS counted_tasks
) AS later_tasks
"""


def due_later(
    cursor: Cursor, account_id: int, names: Sequence[str], *, most_counted: int = MOST_COUNTED
) -> dict[str, int]:
    """How many tasks of each of these queues are pending and not yet due, up to a number."""
    cursor.execute(DUE_LATER, {"account_id": account_id, "names": list(names), "most_counted": most_counted})
    return dict(cursor.fetchall())
