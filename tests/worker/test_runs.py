"""Runs from claim to end: told of once, compared beside the loop when that takes long, and never too large."""

import json
import threading
from typing import Any

import pytest

from shared.database import Cursor, Database
from shared.store import snapshots, work
from shared.store.checklists import Checklist
from shared.store.snapshots import NewSnapshot
from tests import performing, store_fixtures
from tests.claiming import claim
from tests.factories import a_checklist, a_run, an_ended
from tests.performing import end_of, finished
from tests.rows import work_row
from tests.target import Target
from worker import apart, runs
from worker.finishing import Finishing
from worker.outbound import Outbound
from worker.performer import Ended, Prepared
from worker.runs import RunPerformer

cursor = store_fixtures.cursor
nothing_is_there = store_fixtures.nothing_is_there
outbound = performing.outbound
target = performing.target


def prepared(cursor: Cursor, outbound: Outbound) -> Prepared:
    """The one run that is due, claimed and prepared."""
    [claimed] = claim(cursor, limit=1)
    [piece] = RunPerformer(outbound).prepare(cursor, [claimed])
    return piece


def performed(cursor: Cursor, outbound: Outbound, timeout_seconds: float = 5) -> Ended:
    piece = prepared(cursor, outbound)
    return outbound.submit(end_of(RunPerformer(outbound), piece, timeout_seconds)).result(20)


def approve(cursor: Cursor, checklist: Checklist, value: Any) -> None:
    snapshots.put(cursor, [NewSnapshot(checklist.account_id, checklist.id, "f", "c", value, "test", None)])


def observing(cursor: Cursor, target: Target, value: Any, **fields: Any) -> Checklist:
    """A checklist, a run of which is due, whose worker observes this value in a check of its only flow."""
    target.answers["/observe"] = [{"name": "f", "assertions": [{"name": "c", "value": value}]}]
    checklist = a_checklist(cursor, worker_url=target.url("/observe"), **fields)
    a_run(cursor, checklist)
    return checklist


def test_its_beginning_is_told_once_also_when_it_is_given_back_and_begun_again(
    cursor: Cursor, outbound: Outbound
) -> None:
    a_run(cursor)
    first = prepared(cursor, outbound)
    work.finish(cursor, [an_ended(first.work, "pending", attempt_outcome="released")])
    again = prepared(cursor, outbound)
    assert (again.work.attempt, again.work.counted_attempt) == (2, 1)
    assert first.event is not None
    assert (first.event.type, again.event) == ("run.started", None)


@pytest.mark.parametrize(
    ("value", "rules", "apart_from_the_loop"),
    [
        ([1, 2, 3], [], False),
        ([1] * 20_000, [], True),
        ("short", [{"path": "", "match": "regex", "value": "s.*"}], True),
    ],
    ids=["small", "large", "regex"],
)
def test_what_takes_long_to_compare_is_compared_beside_the_loop(
    cursor: Cursor,
    outbound: Outbound,
    target: Target,
    monkeypatch: pytest.MonkeyPatch,
    value: Any,
    rules: list[Any],
    apart_from_the_loop: bool,
) -> None:
    threads: list[str] = []
    judge = runs.judge

    def noted(*arguments: Any) -> Any:
        threads.append(threading.current_thread().name)
        return judge(*arguments)

    monkeypatch.setattr(runs, "judge", noted)
    approve(cursor, observing(cursor, target, value, rules=rules), value)
    ended = performed(cursor, outbound)
    assert ended.attempt.outcome == "passed"
    assert [name != "outbound" for name in threads] == [apart_from_the_loop]


def test_a_run_whose_turn_to_be_compared_never_came_is_given_back(
    cursor: Cursor, outbound: Outbound, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_begun(*_: object) -> None:
        raise apart.OutOfTime(was_begun=False)

    monkeypatch.setattr(runs, "compute", never_begun)
    observing(cursor, target, 1)
    ended = performed(cursor, outbound)
    assert (ended.attempt.state, ended.attempt.attempt_outcome) == ("pending", "released")


def test_a_run_that_takes_too_long_to_be_compared_fails_with_a_sentence(
    cursor: Cursor, outbound: Outbound, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    monkeypatch.setattr(runs, "JUDGED_WITHIN_SECONDS", -4.5)
    monkeypatch.setattr(runs, "judge", lambda *_: done.wait(10))
    observing(cursor, target, [1] * 20_000)
    ended = performed(cursor, outbound)
    done.set()
    assert (ended.attempt.state, ended.attempt.outcome) == ("failed", "error")
    assert ended.attempt.error == "the time of the run was over while what was observed was compared"


def test_a_run_whose_result_is_too_large_is_an_error_and_puts_nothing_in_force(
    database: Database, cursor: Cursor, outbound: Outbound, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "MAX_RESULT_BYTES", 1_000)
    checklist = observing(cursor, target, "ä" * 600)
    ended = performed(cursor, outbound)
    assert (ended.attempt.state, ended.attempt.outcome) == ("failed", "error")
    assert (ended.attempt.error or "").startswith("what was observed, its snapshots and their differences are larger")
    performers = {"run": RunPerformer(outbound)}
    assert finished(Finishing(database, performers, delivery_attempts=1), [ended]) == {ended.work.id}
    assert (work_row(cursor, ended.work.id).result, snapshots.in_force(cursor, checklist.account_id, checklist.id)) == (
        None,
        [],
    )


def test_a_long_name_above_many_differences_makes_no_long_result(
    cursor: Cursor, outbound: Outbound, target: Target
) -> None:
    name = "k" * 400_000
    value = {name: {f"m{number}": number for number in range(200)}}
    checklist = observing(cursor, target, value)
    approve(cursor, checklist, {name: {f"m{number}": -1 - number for number in range(200)}})
    ended = performed(cursor, outbound)
    assert (ended.attempt.outcome, ended.attempt.result["summary"]["miss"]) == ("changed", 1)
    assert len(json.dumps(ended.attempt.result)) < 1_100_000
