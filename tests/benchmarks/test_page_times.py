"""How long the server takes for each page of an account with 100,000 runs, 10,000 schedules and 100,000 tasks."""

import statistics
import sys
import time
from collections.abc import Iterator

import pytest

from api import create_app
from shared.database import Database
from shared.settings import Settings
from tests.api.dashboard.reading import Browser
from tests.api_client import ApiClient

pytestmark = pytest.mark.benchmark

GOAL_MILLISECONDS = 200
LOOKS = 7

MUCH = """
WITH owner AS (SELECT id FROM accounts ORDER BY id DESC LIMIT 1),
made_checklists AS (
    INSERT INTO checklists (account_id, name, worker_url, timeout_seconds, first_value)
    SELECT owner.id, 'checklist ' || number, 'http://127.0.0.1:9/', 60, 'accept'
    FROM owner, generate_series(1, 200) AS number
    RETURNING id, account_id
),
made_schedules AS (
    INSERT INTO schedules (account_id, name, cron, kind, checklist_id, next_run_at)
    SELECT account_id, 'schedule ' || checklists.id || ' ' || number, '*/5 * * * *', 'run', checklists.id,
           now() + number * interval '1 minute'
    FROM made_checklists AS checklists, generate_series(1, 50) AS number
    RETURNING id
),
made_runs AS (
    INSERT INTO work (
        id, account_id, kind, lane, state, checklist_id, max_attempts, attempt, timeout_seconds, outcome, result,
        created_at, started_at, finished_at
    )
    SELECT (left(uuid_of_instant(moment)::text, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid,
           account_id, 'run', 'checklist ' || checklists.id, 'succeeded', checklists.id, 3, 1, 60,
           CASE WHEN number %% 50 = 0 THEN 'changed' ELSE 'passed' END,
           '{"summary": {"match": 3, "miss": 1, "new": 0, "obsolete": 0}, "flows": []}', moment, moment, moment
    FROM made_checklists AS checklists, generate_series(1, 500) AS number,
         LATERAL (SELECT now() - number * interval '3 minutes' - checklists.id * interval '1 second' AS moment) AS times
    RETURNING id
),
made_tasks AS (
    INSERT INTO work (account_id, kind, queue, state, max_attempts, timeout_seconds, spec)
    SELECT owner.id, 'task', 'queue ' || number %% 20, 'pending', 4, 60, '{"payload": 1}'
    FROM owner, generate_series(1, 100000) AS number
),
made_jobs AS (
    INSERT INTO work (account_id, kind, lane, state, max_attempts, attempt, timeout_seconds, spec, finished_at)
    SELECT owner.id, 'job', '127.0.0.1:9', CASE WHEN number %% 20 = 0 THEN 'failed' ELSE 'succeeded' END, 4, 1, 30,
           '{"uri": "http://127.0.0.1:9/", "method": "POST", "headers": {}, "error_uri": null, "backoff_seconds": 10}',
           now()
    FROM owner, generate_series(1, 50000) AS number
)
INSERT INTO queues (account_id, name)
SELECT owner.id, 'queue-' || number
FROM owner, generate_series(0, 19) AS number
"""
PAGES = (
    *(
        "/ui",
        "/ui/checklists",
        "/ui/checklists?name=7",
        "/ui/runs",
        "/ui/runs?outcome=changed",
        "/ui/runs?outcome=error",
    ),
    *("/ui/runs?state=failed", "/ui/schedules", "/ui/schedules?state=paused", "/ui/jobs", "/ui/jobs?state=failed"),
    *(
        "/ui/jobs?state=canceled",
        "/ui/queues",
        "/ui/queues/queue-1",
        "/ui/webhooks",
        "/ui/events",
        "/ui/workers",
        "/ui/keys",
    ),
    *(
        "/ui/checklists/{checklist}",
        "/ui/schedules/{schedule}",
        "/ui/runs/{run}",
        "/ui/checklists/new",
        "/ui/schedules/new",
    ),
)


@pytest.fixture
def browser(database: Database, settings: Settings, api: ApiClient) -> Iterator[Browser]:
    """Somebody who has logged in to that account."""
    with database.transaction() as transaction:
        transaction.cursor.execute("SET LOCAL statement_timeout = 0")
        transaction.cursor.execute(MUCH.replace("'queue ' ||", "'queue-' ||").replace("%%", "%"))
    with database.reading() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM ANALYZE")
    app = create_app(settings)
    somebody = Browser(app.test_client())
    somebody.log_in(api.key or "")
    yield somebody
    app.extensions["roundsman"].finished.close()
    app.extensions["roundsman"].database.close()


def test_every_page_of_a_large_account_is_made_in_time(
    browser: Browser, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.reading() as cursor:
        ids = {}
        for name, statement in {
            "checklist": "SELECT max(id) FROM checklists",
            "schedule": "SELECT max(id) FROM schedules",
            "run": "SELECT id FROM work WHERE kind = 'run' ORDER BY id DESC LIMIT 1",
        }.items():
            cursor.execute(statement)
            [(ids[name],)] = cursor.fetchall()
    times = {}
    for path in (path.format(**ids) for path in PAGES):
        taken = []
        for _ in range(LOOKS):
            began = time.perf_counter()
            answer = browser.client.get(path)
            taken.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, path
        times[path] = (statistics.median(taken), max(taken), len(answer.data))
    with capsys.disabled():
        for path, (median, most, size) in times.items():
            sys.stdout.write(f"\n{path:55} {median:6.0f} ms, at most {most:6.0f} ms, {size / 1000:6.0f} kB")
        sys.stdout.write("\n")
    slow = {path: round(median) for path, (median, _, _) in times.items() if median > GOAL_MILLISECONDS}
    assert slow == {}
