"""A run performed by the test itself, in the place of a worker: claim, judge, finish, record."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from shared.database import Database
from shared.domain.observations import ObservedCheck, ObservedFlow
from shared.store import checklists, snapshots, work
from shared.store.snapshots import NewSnapshot
from shared.store.work import FinishedAttempt
from tests.claiming import claim
from worker.verdict import judge


def begin_run(database: Database, run_id: UUID | str) -> work.ClaimedWork:
    """The run, claimed; other runs that are due are left running."""
    with database.transaction() as transaction:
        claimed = claim(transaction.cursor, limit=1_000, margin_seconds=15)
    return next(item for item in claimed if str(item.id) == str(run_id))


def end_run(database: Database, run_id: UUID | str, observed: Mapping[str, Mapping[str, Any]]) -> None:
    """Perform the run: these values are observed, by flow and check."""
    end_claimed(database, begin_run(database, run_id), observed)


def end_claimed(database: Database, run: work.ClaimedWork, observed: Mapping[str, Mapping[str, Any]]) -> None:
    assert run.checklist_id is not None
    flows = [
        ObservedFlow(flow, tuple(ObservedCheck(name, value, True) for name, value in checks.items()))
        for flow, checks in observed.items()
    ]
    with database.transaction() as transaction:
        checklist = checklists.for_runs(transaction.cursor, [run.checklist_id])[run.checklist_id]
        approved, _ = snapshots.for_runs(transaction.cursor, [run.checklist_id])
        verdict = judge(flows, approved[run.checklist_id], (), checklist.first_value)
        ended = FinishedAttempt(
            run.id,
            run.lease_token,
            "succeeded",
            "succeeded",
            outcome=verdict.outcome,
            result={"flows": verdict.flows, "summary": verdict.summary},
            elapsed_ms=1,
        )
        assert work.finish(transaction.cursor, [ended]) == {run.id}
        snapshots.put_first(
            transaction.cursor,
            [
                NewSnapshot(run.account_id, run.checklist_id, flow, name, value, "first value", run.id)
                for flow, name, value in verdict.new_values
            ],
        )
        marks = {(run.checklist_id, *key): True for key in verdict.obsolete_keys}
        snapshots.mark_obsolete(transaction.cursor, marks)
