"""What a webhook is sent of an event: our message, or the one that the system knows whose client made the webhook."""

from typing import Any

from shared.domain.instants import write_instant
from shared.domain.json_value import Json
from shared.domain.webhook_formats import AUTOMATED_QA, AUTOMATED_QA_TYPES
from worker.store.webhooks import Endpoint, Event

COUNTED = ("match", "miss", "new")
THEIR_TYPES = {ours: theirs for theirs, ours in AUTOMATED_QA_TYPES.items()}


def message(endpoint: Endpoint, event: Event) -> Json:
    """The body of a delivery; what another system has no words for is told in ours."""
    if endpoint.format == AUTOMATED_QA and event.type in THEIR_TYPES:
        return _automated_qa(endpoint.id, THEIR_TYPES[event.type], event.data)
    return {"type": event.type, "timestamp": write_instant(event.created_at), "data": event.data}


def _automated_qa(webhook_id: int, event_type: str, data: dict[str, Any]) -> Json:
    body: dict[str, Json] = {
        "checklistId": data["checklist_id"],
        "eventType": event_type,
        "scheduleId": data["schedule_id"],
        "webhookId": webhook_id,
    }
    if "summary" in data:
        body["results"] = {name: data["summary"][name] for name in COUNTED}
    return body
