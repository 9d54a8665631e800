"""What a person does with a schedule: pause, resume, skip the next, trigger; and what it tells of its work."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from scheduler.due import fire_due_schedules
from shared.database import Database
from shared.queues import Bell, connect
from shared.store.schedules import CHANGED_CHANNEL
from tests.api_client import ApiClient, pages, problem
from tests.concurrency import wait_until_blocked
from tests.processes import wait_until
from tests.runs import begin_run, end_claimed, end_run

OBSERVED = {"f": {"a": 1}}
FINISHED = {"cron": "@daily", "ends_at": "2020-01-01T00:00:00Z"}


def do(api: ApiClient, schedule: Any, action: str, body: Any = None) -> Any:
    answer = api.post(f"/schedules/{schedule['id']}/{action}", body)
    assert answer.status_code == 200, answer.text
    return answer.json


def read(api: ApiClient, schedule: Any) -> Any:
    return api.get(f"/schedules/{schedule['id']}").json


def occurrences(api: ApiClient, schedule: Any) -> list[tuple[str, str | None]]:
    """What became of its instants, in order of time."""
    rows = pages(api, f"/schedules/{schedule['id']}/occurrences", 50)
    return [(row["outcome"], row["reason"]) for row in reversed(rows)]


def fire(database: Database, redis_url: str, at: str) -> None:
    """Let a scheduler look, at that time."""
    fire_due_schedules(database, Bell(redis_url), datetime.fromisoformat(at), delivery_attempts=1)


def test_a_paused_schedule_has_no_next_instant_and_says_why(fresh: ApiClient) -> None:
    schedule = fresh.make_schedule(note="the old one")
    assert do(fresh, schedule, "pause")["note"] == "the old one"
    paused = do(fresh, schedule, "pause", {"note": "moving house"})
    assert (paused["state"], paused["paused"], paused["note"]) == ("paused", True, "moving house")
    assert (paused["next_run_at"], paused["upcoming"]) == (None, [])
    assert read(fresh, schedule) == paused


def test_a_resumed_schedule_goes_on_and_forgets_the_note(fresh: ApiClient) -> None:
    schedule = fresh.make_schedule()
    do(fresh, schedule, "pause", {"note": "n"})
    resumed = do(fresh, schedule, "resume")
    assert (resumed["state"], resumed["note"], resumed["next_run_at"]) == ("active", None, schedule["next_run_at"])
    assert do(fresh, schedule, "resume", {}) == resumed


def test_what_it_sleeps_through_is_told_as_skipped(fresh: ApiClient, database: Database, redis_url: str) -> None:
    schedule = fresh.make_schedule(interval_seconds=3600, coalesce="all", catchup_window_seconds=86_400)
    do(fresh, schedule, "pause")
    fire(database, redis_url, schedule["upcoming"][1])
    assert occurrences(fresh, schedule) == [("skipped", "paused")] * 2
    resumed = do(fresh, schedule, "resume")
    assert resumed["next_run_at"] == schedule["upcoming"][2]
    assert resumed["counters"] == {"fired": 0, "skipped": 2, "missed": 0}
    assert pages(fresh, "/runs", 10, schedule_id=schedule["id"]) == []


def test_pausing_again_does_not_forget_since_when_it_sleeps(
    fresh: ApiClient, database: Database, redis_url: str
) -> None:
    now = datetime.now(UTC)
    schedule = fresh.make_schedule(run_at=(now + timedelta(days=1)).isoformat())
    do(fresh, schedule, "pause")
    # Its instant came while it slept, and no scheduler was there to see it.
    with database.reading() as cursor:
        cursor.execute(
            "UPDATE schedules SET run_at = %(due)s, next_run_at = %(due)s, paused_at = %(since)s WHERE id = %(id)s",
            {"due": now - timedelta(minutes=1), "since": now - timedelta(minutes=2), "id": schedule["id"]},
        )
    do(fresh, schedule, "pause", {"note": "still"})
    do(fresh, schedule, "resume")
    fire(database, redis_url, datetime.now(UTC).isoformat())
    assert occurrences(fresh, schedule) == [("skipped", "paused")]


def test_the_next_occurrence_is_left_out_once(fresh: ApiClient, database: Database, redis_url: str) -> None:
    schedule = fresh.make_schedule(interval_seconds=3600)
    assert do(fresh, schedule, "skip-next")["skip_next"] is True
    assert do(fresh, schedule, "skip-next")["next_run_at"] == schedule["next_run_at"]
    fire(database, redis_url, schedule["upcoming"][0])
    fire(database, redis_url, schedule["upcoming"][1])
    assert occurrences(fresh, schedule) == [("skipped", "skip-next"), ("fired", None)]
    assert read(fresh, schedule)["skip_next"] is False


@pytest.mark.parametrize("action", ["pause", "resume", "skip-next"])
def test_a_finished_schedule_cannot_be_steered(fresh: ApiClient, action: str) -> None:
    schedule = fresh.make_schedule(**FINISHED)
    refused = problem(fresh.post(f"/schedules/{schedule['id']}/{action}"), 409)
    assert "the schedule is finished" in refused["detail"]
    assert read(fresh, schedule) == schedule


def test_the_next_of_a_paused_schedule_cannot_be_skipped(fresh: ApiClient) -> None:
    schedule = fresh.make_schedule(paused=True)
    assert "the schedule is paused" in problem(fresh.post(f"/schedules/{schedule['id']}/skip-next"), 409)["detail"]


@pytest.mark.parametrize("action", ["pause", "resume", "skip-next", "trigger"])
def test_an_absent_schedule_is_not_found(api: ApiClient, action: str) -> None:
    problem(api.post(f"/schedules/999999999/{action}"), 404)


@pytest.mark.parametrize("note", ["", "x" * 1_001, 5, None])
def test_a_note_that_is_none_is_refused(fresh: ApiClient, note: Any) -> None:
    schedule = fresh.make_schedule()
    refused = problem(fresh.post(f"/schedules/{schedule['id']}/pause", {"note": note}), 422)
    assert [error["pointer"] for error in refused["errors"]] == ["/note"]


@pytest.mark.parametrize("fields", [{}, {"paused": True}, FINISHED])
def test_a_triggered_schedule_runs_now_whatever_its_state(
    fresh: ApiClient, database: Database, fields: dict[str, Any]
) -> None:
    schedule = fresh.make_schedule(variables={"user": "ada"}, **fields)
    answer = fresh.post(f"/schedules/{schedule['id']}/trigger")
    run = answer.json
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/runs/{run['id']}"
    assert (run["schedule_id"], run["scheduled_for"], run["trigger"]) == (schedule["id"], None, "manual")
    assert (run["checklist_id"], run["state"]) == (schedule["checklist_id"], "pending")
    assert begin_run(database, run["id"]).spec == {"variables": {"user": "ada"}}
    after = read(fresh, schedule)
    assert [after[name] for name in ("state", "next_run_at", "counters")] == [
        schedule[name] for name in ("state", "next_run_at", "counters")
    ]
    assert occurrences(fresh, schedule) == []


def test_a_trigger_repeated_with_its_key_is_one_run(fresh: ApiClient) -> None:
    schedule = fresh.make_schedule()
    path = f"/schedules/{schedule['id']}/trigger"
    first, again = (fresh.post(path, headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert first.json == again.json
    assert len(pages(fresh, "/runs", 10, schedule_id=schedule["id"])) == 1


def test_triggering_rings_the_bell(fresh: ApiClient, redis_url: str) -> None:
    schedule = fresh.make_schedule()
    with connect(redis_url) as client:
        client.flushall()
    fresh.post(f"/schedules/{schedule['id']}/trigger")
    assert Bell(redis_url).rings_waiting() == 1


def test_who_prefers_to_wait_gets_the_finished_run(fresh: ApiClient, database: Database) -> None:
    schedule = fresh.make_schedule()
    with ThreadPoolExecutor(1) as pool:
        path = f"/schedules/{schedule['id']}/trigger"
        waiting = pool.submit(fresh.for_another_thread().post, path, headers={"Prefer": "wait=20"})
        wait_until(lambda: pages(fresh, "/runs", 10), "the run is there")
        end_run(database, pages(fresh, "/runs", 10)[0]["id"], OBSERVED)
        answer = waiting.result(10)
    assert (answer.status_code, answer.json["state"], answer.json["outcome"]) == (200, "succeeded", "passed")
    assert answer.headers["Preference-Applied"] == "wait=20"


def test_a_schedule_that_is_being_deleted_is_not_triggered(fresh: ApiClient, database: Database) -> None:
    schedule = fresh.make_schedule()
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as deleting:
            deleting.cursor.execute("DELETE FROM schedules WHERE id = %s", (schedule["id"],))
            path = f"/schedules/{schedule['id']}/trigger"
            triggering = pool.submit(fresh.for_another_thread().post, path)
            wait_until_blocked(database)
        problem(triggering.result(10), 404)
    assert pages(fresh, "/runs", 10) == []


def test_a_replacement_waits_for_the_scheduler_and_goes_on_from_there(fresh: ApiClient, database: Database) -> None:
    schedule = fresh.make_schedule(interval_seconds=3600)
    body = {"interval_seconds": 3600, "checklist_id": schedule["checklist_id"], "name": "renamed"}
    due = datetime(2026, 3, 1, tzinfo=UTC)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as firing:
            firing.cursor.execute(
                "UPDATE schedules SET anchor = %(due)s, next_run_at = %(due)s, fired = 1 WHERE id = %(id)s",
                {"due": due, "id": schedule["id"]},
            )
            putting = pool.submit(fresh.for_another_thread().put, f"/schedules/{schedule['id']}", body)
            wait_until_blocked(database)
        after = putting.result(10).json
    assert (after["name"], after["counters"]["fired"]) == ("renamed", 1)
    assert after["next_run_at"] == "2026-03-01T00:00:00Z"


def test_a_schedule_tells_of_its_last_work_its_last_success_and_its_last_failure(
    fresh: ApiClient, database: Database
) -> None:
    schedule, other = fresh.make_schedule(), fresh.make_schedule()
    ended = [fresh.post(f"/schedules/{schedule['id']}/trigger").json for _ in range(3)]
    succeeded, failed, pending = ended
    end_claimed(database, begin_run(database, succeeded["id"]), OBSERVED)
    with database.reading() as cursor:
        cursor.execute(
            "UPDATE work SET state = 'failed', outcome = 'error', finished_at = now(), lease_token = NULL,"
            " lease_expires_at = NULL WHERE id = %s",
            (failed["id"],),
        )
    shown, silent = pages(fresh, "/schedules", 10)
    assert shown["last_success"] == {
        "id": succeeded["id"],
        "kind": "run",
        "at": succeeded["created_at"],
        "state": "succeeded",
        "outcome": "passed",
    }
    assert (shown["last_failure"]["id"], shown["last_failure"]["outcome"]) == (failed["id"], "error")
    assert shown["last"]["id"] == pending["id"]
    assert silent["id"] == other["id"]
    assert (silent["last"], silent["last_success"], silent["last_failure"]) == (None, None, None)


def test_work_that_was_scheduled_is_told_by_its_instant(fresh: ApiClient, database: Database, redis_url: str) -> None:
    schedule = fresh.make_schedule(interval_seconds=3600)
    fire(database, redis_url, schedule["upcoming"][0])
    shown = read(fresh, schedule)
    assert (shown["last"]["at"], shown["last_run_at"]) == (schedule["upcoming"][0],) * 2
    assert (shown["next_run_at"], shown["counters"]["fired"]) == (schedule["upcoming"][1], 1)
    [run] = pages(fresh, "/runs", 10, schedule_id=schedule["id"])
    assert (run["id"], run["trigger"], run["scheduled_for"]) == (
        shown["last"]["id"],
        "schedule",
        schedule["upcoming"][0],
    )


def test_every_change_is_told_to_the_schedulers_once_it_is_committed(fresh: ApiClient, database_url: str) -> None:
    checklist_id = fresh.make_checklist()["id"]
    listening = psycopg2.connect(database_url)
    listening.autocommit = True
    with listening.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANGED_CHANNEL}")

    def told() -> int:
        """How often since the last time: what was told comes in the order of the commits, so before this one's word."""
        with listening.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, 'until here')", (CHANGED_CHANNEL,))

        def all_is_heard() -> bool:
            listening.poll()
            return any(notify.payload for notify in listening.notifies)

        wait_until(all_is_heard, "the listener has heard it")
        count = sum(not notify.payload for notify in listening.notifies)
        listening.notifies.clear()
        return count

    schedule = fresh.make("/schedules", {"cron": "@daily", "checklist_id": checklist_id})
    assert told() == 1
    for action in ("pause", "resume", "skip-next"):
        do(fresh, schedule, action)
        assert told() == 1, action
    fresh.put(f"/schedules/{schedule['id']}", {"cron": "@hourly", "checklist_id": checklist_id})
    assert told() == 1
    problem(fresh.post("/schedules", {"cron": "@daily", "checklist_id": 999_999_999}), 404)
    assert told() == 0
    fresh.delete(f"/schedules/{schedule['id']}")
    assert told() == 1
    listening.close()
