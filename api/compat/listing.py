"""Lists of systems that know no pages: all there is, within bounds."""

from collections.abc import Callable
from typing import Any, TypeVar

from shared.domain.json_value import written

Row = TypeVar("Row")

MOST_OBJECTS = 1_000
MOST_CHARACTERS = 16_777_216  # of the objects' text: a thousand may be a gigabyte, which no process has to spare
ROWS_AT_ONCE = 200
MOST_READS = 50  # of rows that may all be left out


def objects_of(
    read: Callable[[Row | None, int], list[Row]], shown: Callable[[Row], dict[str, Any] | None]
) -> list[dict[str, Any]]:
    """The first thousand objects that can be shown, or fewer that are so long together; one at least, if there is one.

    `read` gives so many rows from behind one; `shown` is None for a row that the system cannot express.
    """
    objects: list[dict[str, Any]] = []
    characters = 0
    last: Row | None = None
    for _ in range(MOST_READS):
        rows = read(last, ROWS_AT_ONCE)
        for each in filter(None, map(shown, rows)):
            characters += len(written(each))
            if len(objects) == MOST_OBJECTS or (objects and characters > MOST_CHARACTERS):
                return objects
            objects.append(each)
        if len(rows) < ROWS_AT_ONCE:
            break
        last = rows[-1]
    return objects
