"""Webhooks, events and deliveries as they come from the API; a service of a newer version may add members."""

from typing import Any, NotRequired, TypedDict

from roundsman.resources.job_shapes import Attempt


class Webhook(TypedDict):
    """Where to tell which events; `previous_secret_until` is when the secret before a rotation stops signing."""

    id: int
    url: str
    event_types: list[str]
    description: str | None
    enabled: bool
    failing_since: str | None
    disabled_at: str | None
    disabled_reason: str | None
    previous_secret_until: str | None
    created_at: str
    updated_at: str


class WebhookWithSecret(Webhook):
    """A webhook that was just made, or has just got another secret; `secret` is shown this once."""

    secret: str


class Event(TypedDict):
    """Something that happened."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


class Delivery(TypedDict):
    """An event on its way to one webhook; `inert` when its outcome says nothing about the webhook."""

    id: str
    webhook_id: int | None
    event_id: str
    event_type: str
    state: str
    error: str | None
    attempt_count: int
    max_attempts: int
    inert: bool
    replay_of: str | None
    next_attempt_at: str | None
    attempts: NotRequired[list[Attempt]]
    created_at: str
    started_at: str | None
    finished_at: str | None
