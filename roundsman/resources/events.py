"""Events: what happened."""

from collections.abc import Iterator
from uuid import UUID

from roundsman.resources.collection import Collection, segment
from roundsman.resources.shapes import Page
from roundsman.resources.webhook_shapes import Event


class Events(Collection[Event]):
    """`client.events`"""

    item = Event

    def page(self, *, type: str | None = None, limit: int = 50, cursor: str | None = None) -> Page[Event]:  # noqa: A002 (the API's name of it)
        """A part of the events, newest first."""
        return self._page("/events", limit=limit, cursor=cursor, query={"type": type})

    def each(self, *, type: str | None = None, most: int = 1_000) -> Iterator[Event]:  # noqa: A002 (the API's name of it)
        """The events, newest first."""
        return self._each("/events", most=most, query={"type": type})

    def get(self, event_id: str | UUID) -> Event:
        """Raises NotFound."""
        return self._get(f"/events/{segment(event_id)}")
