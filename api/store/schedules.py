"""Writing and reading schedules for their owners."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.errors import ForeignKeyViolation, UniqueViolation
from psycopg2.extras import Json

from shared.database import Cursor, only_row
from shared.store.schedules import CHANGED_CHANNEL, Schedule


class NameTaken(Exception):
    """the account has a schedule of this name already"""


class NoSuchChecklist(Exception):
    """the account has no such checklist"""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a client says of a schedule."""

    name: str | None
    cron: str | None
    timezone: str
    interval_seconds: int | None
    run_at: datetime | None
    minute: int | None
    recurring: str | None
    kind: str
    checklist_id: int | None
    target: dict[str, Any]
    paused: bool
    note: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    max_occurrences: int | None
    jitter_seconds: int
    overlap: str
    catchup_window_seconds: int
    coalesce: str
    pause_on_failure: bool
    pause_on_change: bool


# Not now(): after a wait for a lock that would be a time before what the other has done.
NOW = "SELECT clock_timestamp()"


def now(cursor: Cursor) -> datetime:
    """The database's time, by which everything is due."""
    cursor.execute(NOW)
    instant: datetime = only_row(cursor)[0]
    return instant


CREATE = """
INSERT INTO schedules (
    account_id, name, cron, timezone, interval_seconds, run_at, minute, recurring, kind, checklist_id, target,
    state, paused_at, note, starts_at, ends_at, max_occurrences, jitter_seconds, overlap, catchup_window_seconds,
    coalesce, pause_on_failure, pause_on_change, anchor, next_run_at
)
VALUES (
    %(account_id)s, %(name)s, %(cron)s, %(timezone)s, %(interval_seconds)s, %(run_at)s, %(minute)s, %(recurring)s,
    %(kind)s, %(checklist_id)s, %(target)s,
    CASE WHEN %(next_run_at)s::timestamptz IS NULL THEN 'finished' WHEN %(paused)s THEN 'paused' ELSE 'active' END,
    CASE WHEN %(paused)s THEN now() END,
    %(note)s, %(starts_at)s, %(ends_at)s, %(max_occurrences)s, %(jitter_seconds)s, %(overlap)s,
    %(catchup_window_seconds)s, %(coalesce)s, %(pause_on_failure)s, %(pause_on_change)s, %(anchor)s, %(next_run_at)s
)
RETURNING id, account_id, name, cron, timezone, interval_seconds, run_at, minute, recurring, kind, checklist_id,
       target, starts_at, ends_at, max_occurrences, jitter_seconds, overlap, catchup_window_seconds, coalesce,
       pause_on_failure, pause_on_change, state, note, paused_at, resumed_at, skip_next, anchor, next_run_at,
       last_run_at, fired, skipped, missed, created_at, updated_at
"""


def create(
    cursor: Cursor, account_id: int, definition: Definition, *, anchor: datetime, next_run_at: datetime | None
) -> Schedule:
    """Add a schedule whose first instant is `next_run_at`; raises NameTaken and NoSuchChecklist."""
    values = _values(definition) | {"account_id": account_id, "anchor": anchor, "next_run_at": next_run_at}
    return Schedule(*_written(cursor, CREATE, values))


# In one statement with what decides it: no scheduler ever sees the new rhythm with the old instant.
REPLACE = """
UPDATE schedules
SET name = %(name)s,
    cron = %(cron)s,
    timezone = %(timezone)s,
    interval_seconds = %(interval_seconds)s,
    run_at = %(run_at)s,
    minute = %(minute)s,
    recurring = %(recurring)s,
    kind = %(kind)s,
    checklist_id = %(checklist_id)s,
    target = %(target)s,
    state = CASE
        WHEN %(next_run_at)s::timestamptz IS NULL THEN 'finished' WHEN %(paused)s THEN 'paused' ELSE 'active'
    END,
    paused_at = CASE WHEN %(paused)s AND state <> 'paused' THEN now() ELSE paused_at END,
    resumed_at = CASE WHEN state = 'paused' AND NOT %(paused)s THEN now() ELSE resumed_at END,
    note = %(note)s,
    starts_at = %(starts_at)s,
    ends_at = %(ends_at)s,
    max_occurrences = %(max_occurrences)s,
    jitter_seconds = %(jitter_seconds)s,
    overlap = %(overlap)s,
    catchup_window_seconds = %(catchup_window_seconds)s,
    coalesce = %(coalesce)s,
    pause_on_failure = %(pause_on_failure)s,
    pause_on_change = %(pause_on_change)s,
    -- It was asked for the instant that was next.
    skip_next = skip_next AND next_run_at IS NOT DISTINCT FROM %(next_run_at)s,
    anchor = %(anchor)s,
    next_run_at = %(next_run_at)s,
    updated_at = now()
WHERE account_id = %(account_id)s AND id = %(id)s
RETURNING id, account_id, name, cron, timezone, interval_seconds, run_at, minute, recurring, kind, checklist_id,
       target, starts_at, ends_at, max_occurrences, jitter_seconds, overlap, catchup_window_seconds, coalesce,
       pause_on_failure, pause_on_change, state, note, paused_at, resumed_at, skip_next, anchor, next_run_at,
       last_run_at, fired, skipped, missed, created_at, updated_at
"""


def replace(
    cursor: Cursor,
    account_id: int,
    schedule_id: int,
    definition: Definition,
    *,
    anchor: datetime,
    next_run_at: datetime | None,
) -> Schedule:
    """Put another definition in the place of this one's, which the caller has locked; raises as create() does."""
    values = _values(definition) | {
        "account_id": account_id,
        "id": schedule_id,
        "anchor": anchor,
        "next_run_at": next_run_at,
    }
    return Schedule(*_written(cursor, REPLACE, values))


