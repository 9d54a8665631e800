"""Runs that end with what a test says they have observed, flows that broke off included."""

from typing import Any

from shared.database import Database
from shared.domain.observations import ObservedCheck, ObservedFlow
from shared.domain.rules import parse_rule
from shared.store import checklists, snapshots, work
from shared.store.snapshots import NewSnapshot
from shared.store.work import FinishedAttempt
from tests.api_client import ApiClient
from tests.runs import begin_run
from worker.verdict import judge


def a_flow(name: str = "flow", error: str | None = None, /, **values: Any) -> ObservedFlow:
    """A flow with these values, by check."""
    return ObservedFlow(name, tuple(ObservedCheck(check, value, True) for check, value in values.items()), error)


def a_run_of(api: ApiClient, database: Database, checklist: Any, *flows: ObservedFlow, **variables: str) -> str:
    """The id of a run of this checklist that has ended with these observations, under the rules that it has now."""
    run_id: str = api.start_run(checklist["id"], **variables)["id"]
    claimed = begin_run(database, run_id)
    with database.transaction() as transaction:
        found = checklists.for_runs(transaction.cursor, [checklist["id"]])[checklist["id"]]
        approved, _ = snapshots.for_runs(transaction.cursor, [found.id])
        verdict = judge(flows, approved[found.id], [parse_rule(rule) for rule in found.rules], found.first_value)
        could_not = verdict.outcome == "error"
        ended = FinishedAttempt(
            claimed.id,
            claimed.lease_token,
            "failed" if could_not else "succeeded",
            "failed" if could_not else "succeeded",
            outcome=verdict.outcome,
            result={"flows": verdict.flows, "summary": verdict.summary},
            error="a flow broke off" if could_not else None,
            elapsed_ms=1_500,
        )
        assert work.finish(transaction.cursor, [ended]) == {claimed.id}
        snapshots.put_first(
            transaction.cursor,
            [
                NewSnapshot(found.account_id, found.id, flow, name, value, "first value", claimed.id)
                for flow, name, value in verdict.new_values
            ],
        )
    return run_id


def a_changed_run(
    api: ApiClient, database: Database, expected: Any, observed: Any, *, checklist: Any = None, **fields: Any
) -> str:
    """The id of a run whose one check was expected to be one value, and was observed to be another."""
    checklist = checklist or api.make_checklist(**fields)
    a_run_of(api, database, checklist, a_flow(check=expected))
    return a_run_of(api, database, checklist, a_flow(check=observed))
