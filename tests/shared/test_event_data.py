"""What webhooks are told: enough to act on, and never more than a message may hold."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from shared.event_data import (
    MAX_DIFFERENCES,
    MAX_MISSES,
    MAX_VALUE_CHARACTERS,
    occurrences_left_out,
    run_finished,
    run_started,
    schedule_paused,
    task_ended,
)
from shared.store.ended_tasks import EndedTask
from tests.pieces import a_claimed, an_end

INSTANT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOTHING = {"match": 0, "miss": 0, "new": 0, "obsolete": 0}


def a_run_of(**fields: Any) -> Any:
    return a_claimed(kind="run", checklist_id=5, **fields)


def a_miss(name: str = "total", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "result": "MISS",
        "observed": {"a": 2},
        "expected": {"a": 1},
        "diff": [{"pointer": "/a", "expected": 1, "observed": 2}],
    } | fields


def result_of(*assertions: dict[str, Any], flow: str = "checkout") -> dict[str, Any]:
    summary = NOTHING | {"miss": len(assertions)}
    return {"flows": [{"name": flow, "assertions": list(assertions)}], "summary": summary}


def misses_of(result: Any) -> dict[str, Any]:
    run = a_run_of()
    return run_finished(run, an_end(run, outcome="changed", result=result)).data


def test_the_beginning_of_a_run_names_its_checklist_and_what_triggered_it() -> None:
    run = a_run_of(account_id=3, schedule_id=9, scheduled_for=INSTANT, trigger="schedule")
    event = run_started(run, "Shop")
    assert (event.account_id, event.type) == (3, "run.started")
    assert event.data == {
        "run_id": str(run.id),
        "checklist_id": 5,
        "checklist_name": "Shop",
        "schedule_id": 9,
        "scheduled_for": "2026-03-01T12:00:00Z",
        "trigger": "schedule",
    }


def test_the_end_of_a_run_tells_the_outcome_and_each_miss_with_its_difference() -> None:
    run = a_run_of()
    result = result_of(a_miss(), {"name": "ok", "result": "MATCH", "observed": 1})
    event = run_finished(run, an_end(run, outcome="changed", result=result))
    assert (event.account_id, event.type) == (1, "run.finished")
    assert event.data["outcome"] == "changed"
    assert event.data["summary"] == result["summary"]
    assert event.data["misses"] == [
        {"flow": "checkout", "name": "total", "diff": [{"pointer": "/a", "expected": 1, "observed": 2}]}
    ]
    assert event.data["misses_left_out"] == 0
    assert (event.data["run_id"], event.data["checklist_id"], event.data["trigger"]) == (str(run.id), 5, "api")


def test_a_run_that_could_not_be_observed_tells_why_and_has_nothing_to_sum_up() -> None:
    run = a_run_of()
    event = run_finished(run, an_end(run, "failed", outcome="error", error="its checklist was deleted"))
    assert (event.data["state"], event.data["outcome"]) == ("failed", "error")
    assert (event.data["error"], event.data["summary"]) == ("its checklist was deleted", NOTHING)
    assert (event.data["misses"], event.data["misses_left_out"]) == ([], 0)


def test_no_more_misses_are_told_than_a_message_may_hold_and_how_many_are_left_out() -> None:
    data = misses_of(result_of(*(a_miss(f"check {number}") for number in range(MAX_MISSES + 7))))
    assert [miss["name"] for miss in data["misses"]] == [f"check {number}" for number in range(MAX_MISSES)]
    assert data["misses_left_out"] == 7


def test_no_more_differences_of_a_miss_are_told_than_a_message_may_hold() -> None:
    differences = [{"pointer": f"/{number}", "observed": number} for number in range(MAX_DIFFERENCES + 1)]
    [miss] = misses_of(result_of(a_miss(diff=differences)))["misses"]
    assert miss["diff"] == differences[:MAX_DIFFERENCES]


def test_a_long_value_is_shortened_to_the_beginning_of_its_text_and_a_short_one_is_itself() -> None:
    long_text, long_list = "ä" * 5_000, list(range(5_000))
    differences = [
        {"pointer": "/text", "expected": "short", "observed": long_text},
        {"pointer": "/list", "expected": None, "observed": long_list},
    ]
    [miss] = misses_of(result_of(a_miss(diff=differences)))["misses"]
    text, listed = miss["diff"]
    assert (text["expected"], listed["expected"]) == ("short", None)
    for value, beginning in ((text["observed"], '"ää'), (listed["observed"], "[0")):
        assert value.startswith(beginning)
        assert (len(value), value[-1]) == (MAX_VALUE_CHARACTERS + 1, "…")


def test_a_pointer_is_told_whole() -> None:
    pointer = "/" + "deep/" * 300
    [miss] = misses_of(result_of(a_miss(diff=[{"pointer": pointer, "observed": 1}])))["misses"]
    assert miss["diff"][0]["pointer"] == pointer


def test_a_miss_of_an_expectation_tells_its_error() -> None:
    failed_expectation = {"name": "status", "result": "MISS", "observed": None, "error": "the status is 500, not 200"}
    [miss] = misses_of(result_of(failed_expectation))["misses"]
    assert miss == {"flow": "checkout", "name": "status", "diff": [], "error": "the status is 500, not 200"}


def test_the_result_that_is_stored_is_not_touched() -> None:
    result = result_of(a_miss(diff=[{"pointer": "/a", "observed": "x" * 5_000}]))
    before = json.dumps(result)
    misses_of(result)
    assert json.dumps(result) == before


def test_the_end_of_a_task_tells_whose_it_was_how_often_it_was_tried_and_why_it_failed() -> None:
    task_id, run_id = uuid4(), uuid4()
    event = task_ended(EndedTask(task_id, 3, "mail", "failed", 4, "no route to host", 9, INSTANT, run_id))
    assert (event.account_id, event.type) == (3, "task.failed")
    assert event.data == {
        "task_id": str(task_id),
        "queue": "mail",
        "schedule_id": 9,
        "scheduled_for": "2026-03-01T12:00:00Z",
        "run_id": str(run_id),
        "attempts": 4,
        "error": "no route to host",
    }
    succeeded = task_ended(EndedTask(task_id, 3, "mail", "succeeded", 1, None, None, None, None))
    assert (succeeded.type, succeeded.data["run_id"], succeeded.data["scheduled_for"]) == ("task.succeeded", None, None)


def test_a_schedule_that_sleeps_tells_why() -> None:
    event = schedule_paused(3, 9, "nightly", "paused because run 7 failed")
    assert (event.account_id, event.type) == (3, "schedule.paused")
    assert event.data == {"schedule_id": 9, "name": "nightly", "note": "paused because run 7 failed"}


def test_instants_that_were_left_out_tell_the_first_the_last_and_how_many() -> None:
    instants = [INSTANT + timedelta(minutes=number) for number in range(3)]
    event = occurrences_left_out(3, 9, None, outcome="missed", reason="coalesced", instants=instants)
    assert (event.account_id, event.type) == (3, "schedule.occurrence_missed")
    assert event.data == {
        "schedule_id": 9,
        "name": None,
        "reason": "coalesced",
        "scheduled_for": "2026-03-01T12:00:00Z",
        "until": "2026-03-01T12:02:00Z",
        "count": 3,
    }
