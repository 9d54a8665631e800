"""Checklists whose observations a worker brings; those of other sources it has no words for, and does not see."""

from dataclasses import fields, replace
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response

from api.auth import caller
from api.compat import listing
from api.compat.automated_qa.keys import DELETED
from api.compat.input import Lenient, read_input
from api.creating import Answer, create
from api.errors import NotFound
from api.routes.checklists import NO_CHECKLIST
from api.schemas.checklists import ChecklistInput as OwnInput
from api.schemas.fields import Url
from api.services import services
from api.store import automated_qa
from api.store.automated_qa import ListedChecklist
from shared.database import Cursor, Transaction
from shared.store import checklists
from shared.store.checklists import Checklist, Definition

blueprint = Blueprint("checklists", __name__)


class ChecklistInput(Lenient):
    worker_url = Url(required=True, data_key="workerUrl")


@blueprint.get("/checklists")
def list_checklists() -> Response:
    with services().database.reading() as cursor:
        rows = automated_qa.checklists(cursor, caller().account_id, limit=listing.MOST_OBJECTS)
    shown = [_object(row) for row in rows]
    return Answer({"data": {"checklists": shown}}).response()


@blueprint.post("/checklists")
def create_checklist() -> Response:
    url = read_input(ChecklistInput())["worker_url"]

    def creation(transaction: Transaction) -> Answer:
        checklist = checklists.create(transaction.cursor, caller().account_id, _new_definition(url))
        return Answer({"data": {"checklist": _object(checklist)}}, 201)

    return create(creation).response()


@blueprint.put("/checklists/<id:checklist_id>")
def update_checklist(checklist_id: int) -> Response:
    """Another worker; all that this client cannot say stays as it is."""
    url = read_input(ChecklistInput())["worker_url"]
    with services().database.transaction() as transaction:
        before = existing_checklist(transaction.cursor, checklist_id, is_locked=True)
        own = {field.name: getattr(before, field.name) for field in fields(Definition)}
        definition = replace(Definition(**own), worker_url=url)
        after = checklists.replace(transaction.cursor, caller().account_id, checklist_id, definition)
    return Answer({"data": {"checklist": _object(after or before)}}).response()


@blueprint.delete("/checklists/<id:checklist_id>")
def delete_checklist(checklist_id: int) -> Response:
    with services().database.transaction() as transaction:
        existing_checklist(transaction.cursor, checklist_id)
        was_there, canceled = checklists.delete(transaction.cursor, caller().account_id, checklist_id)
        if not was_there:
            raise NotFound(NO_CHECKLIST)
        transaction.after_commit(lambda: services().bell.announce(canceled))
    return Answer(DELETED).response()


def existing_checklist(cursor: Cursor, checklist_id: int, *, is_locked: bool = False) -> Checklist:
    """The caller's checklist of this id, if this client can see it. Raises NotFound."""
    account_id = caller().account_id
    if is_locked:
        checklists.lock(cursor, account_id, checklist_id)
    checklist = checklists.get(cursor, account_id, checklist_id)
    if checklist is None or checklist.worker_url is None:
        raise NotFound(NO_CHECKLIST)
    return checklist


def _new_definition(worker_url: str) -> Definition:
    own: dict[str, Any] = OwnInput().load({"name": f"automated-qa {uuid4()}", "worker_url": worker_url})
    return Definition(**({"flows": None, "queue": None} | own))


def _object(checklist: Checklist | ListedChecklist) -> dict[str, Any]:
    return {"id": checklist.id, "workerUrl": checklist.worker_url}
