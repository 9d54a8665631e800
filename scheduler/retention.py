"""Delete what has ended long ago: a chore of every scheduler, and by hand python -m scheduler.retention, or roundsman
prune."""

import sys

from scheduler.chores import Done
from shared.database import Cursor, Database, only_row
from shared.errors import DatabaseUnavailable
from shared.logs import configure_logs
from shared.settings import Settings, settings_of_process

ROWS_AT_ONCE = 1_000
EVERY_SECONDS = 3_600.0
STATEMENT_SECONDS = 300.0  # a thousand tasks may have ten thousand lines of log each

# Whose turn it is among schedulers, until the batch is committed.
TAKE_TURN = "SELECT pg_try_advisory_xact_lock(20260301)"

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

# A queue of which nothing is set, with no task, not even an ended one: the next push or pop makes it again. One that
# is pushed to at this moment is remembered by those who watch the queues.
PRUNE_QUEUES = """
WITH old_queues AS (
    SELECT account_id, name
    FROM queues
    WHERE greatest(created_at, last_popped_at) < now() - interval '1 day'
      AND unattended_after_seconds IS NULL
      AND unattended_since IS NULL
      AND NOT EXISTS (
          SELECT 1
          FROM work
          WHERE work.account_id = queues.account_id AND work.queue = queues.name AND work.kind = 'task'
      )
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM queues
USING old_queues
WHERE queues.account_id = old_queues.account_id AND queues.name = old_queues.name
"""

# From schedule to schedule, one probe each: an index by time would have to be kept with every firing.
PRUNE_OCCURRENCES = """
WITH old_occurrences AS (
    SELECT schedules.id AS schedule_id, occurrences_of_schedule.scheduled_for
    FROM schedules
    CROSS JOIN LATERAL (
        SELECT scheduled_for
        FROM occurrences
        WHERE occurrences.schedule_id = schedules.id
          AND occurrences.scheduled_for < now() - make_interval(days => %(days)s)
        ORDER BY scheduled_for
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS occurrences_of_schedule
    LIMIT %(limit)s
)
DELETE FROM occurrences
USING old_occurrences
WHERE occurrences.schedule_id = old_occurrences.schedule_id
  AND occurrences.scheduled_for = old_occurrences.scheduled_for
"""

PRUNINGS = {
    "work": PRUNE_WORK,
    "occurrences": PRUNE_OCCURRENCES,
    "events": PRUNE_EVENTS,
    "queues": PRUNE_QUEUES,
    "idempotency_keys": PRUNE_IDEMPOTENCY_KEYS,
}


def prune(database: Database, *, days: int) -> dict[str, int]:
    """Delete all that is past its retention, in small transactions; how many rows of what."""
    return {name: _prune(database, name, days) for name in PRUNINGS}


def _prune(database: Database, name: str, days: int) -> int:
    total = 0
    while True:
        with database.transaction() as transaction:
            deleted = _delete_batch(transaction.cursor, name, days)
        total += deleted
        if deleted < ROWS_AT_ONCE:
            return total


def prune_in_turn(database: Database, *, days: int) -> Done:
    """Delete a batch of what is past its retention, unless another scheduler is at it."""
    total = 0
    for name in PRUNINGS:
        with database.transaction() as transaction:
            transaction.cursor.execute(TAKE_TURN)
            if only_row(transaction.cursor) != (True,):
                break
            deleted = _delete_batch(transaction.cursor, name, days)
        total += deleted
        if deleted == ROWS_AT_ONCE:
            return Done(total, there_is_more=True)
    return Done(total)


def _delete_batch(cursor: Cursor, name: str, days: int) -> int:
    cursor.execute(PRUNINGS[name], {"days": days, "limit": ROWS_AT_ONCE})
    return cursor.rowcount


def connect(settings: Settings) -> Database:
    """A connection of its own, whose statements may take their time."""
    return Database(settings.database_url, size=1, name="prune", statement_seconds=STATEMENT_SECONDS)


def main() -> None:
    settings = settings_of_process()
    configure_logs("prune", settings.log_format, settings.log_level)
    try:
        deleted = prune(connect(settings), days=settings.retention_days)
    except DatabaseUnavailable as error:
        raise SystemExit(f"roundsman: the database is out of reach: {error}") from None
    sys.stdout.write("pruned: " + ", ".join(f"{count} {name}" for name, count in deleted.items()) + "\n")


if __name__ == "__main__":
    main()
