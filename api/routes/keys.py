"""API keys: whoever holds one may make more, and revoke them."""

import hashlib
import hmac
import secrets
from typing import Any

from flask import Response

from api.auth import authenticate, caller, is_admin, is_on_a_page, presented_secret, public
from api.blueprint import IDEMPOTENCY_KEY, Blueprint
from api.creating import Answer, create, idempotency_key
from api.errors import InvalidInput, NotFound, Unauthorized
from api.objects import key_object
from api.paging import page_of, read_integer_cursor
from api.schemas.answers import PageQuery
from api.schemas.keys import ApiKeyPage, DeletedSchema, KeyInput, NewApiKeySchema
from api.services import services
from api.store import keys
from shared.database import Transaction

blueprint = Blueprint("keys", __name__, description="Keys of an account.")


@blueprint.post("/api-keys")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY], security=[{}, {"bearer": []}, {"basic": []}])
@blueprint.arguments(KeyInput, example={"name": "laptop"}, required=False)
@blueprint.response(201, NewApiKeySchema)
@blueprint.problems(400, 401, 413, 415, 422)
@public
def create_key(fields: dict[str, Any]) -> Response:
    """Create a key

    Without a key this opens a new account, where sign-up is open; with one it adds a key to the same account.
    The secret is shown this once.
    """
    return make_key(fields["name"]).response()


@blueprint.get("/api-keys")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, ApiKeyPage)
@blueprint.problems(401, 422)
def list_keys(page: dict[str, Any]) -> Response:
    """List the keys of the account"""
    after = read_integer_cursor(page["cursor"])
    with services().database.reading() as cursor:
        rows = keys.page(cursor, caller().account_id, after=after, limit=page["limit"] + 1)
    return Answer(page_of(rows, page["limit"], key_object, lambda key: key.id)).response()


@blueprint.delete("/api-keys/<id:key_id>")
@blueprint.response(204)
@blueprint.problems(401, 404)
def revoke_key(key_id: int) -> Response:
    """Revoke a key

    With the account's last key go all its data.
    """
    with services().database.transaction() as transaction:
        if not keys.revoke(transaction.cursor, caller().account_id, key_id):
            raise NotFound("there is no such key in this account")
    return Response(status=204)


@blueprint.delete("/api-keys")
@blueprint.response(200, DeletedSchema)
@blueprint.problems(401)
def revoke_calling_key() -> Response:
    """Revoke the key that calls

    With the account's last key go all its data.
    """
    with services().database.transaction() as transaction:
        keys.revoke(transaction.cursor, caller().account_id, caller().id)
    return Answer({"deleted": True}).response()


def make_key(name: str) -> Answer:
    """A new account's first key, or a further one of the caller's account. Raises Unauthorized."""
    presented = presented_secret()
    if is_on_a_page():
        return _add_key(name, None)
    if presented is None or is_admin(presented):
        if presented is None and services().settings.signup != "open":
            raise Unauthorized("sign-up is closed here; ask the operator for a key")
        return _open_account(name)
    return _add_key(name, presented)


def _open_account(name: str) -> Answer:
    secret = keys.new_secret()
    with services().database.transaction() as transaction:
        key = keys.add(transaction.cursor, keys.open_account(transaction.cursor), name, secret)
    return Answer(_without_use(key_object(key)) | {"api_key": secret.text}, 201)


def _add_key(name: str, presented: str | None) -> Answer:
    """A further key. With an Idempotency-Key its secret is derived from the caller's, so that a repeated request can
    be told it again although the answer is kept without it; a page of the dashboard has none to derive it from."""
    authenticate()
    derived_from = None if idempotency_key() is None else presented

    def creation(transaction: Transaction) -> Answer:
        salt = secrets.token_hex(16)
        secret = keys.new_secret() if derived_from is None else _derived_secret(derived_from, salt)
        key = keys.add(transaction.cursor, caller().account_id, name, secret)
        told = {"api_key": secret.text} if derived_from is None else {"salt": salt, "made_by": caller().id}
        return Answer(_without_use(key_object(key)) | told, 201)

    answer = create(creation)
    return answer if derived_from is None else _with_secret(answer, derived_from)


def _with_secret(answer: Answer, presented: str) -> Answer:
    """The answer as it is kept, with the secret in the place of what it is derived from."""
    if answer.body["made_by"] != caller().id:
        raise InvalidInput("this Idempotency-Key was used with another key of the account; repeat it with that one")
    secret = _derived_secret(presented, answer.body["salt"])
    return Answer(_without_use(answer.body) | {"api_key": secret.text}, answer.status, answer.headers)


def _derived_secret(presented: str, salt: str) -> keys.Secret:
    digest = hmac.new(presented.encode(), f"api key {salt}".encode(), hashlib.sha512).hexdigest()
    return keys.Secret(f"rk_{digest[: keys.ID_LENGTH]}", digest[keys.ID_LENGTH :])


def _without_use(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name in ("id", "name", "created_at")}
