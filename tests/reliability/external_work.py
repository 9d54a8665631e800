"""External work in a test: tasks pushed, external workers as processes, and how the tasks have ended."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from roundsman import Client
from shared.array import array
from shared.database import Database
from tests.processes import RunningApi, ServiceProcess
from tests.reliability.conftest import Start, rows

EXTERNAL_WORKER = "tests.reliability.external_worker"


def start_external_worker(
    start: Start,
    api: RunningApi,
    queue: str,
    *,
    concurrency: int = 4,
    lease_seconds: int = 60,
    grace_seconds: float = 8,
) -> ServiceProcess:
    """A processor in a process of its own; all of a test write to one log."""
    arguments = [queue, str(concurrency), str(lease_seconds), str(grace_seconds)]
    key = str(api.session.headers["Authorization"]).removeprefix("Bearer ")
    return start(EXTERNAL_WORKER, *arguments, ROUNDSMAN_URL=api.url, ROUNDSMAN_API_KEY=key)


def said(worker: ServiceProcess, word: str) -> Counter[str]:
    """How often the external workers of this test have said this of each task."""
    return Counter(re.findall(rf"^{word} (\S+)$", worker.log.read_text(), re.MULTILINE))


def push(client: Client, queue: str, count: int = 1, payload: Any = None, **fields: Any) -> list[str]:
    """The ids of so many new tasks."""
    asked = [{"payload": {} if payload is None else payload} | fields] * count
    return [task["id"] for task in client.queues.push_many(queue, asked)]


HISTORIES = """
SELECT history, count(*)
FROM (
    SELECT coalesce(string_agg(attempts.outcome, ' ' ORDER BY number), '') AS history
    FROM work
    LEFT JOIN attempts ON attempts.work_id = work.id
    WHERE work.id = ANY(%(ids)s::uuid[])
    GROUP BY work.id
) AS tasks
GROUP BY history
"""


def histories(database: Database, ids: Iterable[str]) -> dict[str, int]:
    """How the attempts of these tasks have ended, in their order, and of how many tasks that is true."""
    return {str(history): int(count) for history, count in rows(database, HISTORIES, ids=array(ids))}


def named(task: Any) -> dict[str, Any]:
    """The ack of a popped task."""
    return {"id": task["id"], "lease_token": task["lease_token"], "result": task["attempt"]}


STATES = "SELECT state, count(*) FROM work WHERE id = ANY(%(ids)s::uuid[]) GROUP BY state"


def states(database: Database, ids: Iterable[str]) -> dict[str, int]:
    """In which states these tasks are, and how many in each."""
    return {str(state): int(count) for state, count in rows(database, STATES, ids=array(ids))}
