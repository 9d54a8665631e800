"""Delete what has ended long ago: python -m scheduler.retention, or roundsman prune."""

import sys

from shared.database import Cursor, Database
from shared.logs import configure_logs
from shared.settings import settings_of_process

ROWS_AT_ONCE = 1_000

# Ids begin with the milliseconds at which they were made: what was made later cannot have ended long ago.
PRUNE_WORK = """
WITH old_work AS (
    SELECT id
    FROM work
    WHERE id < uuid_of_instant(now() - make_interval(days => %(days)s))
      AND finished_at < now() - make_interval(days => %(days)s)
    ORDER BY id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM work
USING old_work
WHERE work.id = old_work.id
"""

PRUNE_EVENTS = """
WITH old_events AS (
    SELECT accounts.id AS account_id, events_of_account.id
    FROM accounts
    CROSS JOIN LATERAL (
        SELECT id
        FROM events
        WHERE events.account_id = accounts.id
          AND events.id < uuid_of_instant(now() - make_interval(days => %(days)s))
          AND NOT EXISTS (SELECT 1 FROM work WHERE work.event_id = events.id)
        ORDER BY id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS events_of_account
    LIMIT %(limit)s
)
DELETE FROM events
USING old_events
WHERE events.account_id = old_events.account_id AND events.id = old_events.id
"""

PRUNE_IDEMPOTENCY_KEYS = """
WITH old_keys AS (
    SELECT account_id, key
    FROM idempotency_keys
    WHERE created_at < now() - interval '24 hours'
    ORDER BY created_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM idempotency_keys
USING old_keys
WHERE idempotency_keys.account_id = old_keys.account_id AND idempotency_keys.key = old_keys.key
"""


def prune(database: Database, *, days: int) -> dict[str, int]:
    """Delete ended work, events and idempotency keys that are past their retention, in small transactions."""
    return {
        "work": _prune(database, PRUNE_WORK, days),
        "events": _prune(database, PRUNE_EVENTS, days),
        "idempotency_keys": _prune(database, PRUNE_IDEMPOTENCY_KEYS, days),
    }


def _prune(database: Database, statement: str, days: int) -> int:
    total = 0
    while True:
        with database.transaction() as transaction:
            deleted = _delete_batch(transaction.cursor, statement, days)
        total += deleted
        if deleted < ROWS_AT_ONCE:
            return total


def _delete_batch(cursor: Cursor, statement: str, days: int) -> int:
    cursor.execute(statement, {"days": days, "limit": ROWS_AT_ONCE})
    return cursor.rowcount


def main() -> None:
    settings = settings_of_process()
    configure_logs("prune", settings.log_format, settings.log_level)
    deleted = prune(Database(settings.database_url, size=1, name="prune"), days=settings.retention_days)
    sys.stdout.write("pruned: " + ", ".join(f"{count} {name}" for name, count in deleted.items()) + "\n")


if __name__ == "__main__":
    main()
