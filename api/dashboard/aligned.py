"""Which elements of two arrays stand beside each other: by index, unless most of them have only moved."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice, takewhile
from typing import Final

from shared.domain.json_value import Json
from shared.domain.snapshot import equal

MOST_ALIGNED: Final = 200

Pair = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Pairs of indexes: the first `head` of both, then those of the middle, then the last `tail` of both."""

    lengths: tuple[int, int]
    head: int
    middle: tuple[Pair, ...]
    tail: int

    def __len__(self) -> int:
        return self.head + len(self.middle) + self.tail

    def pair(self, position: int) -> Pair:
        if position < self.head:
            return position, position
        if position < self.head + len(self.middle):
            return self.middle[position - self.head]
        from_end = len(self) - position
        return self.lengths[0] - from_end, self.lengths[1] - from_end

    def is_moved(self, position: int) -> bool:
        """Whether what stands here is the same on both sides, at two indexes."""
        one, other = self.pair(position)
        return one is not None and other is not None and one != other


def aligned(left: list[Json], right: list[Json], first: int) -> Alignment | None:
    """How the elements fit together when some were put in or taken out; None when they are best paired by index.

    `first` is the index of the first difference. Of very long arrays only what is alike at the end is found.

    >>> aligned(["a", "b", "c"], ["new", "a", "b"], 0).middle
    ((None, 0), (0, 1), (1, 2), (2, None))
    """
    head = min(first, len(left), len(right))
    tail = _same_at_the_end(left, right, head)
    ours, theirs = len(left) - head - tail, len(right) - head - tail
    if ours == theirs and tail and ours <= 1:
        return None  # one that has changed in its place
    if max(ours, theirs) <= MOST_ALIGNED:
        middle, moved = _middle(left[head : head + ours], right[head : head + theirs], head)
    elif min(ours, theirs) == 0:
        middle, moved = tuple(_apart(range(head, head + ours), range(head, head + theirs))), 0
    else:
        return None
    moved += tail if len(left) != len(right) else 0
    if moved == 0 or 2 * moved < min(len(left), len(right)) - head:
        return None
    return Alignment((len(left), len(right)), head, middle, tail)


def _middle(left: list[Json], right: list[Json], start: int) -> tuple[tuple[Pair, ...], int]:
    """The pairs of what is left between the ends, and how many of them are of elements that have moved."""
    texts, others = ([json.dumps(element, sort_keys=True) for element in side] for side in (left, right))
    pairs: list[Pair] = []
    moved = 0
    for tag, i, i_end, j, j_end in SequenceMatcher(None, texts, others, autojunk=False).get_opcodes():
        ours, theirs = range(start + i, start + i_end), range(start + j, start + j_end)
        if tag == "equal":
            moved += len(ours) if i != j else 0
            pairs += zip(ours, theirs, strict=True)
        elif i == j:
            both = min(len(ours), len(theirs))
            pairs += zip(ours[:both], theirs[:both], strict=True)
            pairs += _apart(ours[both:], theirs[both:])
        else:
            pairs += _apart(ours, theirs)
    return tuple(pairs), moved


def _apart(ours: range, theirs: range) -> Iterator[Pair]:
    yield from ((index, None) for index in ours)
    yield from ((None, index) for index in theirs)


def _same_at_the_end(left: list[Json], right: list[Json], first: int) -> int:
    """How many elements at the ends are the same, up to the first that differs."""
    most = max(0, min(len(left), len(right)) - first)
    pairs = zip(islice(reversed(left), most), islice(reversed(right), most), strict=True)
    return sum(1 for _ in takewhile(lambda pair: _same(*pair), pairs))


def _same(one: Json, other: Json) -> bool:
    """As `equal`, and quicker where it is plain."""
    return one == other and equal(one, other)
