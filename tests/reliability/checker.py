"""What must hold of the database after whatever happened, once the work has drained."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from shared.database import Cursor, Database
from tests.processes import wait_until
from tests.target import Seen, Target

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
        LEFT JOIN checklists ON checklists.id = work.checklist_id
        LEFT JOIN schedules ON schedules.id = work.schedule_id
        LEFT JOIN webhooks ON webhooks.id = work.webhook_id
        LEFT JOIN events ON events.id = work.event_id
        LEFT JOIN work AS failed_job ON failed_job.id = work.error_of
        LEFT JOIN work AS observed_run ON observed_run.id = work.run_id
        WHERE work.account_id <> ANY(array_remove(ARRAY[
            checklists.account_id, schedules.account_id, webhooks.account_id, events.account_id, failed_job.account_id,
            observed_run.account_id
        ], NULL))
    """,
    "an event and a webhook make one delivery, replays aside": """
        SELECT event_id, webhook_id
        FROM work
        WHERE kind = 'delivery' AND NOT inert
        GROUP BY event_id, webhook_id
        HAVING count(*) > 1 AND webhook_id IS NOT NULL
    """,
    # A webhook that has not been touched since was enabled, and asked for the same, when the event happened.
    "a webhook that wants an event has a delivery of it": """
        SELECT events.id, webhooks.id
        FROM events
        JOIN webhooks
          ON webhooks.account_id = events.account_id
         AND webhooks.enabled
         AND webhooks.updated_at < events.created_at
         AND webhooks.event_types && ARRAY[events.type, '*']
        WHERE events.type <> 'webhook.test'
          AND NOT EXISTS (SELECT 1 FROM work WHERE event_id = events.id AND webhook_id = webhooks.id AND NOT inert)
    """,
    "a job that succeeded has borne one event that says so": """
        SELECT work.id
        FROM work
        LEFT JOIN events ON events.type = 'job.succeeded' AND events.data ->> 'job_id' = work.id::text
        WHERE work.kind = 'job' AND work.state = 'succeeded'
        GROUP BY work.id
        HAVING count(events.id) <> 1
    """,
    "a job that failed has borne an event that says so": """
        SELECT work.id
        FROM work
        LEFT JOIN events ON events.type = 'job.failed' AND events.data ->> 'job_id' = work.id::text
        WHERE work.kind = 'job' AND work.state = 'failed'
        GROUP BY work.id
        HAVING count(events.id) = 0
    """,
    "a failed job with an error_uri has one error call": """
        SELECT failed_job.id
        FROM work AS failed_job
        LEFT JOIN work AS error_call ON error_call.error_of = failed_job.id
        WHERE failed_job.kind = 'job' AND failed_job.state = 'failed' AND failed_job.spec ->> 'error_uri' IS NOT NULL
        GROUP BY failed_job.id
        HAVING count(error_call.id) <> 1
    """,
    # A job that was begun afresh may have failed before: that leaves more of its attempts released than say so.
    "a job that did not fail has no error call": """
        SELECT job.id
        FROM work AS job
        JOIN work AS error_call ON error_call.error_of = job.id
        WHERE job.state <> 'failed'
          AND job.released = (
              SELECT count(*)
              FROM attempts
              WHERE work_id = job.id AND outcome = 'released'
          )
    """,
    "an error call has the payload of its job, and goes to its error_uri": """
        SELECT error_call.id
        FROM work AS error_call
        JOIN work AS failed_job ON failed_job.id = error_call.error_of
        WHERE (error_call.spec -> 'payload') IS DISTINCT FROM (failed_job.spec -> 'payload')
           OR error_call.spec ->> 'uri' IS DISTINCT FROM failed_job.spec ->> 'error_uri'
    """,
    "a task that succeeded has borne one event that says so": """
        SELECT work.id
        FROM work
        LEFT JOIN events ON events.type = 'task.succeeded' AND events.data ->> 'task_id' = work.id::text
        WHERE work.kind = 'task'
        GROUP BY work.id
        HAVING count(events.id) <> CASE work.state WHEN 'succeeded' THEN 1 ELSE 0 END
    """,
    # One that was begun afresh had failed before, perhaps several times.
    "a task that failed has borne an event that says so, and no other has": """
        SELECT work.id
        FROM work
        LEFT JOIN events ON events.type = 'task.failed' AND events.data ->> 'task_id' = work.id::text
        WHERE work.kind = 'task'
        GROUP BY work.id
        HAVING CASE
            -- More than its workers gave back: somebody has begun it afresh, which takes that it had failed.
            WHEN work.released > (SELECT count(*) FROM attempts WHERE work_id = work.id AND outcome = 'released')
            THEN count(events.id) = 0
            ELSE count(events.id) <> CASE work.state WHEN 'failed' THEN 1 ELSE 0 END
        END
    """,
    "every attempt of a task had a lease of its own": """
        SELECT work_id
        FROM attempts
        JOIN work ON work.id = attempts.work_id
        WHERE work.kind = 'task'
        GROUP BY work_id
        HAVING count(DISTINCT attempts.lease_token) <> count(*)
    """,
    # One that is canceled while it waits for the run before it never comes to have a task.
    "a run that observes through a queue has one task, and nothing else has": """
        SELECT coalesce(run.id, task.id)
        FROM (SELECT id, state FROM work WHERE kind = 'run' AND spec ? 'queue') AS run
        FULL JOIN (SELECT id, run_id FROM work WHERE run_id IS NOT NULL) AS task ON task.run_id = run.id
        GROUP BY run.id, run.state, task.id
        HAVING run.id IS NULL OR (count(task.id) <> 1 AND run.state <> 'canceled')
    """,
    "a run ends as its task does, and is judged only by what that has brought": """
        SELECT run.id
        FROM work AS run
        JOIN work AS task ON task.run_id = run.id
        WHERE (task.state IN ('failed', 'canceled') AND run.state <> task.state)
           OR (run.state = 'succeeded' AND run.spec -> 'observed' IS DISTINCT FROM task.result)
           OR (task.kind <> 'task' OR run.kind <> 'run')
    """,
    "a run of a task that failed has found an error": """
        SELECT run.id
        FROM work AS run
        JOIN work AS task ON task.run_id = run.id
        WHERE task.state = 'failed' AND run.outcome IS DISTINCT FROM 'error'
    """,
    "one value is in force for a check": """
        SELECT checklist_id, flow, name
        FROM snapshots
        WHERE superseded_at IS NULL
        GROUP BY checklist_id, flow, name
        HAVING count(*) > 1
    """,
}

