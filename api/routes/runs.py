"""Runs: a checklist performed once, what it found, and whether that is accepted."""

from typing import Any
from uuid import UUID

from flask import Response

from api.accepting import accept
from api.auth import caller, is_on_a_page
from api.blueprint import IDEMPOTENCY_KEY, PREFER, Blueprint
from api.creating import Answer, create
from api.errors import Conflict, NotFound
from api.objects import run_object
from api.paging import page_with_more, read_uuid_cursor
from api.routes.checklists import NO_CHECKLIST
from api.schemas.answers import NothingSchema
from api.schemas.runs import AcceptedSchema, AcceptInput, RunInput, RunPage, RunQuery, RunSchema
from api.services import services
from api.store import runs
from api.store.runs import Run
from api.waiting_for_work import wait_for_end
from shared.database import Cursor, Transaction
from shared.store import work

blueprint = Blueprint("runs", __name__, description="Checklists performed, and what they found.")

NO_RUN = "there is no such run in this account"


@blueprint.post("/checklists/<id:checklist_id>/run")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY, PREFER])
@blueprint.arguments(RunInput, example={"variables": {"user": "ada"}}, required=False)
@blueprint.response(202, RunSchema, headers={"Location": {"schema": {"type": "string"}}})
@blueprint.alt_response(200, schema=RunSchema, description="The finished run, with Prefer: wait.")
@blueprint.problems(400, 401, 404, 413, 415, 422)
def run_checklist(fields: dict[str, Any], checklist_id: int) -> Response:
    """Run a checklist"""

    def creation(transaction: Transaction) -> Answer:
        run = runs.create(
            transaction.cursor,
            caller().account_id,
            checklist_id,
            trigger="manual" if is_on_a_page() else "api",
            variables=fields["variables"],
        )
        if run is None:
            raise NotFound(NO_CHECKLIST)
        transaction.after_commit(lambda: ring_for(run))
        return Answer(run_object(run), 202, {"Location": f"/runs/{run.id}"})

    return wait_for_end(create(creation)).response()


@blueprint.get("/runs")
@blueprint.arguments(RunQuery, location="query")
@blueprint.response(200, RunPage)
@blueprint.problems(401, 422)
def list_runs(page: dict[str, Any]) -> Response:
    """List the runs of the account, newest first

    A page ends early when results are large: next_cursor says whether there are more.
    """
    before = read_uuid_cursor(page["cursor"])
    filters = {name: page[name] for name in ("checklist_id", "schedule_id", "state", "outcome")}
    with services().database.reading() as cursor:
        rows, has_more = runs.page(cursor, caller().account_id, before=before, limit=page["limit"], **filters)
    return Answer(page_with_more(rows, has_more, run_object, lambda run: run.id)).response()


@blueprint.get("/runs/<uuid:run_id>")
@blueprint.response(200, RunSchema)
@blueprint.problems(401, 404)
def get_run(run_id: UUID) -> Response:
    """Read a run"""
    with services().database.reading() as cursor:
        run = _existing_run(cursor, run_id)
    return Answer(run_object(run)).response()


@blueprint.post("/runs/<uuid:run_id>/cancel")
@blueprint.arguments(NothingSchema, required=False)
@blueprint.response(200, RunSchema)
@blueprint.problems(400, 401, 404, 409, 422)
def cancel_run(_fields: dict[str, Any], run_id: UUID) -> Response:
    """Cancel a run that has not ended"""
    with services().database.transaction() as transaction:
        _existing_run(transaction.cursor, run_id)
        canceled = work.cancel(transaction.cursor, caller().account_id, id=run_id, reason="canceled by its owner")
        run = _existing_run(transaction.cursor, run_id)
        if run.state != "canceled":
            raise Conflict(f"the run has {run.state} already")
        transaction.after_commit(lambda: services().bell.announce(canceled))
    return Answer(run_object(run)).response()


@blueprint.post("/runs/<uuid:run_id>/accept")
@blueprint.arguments(AcceptInput, example={"checks": [{"flow": "list", "name": "all to-dos"}]}, required=False)
@blueprint.response(200, AcceptedSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def accept_run(fields: dict[str, Any], run_id: UUID) -> Response:
    """Accept what a run observed

    The observed values become the snapshots; nothing named means all that are new or missed.
    """
    checks = fields.get("checks")
    with services().database.transaction() as transaction:
        accepted = accept(
            transaction.cursor,
            caller().account_id,
            _existing_run(transaction.cursor, run_id),
            checks=None if checks is None else [(check["flow"], check["name"]) for check in checks],
            only=fields.get("only"),
            accepted_by=caller().name,
        )
    return Answer({"accepted": [{"flow": flow, "name": name} for flow, name in accepted]}).response()


def ring_for(run: Run) -> None:
    """Wake whoever is to observe for a run that has just been made: our workers, or those of its queue."""
    if run.queue is None:
        services().bell.ring([run.id])
    else:
        services().bell.announce_tasks([(caller().account_id, run.queue)])


def _existing_run(cursor: Cursor, run_id: UUID) -> Run:
    run = runs.get(cursor, caller().account_id, run_id)
    if run is None:
        raise NotFound(NO_RUN)
    return run
