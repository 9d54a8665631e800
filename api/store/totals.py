"""Counts over all accounts, for the operator."""

from shared.database import Cursor

# Counting stops at a bound: the gauge of a flood needs no exact number, and a scrape must stay cheap.
UNFINISHED_WORK = """
SELECT kind, state, count(*)
FROM (
    (SELECT kind, state FROM work WHERE state = 'pending' AND kind IN ('run', 'job', 'delivery') LIMIT 100000)
    UNION ALL
    (SELECT kind, state FROM work WHERE state = 'pending' AND kind = 'task' LIMIT 100000)
    UNION ALL
    (SELECT kind, state FROM work WHERE state = 'running' LIMIT 100000)
) AS unfinished_work
GROUP BY kind, state
ORDER BY kind, state
"""


def unfinished_work(cursor: Cursor) -> list[tuple[str, str, int]]:
    """How much work waits or runs, by kind and state."""
    cursor.execute(UNFINISHED_WORK)
    return cursor.fetchall()
