"""The geometry of the small charts: numbers in, rectangles and points out, in units of the drawing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a column: where it stands, what colours it, and what it says to whoever points at it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str


def round_up(value: float) -> int:
    """The next number that reads well on an axis.

    >>> [round_up(value) for value in (0, 3, 7, 12, 49, 260)]
    [1, 5, 10, 20, 50, 500]
    """
    if value <= 1:
        return 1
    size = 10 ** math.floor(math.log10(value))
    return next(int(step * size) for step in (1, 2, 5, 10) if step * size >= value)


def stacked(
    columns: Sequence[Mapping[str, int]], labels: Sequence[str], *, width: float, height: float, gap: float = 1
) -> tuple[list[Bar], int]:
    """Columns side by side, each a stack of its kinds in their order, and the number at the top of the axis.

    >>> bars, top = stacked([{"good": 2, "bad": 1}, {"good": 4, "bad": 0}], ["one", "two"], width=20, height=10, gap=0)
    >>> top, [(bar.x, bar.y, bar.height, bar.kind) for bar in bars]
    (5, [(0.0, 6.0, 4.0, 'good'), (0.0, 4.0, 2.0, 'bad'), (10.0, 2.0, 8.0, 'good')])
    """
    top = round_up(max((sum(column.values()) for column in columns), default=0))
    step = width / max(1, len(columns))
    bars = []
    for number, (column, label) in enumerate(zip(columns, labels, strict=True)):
        floor = height
        for kind, value in column.items():
            if value:
                size = max(1.0, height * value / top)
                floor -= size
                bars.append(Bar(round(number * step + gap / 2, 2), round(floor, 2), round(step - gap, 2),
                                round(size, 2), kind, label))  # fmt: skip
    return bars, top


def places(instants: Sequence[datetime], begin: datetime, seconds: float, width: float) -> list[float]:
    """Where instants stand on a line of time.

    >>> from datetime import UTC, timedelta
    >>> begin = datetime(2026, 1, 1, tzinfo=UTC)
    >>> places([begin + timedelta(minutes=30)], begin, 3600, 100)
    [50.0]
    """
    return [round((instant - begin).total_seconds() / seconds * width, 1) for instant in instants]
