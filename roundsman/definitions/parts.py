"""A value out of a YAML file that still knows where each of its parts stood."""

from dataclasses import dataclass, field
from typing import Any


class InvalidFile(Exception):
    """A file that cannot be applied; the message names file, line and column as far as they are known."""

    def __init__(self, file: str, problem: str, line: int | None = None, column: int | None = None) -> None:
        place = ":".join(str(each) for each in (file, line, column) if each is not None)
        super().__init__(f"{place}: {problem}")


@dataclass(frozen=True, slots=True)
class Part:
    """A JSON value and its place, counted from 1; `members` are the parts of an object or list by key or index.

    `weight` tells how much it grows to when written out, `height` how many levels are in it.
    """

    value: Any
    line: int
    column: int
    weight: int
    height: int = 0
    members: dict[str, "Part"] = field(default_factory=dict)

    def at(self, pointer: str) -> "Part":
        """The part that a JSON Pointer names, or the last one on the way that is here."""
        found = self
        for step in pointer.split("/")[1:]:
            inner = found.members.get(step.replace("~1", "/").replace("~0", "~"))
            if inner is None:
                break
            found = inner
        return found