GET = """
SELECT id, account_id, name, cron, timezone, interval_seconds, run_at, minute, recurring, kind, checklist_id,
       target, starts_at, ends_at, max_occurrences, jitter_seconds, overlap, catchup_window_seconds, coalesce,
       pause_on_failure, pause_on_change, state, note, paused_at, resumed_at, skip_next, anchor, next_run_at,
       last_run_at, fired, skipped, missed, created_at, updated_at
FROM schedules
WHERE account_id = %(account_id)s AND id = %(id)s
"""

LOCK = GET + "FOR UPDATE"


def get(cursor: Cursor, account_id: int, schedule_id: int) -> Schedule | None:
    cursor.execute(GET, {"account_id": account_id, "id": schedule_id})
    row = cursor.fetchone()
    return Schedule(*row) if row else None


def lock(cursor: Cursor, account_id: int, schedule_id: int) -> Schedule | None:
    """The schedule as it is once no scheduler works on it; held until the transaction ends."""
    cursor.execute(LOCK, {"account_id": account_id, "id": schedule_id})
    row = cursor.fetchone()
    return Schedule(*row) if row else None


LIST = """
SELECT id, account_id, name, cron, timezone, interval_seconds, run_at, minute, recurring, kind, checklist_id,
       target, starts_at, ends_at, max_occurrences, jitter_seconds, overlap, catchup_window_seconds, coalesce,
       pause_on_failure, pause_on_change, state, note, paused_at, resumed_at, skip_next, anchor, next_run_at,
       last_run_at, fired, skipped, missed, created_at, updated_at
FROM schedules
WHERE account_id = %(account_id)s
  AND id > %(after)s
  AND (%(name)s IS NULL OR name = %(name)s)
  AND (%(checklist_id)s IS NULL OR checklist_id = %(checklist_id)s)
  AND (%(state)s IS NULL OR state = %(state)s)
ORDER BY id
LIMIT %(limit)s
"""


def page(
    cursor: Cursor,
    account_id: int,
    *,
    after: int,
    limit: int,
    name: str | None = None,
    checklist_id: int | None = None,
    state: str | None = None,
) -> list[Schedule]:
    """The account's schedules by id, from behind `after`."""
    filters = {"name": name, "checklist_id": checklist_id, "state": state}
    cursor.execute(LIST, {"account_id": account_id, "after": after, "limit": limit, **filters})
    return [Schedule(*row) for row in cursor.fetchall()]


DELETE = """
DELETE FROM schedules
WHERE account_id = %(account_id)s AND id = %(id)s
"""


def delete(cursor: Cursor, account_id: int, schedule_id: int) -> bool:
    """Remove the schedule with its occurrences; what it has fired stays. Whether it was there."""
    cursor.execute(DELETE, {"account_id": account_id, "id": schedule_id})
    return cursor.rowcount == 1


# Paused again it sleeps since the first time: what was due in between, and is not told of yet, was slept through.
PAUSE = """
UPDATE schedules
SET state = 'paused',
    paused_at = CASE WHEN state = 'paused' THEN paused_at ELSE now() END,
    note = coalesce(%(note)s, note),
    updated_at = now()
WHERE account_id = %(account_id)s AND id = %(id)s AND state IN ('active', 'paused')
"""


def pause(cursor: Cursor, account_id: int, schedule_id: int, note: str | None) -> bool:
    """Let it sleep; whether it could be (it is neither finished nor invalid)."""
    cursor.execute(PAUSE, {"account_id": account_id, "id": schedule_id, "note": note})
    return cursor.rowcount == 1


# resumed_at, not the clock of whoever works on it later, tells which instants it slept through.
RESUME = """
UPDATE schedules
SET state = 'active',
    resumed_at = now(),
    note = NULL,
    updated_at = now()
WHERE account_id = %(account_id)s AND id = %(id)s AND state = 'paused'
"""


def resume(cursor: Cursor, account_id: int, schedule_id: int) -> bool:
    """Wake it; instants until now are told as skipped. Whether it was asleep."""
    cursor.execute(RESUME, {"account_id": account_id, "id": schedule_id})
    return cursor.rowcount == 1


SKIP_NEXT = """
UPDATE schedules
SET skip_next = true, updated_at = now()
WHERE account_id = %(account_id)s AND id = %(id)s AND state = 'active'
"""


def skip_next(cursor: Cursor, account_id: int, schedule_id: int) -> bool:
    """Leave out the next instant; whether it is active."""
    cursor.execute(SKIP_NEXT, {"account_id": account_id, "id": schedule_id})
    return cursor.rowcount == 1


TELL_SCHEDULERS = "SELECT pg_notify(%(channel)s, '')"


def tell_schedulers(cursor: Cursor) -> None:
    """Wake the schedulers when this transaction is committed: something may be due earlier than they think."""
    cursor.execute(TELL_SCHEDULERS, {"channel": CHANGED_CHANNEL})


def _written(cursor: Cursor, statement: str, values: dict[str, Any]) -> tuple[Any, ...]:
    try:
        cursor.execute(statement, values)
    except UniqueViolation as violation:
        raise NameTaken from violation
    except ForeignKeyViolation as violation:
        if violation.diag.constraint_name == "schedules_checklist":
            raise NoSuchChecklist from violation
        raise
    return only_row(cursor)


def _values(definition: Definition) -> dict[str, Any]:
    values = {name: getattr(definition, name) for name in Definition.__slots__}
    return values | {"target": Json(definition.target)}
