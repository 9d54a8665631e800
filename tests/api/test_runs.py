"""Runs through the API: started, waited for, read, listed and canceled."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.database import Database
from shared.queues import Bell, connect
from shared.store import checklists
from tests.api_client import ApiClient, pages, problem
from tests.concurrency import wait_until_blocked
from tests.processes import wait_until
from tests.runs import begin_run, end_claimed, end_run

OBSERVED = {"f": {"a": 1, "b": None}}


def test_a_run_is_accepted_for_later(fresh: ApiClient) -> None:
    checklist = fresh.make_checklist()
    answer = fresh.post(f"/checklists/{checklist['id']}/run")
    assert answer.status_code == 202
    run = answer.json
    assert answer.headers["Location"] == f"/runs/{run['id']}"
    assert "Preference-Applied" not in answer.headers
    assert run == {
        "id": run["id"],
        "checklist_id": checklist["id"],
        "schedule_id": None,
        "scheduled_for": None,
        "trigger": "api",
        "state": "pending",
        "outcome": None,
        "summary": {"match": 0, "miss": 0, "new": 0, "obsolete": 0},
        "flows": [],
        "error": None,
        "attempts": 0,
        "created_at": run["created_at"],
        "started_at": None,
        "finished_at": None,
    }
    assert fresh.get(answer.headers["Location"]).json == run


def test_a_finished_run_tells_what_it_found(fresh: ApiClient, database: Database) -> None:
    checklist = fresh.make_checklist()
    first = fresh.start_run(checklist["id"])
    end_run(database, first["id"], OBSERVED)
    second = fresh.start_run(checklist["id"])
    end_run(database, second["id"], {"f": {"a": 2, "c": []}})
    found = fresh.get(f"/runs/{second['id']}").json
    assert (found["state"], found["outcome"], found["attempts"]) == ("succeeded", "changed", 1)
    assert found["summary"] == {"match": 0, "miss": 1, "new": 1, "obsolete": 1}
    assert found["flows"][0]["assertions"] == [
        {
            "name": "a",
            "result": "MISS",
            "observed": 2,
            "expected": 1,
            "diff": [{"pointer": "", "expected": 1, "observed": 2}],
        },
        {"name": "c", "result": "NEW", "observed": []},
    ]
    assert found["started_at"] <= found["finished_at"]


def test_variables_of_the_run_reach_the_worker(fresh: ApiClient, database: Database) -> None:
    checklist = fresh.make_checklist()
    run = fresh.start_run(checklist["id"], user="ada")
    assert begin_run(database, run["id"]).spec == {"variables": {"user": "ada"}}


@pytest.mark.parametrize("is_announced", [True, False])
def test_who_prefers_to_wait_gets_the_finished_run(
    fresh: ApiClient, database: Database, redis_url: str, is_announced: bool
) -> None:
    checklist = fresh.make_checklist()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            fresh.for_another_thread().post, f"/checklists/{checklist['id']}/run", headers={"Prefer": "wait=20"}
        )
        wait_until(lambda: pages(fresh, "/runs", 10), "the run is there")
        [run] = pages(fresh, "/runs", 10)
        claimed = begin_run(database, run["id"])
        assert not waiting.done()
        end_claimed(database, claimed, OBSERVED)
        if is_announced:
            Bell(redis_url).announce([claimed.id])
        answer = waiting.result(10)
    assert (answer.status_code, answer.json["state"], answer.json["outcome"]) == (200, "succeeded", "passed")
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.headers["Location"] == f"/runs/{run['id']}"


def test_who_waits_in_vain_gets_the_run_as_it_is(fresh: ApiClient) -> None:
    checklist = fresh.make_checklist()
    answer = fresh.post(f"/checklists/{checklist['id']}/run", headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.json["state"]) == (202, "pending")
    assert answer.headers["Preference-Applied"] == "wait=0"
    assert answer.headers["Location"] == f"/runs/{answer.json['id']}"


@pytest.mark.parametrize("preference", ["respond-async", "wait", "wait=", "wait=-1", "wait=1.5", "wait=x", ";", ""])
def test_a_preference_that_is_not_understood_is_ignored(fresh: ApiClient, preference: str) -> None:
    checklist = fresh.make_checklist()
    answer = fresh.post(f"/checklists/{checklist['id']}/run", headers={"Prefer": preference})
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers


def test_waiting_goes_on_without_redis(app_with: Callable[..., ApiClient], database: Database) -> None:
    api = app_with(redis_url="unix:///nonexistent/redis.sock").signed_up()
    checklist = api.make_checklist()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            api.for_another_thread().post, f"/checklists/{checklist['id']}/run", headers={"Prefer": "wait=20"}
        )
        wait_until(lambda: pages(api, "/runs", 10), "the run is there")
        end_run(database, pages(api, "/runs", 10)[0]["id"], OBSERVED)
        assert waiting.result(10).status_code == 200


def test_a_pending_run_is_canceled(fresh: ApiClient, database: Database) -> None:
    run = fresh.start_run(fresh.make_checklist()["id"])
    answer = fresh.post(f"/runs/{run['id']}/cancel")
    assert (answer.status_code, answer.json["state"], answer.json["outcome"]) == (200, "canceled", None)
    assert answer.json["error"] == "canceled by its owner"
    again = fresh.post(f"/runs/{run['id']}/cancel", {})
    assert (again.status_code, again.json) == (200, answer.json)


def test_a_running_run_is_canceled_and_its_result_is_refused(fresh: ApiClient, database: Database) -> None:
    run = fresh.start_run(fresh.make_checklist()["id"])
    claimed = begin_run(database, run["id"])
    assert fresh.post(f"/runs/{run['id']}/cancel").json["state"] == "canceled"
    with pytest.raises(AssertionError):
        end_claimed(database, claimed, OBSERVED)
    assert fresh.get(f"/runs/{run['id']}").json["state"] == "canceled"


def test_a_finished_run_cannot_be_canceled(fresh: ApiClient, database: Database) -> None:
    run = fresh.start_run(fresh.make_checklist()["id"])
    end_run(database, run["id"], OBSERVED)
    assert "succeeded already" in problem(fresh.post(f"/runs/{run['id']}/cancel"), 409)["detail"]


def test_two_cancels_at_once_both_find_it_canceled(fresh: ApiClient, database: Database) -> None:
    run = fresh.start_run(fresh.make_checklist()["id"])
    with ThreadPoolExecutor(2) as pool:
        with database.transaction() as holder:
            holder.cursor.execute("SELECT id FROM work WHERE id = %s FOR UPDATE", (run["id"],))
            canceling = [pool.submit(fresh.for_another_thread().post, f"/runs/{run['id']}/cancel") for _ in range(2)]
            wait_until_blocked(database, 2)
        assert [future.result(10).status_code for future in canceling] == [200, 200]


def test_a_run_of_a_checklist_that_is_being_deleted_is_not_found(fresh: ApiClient, database: Database) -> None:
    checklist = fresh.make_checklist()
    with database.reading() as cursor:
        cursor.execute("SELECT account_id FROM checklists WHERE id = %s", (checklist["id"],))
        [(account_id,)] = cursor.fetchall()
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as deleting:
            checklists.delete(deleting.cursor, account_id, checklist["id"])
            running = pool.submit(fresh.for_another_thread().post, f"/checklists/{checklist['id']}/run")
            wait_until_blocked(database)
        problem(running.result(10), 404)
    assert pages(fresh, "/runs", 10) == []


def test_runs_are_listed_newest_first_and_pages_are_stable_under_inserts(fresh: ApiClient) -> None:
    checklist = fresh.make_checklist()
    made = sorted((fresh.start_run(checklist["id"])["id"] for _ in range(5)), reverse=True)
    first = fresh.get("/runs?limit=2").json
    fresh.start_run(checklist["id"])
    rest = pages(fresh, "/runs", 2, cursor=first["next_cursor"])
    assert [run["id"] for run in first["data"]] == made[:2]
    second = fresh.get(f"/runs?limit=2&cursor={first['next_cursor']}").json
    third = fresh.get(f"/runs?limit=2&cursor={second['next_cursor']}").json
    assert [run["id"] for run in second["data"] + third["data"]] == made[2:]
    assert third["next_cursor"] is None
    assert [run["id"] for run in rest[:3]] == made[2:]


def test_runs_are_listed_by_checklist_state_and_outcome(fresh: ApiClient, database: Database) -> None:
    one, other = fresh.make_checklist(), fresh.make_checklist(first_value="review")
    passed = fresh.start_run(one["id"])
    end_run(database, passed["id"], OBSERVED)
    new = fresh.start_run(other["id"])
    end_run(database, new["id"], OBSERVED)
    pending = fresh.start_run(one["id"])

    def listed(**query: object) -> list[str]:
        return [run["id"] for run in pages(fresh, "/runs", 10, **query)]

    assert listed(checklist_id=one["id"]) == [pending["id"], passed["id"]]
    assert listed(state="pending") == [pending["id"]]
    assert listed(outcome="passed") == [passed["id"]]
    assert listed(outcome="new", state="succeeded") == [new["id"]]
    assert listed(outcome="changed") == listed(schedule_id=1) == listed(checklist_id=2**53) == []


def test_starting_a_run_rings_the_bell(fresh: ApiClient, redis_url: str) -> None:
    with connect(redis_url) as client:
        client.flushall()
    fresh.start_run(fresh.make_checklist()["id"])
    assert Bell(redis_url).rings_waiting() == 1
