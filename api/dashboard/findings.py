"""What a run has found, in the order in which it is read: what missed first, as much of it as a page can hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Literal

from api.dashboard.json_lines import Line, in_line, lines
from api.dashboard.rule_paths import for_every_element, rule_about
from api.dashboard.side_by_side import Row, side_by_side
from api.store.dashboard_run import Standing
from shared.domain.rules import Rule
from shared.domain.snapshot import MAX_POINTER_LENGTH

Acceptance = Literal["open", "accepted", "newer", "nothing"]

MOST_DIFFERENCES: Final = 200  # a run lists no more of one check
MOST_ROWS_OF_A_PAGE: Final = 700
MOST_ROWS: Final = 120  # of one check beside others
ROWS_OF_A_CHECK, ROWS_OF_A_PATH = 4, 3  # the room that these take, besides lines of values
FEWEST_ROWS: Final = 12  # with less room than that, a check is shown on a page of its own
MOST_LINES: Final = 60
MOST_PATHS: Final = 8
MOST_GROUPS: Final = 5
LONGEST_TEXT: Final = 60
MOST_MATCHES: Final = 100


@dataclass(frozen=True, slots=True)
class Path:
    """A place that differs; `every` is its path with * for each index, `rule` what the checklist says of it by now."""

    pointer: str
    expected: str | None
    observed: str | None
    every: str | None
    rule: Rule | None
    can_be_ruled: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A path with * that stands for several of the places that differ."""

    every: str
    count: int
    example: Path


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a run. `id` is its anchor; `has_room` False: only a page of its own shows it.

    `paths` are those that are listed one by one, of `all_paths`; `groups` those that others share but for an index.
    """

    id: str
    flow: str
    name: str
    result: str
    error: str | None
    acceptance: Acceptance
    standing: Standing | None
    has_expected: bool = False
    has_observed: bool = False
    rows: tuple[Row, ...] = ()
    groups: tuple[Group, ...] = ()
    paths: tuple[Path, ...] = ()
    all_paths: int = 0
    is_complete: bool = True
    lines: tuple[Line, ...] = ()
    are_all_lines: bool = True
    has_room: bool = True

    @property
    def is_cut(self) -> bool:
        """Whether its page of its own has more of it."""
        return len(self.paths) < self.all_paths or any(row.mark == "cut" for row in self.rows)


@dataclass(frozen=True, slots=True)
class Match:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Flow:
    name: str
    error: str | None
    summary: Mapping[str, int]
    checks: tuple[Check, ...]
    matches: tuple[Match, ...]

    @property
    def others(self) -> tuple[Check, ...]:
        """The checks that are only named."""
        return tuple(check for check in self.checks if not check.has_room)

    @property
    def acceptable(self) -> int:
        """How many values can be accepted at once; none when one of them would be refused."""
        return acceptable(self.checks)


def acceptable(checks: Sequence[Check]) -> int:
    """How many of the checks have a value to accept; 0 when one of them is older than what is in force."""
    if any(check.acceptance == "newer" for check in checks):
        return 0
    return sum(check.acceptance == "open" for check in checks)


def findings(
    run: Any,
    standings: Mapping[tuple[str, str], Standing],
    rules: Sequence[Rule],
    *,
    can_accept: bool = True,
    flow: str | None = None,
    check: str | None = None,
) -> tuple[Flow, ...]:
    """The flows of a run as the API writes it, or one of them, or one check of it; the worst first."""
    reader = _Reader(standings, rules, can_accept=can_accept, is_alone=check is not None)
    ordered = sorted(enumerate(run["flows"]), key=lambda item: _calmness(item[1]))
    return tuple(
        reader.flow(index, found, check, MOST_MATCHES if flow is None else len(found["assertions"]))
        for index, found in ordered
        if flow in (None, found["name"])
    )


def _groups(paths: Sequence[Path]) -> tuple[Group, ...]:
    """The paths that several places share but for an index, the most frequent first."""
    examples = {path.every: path for path in reversed(paths) if path.every is not None and path.can_be_ruled}
    counts = Counter(path.every for path in paths if path.every in examples)
    return tuple(
        Group(every, count, examples[every]) for every, count in counts.most_common(MOST_GROUPS) if every and count > 1
    )


_CALMNESS: Final = {"MISS": 0, "NEW": 1, "MATCH": 2}


def _calmness(flow: Any) -> tuple[bool, bool, bool]:
    return not flow["summary"]["miss"], "error" not in flow, not flow["summary"]["new"]


class _Reader:
    """Goes through the checks of one page, whose rows are numbered."""

    def __init__(
        self,
        standings: Mapping[tuple[str, str], Standing],
        rules: Sequence[Rule],
        *,
        can_accept: bool,
        is_alone: bool,
    ) -> None:
        self._standings = standings
        self._rules = rules
        self._can_accept = can_accept
        self._room = MOST_ROWS_OF_A_PAGE
        self._most_rows = MOST_ROWS_OF_A_PAGE if is_alone else MOST_ROWS
        self._is_alone = is_alone

    def flow(self, index: int, flow: Any, only: str | None, most_matches: int) -> Flow:
        assertions = [item for item in enumerate(flow["assertions"]) if only in (None, item[1]["name"])]
        telling = [item for item in assertions if item[1]["result"] != "MATCH"]
        telling.sort(key=lambda item: _CALMNESS[item[1]["result"]])
        matching = (item for _, item in assertions if item["result"] == "MATCH")
        return Flow(
            name=flow["name"],
            error=flow.get("error"),
            summary=flow["summary"],
            checks=tuple(self._check(f"check-{index}-{place}", flow["name"], item) for place, item in telling),
            matches=tuple(
                Match(item["name"], in_line(item["observed"], LONGEST_TEXT)) for item in islice(matching, most_matches)
            ),
        )

    def _check(self, id: str, flow: str, assertion: Any) -> Check:
        standing = self._standings.get((flow, assertion["name"]))
        check = Check(
            id=id,
            flow=flow,
            name=assertion["name"],
            result=assertion["result"],
            error=assertion.get("error"),
            acceptance=self._acceptance("observed" in assertion, standing),
            standing=standing,
            has_expected="expected" in assertion,
            has_observed="observed" in assertion,
            all_paths=len(assertion.get("diff", ())),
            has_room=self._room >= FEWEST_ROWS,
        )
        if not check.has_room:
            return check
        return self._with_differences(check, assertion) if "diff" in assertion else self._with_value(check, assertion)

    def _with_differences(self, check: Check, assertion: Any) -> Check:
        expected, observed, found = assertion["expected"], assertion["observed"], assertion["diff"]
        complete = len(found) < MOST_DIFFERENCES
        most = min(self._room, self._most_rows)
        rows = side_by_side(expected, observed, found, complete=complete, most_rows=most)
        paths = [self._path(check, item, expected, observed) for item in found]
        groups = _groups(paths)
        if len(paths) > MOST_PATHS and not self._is_alone:
            grouped = {group.every for group in groups}
            paths = [path for path in paths if path.every not in grouped][:MOST_PATHS]
        self._room -= len(rows) + ROWS_OF_A_CHECK + ROWS_OF_A_PATH * (len(paths) + len(groups))
        return replace(check, rows=rows, groups=groups, paths=tuple(paths), is_complete=complete)

    def _with_value(self, check: Check, assertion: Any) -> Check:
        """The value that was observed, or else the one that was expected."""
        if not (check.has_observed or check.has_expected):
            return check
        written = lines(assertion["observed" if check.has_observed else "expected"])
        shown = tuple(islice(written, min(self._room, MOST_LINES)))
        self._room -= len(shown) + ROWS_OF_A_CHECK
        return replace(check, lines=shown, are_all_lines=next(written, None) is None)

    def _path(self, check: Check, difference: Any, expected: Any, observed: Any) -> Path:
        pointer = difference["pointer"]
        return Path(
            pointer=pointer,
            expected=in_line(difference["expected"], LONGEST_TEXT) if "expected" in difference else None,
            observed=in_line(difference["observed"], LONGEST_TEXT) if "observed" in difference else None,
            every=for_every_element(pointer, expected, observed),
            rule=rule_about(self._rules, check.flow, check.name, pointer),
            can_be_ruled=len(pointer) <= MAX_POINTER_LENGTH,
        )

    def _acceptance(self, has_observed: bool, standing: Standing | None) -> Acceptance:
        if not has_observed or not self._can_accept:
            return "nothing"
        if standing is None:
            return "open"
        if standing.is_as_observed:
            return "accepted"
        return "newer" if standing.is_newer else "open"
