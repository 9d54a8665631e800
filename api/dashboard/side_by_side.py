"""Two JSON values side by side, line by line: what differs is spelled out, what matches is folded.

The differences are those that the run has found, under the rules of that time; nothing is compared anew. The work is
bounded by the sizes of the values, and the rows by `most_rows`, however large the values are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Any, Final, Literal

from api.dashboard.aligned import aligned
from api.dashboard.json_lines import Line, differing, in_line, lines, plain
from shared.domain.json_kind import ABSENT, Absent
from shared.domain.json_value import Json
from shared.domain.snapshot import MAX_POINTER_LENGTH

Mark = Literal["same", "changed", "removed", "added", "moved", "uncounted", "folded", "cut"]
Side = Json | Absent

MOST_ROWS: Final = 400
MOST_LINES_OF_A_DIFFERENCE: Final = 40
UNFOLDED: Final = 7  # so many matching lines in a row are shown
KEPT_AT_THE_EDGES: Final = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A line of each side, where there is one; `count` is how many a folded or cut row stands for, if that is known.

    changed, removed, added: as the run has counted it. moved: the same element at another index, although arrays are
    compared by index. uncounted: it differs, but not for the run, which had a rule for it.
    """

    mark: Mark
    left: Line | None = None
    right: Line | None = None
    count: int = 0


@dataclass(slots=True)
class _Tree:
    """The differences at and below a place. `last`: the step behind which nothing was compared any more."""

    expected: Side = ABSENT
    observed: Side = ABSENT
    differs: bool = False
    below: dict[str, "_Tree"] = field(default_factory=dict)
    last: str | None = None


@dataclass(frozen=True, slots=True)
class _Label:
    """What stands around the text of a value: its depth, its name, and whether a comma follows on each side."""

    depth: int
    name: str | None = None
    comma_left: bool = False
    comma_right: bool = False


def side_by_side(
    expected: Json,
    observed: Json,
    differences: Sequence[Mapping[str, Any]],
    *,
    complete: bool = True,
    most_rows: int = MOST_ROWS,
) -> tuple[Row, ...]:
    """The rows of two values with these differences {pointer, expected?, observed?}, as a run has them.

    Not `complete`: there were more differences than are listed.

    >>> for row in side_by_side({"a": 1, "b": [2]}, {"a": 1, "b": [2, 3]}, [{"pointer": "/b/1", "observed": 3}]):
    ...     print(f"{row.mark:7} {row.left and row.left.text or '':12} {row.right and row.right.text or ''}")
    same    {            {
    same      "a": 1,      "a": 1,
    same      "b": [       "b": [
    same        2            2,
    added                    3
    same      ]            ]
    same    }            }
    """
    rows = _rows(_Label(0), expected, observed, _planted(differences, complete=complete))
    shown = tuple(islice(rows, most_rows))
    return shown if next(rows, None) is None else (*shown, Row("cut"))


def _planted(differences: Sequence[Mapping[str, Any]], *, complete: bool) -> _Tree | None:
    if not differences:
        return None
    root = _Tree()
    for index, difference in enumerate(differences):
        is_end = not complete and index == len(differences) - 1
        pointer = difference["pointer"]
        is_cut = len(pointer) > MAX_POINTER_LENGTH  # it leads to a place above the difference, but for its last step
        place = root
        for step in steps(pointer)[: -1 if is_cut else None]:
            if is_end:
                place.last = step
            place = place.below.setdefault(step, _Tree())
        place.differs = True
        if not is_cut:
            place.expected = difference.get("expected", place.expected)
            place.observed = difference.get("observed", place.observed)
    return root


def steps(pointer: str) -> list[str]:
    """The member names along a JSON Pointer.

    >>> steps("/a~1b/0"), steps("")
    (['a/b', '0'], [])
    """
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _rows(label: _Label, left: Side, right: Side, tree: _Tree | None) -> Iterator[Row]:
    if tree is None:
        yield _matching(label, left, right)
    elif tree.differs and not (tree.expected is ABSENT and tree.observed is ABSENT):
        yield from _difference(label, left, right, tree)
    elif tree.differs:
        yield from _difference(label, left, right, _Tree(left, right, differs=True))
    elif isinstance(left, dict) and isinstance(right, dict):
        yield Row("same", _bracket(label, "{"), _bracket(label, "{"))
        yield from _members(label, left, right, tree)
        yield _closing(label, "}")
    elif isinstance(left, list) and isinstance(right, list):
        yield Row("same", _bracket(label, "["), _bracket(label, "["))
        yield from _elements(label, left, right, tree)
        yield _closing(label, "]")
    else:  # elements of an array whose order does not count: the run has compared others than these two
        yield from _difference(label, left, right, _Tree(left, right, differs=True))


def _matching(label: _Label, left: Side, right: Side, mark: Mark = "same") -> Row:
    if mark == "same" and not (left is right or left == right):
        mark = "uncounted"
    return Row(mark, _on_a_line(label, left, label.comma_left), _on_a_line(label, right, label.comma_right))


