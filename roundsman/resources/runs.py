"""Runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from roundsman.resources.collection import checked, segment
from roundsman.resources.shapes import CheckName, Page, Run
from roundsman.resources.work import Work
from roundsman.transport import Request


class Runs(Work[Run]):
    """`client.runs`"""

    item = Run

    def start(
        self,
        checklist_id: int,
        *,
        variables: Mapping[str, str] | None = None,
        wait_seconds: int = 0,
        idempotency_key: str | None = None,
    ) -> Run:
        """Run a checklist; the run as it is after at most `wait_seconds` (the service waits 30 at most).

        Sent again after a lost answer, it is still one run. Raises NotFound, Invalid.
        """
        path = f"/checklists/{segment(checklist_id)}/run"
        body = {"variables": dict(variables or {})}
        return self._begin(path, body, wait_seconds=wait_seconds, idempotency_key=idempotency_key)

    def wait(self, run_id: str | UUID, *, seconds: float, watch: Callable[[Run], None] | None = None) -> Run:
        """The run as soon as it has ended, or as it is when `seconds` are over; `watch` is shown every look.

        A service that goes away for less than 30 s does not end the wait. Raises NotFound.
        """
        return self._wait(f"/runs/{segment(run_id)}", seconds=seconds, watch=watch)

    def get(self, run_id: str | UUID) -> Run:
        """Raises NotFound."""
        return self._get(f"/runs/{segment(run_id)}")

    def page(
        self,
        *,
        checklist_id: int | None = None,
        schedule_id: int | None = None,
        state: str | None = None,
        outcome: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Run]:
        """A part of the runs, newest first."""
        query = {"checklist_id": checklist_id, "schedule_id": schedule_id, "state": state, "outcome": outcome}
        return self._page("/runs", limit=limit, cursor=cursor, query=query)

    def each(
        self,
        *,
        checklist_id: int | None = None,
        schedule_id: int | None = None,
        state: str | None = None,
        outcome: str | None = None,
        most: int = 1_000,
    ) -> Iterator[Run]:
        """The runs, newest first."""
        query = {"checklist_id": checklist_id, "schedule_id": schedule_id, "state": state, "outcome": outcome}
        return self._each("/runs", most=most, query=query)

    def cancel(self, run_id: str | UUID) -> Run:
        """Cancel a run that has not ended. Raises NotFound, Conflict."""
        path = f"/runs/{segment(run_id)}/cancel"
        return self._checked(self._transport.send(Request("POST", path, {}, repeatable=True)), path)

    def accept(
        self, run_id: str | UUID, *, checks: Sequence[CheckName] | None = None, only: str | None = None
    ) -> list[CheckName]:
        """Make the observed values the snapshots: of these checks or of all, `only` the new or the miss ones.

        Answers which those were. Raises NotFound, Invalid, and Conflict when a newer value was accepted since.
        """
        path = f"/runs/{segment(run_id)}/accept"
        body: dict[str, Any] = {}
        if checks is not None:
            body["checks"] = list(checks)
        if only is not None:
            body["only"] = only
        answer = self._transport.send(Request("POST", path, body, repeatable=True))
        accepted: list[CheckName] = checked(answer, frozenset({"accepted"}), path, self._transport.url)["accepted"]
        return accepted
