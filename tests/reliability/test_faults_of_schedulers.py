"""Real schedulers that die, freeze, or are away: every instant is accounted for, and none begins twice."""

import signal
import time
from typing import Any

import pytest

from shared.crash_points import CrashPoint
from shared.database import Database
from tests.factories import a_schedule
from tests.processes import RunningApi, wait_until
from tests.reliability.checker import check
from tests.reliability.conftest import Start
from tests.target import Target

FIRING_POINTS = [point for point in CrashPoint if "firing" in point]

LAST_SECONDS = """
SELECT count(*), count(DISTINCT scheduled_for)
FROM occurrences
WHERE schedule_id = %(id)s
"""

ACCOUNTED = """
SELECT schedules.fired + schedules.skipped + schedules.missed,
       count(occurrences.*),
       extract(epoch FROM schedules.next_run_at - schedules.anchor)::bigint,
       count(*) FILTER (WHERE occurrences.outcome = 'fired'),
       (SELECT count(*) FROM work WHERE work.schedule_id = schedules.id)
FROM schedules
LEFT JOIN occurrences ON occurrences.schedule_id = schedules.id
WHERE schedules.id = %(id)s
GROUP BY schedules.id
"""


@pytest.fixture
def every_second(service: RunningApi, target: Target, database: Database, request: pytest.FixtureRequest) -> int:
    """A schedule of every second, begun a moment ago; its id."""
    checklist = service.make("/checklists", {"name": request.node.name, "worker_url": target.url("/")})
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "SELECT account_id, date_trunc('second', now()) FROM checklists ORDER BY id DESC LIMIT 1"
        )
        account_id, anchor = transaction.cursor.fetchall()[0]
        found = _Checklist(checklist["id"], account_id)
        made: Any = a_schedule(transaction.cursor, found, interval_seconds=1, anchor=anchor)  # type: ignore[arg-type]
        return int(made.id)


class _Checklist:
    def __init__(self, id: int, account_id: int) -> None:
        self.id, self.account_id = id, account_id


def instants_told(database: Database, schedule_id: int) -> int:
    with database.reading() as cursor:
        cursor.execute(LAST_SECONDS, {"id": schedule_id})
        told, distinct = cursor.fetchall()[0]
    assert told == distinct
    return int(told)


def hold_the_promise(database: Database, schedule_id: int) -> None:
    """Counters, rows and the rhythm agree: nothing twice, nothing unaccounted."""
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "UPDATE schedules SET state = 'paused', paused_at = now() WHERE id = %s", (schedule_id,)
        )
        transaction.cursor.execute(ACCOUNTED, {"id": schedule_id})
        [(counted, rows, seconds_since_anchor, fired, work)] = transaction.cursor.fetchall()
        transaction.cursor.execute(
            "UPDATE schedules SET state = 'finished', next_run_at = NULL WHERE id = %s", (schedule_id,)
        )
    assert counted == rows == seconds_since_anchor
    assert fired == work


@pytest.mark.parametrize("point", FIRING_POINTS)
def test_a_scheduler_that_dies_while_firing_neither_loses_nor_doubles_an_instant(
    point: CrashPoint, every_second: int, start: Start, database: Database, target: Target
) -> None:
    start("worker")
    doomed = start("scheduler", ROUNDSMAN_CRASH_POINT=point)
    assert doomed.process.wait(15) == -signal.SIGKILL
    start("scheduler")
    start("scheduler")
    target.wait_for(2, 10)
    hold_the_promise(database, every_second)
    check(database, [], target)


def test_four_schedulers_fire_every_instant_once(
    every_second: int, start: Start, database: Database, target: Target
) -> None:
    start("worker")
    for _ in range(4):
        start("scheduler")
    target.wait_for(3, 15)
    hold_the_promise(database, every_second)
    check(database, [], target)


def test_a_frozen_scheduler_holds_up_the_others_only_for_its_batch_and_does_nothing_twice(
    every_second: int, start: Start, database: Database, target: Target
) -> None:
    start("worker")
    frozen = start("scheduler")
    target.wait_for(1, 10)
    frozen.signal(signal.SIGSTOP)
    start("scheduler")
    seen = len(target.requests)
    target.wait_for(seen + 2, 15)
    frozen.signal(signal.SIGCONT)
    told = instants_told(database, every_second)
    wait_until(lambda: instants_told(database, every_second) > told + 1, "both go on")
    hold_the_promise(database, every_second)
    check(database, [], target)


def test_ten_minutes_of_absence_are_told_instant_by_instant(
    every_second: int, start: Start, database: Database, target: Target
) -> None:
    with database.transaction() as transaction:
        transaction.cursor.execute(
            "UPDATE schedules SET anchor = anchor - interval '10 minutes', next_run_at = next_run_at - interval"
            " '10 minutes', coalesce = 'latest' WHERE id = %s",
            (every_second,),
        )
    start("worker")
    start("scheduler")
    target.wait_for(2, 15)
    assert instants_told(database, every_second) >= 600
    hold_the_promise(database, every_second)
    check(database, [], target)


def test_a_schedule_written_by_the_api_wakes_a_sleeping_scheduler_at_once(
    service: RunningApi, start: Start, target: Target, database: Database
) -> None:
    start("worker")
    start("scheduler", ROUNDSMAN_SWEEP_SECONDS="60")
    wait_until(lambda: service.call("GET", "/ready").json()["schedulers"] >= 1, "the scheduler is there")
    checklist = service.make("/checklists", {"name": "woken", "worker_url": target.url("/")})
    began = time.monotonic()
    schedule = service.make("/schedules", {"checklist_id": checklist["id"], "interval_seconds": 1})
    target.wait_for(1, 10)
    assert time.monotonic() - began < 3
    assert service.call("DELETE", f"/schedules/{schedule['id']}").status_code == 204
    check(database, [], target)


def test_a_schedule_sleeps_once_its_run_finds_a_change_and_begins_what_waited_for_a_run_that_ended(
    service: RunningApi, start: Start, target: Target, database: Database
) -> None:
    start("worker")
    start("scheduler")
    checklist = service.make("/checklists", {"name": "watched", "worker_url": target.url("/")})
    assert service.run(checklist["id"])["outcome"] == "passed"
    schedule = service.make(
        "/schedules",
        {
            "checklist_id": checklist["id"],
            "interval_seconds": 1,
            "pause_on_change": True,
            "overlap": "queue_one",
        },
    )
    path = f"/schedules/{schedule['id']}"
    wait_until(lambda: service.call("GET", path).json()["last_success"] is not None, "it has run as approved")
    target.answers["/"] = [{"name": "flow", "assertions": [{"name": "check", "value": "changed"}]}]
    wait_until(lambda: service.call("GET", path).json()["state"] == "paused", "it has found the change")
    asleep = service.call("GET", path).json()
    assert "found a change" in asleep["note"]
    assert asleep["next_run_at"] is None
    assert asleep["last"]["outcome"] == "changed"
    assert service.call("DELETE", path).status_code == 204
    check(database, [], target)
