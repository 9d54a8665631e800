"""Deliveries: webhooks told of events, attempt by attempt, and told again."""

from typing import Any
from uuid import UUID

from flask import Response

from api.auth import caller
from api.blueprint import IDEMPOTENCY_KEY, PREFER, Blueprint
from api.creating import Answer, create
from api.errors import Conflict, NotFound
from api.paging import page_of, read_uuid_cursor
from api.schemas.answers import NothingSchema
from api.schemas.deliveries import DeliveryPage, DeliveryQuery, DeliveryWithAttemptsSchema
from api.services import services
from api.store import deliveries
from api.store.attempts import attempts_of
from api.store.deliveries import Delivery
from api.waiting_for_work import wait_for_end
from api.webhook_objects import delivery_object, delivery_with_attempts
from shared.database import Cursor, Transaction

blueprint = Blueprint("deliveries", __name__, description="Webhooks told of events, attempt by attempt.")

NO_DELIVERY = "there is no such delivery in this account"


@blueprint.get("/deliveries")
@blueprint.arguments(DeliveryQuery, location="query")
@blueprint.response(200, DeliveryPage)
@blueprint.problems(401, 422)
def list_deliveries(page: dict[str, Any]) -> Response:
    """List the deliveries of the account, newest first"""
    before = read_uuid_cursor(page["cursor"])
    filters = {name: page[name] for name in ("webhook_id", "event_id", "state")}
    with services().database.reading() as cursor:
        rows = deliveries.page(cursor, caller().account_id, before=before, limit=page["limit"] + 1, **filters)
    return Answer(page_of(rows, page["limit"], delivery_object, lambda row: row.id)).response()


@blueprint.get("/deliveries/<uuid:delivery_id>")
@blueprint.response(200, DeliveryWithAttemptsSchema)
@blueprint.problems(401, 404)
def get_delivery(delivery_id: UUID) -> Response:
    """Read a delivery with its attempts"""
    with services().database.reading() as cursor:
        delivery = _existing_delivery(cursor, delivery_id)
        attempts = attempts_of(cursor, delivery_id)
    return Answer(delivery_with_attempts(delivery, attempts)).response()


@blueprint.post("/deliveries/<uuid:delivery_id>/replay")
@blueprint.doc(parameters=[IDEMPOTENCY_KEY, PREFER])
@blueprint.arguments(NothingSchema, example={}, required=False)
@blueprint.response(202, DeliveryWithAttemptsSchema, headers={"Location": {"schema": {"type": "string"}}})
@blueprint.alt_response(200, schema=DeliveryWithAttemptsSchema, description="The finished delivery, with Prefer: wait.")
@blueprint.problems(400, 401, 404, 409, 413, 415, 422)
def replay_delivery(_fields: dict[str, Any], delivery_id: UUID) -> Response:
    """Deliver the same event to the same webhook again

    One attempt, with the same webhook-id and the current secret; the delivery itself and the webhook's record stay as
    they are.
    """

    def creation(transaction: Transaction) -> Answer:
        _existing_delivery(transaction.cursor, delivery_id)
        replayed = deliveries.replay(transaction.cursor, caller().account_id, delivery_id)
        if replayed is None:
            raise Conflict("the webhook of this delivery has been deleted")
        return begun(transaction, replayed)

    return wait_for_end(create(creation)).response()


def begun(transaction: Transaction, delivery: Delivery) -> Answer:
    """The answer to what has made a delivery that is due at once."""
    transaction.after_commit(lambda: services().bell.ring([delivery.id]))
    return Answer(delivery_with_attempts(delivery, []), 202, {"Location": f"/deliveries/{delivery.id}"})


def _existing_delivery(cursor: Cursor, delivery_id: UUID) -> Delivery:
    delivery = deliveries.get(cursor, caller().account_id, delivery_id)
    if delivery is None:
        raise NotFound(NO_DELIVERY)
    return delivery
