"""JMESPath with a budget."""

import json
from concurrent.futures import ThreadPoolExecutor

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.expression import (
    MAX_RESULT_LENGTH,
    ExpressionFailed,
    ExpressionTooCostly,
    InvalidExpression,
    compile_expression,
)
from shared.domain.expression_budget import Budget, BudgetSpent
from tests.shared.json_values import json_values

ORDERS = {"items": [{"id": 2, "price": 7.5, "name": "b"}, {"id": 1, "price": 3, "name": "a"}], "total": 2}


def search(text, value):
    return compile_expression(text).search(value)


@pytest.mark.parametrize(
    "text",
    [
        "total",
        "items[0].name",
        "items[-1]",
        "items[*].{n: name, p: price}",
        "items[?price > `5`].name",
        "items[?name == 'a' && price < `5`] | [0]",
        "sort_by(items, &id)[].name",
        "max_by(items, &price).name",
        "length(items)",
        "keys(@)",
        "join('-', items[].name)",
        "items[].[id, price][]",
        "items[::-1].id",
        "nothing || total",
        "!total",
        "to_string(items[0])",
        "sum(items[].price)",
        "map(&name, items)",
        "merge({a: `1`}, {b: `2`})",
        "contains(items[].name, 'a')",
        "*[0]",
        '"items"[0]."name"',
        "reverse(sort(items[].id))",
        "not_null(nothing, total)",
        "to_array(total)",
        "avg(items[].id)",
    ],
)
def test_it_finds_what_jmespath_finds(text):
    assert search(text, ORDERS) == jmespath.search(text, ORDERS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("a" * 1_001, "1000 characters"),
        ("foo[", "ends too early, at character 5"),
        ("foo bar", "character 5"),
        ("foo.#", "character 5"),
        ("a[0", "character 4"),
        ("'abc", "character 1"),
        ("`{bad`", "character 1"),
        ("`NaN`", "between backticks stands JSON"),
        ("`word`", "between backticks stands JSON"),
        ("(" * 500 + "a" + ")" * 499, "nested"),
        ("!" * 999 + "a", "nested"),
        ("& " * 499 + "a", "nested"),
        ("|".join("a" * 300), "nested"),
        ("[" * 900, "nested"),
        ("nonsense(@)", "no function nonsense()"),
        ("length()", "takes 1"),
        ("length(a, b)", "takes 1"),
        ("a[::0]", "must not be 0"),
        ("a\x00", "character 2"),
    ],
)
def test_a_malformed_expression_is_refused_with_its_place(text, words):
    with pytest.raises(InvalidExpression) as caught:
        compile_expression(text)
    assert words in caught.value.detail
    assert len(caught.value.detail) < 1_300


@given(st.text("ab.*[]()@|&!?:,{}'`\"<=>0-5 \\", max_size=40))
@settings(database=None, deadline=None, max_examples=500)
def test_any_text_is_refused_or_finds_json(text):
    try:
        found = search(text, {"a": [1, {"b": "x"}], "b": [[2], [3]]})
    except (InvalidExpression, ExpressionFailed):
        return
    json.dumps(found, allow_nan=False)


BOMBS = [
    "|".join(["[@,@][]"] * 30),
    "[@,@]|" * 30 + "@",
    "[@,@]|" * 50 + "to_string(@)",
    "[@,@]|" * 50 + "@==@",
    "[@,@]|" * 50 + "contains(@, @)",
    "{a:@,b:@}|" * 30 + "@",
    "[to_string(@)]|" * 2 + "join('',[@[0],@[0]])|" + "join('',[@,@])|" * 30 + "@",
    "|".join(["map(&[@,@],@)[]"] * 30),
    "[*]|" * 60 + "@",
    "sort(@)|" * 60 + "@",
    "[*].[to_string(@)][]|join(@[0],@)|join(@,[@,@,@,@])|join(@,[@,@,@,@])",
    "[[@,@,@,@,@][],[@,@,@,@,@][]]|[@[0]==@[1],@[0]==@[1],@[0]==@[1],@[0]==@[1]]",
]


@pytest.mark.parametrize("text", BOMBS)
def test_an_expression_that_explodes_is_stopped_before_it_takes_time_or_memory(text):
    # Undisturbed, each of these would run for hours or fill the memory; the budget is what ends them.
    with pytest.raises(ExpressionTooCostly):
        search(text, [f"{number:07}" for number in range(100_000)])


@given(
    st.lists(
        st.sampled_from(
            [
                "[@,@]",
                "[@,@][]",
                "[*]",
                "[]",
                "to_string(@)",
                "to_array(@)",
                "reverse(@)",
                "{a:@,b:@}",
                "values(@)",
                "@.*",
            ]
        ),
        max_size=60,
    ),
    json_values,
)
@settings(database=None, deadline=None, max_examples=300)
def test_whatever_is_found_can_be_written_within_bounds(steps, value):
    try:
        found = search("|".join(["@", *steps]), value)
    except ExpressionFailed:
        return
    assert len(json.dumps(found, ensure_ascii=False)) <= 2 * MAX_RESULT_LENGTH


def test_a_budget_is_spent_before_the_work():
    budget = Budget(cost=100)
    budget.charge(100)
    with pytest.raises(BudgetSpent):
        budget.charge(1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("length(total)", "length() takes string or array or object, and was given number"),
        ("abs('x')", "abs() takes number"),
        ("&a", "no JSON"),
        ("[&a]", "no JSON"),
        ("to_string(&a)", "expression reference"),
        ("to_string([&a])", "expression reference"),
        ("sort_by(items, &@)", "sort_by()"),
        ("ceil(`1e308`) | [@, @] | sum(@)", "no JSON"),
        ("sum([`1e308`, `1e308`])", "no JSON"),
        ("[" * 45 + "@" + "]" * 45, "no JSON"),
    ],
)
def test_an_expression_that_makes_no_sense_of_the_value_says_so(text, words):
    with pytest.raises(ExpressionFailed) as caught:
        search(text, ORDERS)
    assert words in caught.value.detail


def test_a_type_error_does_not_write_out_the_value():
    with pytest.raises(ExpressionFailed) as caught:
        search("abs(@)", ["x" * 100_000])
    assert len(caught.value.detail) < 200


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[?@ == `1`]", [1, 1.0]),
        ("[?@ == `true`]", [True]),
        ("contains(@, `true`)", True),
        ("contains([`1`], `true`)", False),
        ("[`[true]`] == `[[1]]`", False),
        ("[?@ < `2`]", [1, 1.0]),
        ("[4] < `5`", None),
        ("contains('abc', `1`)", False),
    ],
)
def test_values_are_compared_as_json(text, found):
    assert repr(search(text, [1, True, "1", 1.0, "x"])) == repr(found)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("-1.5e2", -150.0),
        ("1_0", None),
        (" 1", None),
        ("٣", None),
        ("nan", None),
        ("1e999", None),
        ("9" * 500, None),
    ],
)
def test_only_json_numbers_are_numbers(text, number):
    assert search("to_number(@)", text) == number


def test_one_expression_serves_many_threads():
    expression = compile_expression("[?n > `10`].n | sum(@)")
    values = [[{"n": number} for number in range(start, start + 50)] for start in range(40)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(expression.search, values))
    assert found == [sum(item["n"] for item in value if item["n"] > 10) for value in values]


def test_compiling_fills_no_cache_of_the_library():
    before = len(jmespath.parser.Parser._CACHE)
    for number in range(50):
        compile_expression(f"a{number}")
    assert len(jmespath.parser.Parser._CACHE) == before
