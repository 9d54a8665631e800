"""To-dos, and the two ways in which the example API shows them."""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

MOST_TODOS = 1000


@dataclass(frozen=True, slots=True)
class Todo:
    """Something to be done."""

    id: int
    title: str
    priority: int
    done: bool
    created_at: datetime


class Todos:
    """At most a thousand of them, in memory; the oldest makes room for a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._todos: dict[int, Todo] = {}

    def add(self, title: str, priority: int, now: datetime) -> Todo:
        with self._lock:
            todo = Todo(next(self._numbers), title, priority, done=False, created_at=now)
            if len(self._todos) >= MOST_TODOS:
                del self._todos[next(iter(self._todos))]
            self._todos[todo.id] = todo
            return todo

    def all(self) -> list[Todo]:
        with self._lock:
            return list(self._todos.values())

    def get(self, number: int) -> Todo | None:
        return self._todos.get(number)

    def change(self, number: int, changes: Mapping[str, Any]) -> Todo | None:
        with self._lock:
            if (todo := self._todos.get(number)) is None:
                return None
            self._todos[number] = replace(todo, **changes)
            return self._todos[number]

    def remove(self, number: int) -> bool:
        with self._lock:
            return self._todos.pop(number, None) is not None


def shown(todo: Todo, version: int) -> dict[str, Any]:
    """A to-do as JSON: version 2 calls `done` otherwise and makes a text of the priority.

    That is the kind of change which nobody announces.
    """
    same = {
        "id": todo.id,
        "title": todo.title,
        "created_at": todo.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    if version == 1:
        return {**same, "priority": todo.priority, "done": todo.done}
    return {**same, "priority": str(todo.priority), "completed": todo.done}
