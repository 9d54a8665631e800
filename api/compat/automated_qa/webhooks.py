"""Webhooks that are told of scheduled runs in automated-qa's words; those that are told in ours it does not see."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response

from api import deleting_webhooks
from api.auth import caller
from api.compat import listing
from api.compat.automated_qa.keys import DELETED
from api.compat.input import Lenient, read_input
from api.creating import Answer, create
from api.deleting_webhooks import NO_WEBHOOK
from api.errors import InvalidInput, NotFound
from api.routes.webhooks import new_sealed_secret
from api.schemas.fields import Url, Word
from api.services import services
from api.store import automated_qa, deliveries, webhooks
from api.store.automated_qa import ListedWebhook
from api.store.webhooks import Definition, Webhook
from shared.database import Cursor, Transaction
from shared.domain.webhook_formats import AUTOMATED_QA, AUTOMATED_QA_TYPES

blueprint = Blueprint("webhooks", __name__)

DESCRIPTION = "made through /compat/automated-qa: told of scheduled runs alone, in that system's words"


class WebhookUpdate(Lenient):
    event_type = Word(*AUTOMATED_QA_TYPES, data_key="eventType")
    url = Url()


class WebhookInput(Lenient):
    event_type = Word(*AUTOMATED_QA_TYPES, required=True, data_key="eventType")
    url = Url(required=True)


@blueprint.get("/webhooks")
def list_webhooks() -> Response:
    with services().database.reading() as cursor:
        rows = automated_qa.webhooks(cursor, caller().account_id, limit=listing.MOST_OBJECTS)
    shown = [_object(row) for row in rows]
    return Answer({"data": {"webhooks": shown}}).response()


@blueprint.post("/webhooks")
def create_webhook() -> Response:
    given = read_input(WebhookInput())
    definition = Definition(
        given["url"],
        [AUTOMATED_QA_TYPES[given["event_type"]]],
        DESCRIPTION,
        enabled=True,
        format=AUTOMATED_QA,
    )

    def creation(transaction: Transaction) -> Answer:
        webhook = webhooks.create(transaction.cursor, caller().account_id, definition, new_sealed_secret())
        return Answer({"data": {"webhook": _object(webhook)}}, 201)

    return create(creation).response()


@blueprint.put("/webhooks/<id:webhook_id>")
def update_webhook(webhook_id: int) -> Response:
    """Another URL, another event, or both. It is enabled by that: this client knows no other way to ask for it."""
    changes = read_input(WebhookUpdate())
    with services().database.transaction() as transaction:
        if "url" in changes:  # deliveries before their webhook, as everybody locks them
            deliveries.lead_to(transaction.cursor, caller().account_id, webhook_id, changes["url"])
        webhooks.lock(transaction.cursor, caller().account_id, webhook_id)
        before = _existing_webhook(transaction.cursor, webhook_id)
        if not changes:
            raise InvalidInput("eventType or url must be given")
        definition = Definition(before.url, before.event_types, before.description, enabled=True)
        if "url" in changes:
            definition = replace(definition, url=changes["url"])
        if "event_type" in changes:
            definition = replace(definition, event_types=[AUTOMATED_QA_TYPES[changes["event_type"]]])
        after, _ = webhooks.replace(transaction.cursor, caller().account_id, webhook_id, definition)
        if after is None:
            raise NotFound(NO_WEBHOOK)
    return Answer({"data": {"webhook": _object(after)}}).response()


@blueprint.delete("/webhooks/<id:webhook_id>")
def delete_webhook(webhook_id: int) -> Response:
    with services().database.reading() as cursor:
        _existing_webhook(cursor, webhook_id)
    deleting_webhooks.delete_webhook(webhook_id)
    return Answer(DELETED).response()


def _existing_webhook(cursor: Cursor, webhook_id: int) -> Webhook:
    webhook = webhooks.get(cursor, caller().account_id, webhook_id)
    if webhook is None or _object(webhook) is None:
        raise NotFound(NO_WEBHOOK)
    return webhook


def _object(webhook: Webhook | ListedWebhook) -> dict[str, Any] | None:
    """None for a webhook that another client made, or has given other events since."""
    theirs = [name for name, ours in AUTOMATED_QA_TYPES.items() if webhook.event_types == [ours]]
    if webhook.format != AUTOMATED_QA or not theirs:
        return None
    return {"id": webhook.id, "eventType": theirs[0], "url": webhook.url}
