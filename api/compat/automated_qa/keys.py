"""The index, and API keys."""

from flask import Blueprint, Response

from api.auth import caller, public
from api.creating import Answer
from api.json_body import read_body
from api.routes.keys import make_key
from api.services import services
from api.store import keys

blueprint = Blueprint("keys", __name__)

DELETED = {"message": "Successfully deleted."}
NAME = "automated-qa"


@blueprint.get("/")
@public
def index() -> Response:
    return Answer({}).response()


@blueprint.post("/api-keys")
@public
def create_key() -> Response:
    read_body()  # whatever it says; before the transaction, which waits for no client
    return Answer({"data": {"api_key": make_key(NAME).body["api_key"]}}, 201).response()


@blueprint.delete("/api-keys")
def delete_key() -> Response:
    """Revoke the calling key; with the account's last key go all its data."""
    with services().database.transaction() as transaction:
        keys.revoke(transaction.cursor, caller().account_id, caller().id)
    return Answer(DELETED).response()
