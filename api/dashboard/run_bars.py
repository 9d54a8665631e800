"""The last runs of a checklist as bars, the newest on the right: the worse, the higher."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.store.dashboard_runs import LatestRun

HEIGHT: Final = 22
STEP, WIDTH = 7, 5
LOOKS: Final = {
    "passed": ("good", 11),
    "new": ("fresh", 16),
    "changed": ("bad", 22),
    "error": ("bad", 22),
    "failed": ("bad", 22),
    "running": ("going", 8),
    "pending": ("waiting", 6),
}
OTHERS: Final = ("off", 6)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its colour, its outline as an SVG path, and what it stands for; an empty place stands for nothing."""

    fill: str
    outline: str
    title: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture of this width, and the same in words."""

    bars: Sequence[Bar]
    width: int
    in_words: str


def picture(runs: Sequence[LatestRun], most: int) -> Bars:
    """The runs, newest first, as bars, oldest first, at the right end of as many places."""
    empty = most - len(runs)
    bars = [Bar("line", _outline(place, 3), "") for place in range(empty)]
    for place, run in enumerate(reversed(runs), empty):
        fill, height = LOOKS.get(run.word, OTHERS)
        bars.append(Bar(fill, _outline(place, height), f"{run.word}, {run.at:%Y-%m-%d %H:%M:%S} UTC"))
    return Bars(bars, most * STEP, _in_words(runs))


def _outline(place: int, height: int) -> str:
    """A bar that stands on the ground.

    >>> _outline(2, 10)
    'M14 22v-10h5v10z'
    """
    return f"M{place * STEP} {HEIGHT}v-{height}h{WIDTH}v{height}z"


def _in_words(runs: Sequence[LatestRun]) -> str:
    if not runs:
        return "No runs yet"
    numbers = ", ".join(f"{number} {word}" for word, number in sorted(Counter(run.word for run in runs).items()))
    return f"Last {len(runs)} runs: {numbers}; the latest {runs[0].word}"
