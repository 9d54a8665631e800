"""Runs, which a client waits for, and of which it is shown every value as it was written."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from api.auth import caller
from api.compat.automated_qa.checklists import existing_checklist
from api.compat.automated_qa.errors import RunFailed, RunTooSlow
from api.creating import Answer, create
from api.errors import NotFound
from api.json_body import read_body
from api.routes.checklists import NO_CHECKLIST
from api.routes.runs import ring_for
from api.services import services
from api.store import runs
from api.store.runs import Run
from api.waiting_for_work import wait_until_ended
from shared.database import Cursor, Transaction
from shared.domain.json_value import Json, written
from shared.domain.snapshot import equal
from shared.errors import DatabaseUnavailable
from shared.store import snapshots, work
from shared.store.snapshots import Snapshot

blueprint = Blueprint("running", __name__)

COUNTED = ("match", "miss", "new")
SLACK_SECONDS = 5.0  # from the end of the time that a run has until that has been recorded

InForce = Mapping[tuple[str, str], Snapshot]


@blueprint.post("/checklists/<id:checklist_id>/run")
def run_checklist(checklist_id: int) -> Response:
    """Run it, and answer when that has ended: at the latest when the time of the checklist is over."""
    account_id = caller().account_id
    read_body()  # whatever it says; before the transaction, which waits for no client

    def creation(transaction: Transaction) -> Answer:
        checklist = existing_checklist(transaction.cursor, checklist_id)
        run = runs.create(transaction.cursor, account_id, checklist_id, trigger="api", variables={}, keeps_texts=True)
        if run is None:
            raise NotFound(NO_CHECKLIST)
        transaction.after_commit(lambda: ring_for(run))
        return Answer({"run_id": str(run.id), "timeout_seconds": checklist.timeout_seconds})

    # A place to wait is taken before anything is begun: without one there is no answer to give.
    with services().waiting_requests.taken(account_id):
        begun = create(creation).body
        run_id = UUID(begun["run_id"])
        wait_until_ended(run_id, begun["timeout_seconds"] + SLACK_SECONDS)
    try:
        with services().database.reading() as cursor:
            run = _ended(cursor, account_id, run_id)
            flows = _flows_of(run)
            in_force = _in_force(cursor, account_id, checklist_id) if _has_a_miss(flows) else {}
    except DatabaseUnavailable:
        raise RunTooSlow(f"the database is out of reach; run {run_id} goes on") from None
    texts = (run.result or {}).get("texts", [])
    shown = [_flow(flow, texts[place] if place < len(texts) else [], in_force) for place, flow in enumerate(flows)]
    return Answer({"data": {"flows": shown}}).response()


def _ended(cursor: Cursor, account_id: int, run_id: UUID) -> Run:
    run = runs.get(cursor, account_id, run_id)
    if run is None:
        raise NotFound("the run was deleted while it was waited for")
    if run.state not in work.TERMINAL:
        raise RunTooSlow(f"run {run_id} has not ended in time; it goes on")
    return run


def _flows_of(run: Run) -> list[dict[str, Any]]:
    if run.result is None:
        raise RunFailed(f"run {run.id} has {run.state}: {run.error}")
    flows: list[dict[str, Any]] = run.result["flows"]
    return flows


def _has_a_miss(flows: list[dict[str, Any]]) -> bool:
    return any(flow["summary"]["miss"] for flow in flows)


def _in_force(cursor: Cursor, account_id: int, checklist_id: int) -> InForce:
    found = snapshots.in_force(cursor, account_id, checklist_id)
    return {(snapshot.flow, snapshot.name): snapshot for snapshot in found}


def _flow(flow: dict[str, Any], texts: list[str | None], in_force: InForce) -> dict[str, Any]:
    padded = [*texts, *[None] * (len(flow["assertions"]) - len(texts))]
    return {
        "name": flow["name"],
        "summary": {name: flow["summary"][name] for name in COUNTED},
        "assertions": [
            _assertion(assertion, text, in_force.get((flow["name"], assertion["name"])))
            for assertion, text in zip(flow["assertions"], padded, strict=True)
        ],
    }


def _assertion(assertion: dict[str, Any], text: str | None, snapshot: Snapshot | None) -> dict[str, Any]:
    shown = {
        "name": assertion["name"],
        "result": assertion["result"],
        "snapshot": written(assertion.get("observed")) if text is None else text,
    }
    if assertion["result"] == "MISS" and "expected" in assertion:
        shown["expectedSnapshot"] = _expected_text(assertion["expected"], snapshot)
    return shown


def _expected_text(expected: Json, snapshot: Snapshot | None) -> str:
    """The expected value as it was written; written anew if it was not, or if another is in force by now."""
    if snapshot is not None and snapshot.text is not None and equal(snapshot.value, expected):
        return snapshot.text
    return written(expected)
