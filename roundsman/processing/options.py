"""How a queue is to be worked on."""

import os
import socket
from dataclasses import dataclass
from typing import Protocol

from roundsman.resources.queues import Queues
from roundsman.resources.tasks import Tasks

MOST_AT_ONCE = 100
LONGEST_LEASE_SECONDS = 43_200
LONGEST_GRACE_SECONDS = 3_600
WORKER_CHARACTERS = 200


class TaskClient(Protocol):
    """What of a client is needed here; every thread has its own."""

    @property
    def queues(self) -> Queues: ...

    @property
    def tasks(self) -> Tasks: ...

    def close(self) -> None: ...

    def hang_up(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What a processor was told. Raises ValueError for what is out of range."""

    queue: str
    concurrency: int
    lease_seconds: int
    extend: bool
    grace_seconds: float
    worker: str | None

    def __post_init__(self) -> None:
        _within("concurrency", self.concurrency, 1, MOST_AT_ONCE)
        _within("lease_seconds", self.lease_seconds, 1, LONGEST_LEASE_SECONDS)
        _within("grace_seconds", self.grace_seconds, 0, LONGEST_GRACE_SECONDS)

    @property
    def worker_name(self) -> str:
        """By which name the service knows this process, if none was given by its host and id."""
        return (self.worker or f"{socket.gethostname()}-{os.getpid()}")[:WORKER_CHARACTERS]


def _within(name: str, value: float, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most:,}, not {value}")