def _difference(label: _Label, left: Side, right: Side, tree: _Tree) -> Iterator[Row]:
    """What the run has found to differ here, and what stands here although the run took it for another's equal."""
    expected, observed = tree.expected, tree.observed
    mark: Mark = "removed" if observed is ABSENT else "added" if expected is ABSENT else "changed"
    if not (isinstance(expected, Absent | dict | list) or isinstance(observed, Absent | dict | list)):
        one, other = differing(label.depth, label.name, expected, observed)
        yield Row(mark, one.followed_by(_comma(label.comma_left)), other.followed_by(_comma(label.comma_right)))
    else:
        both = zip_longest(
            _all_lines(label, expected, label.comma_left), _all_lines(label, observed, label.comma_right)
        )
        for one_line, other_line in islice(both, MOST_LINES_OF_A_DIFFERENCE):
            yield Row(mark, one_line, other_line)
        if next(both, None) is not None:
            yield Row("cut")
    if expected is ABSENT and left is not ABSENT:
        yield Row("moved", _on_a_line(label, left, label.comma_left))
    if observed is ABSENT and right is not ABSENT:
        yield Row("moved", None, _on_a_line(label, right, label.comma_right))


def _members(label: _Label, left: dict[str, Json], right: dict[str, Json], tree: _Tree) -> Iterator[Row]:
    names = sorted(left.keys() | right.keys())
    last_left, last_right = max(left, default=""), max(right, default="")

    def rows_at(position: int) -> Iterator[Row]:
        name = names[position]
        below = _Label(label.depth + 1, name, name != last_left, name != last_right)
        return _rows(below, left.get(name, ABSENT), right.get(name, ABSENT), tree.below.get(name))

    differing_at = [position for position, name in enumerate(names) if name in tree.below]
    end = next((position + 1 for position in differing_at if names[position] == tree.last), len(names))
    yield from _with_folds(rows_at, differing_at, end)
    if end < len(names):
        yield Row("cut", count=len(names) - end)


def _elements(label: _Label, left: list[Json], right: list[Json], tree: _Tree) -> Iterator[Row]:
    """By index, as the run has compared them; but not where most elements have only moved, for that is seen quicker."""
    differing_at = sorted({int(step) for step in tree.below if step.isdecimal()})
    alignment = aligned(left, right, differing_at[0]) if differing_at else None
    end = count = len(alignment or max(left, right, key=len))
    if alignment is not None:
        in_the_middle = range(alignment.head, alignment.head + len(alignment.middle))
        differing_at = [position for position in in_the_middle if not alignment.is_moved(position)]
    elif tree.last is not None:
        end = min(count, int(tree.last) + 1)

    def rows_at(position: int) -> Iterator[Row]:
        one, other = alignment.pair(position) if alignment else (position, position)
        index = one if one is not None else other
        mine = left[one] if one is not None and one < len(left) else ABSENT
        theirs = right[other] if other is not None and other < len(right) else ABSENT
        below = _Label(label.depth + 1, None, one != len(left) - 1, other != len(right) - 1)
        if alignment is not None and alignment.is_moved(position):
            return iter((_matching(below, mine, theirs, "moved"),))
        found = tree.below.get(str(index))
        if mine is ABSENT or theirs is ABSENT:
            found = _Tree(mine, theirs, differs=True) if found or alignment else None
        return _rows(below, mine, theirs, found)

    yield from _with_folds(rows_at, [position for position in differing_at if position < end], end)
    if end < count:
        yield Row("cut", count=count - end)


def _with_folds(rows_at: Callable[[int], Iterator[Row]], differing_at: Sequence[int], end: int) -> Iterator[Row]:
    """The rows of the members up to `end`, with the long stretches of matching ones between the others folded."""
    begin = 0
    for position in (*differing_at, end):
        if position - begin > UNFOLDED:
            first, last = range(begin, begin + KEPT_AT_THE_EDGES), range(position - KEPT_AT_THE_EDGES, position)
            yield from chain.from_iterable(map(rows_at, first))
            yield Row("folded", count=position - begin - 2 * KEPT_AT_THE_EDGES)
            yield from chain.from_iterable(map(rows_at, last))
        else:
            yield from chain.from_iterable(map(rows_at, range(begin, position)))
        if position < end:
            yield from rows_at(position)
        begin = position + 1


def _all_lines(label: _Label, value: Side, comma: bool) -> Iterator[Line]:
    return iter(()) if isinstance(value, Absent) else lines(value, label.depth, label.name, _comma(comma))


def _on_a_line(label: _Label, value: Side, comma: bool) -> Line | None:
    return None if isinstance(value, Absent) else plain(label.depth, label.name, in_line(value) + _comma(comma))


def _bracket(label: _Label, bracket: str) -> Line:
    return plain(label.depth, label.name, bracket)


def _closing(label: _Label, bracket: str) -> Row:
    left, right = _comma(label.comma_left), _comma(label.comma_right)
    return Row("same", plain(label.depth, None, bracket + left), plain(label.depth, None, bracket + right))


def _comma(follows: bool) -> str:
    return "," if follows else ""
