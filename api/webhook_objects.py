"""Webhooks, their deliveries and events as clients see them."""

import base64
from collections.abc import Sequence
from typing import Any

from api.attempt_objects import attempt_object
from api.schemas.fields import write_timestamp
from api.store.attempts import Attempt
from api.store.deliveries import Delivery
from api.store.events import Event
from api.store.webhooks import Webhook


def webhook_object(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "event_types": webhook.event_types,
        "description": webhook.description,
        "enabled": webhook.enabled,
        "failing_since": write_timestamp(webhook.failing_since),
        "disabled_at": write_timestamp(webhook.disabled_at),
        "disabled_reason": webhook.disabled_reason,
        "previous_secret_until": write_timestamp(webhook.previous_secret_until),
        "created_at": write_timestamp(webhook.created_at),
        "updated_at": write_timestamp(webhook.updated_at),
    }


def shown_secret(key: bytes) -> str:
    """The signing key as Standard Webhooks writes it.

    >>> shown_secret(bytes(range(24)))
    'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX'
    """
    return f"whsec_{base64.b64encode(key).decode()}"


def delivery_object(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": str(delivery.id),
        "webhook_id": delivery.webhook_id,
        "event_id": str(delivery.event_id),
        "event_type": delivery.event_type,
        "state": delivery.state,
        "error": delivery.error,
        "attempt_count": delivery.attempt,
        "max_attempts": delivery.max_attempts,
        "inert": delivery.inert,
        "replay_of": delivery.replay_of,
        "next_attempt_at": write_timestamp(delivery.due_at) if delivery.state == "pending" else None,
        "created_at": write_timestamp(delivery.created_at),
        "started_at": write_timestamp(delivery.started_at),
        "finished_at": write_timestamp(delivery.finished_at),
    }


def delivery_with_attempts(delivery: Delivery, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """A delivery as it is shown by itself."""
    return delivery_object(delivery) | {"attempts": [attempt_object(attempt) for attempt in attempts]}


def event_object(event: Event) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "type": event.type,
        "timestamp": write_timestamp(event.created_at),
        "data": event.data,
    }
