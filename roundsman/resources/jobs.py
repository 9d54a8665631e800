"""Jobs: URLs to be called at a time."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from roundsman.resources.collection import segment
from roundsman.resources.job_shapes import Job
from roundsman.resources.shapes import Page
from roundsman.resources.work import Work
from roundsman.transport import Request


class Jobs(Work[Job]):
    """`client.jobs`; a definition is an object with the fields of the API: uri, execute_at, payload and so on."""

    item = Job

    def create(
        self, definition: Mapping[str, Any], *, wait_seconds: int = 0, idempotency_key: str | None = None
    ) -> Job:
        """A new job, as it is after at most `wait_seconds` (the service waits 30 at most).

        Sent again after a lost answer, it is still one job. Raises Invalid.
        """
        return self._begin("/jobs", dict(definition), wait_seconds=wait_seconds, idempotency_key=idempotency_key)

    def wait(self, job_id: str | UUID, *, seconds: float, watch: Callable[[Job], None] | None = None) -> Job:
        """The job as soon as it has ended, or as it is when `seconds` are over; `watch` is shown every look.

        A service that goes away for less than 30 s does not end the wait. Raises NotFound.
        """
        return self._wait(_path(job_id), seconds=seconds, watch=watch)

    def get(self, job_id: str | UUID) -> Job:
        """The job with its attempts. Raises NotFound."""
        return self._get(_path(job_id))

    def page(
        self,
        *,
        state: str | None = None,
        schedule_id: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        """A part of the jobs, newest first."""
        return self._page("/jobs", limit=limit, cursor=cursor, query={"state": state, "schedule_id": schedule_id})

    def each(self, *, state: str | None = None, schedule_id: int | None = None, most: int = 1_000) -> Iterator[Job]:
        """The jobs, newest first."""
        return self._each("/jobs", most=most, query={"state": state, "schedule_id": schedule_id})

    def cancel(self, job_id: str | UUID) -> Job:
        """Cancel a job that has not ended. Raises NotFound, Conflict."""
        path = f"{_path(job_id)}/cancel"
        return self._checked(self._transport.send(Request("POST", path, {}, repeatable=True)), path)

    def retry(self, job_id: str | UUID, *, idempotency_key: str | None = None) -> Job:
        """Begin a failed job afresh, as if it had never been tried. Raises NotFound, Conflict."""
        return self._begin(f"{_path(job_id)}/retry", {}, idempotency_key=idempotency_key)

    def delete(self, job_id: str | UUID) -> None:
        """Cancel it if it has not ended, and forget it. Raises NotFound."""
        self._transport.send(Request("DELETE", _path(job_id)))


def _path(job_id: str | UUID) -> str:
    return f"/jobs/{segment(job_id)}"
