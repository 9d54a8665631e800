"""Accepting what a run observed: all of it, some, only what is new or missed; never an older value over a newer."""

from typing import Any

import pytest

from shared.database import Database
from tests.api_client import ApiClient, pages, problem
from tests.runs import begin_run, end_run

FIRST = {"f": {"same": 1, "changes": 1}}
SECOND = {"f": {"same": 1, "changes": 2, "appears": 3}, "g": {"appears": None}}


class Approval:
    """A checklist whose values wait for approval, and its runs."""

    def __init__(self, api: ApiClient, database: Database) -> None:
        self.api = api
        self._database = database
        self.checklist_id = api.make_checklist(first_value="review")["id"]

    def run(self, observed: dict[str, dict[str, Any]]) -> str:
        run = self.api.start_run(self.checklist_id)
        end_run(self._database, run["id"], observed)
        return str(run["id"])

    def accept(self, run_id: str, **body: Any) -> set[tuple[str, str]]:
        answer = self.api.post(f"/runs/{run_id}/accept", body)
        assert answer.status_code == 200, answer.text
        assert set(answer.json) == {"accepted"}
        return {(check["flow"], check["name"]) for check in answer.json["accepted"]}

    def snapshots(self) -> dict[tuple[str, str], Any]:
        rows = pages(self.api, f"/checklists/{self.checklist_id}/snapshots", 50)
        return {(row["flow"], row["name"]): row["value"] for row in rows}

    def history(self, flow: str, name: str) -> list[Any]:
        path = f"/checklists/{self.checklist_id}/snapshots/history"
        return [row["value"] for row in pages(self.api, path, 50, flow=flow, name=name)]


@pytest.fixture
def approval(fresh: ApiClient, database: Database) -> Approval:
    """A checklist of which FIRST has been accepted."""
    approval = Approval(fresh, database)
    approval.accept(approval.run(FIRST))
    return approval


def test_with_nothing_named_all_that_is_new_or_missed_is_accepted(approval: Approval) -> None:
    accepted = approval.accept(approval.run(SECOND))
    assert accepted == {("f", "changes"), ("f", "appears"), ("g", "appears")}
    assert approval.snapshots() == {("f", "same"): 1, ("f", "changes"): 2, ("f", "appears"): 3, ("g", "appears"): None}


def test_no_body_means_all(approval: Approval) -> None:
    answer = approval.api.post(f"/runs/{approval.run(SECOND)}/accept")
    assert len(answer.json["accepted"]) == 3


def test_only_what_is_named_is_accepted(approval: Approval) -> None:
    accepted = approval.accept(approval.run(SECOND), checks=[{"flow": "g", "name": "appears"}])
    assert accepted == {("g", "appears")}
    assert approval.snapshots() == {("f", "same"): 1, ("f", "changes"): 1, ("g", "appears"): None}


@pytest.mark.parametrize(
    ("only", "expected"),
    [("new", {("f", "appears"), ("g", "appears")}), ("miss", {("f", "changes")})],
)
def test_only_new_or_only_missed_values_are_accepted(
    approval: Approval, only: str, expected: set[tuple[str, str]]
) -> None:
    assert approval.accept(approval.run(SECOND), only=only) == expected


def test_the_next_run_passes_against_what_was_accepted(approval: Approval) -> None:
    approval.accept(approval.run(SECOND))
    run = approval.api.get(f"/runs/{approval.run(SECOND)}").json
    assert (run["outcome"], run["summary"]["match"]) == ("passed", 4)


def test_it_is_kept_who_accepted_from_which_run(approval: Approval) -> None:
    run = approval.run(SECOND)
    approval.accept(run)
    rows = pages(approval.api, f"/checklists/{approval.checklist_id}/snapshots", 50)
    [changed] = [row for row in rows if row["name"] == "changes"]
    assert (changed["run_id"], changed["accepted_by"], changed["state"]) == (run, "test", "current")


def test_accepting_again_is_fine_and_writes_no_history(approval: Approval) -> None:
    run = approval.run(SECOND)
    approval.accept(run)
    before = pages(approval.api, f"/checklists/{approval.checklist_id}/snapshots", 50)
    approval.accept(run)
    assert approval.history("f", "changes") == [2, 1]
    assert pages(approval.api, f"/checklists/{approval.checklist_id}/snapshots", 50) == before


def test_a_value_that_came_to_be_approved_otherwise_is_no_conflict(approval: Approval) -> None:
    older, newer = approval.run(SECOND), approval.run(SECOND)
    approval.accept(newer)
    approval.accept(older)
    assert approval.history("f", "changes") == [2, 1]


def test_an_older_value_does_not_replace_a_newer_one(approval: Approval) -> None:
    older = approval.run({"f": {"same": 1, "changes": 2}})
    newer = approval.run({"f": {"same": 1, "changes": 3}})
    approval.accept(newer)
    refused = problem(approval.api.post(f"/runs/{older}/accept", {}), 409)
    assert "run the checklist again" in refused["detail"]
    assert "'changes' of flow 'f'" in refused["errors"][0]["detail"]
    assert approval.snapshots()["f", "changes"] == 3


def test_a_refused_acceptance_accepts_none_of_its_values(approval: Approval) -> None:
    older = approval.run(SECOND)
    approval.accept(approval.run({"f": {"changes": 9}}))
    problem(approval.api.post(f"/runs/{older}/accept", {}), 409)
    assert ("g", "appears") not in approval.snapshots()
    assert approval.accept(older, only="new") == {("f", "appears"), ("g", "appears")}


def test_a_value_that_was_set_by_hand_since_is_newer_too(approval: Approval) -> None:
    run = approval.run(SECOND)
    by_hand = {"flows": [{"name": "f", "snapshots": [{"name": "changes", "value": 7}]}]}
    approval.api.make(f"/checklists/{approval.checklist_id}/snapshots", by_hand)
    problem(approval.api.post(f"/runs/{run}/accept", {}), 409)


def test_what_the_run_did_not_observe_cannot_be_accepted(approval: Approval) -> None:
    run = approval.run(SECOND)
    checks = [{"flow": "f", "name": "changes"}, {"flow": "f", "name": "never seen"}]
    refused = problem(approval.api.post(f"/runs/{run}/accept", {"checks": checks}), 422)
    assert [error["pointer"] for error in refused["errors"]] == ["/checks/1"]
    assert approval.snapshots()["f", "changes"] == 1


def test_a_run_that_has_not_ended_cannot_be_accepted(approval: Approval, database: Database) -> None:
    run = approval.api.start_run(approval.checklist_id)
    assert "pending" in problem(approval.api.post(f"/runs/{run['id']}/accept"), 409)["detail"]
    begin_run(database, run["id"])
    assert "running" in problem(approval.api.post(f"/runs/{run['id']}/accept"), 409)["detail"]


def test_a_run_of_a_deleted_checklist_cannot_be_accepted(approval: Approval) -> None:
    run = approval.run(SECOND)
    approval.api.delete(f"/checklists/{approval.checklist_id}")
    assert "deleted" in problem(approval.api.post(f"/runs/{run}/accept"), 409)["detail"]


def test_a_canceled_run_has_nothing_to_accept(approval: Approval) -> None:
    run = approval.api.start_run(approval.checklist_id)
    approval.api.post(f"/runs/{run['id']}/cancel")
    assert approval.accept(run["id"]) == set()
