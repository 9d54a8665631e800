"""Webhooks: who is told of events, and with which secret that is signed."""

import secrets
from typing import Any

from flask import Response

from api import deleting_webhooks
from api.auth import caller
from api.blueprint import IDEMPOTENCY_KEY, PREFER, Blueprint
from api.creating import Answer, create
from api.deleting_webhooks import NO_WEBHOOK
from api.errors import NotFound
from api.paging import page_of, read_integer_cursor, read_uuid_cursor
from api.routes.deliveries import begun
from api.schemas.answers import NothingSchema
from api.schemas.deliveries import DeliveriesOfWebhookQuery, DeliveryPage, DeliveryWithAttemptsSchema
from api.schemas.webhooks import WebhookInput, WebhookPage, WebhookQuery, WebhookSchema, WebhookWithSecretSchema
from api.services import services
from api.store import deliveries, webhooks
from api.store.webhooks import Definition
from api.waiting_for_work import wait_for_end
from api.webhook_objects import delivery_object, shown_secret, webhook_object
from shared.database import Transaction

blueprint = Blueprint("webhooks", __name__, description="Who is told of events.")

KEY_BYTES = 24


@blueprint.post("/webhooks")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY])
@blueprint.arguments(WebhookInput, example=WebhookInput.example)
@blueprint.response(201, WebhookWithSecretSchema, headers={"Location": {"schema": {"type": "string"}}})
@blueprint.problems(400, 401, 413, 415, 422)
def create_webhook(fields: dict[str, Any]) -> Response:
    """Create a webhook; its secret is shown this once"""

    def creation(transaction: Transaction) -> Answer:
        sealed_secret = new_sealed_secret()
        webhook = webhooks.create(transaction.cursor, caller().account_id, _definition(fields), sealed_secret)
        told = webhook_object(webhook) | {"sealed_secret": sealed_secret.decode()}
        return Answer(told, 201, {"Location": f"/webhooks/{webhook.id}"})

    return _with_secret(create(creation)).response()


@blueprint.get("/webhooks")
@blueprint.arguments(WebhookQuery, location="query")
@blueprint.response(200, WebhookPage)
@blueprint.problems(401, 422)
def list_webhooks(page: dict[str, Any]) -> Response:
    """List the webhooks of the account"""
    after = read_integer_cursor(page["cursor"])
    enabled = None if page["enabled"] is None else page["enabled"] == "true"
    with services().database.reading() as cursor:
        rows = webhooks.page(cursor, caller().account_id, after=after, limit=page["limit"] + 1, enabled=enabled)
    return Answer(page_of(rows, page["limit"], webhook_object, lambda row: row.id)).response()


@blueprint.get("/webhooks/<id:webhook_id>")
@blueprint.response(200, WebhookSchema)
@blueprint.problems(401, 404)
def get_webhook(webhook_id: int) -> Response:
    """Read a webhook"""
    with services().database.reading() as cursor:
        webhook = webhooks.get(cursor, caller().account_id, webhook_id)
    if webhook is None:
        raise NotFound(NO_WEBHOOK)
    return Answer(webhook_object(webhook)).response()


@blueprint.put("/webhooks/<id:webhook_id>")
@blueprint.arguments(WebhookInput, example=WebhookInput.example)
@blueprint.response(200, WebhookSchema)
@blueprint.problems(400, 401, 404, 413, 415, 422)
def replace_webhook(fields: dict[str, Any], webhook_id: int) -> Response:
    """Replace a webhook; its secret stays

    Enabled again it begins with a clean record. Disabled, its deliveries that have not ended are canceled.
    """
    with services().database.transaction() as transaction:
        webhook, canceled = webhooks.replace(transaction.cursor, caller().account_id, webhook_id, _definition(fields))
        if webhook is None:
            raise NotFound(NO_WEBHOOK)
        transaction.after_commit(lambda: services().bell.announce(canceled))
    return Answer(webhook_object(webhook)).response()