# What a request names: the id of a run or job, or the event of a delivery and the path of its webhook. Deliveries of
# a webhook that is gone have no path any more, and may have been made to any.
ATTEMPTS = """
SELECT coalesce(work.event_id, work.id)::text,
       CASE WHEN kind = 'delivery' THEN coalesce(substring(webhooks.url from '://[^/]*([^?#]*)'), '*') END,
       count(*)
FROM attempts
JOIN work ON work.id = attempts.work_id
LEFT JOIN webhooks ON webhooks.id = work.webhook_id
GROUP BY 1, 2
"""


def check(
    database: Database, acknowledged: Iterable[str], *witnesses: Target | Iterable[Seen], seconds: float = 30
) -> None:
    """Wait until all work has ended, then hold every promise against the database and the outside witnesses.

    A target tells what it has seen by then; a list of requests only what was in it before.
    """
    with database.reading() as cursor:
        wait_until(lambda: _rows(cursor, UNFINISHED) == [(0,)], "all work has ended", seconds)
        ids = {row[0] for row in _rows(cursor, IDS)}
        assert set(acknowledged) <= ids, "something that was acknowledged is lost"
        for promise, query in BROKEN.items():
            assert _rows(cursor, query) == [], f"broken: {promise}"
        begun = {(id, path): count for id, path, count in _rows(cursor, ATTEMPTS)}
        requests = [seen for witness in witnesses for seen in _seen_by(witness)]
        for (id, path), count in Counter(map(_named, requests)).items():
            attempts = begun.get((id, path), 0) + (begun.get((id, "*"), 0) if path else 0)
            assert count <= attempts, f"{id} was called {count} times in {attempts} attempts"


def _seen_by(witness: Target | Iterable[Seen]) -> Iterable[Seen]:
    return witness.requests if isinstance(witness, Target) else witness


def _named(seen: Seen) -> tuple[str, str | None]:
    """Whose attempt a request is: the id of a run or job, or the event of a delivery with the path it went to."""
    if (job_id := seen.header("idempotency-key")) is not None:
        return job_id, None
    if (event_id := seen.header("webhook-id")) is not None:
        return event_id, seen.path
    return seen.json()["run_id"], None


def _rows(cursor: Cursor, query: str) -> list[Any]:
    cursor.execute(query)
    return cursor.fetchall()
