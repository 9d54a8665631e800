"""Schedules."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from roundsman.resources.collection import Collection, checked, segment
from roundsman.resources.job_shapes import Job
from roundsman.resources.schedule_shapes import Occurrence, Preview, Schedule
from roundsman.resources.shapes import Page, Run
from roundsman.resources.task_shapes import Task
from roundsman.transport import Request, Transport

MEMBERS_OF_ALL_WORK = frozenset({"id", "state", "schedule_id"})


class Occurrences(Collection[Occurrence]):
    """Every instant at which a schedule was due, newest first."""

    item = Occurrence

    def each(self, schedule_id: int, *, outcome: str | None = None, most: int = 1_000) -> Iterator[Occurrence]:
        """Those of one schedule. Raises NotFound."""
        return self._each(f"{_path(schedule_id)}/occurrences", most=most, query={"outcome": outcome})


class Schedules(Collection[Schedule]):
    """`client.schedules`; a definition is an object with the fields of the API: cron, checklist_id and so on."""

    item = Schedule

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self._occurrences = Occurrences(transport)

    def create(self, definition: Mapping[str, Any], *, idempotency_key: str | None = None) -> Schedule:
        """A new schedule. Raises Invalid, NotFound for its checklist, and Conflict when the name is taken."""
        return self._checked(self._create("/schedules", definition, idempotency_key=idempotency_key), "/schedules")

    def page(
        self,
        *,
        name: str | None = None,
        checklist_id: int | None = None,
        state: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Schedule]:
        """A part of the schedules, by id."""
        query = {"name": name, "checklist_id": checklist_id, "state": state}
        return self._page("/schedules", limit=limit, cursor=cursor, query=query)

    def each(
        self, *, checklist_id: int | None = None, state: str | None = None, most: int = 1_000
    ) -> Iterator[Schedule]:
        """The schedules, by id."""
        return self._each("/schedules", most=most, query={"checklist_id": checklist_id, "state": state})

    def get(self, schedule_id: int) -> Schedule:
        """Raises NotFound."""
        return self._get(_path(schedule_id))

    def named(self, name: str) -> Schedule | None:
        """The schedule of this name; None when there is none."""
        return next(iter(self.page(name=name, limit=1)["data"]), None)

    def replace(self, schedule_id: int, definition: Mapping[str, Any]) -> Schedule:
        """Put another definition in its place; counters and occurrences stay. Raises Invalid, NotFound, Conflict."""
        path = _path(schedule_id)
        return self._checked(self._transport.send(Request("PUT", path, definition, repeatable=True)), path)

    def delete(self, schedule_id: int) -> None:
        """Delete it with its occurrences; what it has begun goes on. Raises NotFound."""
        self._transport.send(Request("DELETE", _path(schedule_id)))

    def pause(self, schedule_id: int, *, note: str | None = None) -> Schedule:
        """Let it sleep. Raises NotFound, Conflict."""
        return self._steer(schedule_id, "pause", {} if note is None else {"note": note})

    def resume(self, schedule_id: int) -> Schedule:
        """Wake it; it never fires for the time it slept. Raises NotFound, Conflict."""
        return self._steer(schedule_id, "resume", {})

    def skip_next(self, schedule_id: int) -> Schedule:
        """Leave out its next instant. Raises NotFound, Conflict."""
        return self._steer(schedule_id, "skip-next", {})

    def trigger(
        self, schedule_id: int, *, wait_seconds: int = 0, idempotency_key: str | None = None
    ) -> Run | Job | Task:
        """Begin now what it begins; that work as it is after at most `wait_seconds`. Raises NotFound."""
        path = f"{_path(schedule_id)}/trigger"
        answer = self._create(path, {}, idempotency_key=idempotency_key, wait_seconds=wait_seconds)
        return cast(Run | Job | Task, checked(answer, MEMBERS_OF_ALL_WORK, path, self._transport.url))

    def preview(self, definition: Mapping[str, Any]) -> Preview:
        """When a schedule of this definition would be due; nothing is stored. Raises Invalid."""
        path = "/schedules/preview"
        answer = self._transport.send(Request("POST", path, definition, repeatable=True))
        return cast(Preview, checked(answer, Preview.__required_keys__, path, self._transport.url))

    def occurrences(self, schedule_id: int, *, outcome: str | None = None, most: int = 1_000) -> Iterator[Occurrence]:
        """Every instant at which it was due, newest first, and what became of it. Raises NotFound."""
        return self._occurrences.each(schedule_id, outcome=outcome, most=most)

    def _steer(self, schedule_id: int, action: str, body: Mapping[str, Any]) -> Schedule:
        path = f"{_path(schedule_id)}/{action}"
        return self._checked(self._transport.send(Request("POST", path, body, repeatable=True)), path)


def _path(schedule_id: int) -> str:
    return f"/schedules/{segment(schedule_id)}"
