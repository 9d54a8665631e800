"""Two values side by side: what differs is spelled out and marked, what matches is folded, and nothing takes long."""

import doctest
import importlib
import time
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboard.side_by_side import MOST_ROWS, Row, side_by_side
from shared.domain.rules import Rule
from shared.domain.snapshot import as_json, differences

LISTED = 200
FOUND = ("changed", "removed", "added")
TODO = {"id": 1, "title": "water the plants, all of them, also those on the balcony", "done": False}


def rows_of(expected: Any, observed: Any, rules: Iterable[Rule] = (), **options: Any) -> tuple[Row, ...]:
    """The rows, with the differences as a run finds and lists them."""
    found = [as_json(difference) for difference in differences(expected, observed, rules, limit=LISTED + 1)]
    return side_by_side(expected, observed, found[:LISTED], complete=len(found) <= LISTED, **options)


def drawn(rows: Iterable[Row]) -> list[tuple[str, str, str]]:
    return [
        (row.mark, row.left.text.strip() if row.left else "", row.right.text.strip() if row.right else "")
        for row in rows
    ]


def marks(rows: Iterable[Row]) -> list[str]:
    return [row.mark for row in rows]


@pytest.mark.parametrize("module", ["aligned", "json_lines", "rule_paths", "side_by_side"])
def test_the_examples_are_true(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"api.dashboard.{module}"))
    assert results.attempted > 0
    assert results.failed == 0


