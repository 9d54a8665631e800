"""Deliveries: events on their way to webhooks."""

from collections.abc import Callable, Iterator
from uuid import UUID

from roundsman.resources.collection import segment
from roundsman.resources.shapes import Page
from roundsman.resources.webhook_shapes import Delivery
from roundsman.resources.work import Work


class Deliveries(Work[Delivery]):
    """`client.deliveries`"""

    item = Delivery

    def page(
        self,
        *,
        webhook_id: int | None = None,
        event_id: str | UUID | None = None,
        state: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Delivery]:
        """A part of the deliveries, newest first."""
        return self._page("/deliveries", limit=limit, cursor=cursor, query=_query(webhook_id, event_id, state))

    def each(
        self,
        *,
        webhook_id: int | None = None,
        event_id: str | UUID | None = None,
        state: str | None = None,
        most: int = 1_000,
    ) -> Iterator[Delivery]:
        """The deliveries, newest first."""
        return self._each("/deliveries", most=most, query=_query(webhook_id, event_id, state))

    def of_webhook(self, webhook_id: int, *, most: int = 1_000) -> Iterator[Delivery]:
        """Those to one webhook, newest first. Raises NotFound."""
        return self._each(f"/webhooks/{segment(webhook_id)}/deliveries", most=most)

    def get(self, delivery_id: str | UUID) -> Delivery:
        """The delivery with its attempts. Raises NotFound."""
        return self._get(_path(delivery_id))

    def wait(
        self, delivery_id: str | UUID, *, seconds: float, watch: Callable[[Delivery], None] | None = None
    ) -> Delivery:
        """The delivery as soon as it has ended, or as it is when `seconds` are over. Raises NotFound."""
        return self._wait(_path(delivery_id), seconds=seconds, watch=watch)

    def replay(self, delivery_id: str | UUID, *, wait_seconds: int = 0, idempotency_key: str | None = None) -> Delivery:
        """Send it once more, as a delivery of its own that changes nothing else; the new one.

        Raises NotFound, and Conflict when its webhook is gone.
        """
        path = f"{_path(delivery_id)}/replay"
        return self._begin(path, {}, wait_seconds=wait_seconds, idempotency_key=idempotency_key)

    def test(self, webhook_id: int, *, wait_seconds: int = 0, idempotency_key: str | None = None) -> Delivery:
        """Send an event of type `webhook.test` to this webhook alone, enabled or not. Raises NotFound."""
        path = f"/webhooks/{segment(webhook_id)}/test"
        return self._begin(path, {}, wait_seconds=wait_seconds, idempotency_key=idempotency_key)


def _query(webhook_id: int | None, event_id: str | UUID | None, state: str | None) -> dict[str, str | int | None]:
    return {"webhook_id": webhook_id, "event_id": None if event_id is None else str(event_id), "state": state}


def _path(delivery_id: str | UUID) -> str:
    return f"/deliveries/{segment(delivery_id)}"
