"""Two transactions at once, made to meet without sleeping."""

from shared.database import Database
from tests.processes import wait_until

WAITING_FOR_A_LOCK = """
SELECT count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def wait_until_blocked(database: Database, count: int = 1) -> None:
    """Return once this many statements in this database wait for a lock that another transaction holds."""

    def are_blocked() -> bool:
        with database.reading() as cursor:
            cursor.execute(WAITING_FOR_A_LOCK)
            return bool(cursor.fetchall()[0][0] >= count)

    wait_until(are_blocked, f"{count} statements wait for a lock", seconds=5)
