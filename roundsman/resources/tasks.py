"""Tasks: what is on the queues, and what came of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from roundsman.errors import JobFailed, NotEnded
from roundsman.json_bytes import in_parts
from roundsman.resources.collection import checked, checked_rows, segment
from roundsman.resources.shapes import Page
from roundsman.resources.task_shapes import AckResult, Lease, Task
from roundsman.resources.work import Work, has_ended
from roundsman.transport import ANSWER_SECONDS, PATIENCE_SECONDS, Request

MOST_ACKED_AT_ONCE = 1_000


class Tasks(Work[Task]):
    """`client.tasks`; whoever has popped a task says with its `lease_token` what became of it.

    >>> with Client(url, api_key) as client:
    ...     task = client.queues.push("thumbnails", {"image": 7})
    ...     popped = client.queues.pop("thumbnails")[0]
    ...     failed = client.tasks.fail(popped["id"], popped["lease_token"], "out of paper", retry=False)
    >>> failed["state"], failed["error"]
    ('failed', 'out of paper')
    """

    item = Task

    def get(self, task_id: str | UUID) -> Task:
        """The task with its attempts and what its workers logged. Raises NotFound."""
        return self._get(_path(task_id))

    def page(
        self, *, queue: str | None = None, state: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Task]:
        """A part of the tasks, newest first."""
        return self._page("/tasks", limit=limit, cursor=cursor, query={"queue": queue, "state": state})

    def each(self, *, queue: str | None = None, state: str | None = None, most: int = 1_000) -> Iterator[Task]:
        """The tasks, newest first."""
        return self._each("/tasks", most=most, query={"queue": queue, "state": state})

    def wait(self, task_id: str | UUID, *, seconds: float, watch: Callable[[Task], None] | None = None) -> Task:
        """The task as soon as it has ended, or as it is when `seconds` are over; `watch` is shown every look.

        A service that goes away for less than 30 s does not end the wait. Raises NotFound.
        """
        return self._wait(_path(task_id), seconds=seconds, watch=watch)

    def result(self, task_id: str | UUID, *, seconds: float) -> Any:
        """What its worker acked it with, waited for. Raises JobFailed, NotEnded, NotFound."""
        task = self.wait(task_id, seconds=seconds)
        if not has_ended(task):
            raise NotEnded(f"the task {task['id']} is still {task['state']} after {seconds:g} s")
        if task["state"] != "succeeded":
            how = "has failed" if task["state"] == "failed" else f"was {task['state']}"
            raise JobFailed(f"the task {task['id']} {how}: {task['error'] or 'nobody said why'}")
        return task["result"]

    def ack(
        self,
        task_id: str | UUID,
        lease_token: str,
        result: Any = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Task:
        """Say that it is done. Doing so again is the same. Raises LeaseLost, JobTimedOut, NotFound, Invalid."""
        body = {"lease_token": lease_token, "result": result}
        return self._checked(self._say(task_id, "ack", body, patience_seconds), _path(task_id))

    def ack_many(self, acks: Sequence[Mapping[str, Any]]) -> list[AckResult]:
        """Say of many that they are done, each an `{id, lease_token, result?}`; what came of each, in their order.

        More than 1,000, or than fit into a request, are sent in several.
        """
        results: list[AckResult] = []
        for part in in_parts([dict(each) for each in acks], MOST_ACKED_AT_ONCE):
            answer = self._transport.send(Request("POST", "/tasks/ack", {"acks": part}, repeatable=True))
            rows = checked_rows(answer, "results", AckResult.__required_keys__, "/tasks/ack", self._transport.url)
            results += cast(list[AckResult], rows)
        return results

    def fail(
        self,
        task_id: str | UUID,
        lease_token: str,
        error: str,
        *,
        retry: bool = True,
        delay_seconds: float = 0,
        patience_seconds: float = PATIENCE_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> Task:
        """Say that this attempt failed, and whether another one is to begin after a delay. Raises as ack does.

        When the first answer was lost, the second may be LeaseLost although it was heard.
        """
        body = {"lease_token": lease_token, "error": error, "retry": retry, "delay_seconds": delay_seconds}
        answer = self._say(task_id, "fail", body, patience_seconds, answer_seconds)
        return self._checked(answer, _path(task_id))

    def release(
        self,
        task_id: str | UUID,
        lease_token: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> Task:
        """Give it back unharmed: it can be popped at once, and this attempt does not count. Raises LeaseLost, NotFound.

        When the first answer was lost, the second may be LeaseLost although it was heard.
        """
        answer = self._say(task_id, "release", {"lease_token": lease_token}, patience_seconds, answer_seconds)
        return self._checked(answer, _path(task_id))

    def extend(
        self,
        task_id: str | UUID,
        lease_token: str,
        lease_seconds: int,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> Lease:
        """Keep it for so many seconds from now. Raises LeaseLost, JobTimedOut, NotFound, Invalid."""
        body = {"lease_token": lease_token, "lease_seconds": lease_seconds}
        return self._lease(self._say(task_id, "extend", body, patience_seconds, answer_seconds), task_id)

    def log(self, task_id: str | UUID, lease_token: str, messages: str | Sequence[str]) -> Lease:
        """Add lines to what is known of the attempt, 100 at most. Raises LeaseLost, Conflict, NotFound, Invalid.

        Never repeated by itself: the lines would be there twice.
        """
        lines = [messages] if isinstance(messages, str) else list(messages)
        request = Request("POST", f"{_path(task_id)}/log", {"lease_token": lease_token, "messages": lines})
        return self._lease(self._transport.send(request), task_id)

    def cancel(self, task_id: str | UUID) -> Task:
        """Cancel a task that has not ended; one that is being worked on ends when its worker hears of it.

        Raises NotFound, Conflict.
        """
        path = f"{_path(task_id)}/cancel"
        return self._checked(self._transport.send(Request("POST", path, {}, repeatable=True)), path)

    def retry(self, task_id: str | UUID, *, idempotency_key: str | None = None) -> Task:
        """Begin a failed task afresh, as if it had never been tried. Raises NotFound, Conflict."""
        return self._begin(f"{_path(task_id)}/retry", {}, idempotency_key=idempotency_key)

    def _say(
        self,
        task_id: str | UUID,
        what: str,
        body: dict[str, Any],
        patience_seconds: float,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> Any:
        request = Request("POST", f"{_path(task_id)}/{what}", body, answer_seconds=answer_seconds, repeatable=True)
        return self._transport.send(request, patience_seconds=patience_seconds)

    def _lease(self, answer: Any, task_id: str | UUID) -> Lease:
        return cast(Lease, checked(answer, Lease.__required_keys__, _path(task_id), self._transport.url))


def _path(task_id: str | UUID) -> str:
    return f"/tasks/{segment(task_id)}"
