"""Snapshots: the approved values of a checklist."""

from typing import Any

from flask import Response

from api.auth import caller
from api.blueprint import IDEMPOTENCY_KEY, Blueprint
from api.creating import Answer, create
from api.errors import NotFound
from api.objects import historical_snapshot_object, snapshot_object
from api.paging import page_of, read_integer_cursor
from api.routes.checklists import NO_CHECKLIST
from api.schemas.answers import PageQuery
from api.schemas.runs import ForgetInput, HistoryPage, HistoryQuery, SnapshotPage, SnapshotsInput
from api.services import services
from shared.database import Cursor, Transaction
from shared.store import checklists, snapshots
from shared.store.snapshots import NewSnapshot

blueprint = Blueprint("snapshots", __name__, description="The approved values of a checklist.")

EXAMPLE = {"flows": [{"name": "list", "snapshots": [{"name": "all to-dos", "value": []}]}]}


@blueprint.get("/checklists/<id:checklist_id>/snapshots")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, SnapshotPage)
@blueprint.problems(401, 404, 422)
def list_snapshots(page: dict[str, Any], checklist_id: int) -> Response:
    """List the snapshots in force"""
    after = read_integer_cursor(page["cursor"])
    account_id = caller().account_id
    with services().database.reading() as cursor:
        _require_checklist(cursor, checklist_id)
        rows = snapshots.in_force(cursor, account_id, checklist_id, after=after, limit=page["limit"] + 1)
    return Answer(page_of(rows, page["limit"], snapshot_object, lambda row: row.id)).response()


@blueprint.get("/checklists/<id:checklist_id>/snapshots/history")
@blueprint.arguments(HistoryQuery, location="query")
@blueprint.response(200, HistoryPage)
@blueprint.problems(401, 404, 422)
def snapshot_history(page: dict[str, Any], checklist_id: int) -> Response:
    """List every value that was ever approved for a check, newest first"""
    before = read_integer_cursor(page["cursor"])
    with services().database.reading() as cursor:
        _require_checklist(cursor, checklist_id)
        rows = snapshots.history(
            cursor,
            caller().account_id,
            checklist_id,
            page["flow"],
            page["name"],
            before=before,
            limit=page["limit"] + 1,
        )
    return Answer(page_of(rows, page["limit"], historical_snapshot_object, lambda row: row.id)).response()


@blueprint.post("/checklists/<id:checklist_id>/snapshots")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY])
@blueprint.arguments(SnapshotsInput, example=EXAMPLE)
@blueprint.response(201, SnapshotsInput)
@blueprint.problems(400, 401, 404, 413, 415, 422)
def set_snapshots(fields: dict[str, Any], checklist_id: int) -> Response:
    """Set snapshots by hand"""

    def creation(transaction: Transaction) -> Answer:
        account_id = caller().account_id
        if not checklists.lock(transaction.cursor, account_id, checklist_id):
            raise NotFound(NO_CHECKLIST)
        snapshots.put(
            transaction.cursor,
            [
                NewSnapshot(account_id, checklist_id, flow["name"], item["name"], item["value"], caller().name, None)
                for flow in fields["flows"]
                for item in flow["snapshots"]
            ],
        )
        return Answer({"flows": fields["flows"]}, 201)

    return create(creation).response()


@blueprint.delete("/checklists/<id:checklist_id>/snapshots")
@blueprint.arguments(ForgetInput, example={"flows": [{"name": "list"}]}, required=False)
@blueprint.response(204)
@blueprint.problems(400, 401, 404, 413, 415, 422)
def forget_snapshots(fields: dict[str, Any], checklist_id: int) -> Response:
    """Forget snapshots with their history: all, whole flows, or single checks"""
    flows = fields.get("flows")
    with services().database.transaction() as transaction:
        if not checklists.lock(transaction.cursor, caller().account_id, checklist_id):
            raise NotFound(NO_CHECKLIST)
        snapshots.forget(
            transaction.cursor,
            caller().account_id,
            checklist_id,
            None if flows is None else [check for flow in flows for check in _checks_of(flow)],
        )
    return Response(status=204)


def _checks_of(flow: dict[str, Any]) -> list[tuple[str, str | None]]:
    if "snapshots" not in flow:
        return [(flow["name"], None)]
    return [(flow["name"], name) for name in flow["snapshots"]]


def _require_checklist(cursor: Cursor, checklist_id: int) -> None:
    if checklists.get(cursor, caller().account_id, checklist_id) is None:
        raise NotFound(NO_CHECKLIST)
