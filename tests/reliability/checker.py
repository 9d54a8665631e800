"""What must hold of the database after whatever happened, once the work has drained."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from shared.database import Cursor, Database
from tests.processes import wait_until
from tests.target import Seen

UNFINISHED = "SELECT count(*) FROM work WHERE finished_at IS NULL"

IDS = "SELECT id::text FROM work"

BROKEN = {
    "no attempt stays open": """
        SELECT work_id, number FROM attempts WHERE finished_at IS NULL
    """,
    "attempts are numbered 1 to n": """
        SELECT work.id
        FROM work
        LEFT JOIN attempts ON attempts.work_id = work.id
        GROUP BY work.id
        HAVING count(attempts.number) <> work.attempt OR coalesce(max(attempts.number), 0) <> work.attempt
    """,
    "at most one attempt succeeds": """
        SELECT work_id FROM attempts WHERE outcome = 'succeeded' GROUP BY work_id HAVING count(*) > 1
    """,
    "an attempt begins only after the one before it ended": """
        SELECT later.work_id, later.number
        FROM attempts AS later
        JOIN attempts AS earlier ON earlier.work_id = later.work_id AND earlier.number = later.number - 1
        WHERE later.started_at < earlier.finished_at
    """,
    "a succeeded piece of work has a succeeded attempt": """
        SELECT id
        FROM work
        WHERE state = 'succeeded'
          AND NOT EXISTS (SELECT 1 FROM attempts WHERE work_id = work.id AND outcome = 'succeeded')
    """,
    "a schedule and an instant make one piece of work": """
        SELECT schedule_id, scheduled_for
        FROM work
        WHERE schedule_id IS NOT NULL
        GROUP BY schedule_id, scheduled_for
        HAVING count(*) > 1
    """,
    "no row belongs to another account than its parent": """
        SELECT work.id
        FROM work
        JOIN checklists ON checklists.id = work.checklist_id
        WHERE checklists.account_id <> work.account_id
    """,
    "one value is in force for a check": """
        SELECT checklist_id, flow, name
        FROM snapshots
        WHERE superseded_at IS NULL
        GROUP BY checklist_id, flow, name
        HAVING count(*) > 1
    """,
}

ATTEMPTS = "SELECT work_id::text, count(*) FROM attempts GROUP BY work_id"


def check(database: Database, acknowledged: Iterable[str], requests: Iterable[Seen] = (), seconds: float = 30) -> None:
    """Wait until all work has ended, then hold every promise against the database and the outside witness."""
    with database.reading() as cursor:
        wait_until(lambda: _rows(cursor, UNFINISHED) == [(0,)], "all work has ended", seconds)
        ids = {row[0] for row in _rows(cursor, IDS)}
        assert set(acknowledged) <= ids, "something that was acknowledged is lost"
        for promise, query in BROKEN.items():
            assert _rows(cursor, query) == [], f"broken: {promise}"
        begun = dict(_rows(cursor, ATTEMPTS))
        for run_id, count in Counter(seen.json()["run_id"] for seen in requests).items():
            assert count <= begun.get(run_id, 0), f"{run_id} was called {count} times in {begun.get(run_id)} attempts"


def _rows(cursor: Cursor, query: str) -> list[Any]:
    cursor.execute(query)
    return cursor.fetchall()