@blueprint.delete("/webhooks/<id:webhook_id>")
@blueprint.response(204)
@blueprint.problems(401, 404, 409)
def delete_webhook(webhook_id: int) -> Response:
    """Delete a webhook; its deliveries stay, and those that have not ended are canceled"""
    deleting_webhooks.delete_webhook(webhook_id)
    return Response(status=204)


@blueprint.post("/webhooks/<id:webhook_id>/rotate-secret")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY])
@blueprint.arguments(NothingSchema, example={}, required=False)
@blueprint.response(200, WebhookWithSecretSchema)
@blueprint.problems(400, 401, 404, 413, 415, 422)
def rotate_secret(_fields: dict[str, Any], webhook_id: int) -> Response:
    """Give a webhook another secret, which is shown this once

    For 24 hours the one before signs as well; rotated again within that time, only the last one before does.
    """

    def rotation(transaction: Transaction) -> Answer:
        sealed_secret = new_sealed_secret()
        webhook = webhooks.rotate(transaction.cursor, caller().account_id, webhook_id, sealed_secret)
        if webhook is None:
            raise NotFound(NO_WEBHOOK)
        return Answer(webhook_object(webhook) | {"sealed_secret": sealed_secret.decode()})

    return _with_secret(create(rotation)).response()


@blueprint.post("/webhooks/<id:webhook_id>/test")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY, PREFER])
@blueprint.arguments(NothingSchema, example={}, required=False)
@blueprint.response(202, DeliveryWithAttemptsSchema, headers={"Location": {"schema": {"type": "string"}}})
@blueprint.alt_response(200, schema=DeliveryWithAttemptsSchema, description="The finished delivery, with Prefer: wait.")
@blueprint.problems(400, 401, 404, 413, 415, 422)
def send_test_event(_fields: dict[str, Any], webhook_id: int) -> Response:
    """Deliver an event of type webhook.test

    One attempt, also to a webhook that is disabled; what becomes of it does not count in the webhook's record.
    """

    def creation(transaction: Transaction) -> Answer:
        delivery = deliveries.test(transaction.cursor, caller().account_id, webhook_id)
        if delivery is None:
            raise NotFound(NO_WEBHOOK)
        return begun(transaction, delivery)

    return wait_for_end(create(creation)).response()


@blueprint.get("/webhooks/<id:webhook_id>/deliveries")
@blueprint.arguments(DeliveriesOfWebhookQuery, location="query")
@blueprint.response(200, DeliveryPage)
@blueprint.problems(401, 404, 422)
def list_deliveries_of_webhook(page: dict[str, Any], webhook_id: int) -> Response:
    """List the deliveries of a webhook, newest first"""
    before = read_uuid_cursor(page["cursor"])
    account_id = caller().account_id
    with services().database.reading() as cursor:
        if webhooks.get(cursor, account_id, webhook_id) is None:
            raise NotFound(NO_WEBHOOK)
        rows = deliveries.page(
            cursor,
            account_id,
            before=before,
            limit=page["limit"] + 1,
            webhook_id=webhook_id,
            state=page["state"],
        )
    return Answer(page_of(rows, page["limit"], delivery_object, lambda row: row.id)).response()


def _definition(fields: dict[str, Any]) -> Definition:
    return Definition(fields["url"], fields["event_types"], fields.get("description"), fields["enabled"])


def new_sealed_secret() -> bytes:
    """A signing key that nobody has, as it may be stored."""
    return services().seal.seal(secrets.token_bytes(KEY_BYTES))


def _with_secret(answer: Answer) -> Answer:
    """The answer as it may be kept, with the secret in the place of the sealed one: a repeated request is told it too,
    although it is nowhere kept as it is."""
    told = dict(answer.body)
    key = services().seal.open(told.pop("sealed_secret").encode())
    return Answer(told | {"secret": shown_secret(key)}, answer.status, answer.headers)
