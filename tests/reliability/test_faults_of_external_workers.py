"""External workers that die, are told to stop, take too long or bring the wrong thing: others end what they began."""

import json
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from roundsman import Client, JobTimedOut
from roundsman.errors import Conflict, Invalid
from shared.database import Database
from tests.processes import RunningApi, wait_until
from tests.reliability.checker import check
from tests.reliability.conftest import Start, client_of, end_leases, outcomes, rows
from tests.reliability.external_work import histories, push, said, start_external_worker, states

OBSERVED = [{"name": "flow", "assertions": [{"name": "check", "value": {"answer": 42}}]}]


def test_a_hundred_tasks_of_a_worker_that_is_killed_come_back_and_are_done_once_by_another(
    account: RunningApi, client: Client, start: Start, database: Database, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    ids = push(client, "held", 100, {"until": str(go)})
    doomed = start_external_worker(start, account, "held", concurrency=100)
    wait_until(lambda: said(doomed, "begun") == Counter(ids), "it has all of them in hand")
    doomed.kill()
    end_leases(database, "task")
    go.touch()
    start("scheduler")
    another = start_external_worker(start, account, "held", concurrency=8)
    check(database, ids)
    assert histories(database, ids) == {"lease_expired succeeded": 100}
    assert said(another, "begun") == Counter(ids * 2)
    assert said(another, "done") == Counter(ids)


LEASES = "SELECT extract(epoch FROM lease_expires_at - started_at)::float8 FROM work WHERE id = ANY(%(ids)s::uuid[])"


def test_a_task_that_was_kept_beyond_its_first_lease_comes_back_soon_after_its_worker_is_killed(
    account: RunningApi, client: Client, start: Start, database: Database, tmp_path: Path
) -> None:
    start("scheduler")
    go = tmp_path / "go"
    ids = push(client, "kept", 2, {"until": str(go)})
    doomed = start_external_worker(start, account, "kept", lease_seconds=1)
    wait_until(lambda: said(doomed, "begun") == Counter(ids), "it has both in hand")
    wait_until(lambda: min(row[0] for row in rows(database, LEASES, ids=ids)) > 2, "it has kept them for a while")
    assert states(database, ids) == {"running": 2}
    doomed.kill()
    wait_until(lambda: states(database, ids) == {"pending": 2}, "they are back", 3)
    go.touch()
    start_external_worker(start, account, "kept")
    check(database, ids)
    assert histories(database, ids) == {"lease_expired succeeded": 2}


def test_a_worker_told_to_stop_ends_what_it_can_and_gives_back_the_rest(
    account: RunningApi, client: Client, start: Start, database: Database, tmp_path: Path
) -> None:
    soon, later = tmp_path / "soon", tmp_path / "later"
    ending = push(client, "stopped", 3, {"until": str(soon)})
    hanging = push(client, "stopped", 3, {"until": str(later)})
    worker = start_external_worker(start, account, "stopped", concurrency=6, grace_seconds=1)
    wait_until(lambda: said(worker, "begun") == Counter(ending + hanging), "it has all of them in hand")
    untouched = push(client, "stopped", 3)
    worker.signal(signal.SIGTERM)
    soon.touch()
    assert worker.process.wait(10) == 0
    assert states(database, ending) == {"succeeded": 3}
    assert states(database, hanging + untouched) == {"pending": 6}
    later.touch()
    start_external_worker(start, account, "stopped")
    check(database, ending + hanging + untouched)
    assert histories(database, ending + untouched) == {"succeeded": 6}
    assert histories(database, hanging) == {"released succeeded": 3}
    assert client.tasks.get(hanging[0])["failures"] == 0


@pytest.mark.parametrize("is_swept", [False, True], ids=["before it is swept", "after it was swept"])
def test_an_attempt_past_its_allowance_has_timed_out_however_often_it_was_kept(
    is_swept: bool, client: Client, start: Start, database: Database
) -> None:
    """The limit is the allowance, not the lease: that is extended to ten minutes, and never lasts as long."""
    if is_swept:
        start("scheduler")
    ids = push(client, "slow", timeout_seconds=1, max_attempts=2)
    [task] = client.queues.pop("slow", lease_seconds=600)
    lease: dict[str, Any] = {"task_id": task["id"], "lease_token": task["lease_token"]}
    assert client.tasks.extend(**lease, lease_seconds=600)["lease_expires_at"] == task["lease_expires_at"]

    def is_refused() -> bool:
        try:
            client.tasks.extend(**lease, lease_seconds=600)
        except JobTimedOut:
            return not is_swept or states(database, ids) == {"pending": 1}
        return False

    wait_until(is_refused, "its time is over")
    for late in (
        lambda: client.tasks.ack(**lease),
        lambda: client.tasks.fail(**lease, error="too late"),
        lambda: client.tasks.log(**lease, messages="too late"),
    ):
        with pytest.raises(JobTimedOut):
            late()
    if not is_swept:
        start("scheduler")
    wait_until(lambda: states(database, ids) == {"pending": 1}, "it can be tried again")
    [again] = client.queues.pop("slow")
    client.tasks.ack(again["id"], again["lease_token"])
    check(database, ids)
    assert histories(database, ids) == {"timeout succeeded": 1}


def test_a_processor_whose_tasks_take_too_long_fails_them_with_that_reason(
    account: RunningApi, client: Client, start: Start, database: Database
) -> None:
    start("scheduler")
    ids = push(client, "lingering", 5, {"lingers": True}, timeout_seconds=1, max_attempts=1)
    worker = start_external_worker(start, account, "lingering", concurrency=5)
    check(database, ids)
    assert histories(database, ids) == {"timeout": 5}
    assert states(database, ids) == {"failed": 5}
    assert all("job_timed_out" in str(client.tasks.get(id)["error"]) for id in ids)
    wait_until(lambda: said(worker, "done") == Counter(ids), "it had ended them, too late")


@pytest.fixture
def checklist(account: RunningApi, tmp_path: Path) -> Any:
    """Observed through the queue `checks`, by whoever waits for the file `go` first."""
    variables = {"until": str(tmp_path / "go"), "result": json.dumps(OBSERVED)}
    return account.make("/checklists", {"name": "queued", "queue": "checks", "variables": variables})


def begin_run(account: RunningApi, checklist: Any) -> str:
    return str(account.make(f"/checklists/{checklist['id']}/run")["id"])


def task_of(account: RunningApi, run_id: str) -> Any:
    listed = account.call("GET", "/tasks?queue=checks").json()["data"]
    return next(task for task in listed if task["run_id"] == run_id)


def test_runs_are_judged_although_the_worker_that_observes_for_them_is_killed(
    account: RunningApi, checklist: Any, start: Start, database: Database, tmp_path: Path
) -> None:
    start("scheduler")
    start("worker")
    run_ids = [begin_run(account, checklist) for _ in range(10)]
    doomed = start_external_worker(start, account, "checks", concurrency=10, lease_seconds=1)
    wait_until(lambda: said(doomed, "begun").total() == 10, "it has all of them in hand")
    doomed.kill()
    (tmp_path / "go").touch()
    start_external_worker(start, account, "checks")
    check(database, run_ids)
    runs = [account.call("GET", f"/runs/{run_id}").json() for run_id in run_ids]
    assert Counter((run["state"], run["outcome"]) for run in runs) == {("succeeded", "passed"): 10}
    # Those that were judged together with the first had nothing to be compared with.
    assert all((run["summary"]["match"] + run["summary"]["new"], run["summary"]["miss"]) == (1, 0) for run in runs)
    histories_of_tasks = [outcomes(account, f"/tasks/{task_of(account, run_id)['id']}") for run_id in run_ids]
    assert histories_of_tasks == [["lease_expired", "succeeded"]] * 10


def test_a_worker_that_brings_the_wrong_shape_is_told_and_the_run_waits_for_another_until_none_is_left(
    account: RunningApi, client: Client, checklist: Any, start: Start, database: Database
) -> None:
    start("scheduler")
    start("worker")
    mended, hopeless = begin_run(account, checklist), begin_run(account, checklist)
    wrong = {mended: 2, hopeless: 3}
    for _ in range(6):
        [task] = client.queues.pop("checks")
        run_id = task["payload"]["run_id"]
        if task["attempt"] <= wrong[run_id]:
            with pytest.raises(Invalid, match="the result is not what the run needs"):
                client.tasks.ack(task["id"], task["lease_token"], {"flows": []})
        else:
            client.tasks.ack(task["id"], task["lease_token"], OBSERVED)
    check(database, [mended, hopeless])
    judged, failed = (account.call("GET", f"/runs/{run_id}").json() for run_id in (mended, hopeless))
    assert (judged["state"], judged["outcome"], judged["summary"]["new"]) == ("succeeded", "passed", 1)
    assert (failed["state"], failed["outcome"]) == ("failed", "error")
    assert "expected an array of flows" in failed["error"]
    ended = [event for event in account.call("GET", "/events").json()["data"] if event["type"] == "run.finished"]
    assert Counter(event["data"]["run_id"] for event in ended) == {mended: 1, hopeless: 1}


def test_canceling_a_run_while_its_task_is_acked_failed_or_swept_leaves_one_end_of_both(
    account: RunningApi, client: Client, checklist: Any, start: Start, database: Database
) -> None:
    """Both are locked by whoever ends either: nobody may wait for the other for good."""
    start("scheduler", ROUNDSMAN_SWEEP_SECONDS="0.05")
    start("worker")
    run_ids = [begin_run(account, checklist) for _ in range(60)]
    tasks = client.queues.pop("checks", most=60)
    with client_of(account) as owner, ThreadPoolExecutor(2) as pool:

        def cancel_all() -> Counter[int]:
            paths = [f"/runs/{task['payload']['run_id']}/cancel" for task in tasks]
            return Counter(account.call("POST", path).status_code for path in paths)

        def end_all() -> Counter[str]:
            told: Counter[str] = Counter()
            for number, task in enumerate(tasks):
                try:
                    if number % 3 == 0:
                        told[owner.tasks.ack(task["id"], task["lease_token"], OBSERVED)["state"]] += 1
                    elif number % 3 == 1:
                        told[owner.tasks.fail(task["id"], task["lease_token"], "no", retry=False)["state"]] += 1
                except Conflict:
                    told["conflict"] += 1
            return told

        canceling, ending = pool.submit(cancel_all), pool.submit(end_all)
        assert set(canceling.result(30)) <= {200, 409}
        told = ending.result(30)
    assert told["succeeded"] == 20
    assert told["failed"] + told["canceled"] == 20
    end_leases(database, "task")
    check(database, run_ids)
