"""Checklists."""

from collections.abc import Iterator, Mapping
from typing import Any

from roundsman.resources.collection import LARGEST_PAGE, Collection, segment
from roundsman.resources.shapes import Checklist, Page
from roundsman.transport import Request


class Checklists(Collection[Checklist]):
    """`client.checklists`; a definition is an object with the fields of the API: name, flows, rules and so on."""

    item = Checklist

    def create(self, definition: Mapping[str, Any], *, idempotency_key: str | None = None) -> Checklist:
        """A new checklist. Raises Invalid, and Conflict when the name is taken."""
        answer = self._create("/checklists", definition, idempotency_key=idempotency_key)
        return self._checked(answer, "/checklists")

    def page(self, *, name: str | None = None, limit: int = 50, cursor: str | None = None) -> Page[Checklist]:
        """A part of the checklists, by id."""
        return self._page("/checklists", limit=limit, cursor=cursor, query={"name": name})

    def each(self, *, most: int = 1_000) -> Iterator[Checklist]:
        """The checklists, by id."""
        return self._each("/checklists", most=most, page_size=LARGEST_PAGE)

    def get(self, checklist_id: int) -> Checklist:
        """Raises NotFound."""
        return self._get(f"/checklists/{segment(checklist_id)}")

    def named(self, name: str) -> Checklist | None:
        """The checklist of this name; None when there is none."""
        return next(iter(self.page(name=name, limit=1)["data"]), None)

    def replace(self, checklist_id: int, definition: Mapping[str, Any]) -> Checklist:
        """Put another definition in its place; its snapshots stay. Raises Invalid, NotFound, Conflict."""
        path = f"/checklists/{segment(checklist_id)}"
        return self._checked(self._transport.send(Request("PUT", path, definition, repeatable=True)), path)

    def delete(self, checklist_id: int) -> None:
        """Delete it with its snapshots and schedules. Raises NotFound."""
        self._transport.send(Request("DELETE", f"/checklists/{segment(checklist_id)}"))
