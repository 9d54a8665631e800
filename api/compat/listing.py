"""Lists of systems that know no pages: all there is, within bounds."""

from collections.abc import Callable
from typing import Protocol, TypeVar


class Measured(Protocol):
    """A row, and how long the JSON in it is."""

    @property
    def characters(self) -> int: ...


Row = TypeVar("Row", bound=Measured)
Shown = TypeVar("Shown")

MOST_OBJECTS = 1_000
# Of the JSON in the rows: while it is read and written nobody else of the process has a turn, and a MiB of brackets
# takes a tenth of a second for each.
MOST_CHARACTERS = 4_194_304
ROWS_AT_ONCE = 50  # are measured by Postgres, which sends only as many as there is room for
MOST_READS = 200  # of rows that may all be left out


def objects_of(read: Callable[[Row | None, int], list[Row]], shown: Callable[[Row], Shown | None]) -> list[Shown]:
    """The first thousand objects that can be shown, or fewer that are so long together; one at least, if there is one.

    `read` gives ROWS_AT_ONCE rows from behind one, or fewer that have no more than so many characters together, but
    not none if none is before them. `shown` is None for a row that the system cannot express.
    """
    objects: list[Shown] = []
    characters = 0
    last: Row | None = None
    for _ in range(MOST_READS):
        rows = read(last, MOST_CHARACTERS - characters)
        objects += (each for each in map(shown, rows) if each is not None)
        characters += sum(row.characters for row in rows)
        if len(rows) < ROWS_AT_ONCE or len(objects) >= MOST_OBJECTS:
            break
        last = rows[-1]
    return objects[:MOST_OBJECTS]
