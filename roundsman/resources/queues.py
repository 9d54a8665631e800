"""Queues: tasks are pushed on them, and popped from them by external workers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from roundsman.json_bytes import in_parts
from roundsman.resources.collection import Collection, checked, checked_rows, new_idempotency_key, segment
from roundsman.resources.task_shapes import PoppedTask, Queue, RetriedFailed, Task
from roundsman.resources.work import Work
from roundsman.transport import ANSWER_SECONDS, PATIENCE_SECONDS, Request, Transport

MOST_PUSHED_AT_ONCE = 1_000


class Queues(Collection[Queue]):
    """`client.queues`

    >>> with Client(url, api_key) as client:
    ...     pushed = client.queues.push("thumbnails", {"image": 7})
    ...     popped = client.queues.pop("thumbnails", lease_seconds=60, wait_seconds=5)
    ...     acked = client.tasks.ack(popped[0]["id"], popped[0]["lease_token"], {"width": 120})
    >>> pushed["state"], popped[0]["payload"], acked["state"]
    ('pending', {'image': 7}, 'succeeded')
    """

    item = Queue

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self._tasks = _PushedTasks(transport)

    def push(
        self,
        queue: str,
        payload: Any,
        *,
        delay_seconds: float | None = None,
        priority: int | None = None,
        max_attempts: int | None = None,
        timeout_seconds: int | None = None,
        dedup_key: str | None = None,
        wait_seconds: int = 0,
        idempotency_key: str | None = None,
    ) -> Task:
        """A new task, as it is after at most `wait_seconds` (the service waits 30 at most).

        While a task with the same `dedup_key` has not ended, it is that one. Sent again after a lost answer, it is
        still one task. Raises Invalid.
        """
        given = {
            "delay_seconds": delay_seconds,
            "priority": priority,
            "max_attempts": max_attempts,
            "timeout_seconds": timeout_seconds,
            "dedup_key": dedup_key,
        }
        definition = {"payload": payload, **{name: value for name, value in given.items() if value is not None}}
        return self._tasks.begin(queue, definition, wait_seconds, idempotency_key)

    def push_many(
        self, queue: str, tasks: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> list[Task]:
        """New tasks; each is an object with the fields of the API: payload, priority and so on.

        More than 1,000, or than fit into a request, are sent in several, each of which is done as a whole or not at
        all. Raises Invalid.
        """
        key = idempotency_key or new_idempotency_key()
        parts = in_parts([dict(task) for task in tasks], MOST_PUSHED_AT_ONCE)
        keys = [key] if len(parts) == 1 else [f"{key}/{number}" for number in range(1, len(parts) + 1)]
        return [
            task
            for part, key_of_part in zip(parts, keys, strict=True)
            for task in self._tasks.begin_together(queue, part, key_of_part)
        ]

    def pop(
        self,
        queue: str,
        *,
        most: int = 1,
        lease_seconds: int = 60,
        wait_seconds: int = 0,
        worker: str | None = None,
        idempotency_key: str | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> list[PoppedTask]:
        """At most so many tasks, leased for `lease_seconds`; none when none comes within `wait_seconds` (20 at most).

        Sent again after a lost answer, and with the same `idempotency_key`, it brings the same tasks as long as they
        are leased. Raises Invalid.
        """
        path = f"{_path(queue)}/pop"
        body: dict[str, Any] = {"max": most, "lease_seconds": lease_seconds, "wait_seconds": wait_seconds}
        if worker is not None:
            body["worker"] = worker
        request = Request(
            "POST",
            path,
            body,
            headers={"Idempotency-Key": idempotency_key or new_idempotency_key()},
            answer_seconds=ANSWER_SECONDS + wait_seconds,
            repeatable=True,
        )
        answer = self._transport.send(request, patience_seconds=patience_seconds)
        if answer is None:
            return []
        rows = checked_rows(answer, "tasks", PoppedTask.__required_keys__, path, self._transport.url)
        return cast(list[PoppedTask], rows)

    def all(self, *, most: int = 10_000) -> Iterator[Queue]:
        """The queues, by name."""
        return self._each("/queues", most=most, page_size=200)

    def get(self, queue: str) -> Queue:
        """Raises NotFound."""
        return self._get(_path(queue))

    def configure(self, queue: str, *, unattended_after_seconds: int | None) -> Queue:
        """Set after how long without anybody asking for its tasks the service says so; None: as the service is set.

        Raises Invalid.
        """
        body = {"unattended_after_seconds": unattended_after_seconds}
        path = _path(queue)
        return self._checked(self._transport.send(Request("PUT", path, body, repeatable=True)), path)

    def retry_failed(self, queue: str) -> RetriedFailed:
        """Begin its failed tasks afresh, at most 10,000 of them at once; `more` says whether there are others.

        Sent again after a lost answer, it goes on with those, and counts only them.
        """
        path = f"{_path(queue)}/retry-failed"
        answer = self._transport.send(Request("POST", path, {}, repeatable=True))
        members = RetriedFailed.__required_keys__
        return cast(RetriedFailed, checked(answer, members, path, self._transport.url))


class _PushedTasks(Work[Task]):
    """Tasks as they come from a push."""

    item = Task

    def begin(self, queue: str, definition: dict[str, Any], wait_seconds: int, idempotency_key: str | None) -> Task:
        path = f"{_path(queue)}/tasks"
        return self._begin(path, definition, wait_seconds=wait_seconds, idempotency_key=idempotency_key)

    def begin_together(self, queue: str, definitions: list[dict[str, Any]], idempotency_key: str) -> list[Task]:
        path = f"{_path(queue)}/tasks"
        answer = self._create(path, {"tasks": definitions}, idempotency_key=idempotency_key)
        return cast(list[Task], checked_rows(answer, "tasks", Task.__required_keys__, path, self._transport.url))


def _path(queue: str) -> str:
    return f"/queues/{segment(queue)}"
