"""Arrays for bulk statements, as one literal each."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

Element = bool | int | float | str | datetime | UUID | None


def array(values: Iterable[Element]) -> str:
    """The values as the text of a Postgres array, to be cast where it is used.

    The driver would write an ARRAY of as many expressions, each parsed and planned by itself: for thousands of
    elements that costs more than what is done with them.

    >>> array([1, None, True, 'say "so"'])
    '{1,NULL,t,"say \\\\"so\\\\""}'
    """
    return "{" + ",".join(["NULL" if value is None else _WRITERS[type(value)](value) for value in values]) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_WRITERS: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "t" if value else "f",
    int: str,
    float: str,
    str: _quoted,
    datetime: lambda value: f'"{value.isoformat()}"',
    UUID: str,
}
