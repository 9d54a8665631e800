"""Lists filtered by what few rows are: found by an index, and not by walking past all the others."""

from typing import Any

import pytest

from api.store import deliveries, events, jobs
from api.store.answers import MOST_BYTES
from shared.database import Cursor
from shared.store.schedules import HELD_UNTIL
from tests.factories import a_job, a_webhook, an_account, an_event

MANY = 5_000

MANY_JOBS = """
INSERT INTO work (account_id, kind, state, finished_at, max_attempts, timeout_seconds)
SELECT %(account_id)s, 'job', 'succeeded', now(), 4, 30
FROM generate_series(1, %(many)s)
"""
MANY_EVENTS = """
INSERT INTO events (account_id, type, data)
SELECT %(account_id)s, 'job.succeeded', '{}'
FROM generate_series(1, %(many)s)
"""


def plan(cursor: Cursor, statement: str, account_id: int, **filters: Any) -> str:
    """How Postgres goes about the first page of this list."""
    values = {"account_id": account_id, "before": None, "limit": 51, "held_until": HELD_UNTIL, "most_bytes": MOST_BYTES}
    cursor.execute(f"EXPLAIN {statement}", values | filters)
    return "\n".join(row[0] for row in cursor.fetchall())


@pytest.fixture
def account(cursor: Cursor) -> int:
    account_id = an_account(cursor)
    cursor.execute(MANY_JOBS, {"account_id": account_id, "many": MANY})
    cursor.execute(MANY_EVENTS, {"account_id": account_id, "many": MANY})
    return account_id


@pytest.mark.parametrize("state", ["failed", "canceled"])
def test_jobs_in_a_rare_state(cursor: Cursor, account: int, state: str) -> None:
    job = a_job(cursor, account)
    cursor.execute("UPDATE work SET state = %s, finished_at = now() WHERE id = %s", (state, job.id))
    cursor.execute("ANALYZE work")
    assert [row.id for row in jobs.page(cursor, account, before=None, limit=51, state=state)[0]] == [job.id]
    assert "using work_not_done" in plan(cursor, jobs.LIST, account, state=state, schedule_id=None)


def test_events_of_a_rare_type(cursor: Cursor, account: int) -> None:
    event_id = an_event(cursor, account, "webhook.disabled")
    cursor.execute("ANALYZE events")
    [found] = events.page(cursor, account, before=None, limit=51, event_type="webhook.disabled")
    assert found.id == event_id
    assert "using events_by_type" in plan(cursor, events.LIST, account, type="webhook.disabled")


def test_the_events_of_deliveries_are_found_by_their_index(cursor: Cursor, account: int) -> None:
    tested = deliveries.test(cursor, account, a_webhook(cursor, account).id)
    assert tested is not None
    cursor.execute("ANALYZE")
    filters = dict.fromkeys(("webhook_id", "event_id", "state"))
    for statement, values in ((deliveries.LIST, filters), (deliveries.GET, {"id": tested.id})):
        [condition] = [line for line in plan(cursor, statement, account, **values).splitlines() if "event_id)" in line]
        assert "Index Cond" in condition
        assert "account_id = " in condition
