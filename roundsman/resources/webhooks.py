"""Webhooks: who is told what happened."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from roundsman.resources.collection import Collection, checked, segment
from roundsman.resources.deliveries import Deliveries
from roundsman.resources.shapes import Page
from roundsman.resources.webhook_shapes import Delivery, Webhook, WebhookWithSecret
from roundsman.transport import Request, Transport


class Webhooks(Collection[Webhook]):
    """`client.webhooks`; a definition is an object with the fields of the API: url, event_types and so on."""

    item = Webhook

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self._deliveries = Deliveries(transport)

    def create(self, definition: Mapping[str, Any], *, idempotency_key: str | None = None) -> WebhookWithSecret:
        """A new webhook, with the secret that `roundsman.webhooks.verify` needs. Raises Invalid."""
        return self._with_secret(self._create("/webhooks", definition, idempotency_key=idempotency_key), "/webhooks")

    def page(self, *, enabled: bool | None = None, limit: int = 50, cursor: str | None = None) -> Page[Webhook]:
        """A part of the webhooks, by id."""
        return self._page("/webhooks", limit=limit, cursor=cursor, query=_query(enabled))

    def each(self, *, enabled: bool | None = None, most: int = 1_000) -> Iterator[Webhook]:
        """The webhooks, by id."""
        return self._each("/webhooks", most=most, query=_query(enabled))

    def get(self, webhook_id: int) -> Webhook:
        """Raises NotFound."""
        return self._get(_path(webhook_id))

    def replace(self, webhook_id: int, definition: Mapping[str, Any]) -> Webhook:
        """Put another definition in its place; its secret stays. Raises Invalid, NotFound."""
        path = _path(webhook_id)
        return self._checked(self._transport.send(Request("PUT", path, definition, repeatable=True)), path)

    def rotate_secret(self, webhook_id: int, *, idempotency_key: str | None = None) -> WebhookWithSecret:
        """Another secret; the one before signs as well for 24 hours. Raises NotFound."""
        path = f"{_path(webhook_id)}/rotate-secret"
        return self._with_secret(self._create(path, {}, idempotency_key=idempotency_key), path)

    def delete(self, webhook_id: int) -> None:
        """Delete it; what is on its way to it is canceled. Raises NotFound."""
        self._transport.send(Request("DELETE", _path(webhook_id)))

    def test(self, webhook_id: int, *, wait_seconds: int = 0, idempotency_key: str | None = None) -> Delivery:
        """Send it an event of type `webhook.test`, even if it is disabled; the delivery. Raises NotFound."""
        return self._deliveries.test(webhook_id, wait_seconds=wait_seconds, idempotency_key=idempotency_key)

    def deliveries(self, webhook_id: int, *, most: int = 1_000) -> Iterator[Delivery]:
        """What was and is to be delivered to it, newest first. Raises NotFound."""
        return self._deliveries.of_webhook(webhook_id, most=most)

    def _with_secret(self, answer: Any, path: str) -> WebhookWithSecret:
        members = WebhookWithSecret.__required_keys__
        return cast(WebhookWithSecret, checked(answer, members, path, self._transport.url))


def _query(enabled: bool | None) -> dict[str, str | int | None]:
    return {"enabled": None if enabled is None else str(enabled).lower()}


def _path(webhook_id: int) -> str:
    return f"/webhooks/{segment(webhook_id)}"
