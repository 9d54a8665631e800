"""Checklists: what is to be checked."""

from typing import Any

from flask import Response

from api.auth import caller
from api.blueprint import IDEMPOTENCY_KEY, Blueprint
from api.creating import Answer, create
from api.errors import Conflict, NotFound
from api.objects import checklist_object
from api.paging import page_of, read_integer_cursor
from api.schemas.checklists import ChecklistInput, ChecklistPage, ChecklistQuery, ChecklistSchema
from api.services import services
from shared.database import Transaction
from shared.store import checklists
from shared.store.checklists import Definition, NameTaken

blueprint = Blueprint("checklists", __name__, description="What is to be checked.")

NO_CHECKLIST = "there is no such checklist in this account"
NAME_TAKEN = "the account has another checklist of this name"


@blueprint.post("/checklists")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY])
@blueprint.arguments(ChecklistInput, example=ChecklistInput.example)
@blueprint.response(201, ChecklistSchema)
@blueprint.problems(400, 401, 409, 413, 415, 422)
def create_checklist(fields: dict[str, Any]) -> Response:
    """Create a checklist"""

    def creation(transaction: Transaction) -> Answer:
        try:
            checklist = checklists.create(transaction.cursor, caller().account_id, _definition(fields))
        except NameTaken:
            raise Conflict(NAME_TAKEN) from None
        return Answer(checklist_object(checklist), 201, {"Location": f"/checklists/{checklist.id}"})

    return create(creation).response()


@blueprint.get("/checklists")
@blueprint.arguments(ChecklistQuery, location="query")
@blueprint.response(200, ChecklistPage)
@blueprint.problems(401, 422)
def list_checklists(page: dict[str, Any]) -> Response:
    """List the checklists of the account"""
    after = read_integer_cursor(page["cursor"])
    with services().database.reading() as cursor:
        rows = checklists.page(cursor, caller().account_id, after=after, limit=page["limit"] + 1, name=page["name"])
    return Answer(page_of(rows, page["limit"], checklist_object, lambda row: row.id)).response()


@blueprint.get("/checklists/<id:checklist_id>")
@blueprint.response(200, ChecklistSchema)
@blueprint.problems(401, 404)
def get_checklist(checklist_id: int) -> Response:
    """Read a checklist"""
    with services().database.reading() as cursor:
        checklist = checklists.get(cursor, caller().account_id, checklist_id)
    if checklist is None:
        raise NotFound(NO_CHECKLIST)
    return Answer(checklist_object(checklist)).response()


@blueprint.put("/checklists/<id:checklist_id>")
@blueprint.arguments(ChecklistInput, example=ChecklistInput.example)
@blueprint.response(200, ChecklistSchema)
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def replace_checklist(fields: dict[str, Any], checklist_id: int) -> Response:
    """Replace a checklist; its snapshots stay"""
    with services().database.transaction() as transaction:
        try:
            checklist = checklists.replace(transaction.cursor, caller().account_id, checklist_id, _definition(fields))
        except NameTaken:
            raise Conflict(NAME_TAKEN) from None
    if checklist is None:
        raise NotFound(NO_CHECKLIST)
    return Answer(checklist_object(checklist)).response()


@blueprint.delete("/checklists/<id:checklist_id>")
@blueprint.response(204)
@blueprint.problems(401, 404)
def delete_checklist(checklist_id: int) -> Response:
    """Delete a checklist with its snapshots and schedules; its unfinished runs are canceled"""
    with services().database.transaction() as transaction:
        deleted, canceled = checklists.delete(transaction.cursor, caller().account_id, checklist_id)
        if not deleted:
            raise NotFound(NO_CHECKLIST)
        transaction.after_commit(lambda: services().bell.announce(canceled))
    return Response(status=204)


def _definition(fields: dict[str, Any]) -> Definition:
    return Definition(
        name=fields["name"],
        worker_url=fields.get("worker_url"),
        flows=fields.get("flows"),
        queue=fields.get("queue"),
        timeout_seconds=fields["timeout_seconds"],
        first_value=fields["first_value"],
        rules=fields["rules"],
        variables=fields["variables"],
    )
