"""Events: what happened in an account, whether a webhook is told of it or not."""

from typing import Any
from uuid import UUID

from flask import Response

from api.auth import caller
from api.blueprint import Blueprint
from api.creating import Answer
from api.errors import NotFound
from api.paging import page_of, read_uuid_cursor
from api.schemas.deliveries import EventPage, EventQuery, EventSchema
from api.services import services
from api.store import events
from api.webhook_objects import event_object

blueprint = Blueprint("events", __name__, description="What happened, as webhooks are told it.")


@blueprint.get("/events")
@blueprint.arguments(EventQuery, location="query")
@blueprint.response(200, EventPage)
@blueprint.problems(401, 422)
def list_events(page: dict[str, Any]) -> Response:
    """List the events of the account, newest first"""
    before = read_uuid_cursor(page["cursor"])
    with services().database.reading() as cursor:
        rows = events.page(
            cursor,
            caller().account_id,
            before=before,
            limit=page["limit"] + 1,
            event_type=page["type"],
        )
    return Answer(page_of(rows, page["limit"], event_object, lambda row: row.id)).response()


@blueprint.get("/events/<uuid:event_id>")
@blueprint.response(200, EventSchema)
@blueprint.problems(401, 404)
def get_event(event_id: UUID) -> Response:
    """Read an event"""
    with services().database.reading() as cursor:
        event = events.get(cursor, caller().account_id, event_id)
    if event is None:
        raise NotFound("there is no such event in this account")
    return Answer(event_object(event)).response()
