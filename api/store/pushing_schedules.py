"""Schedules by the queue that they push tasks into."""

from shared.database import Cursor
from shared.store.schedules import Schedule

# Those that are finished are the first to be left out, then the oldest.
OF_QUEUE = """
WITH shown_schedules AS (
    SELECT id
    FROM schedules
    WHERE account_id = %(account_id)s
      AND kind = 'task'
      AND minute IS NOT NULL
      AND target ->> 'queue' = %(queue)s
    ORDER BY (state = 'finished'), id DESC
    LIMIT %(limit)s
)
SELECT schedules.id, account_id, name, cron, timezone, interval_seconds, run_at, minute, recurring, kind, checklist_id,
       target, starts_at, ends_at, max_occurrences, jitter_seconds, overlap, catchup_window_seconds, coalesce,
       pause_on_failure, pause_on_change, state, note, paused_at, resumed_at, skip_next, anchor, next_run_at,
       last_run_at, fired, skipped, missed, created_at, updated_at
FROM schedules
JOIN shown_schedules ON shown_schedules.id = schedules.id
ORDER BY schedules.id
"""


def by_minute(cursor: Cursor, account_id: int, queue: str, *, limit: int) -> list[Schedule]:
    """Those that say a minute and push into this queue, by id."""
    cursor.execute(OF_QUEUE, {"account_id": account_id, "queue": queue, "limit": limit})
    return [Schedule(*row) for row in cursor.fetchall()]


OF_OWN_QUEUE = """
SELECT id, account_id, name, cron, timezone, interval_seconds, run_at, minute, recurring, kind, checklist_id,
       target, starts_at, ends_at, max_occurrences, jitter_seconds, overlap, catchup_window_seconds, coalesce,
       pause_on_failure, pause_on_change, state, note, paused_at, resumed_at, skip_next, anchor, next_run_at,
       last_run_at, fired, skipped, missed, created_at, updated_at
FROM schedules
WHERE account_id = %(account_id)s
  AND kind = 'task'
  AND cron IS NOT NULL
  AND target ->> 'queue' = name
ORDER BY name
LIMIT %(limit)s
"""


def by_cron(cursor: Cursor, account_id: int, *, limit: int) -> list[Schedule]:
    """Those that say a cron and push into the queue that is called as they are, by name."""
    cursor.execute(OF_OWN_QUEUE, {"account_id": account_id, "limit": limit})
    return [Schedule(*row) for row in cursor.fetchall()]
