"""Snapshots: the approved values of a checklist."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roundsman.resources.collection import Collection, segment
from roundsman.resources.shapes import Page, Snapshot, SnapshotFlow
from roundsman.transport import Request


class Snapshots(Collection[Snapshot]):
    """`client.snapshots`"""

    item = Snapshot

    def page(self, checklist_id: int, *, limit: int = 50, cursor: str | None = None) -> Page[Snapshot]:
        """A part of the snapshots in force. Raises NotFound."""
        return self._page(_path(checklist_id), limit=limit, cursor=cursor)

    def each(self, checklist_id: int, *, most: int = 1_000) -> Iterator[Snapshot]:
        """The snapshots in force. Raises NotFound."""
        return self._each(_path(checklist_id), most=most)

    def history(self, checklist_id: int, flow: str, name: str, *, most: int = 1_000) -> Iterator[Snapshot]:
        """Every value that was ever approved for a check, newest first. Raises NotFound."""
        return self._each(f"{_path(checklist_id)}/history", most=most, query={"flow": flow, "name": name})

    def set(self, checklist_id: int, flows: Sequence[SnapshotFlow], *, idempotency_key: str | None = None) -> None:
        """Approve values by hand. Raises NotFound, Invalid."""
        self._create(_path(checklist_id), {"flows": list(flows)}, idempotency_key=idempotency_key)

    def forget(self, checklist_id: int, flows: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Forget snapshots with their history: all, or `[{"name": flow, "snapshots": [check, ...]}, ...]`.

        A flow without `snapshots` is forgotten as a whole. Raises NotFound, Invalid.
        """
        body = {} if flows is None else {"flows": list(flows)}
        self._transport.send(Request("DELETE", _path(checklist_id), body, repeatable=True))


def _path(checklist_id: int) -> str:
    return f"/checklists/{segment(checklist_id)}/snapshots"
