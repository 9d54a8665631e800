"""A bell that takes note instead of ringing: where Redis itself would add nothing."""

from collections.abc import Collection, Iterable
from uuid import UUID


class RecordingBell:
    """What was rung for, announced as ended, and announced as a queue with tasks."""

    def __init__(self) -> None:
        self.rung: list[UUID | str] = []
        self.announced: list[UUID | str] = []
        self.queues: list[tuple[int, str]] = []

    def ring(self, ids: Collection[UUID | str]) -> bool:
        self.rung += ids
        return True

    def announce(self, ids: Iterable[UUID | str]) -> None:
        self.announced += ids

    def announce_tasks(self, queues: Iterable[tuple[int, str]]) -> None:
        self.queues += queues