def test_what_differs_stands_beside_what_was_expected() -> None:
    assert drawn(rows_of({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": 4})) == [
        ("same", "{", "{"),
        ("same", '"a": 1,', '"a": 1,'),
        ("changed", '"b": 2,', '"b": 5,'),
        ("removed", '"c": 3', ""),
        ("added", "", '"d": 4'),
        ("same", "}", "}"),
    ]


def test_of_two_texts_the_part_that_differs_is_marked() -> None:
    [row] = rows_of("at 08:00 in Berlin", "at 09:30 in Berlin")
    assert row.left is not None
    assert row.right is not None
    assert (row.left.before, row.left.differing, row.left.after) == ('"at 0', "8:0", '0 in Berlin"')
    assert row.right.differing == "9:3"


def test_a_text_that_only_looks_the_same_is_written_out() -> None:
    assert drawn(rows_of("admin", "adm\u200bin")) == [("changed", '"admin"', '"adm\\u200bin"')]
    assert drawn(rows_of("é", "e\u0301")) == [("changed", '"\\u00e9"', '"e\\u0301"')]
    assert drawn(rows_of("a", "\u202eb")) == [("changed", '"a"', '"\\u202eb"')]


def test_a_member_that_is_null_is_not_one_that_is_missing() -> None:
    assert ("changed", '"a": null', '"a": 1') in drawn(rows_of({"a": None}, {"a": 1}))
    assert ("removed", '"a": null', "") in drawn(rows_of({"a": None}, {}))


def test_a_long_stretch_of_matching_members_is_folded() -> None:
    expected = {f"m{index:02}": index for index in range(40)}
    rows = rows_of(expected, expected | {"m20": None})
    assert [row.count for row in rows if row.mark == "folded"] == [20 - 6, 19 - 6]
    assert len(rows) == 2 + 1 + 2 * (3 + 1 + 3)


def test_a_short_stretch_is_not_folded() -> None:
    assert "folded" not in marks(rows_of([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 9]))


def test_matching_containers_are_on_one_line() -> None:
    rows = drawn(rows_of([TODO, 1], [TODO, 2]))
    assert [left for mark, left, _ in rows if mark == "same"] == [
        "[",
        '{"id": 1, "title": "water the plants, all …", "done": false},',
        "]",
    ]


def test_an_element_put_in_front_does_not_make_all_others_differ() -> None:
    todos = [TODO | {"id": number} for number in range(5)]
    rows = rows_of(todos, [TODO | {"id": 99}, *todos])
    assert marks(rows) == ["same", *["added"] * 5, *["moved"] * 5, "same"]


def test_a_window_that_has_moved_on_shows_what_came_and_what_went() -> None:
    assert drawn(rows_of(["a", "b", "c", "d"], ["b", "c", "d", "e"])) == [
        ("same", "[", "["),
        ("removed", '"a",', ""),
        ("moved", '"b",', '"b",'),
        ("moved", '"c",', '"c",'),
        ("moved", '"d"', '"d",'),
        ("added", "", '"e"'),
        ("same", "]", "]"),
    ]


def test_an_element_that_has_changed_in_its_place_stands_beside_itself() -> None:
    rows = rows_of([TODO, TODO | {"id": 2}, TODO], [TODO, TODO | {"id": 3}, TODO])
    assert [row for row in drawn(rows) if row[0] == "changed"] == [("changed", '"id": 2,', '"id": 3,')]


def test_what_a_rule_lets_pass_is_not_marked_as_a_difference() -> None:
    rows = drawn(rows_of({"at": 1, "b": 2}, {"at": 9, "b": 3}, [Rule("/at", "ignore")]))
    assert rows[1:3] == [("uncounted", '"at": 1,', '"at": 9,'), ("changed", '"b": 2', '"b": 3')]


def test_arrays_whose_order_does_not_count_show_what_has_no_equal() -> None:
    rows = drawn(rows_of([1, 2, 3], [3, 2, 4], [Rule("", "unordered")]))
    assert [row for row in rows if row[0] in FOUND] == [("removed", "1,", ""), ("added", "", "4")]


def test_values_of_two_kinds_stand_beside_each_other_in_full() -> None:
    rows = rows_of({"a": [TODO]}, {"a": "none"})
    assert [row.mark for row in rows if row.left and "water" in row.left.text] == ["changed"]
    assert [row.mark for row in rows if row.right and '"none"' in row.right.text] == ["changed"]


def test_behind_the_last_difference_that_is_listed_nothing_is_said_to_match() -> None:
    rows = rows_of(list(range(300)), list(range(1, 601, 2)))
    assert rows[-2] == Row("cut", count=100)
    assert marks(rows).count("changed") == LISTED


def test_a_place_too_deep_for_its_pointer_is_still_shown() -> None:
    rows = rows_of({"n" * 2_000: 1, "a": 1}, {"n" * 2_000: 2, "a": 1})
    assert "changed" in marks(rows)


@pytest.mark.parametrize("most", [1, 7, 50])
def test_there_are_no_more_rows_than_asked_for(most: int) -> None:
    rows = rows_of([1] * 500, [2] * 500, most_rows=most)
    assert len(rows) == most + 1
    assert rows[-1] == Row("cut")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab~/\u200b", max_size=3),
    lambda inside: st.lists(inside, max_size=5) | st.dictionaries(st.text("ab*/~", max_size=2), inside, max_size=4),
    max_leaves=15,
)
RULES = st.lists(
    st.builds(
        Rule, st.sampled_from(["", "/*", "/a", "/*/*"]), st.sampled_from(["ignore", "type", "unordered", "approx"])
    ),
    max_size=2,
)


@given(JSON, JSON, RULES)
def test_whatever_the_values_differences_are_marked_if_and_only_if_there_are_some(
    expected: Any, observed: Any, rules: list[Rule]
) -> None:
    rows = rows_of(expected, observed, rules)
    has_found = bool(differences(expected, observed, rules))
    assert has_found == any(row.mark in FOUND for row in rows)
    assert len(rows) <= MOST_ROWS + 1


ONES = [1] * 340_000
TODOS = [TODO | {"id": number} for number in range(9_000)]
NAMES = {f"name {number}": number for number in range(45_000)}


@pytest.mark.parametrize(
    ("expected", "observed"),
    [
        (ONES, [2, *ONES]),
        (ONES, [*ONES[:-1], 2]),
        (ONES, [2] * len(ONES)),
        (ONES, {"ones": ONES}),
        (TODOS, TODOS[1:]),
        (TODOS, [todo | {"id": -1} for todo in TODOS]),
        (NAMES, {name + "!": number for name, number in NAMES.items()}),
        ("x" * 1_000_000, "x" * 500_000 + "y" + "x" * 499_999),
        ("\u200b" * 300_000, "\u200c" * 300_000),
    ],
    ids=["put in", "last", "all", "kind", "taken out", "ids", "names", "text", "invisible"],
)
def test_values_of_a_mebibyte_take_no_time_to_speak_of(expected: Any, observed: Any) -> None:
    found = [as_json(difference) for difference in differences(expected, observed, limit=LISTED)]
    began = time.process_time()
    rows = side_by_side(expected, observed, found, complete=False)
    took = time.process_time() - began
    assert len(rows) <= MOST_ROWS + 1
    assert sum(len(line.text) for row in rows for line in (row.left, row.right) if line) < 200_000
    assert took < 0.5, "0.1 s on an idle machine of two cores"
