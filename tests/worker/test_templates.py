"""Variables filled into JSON values."""

import pytest
from hypothesis import given, settings

from tests.shared.json_values import json_values
from worker.templates import MAX_FILLED_CHARACTERS, Unfillable, UnresolvedVariable, fill


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{{id}}", 7),
        ("{{ id }}", 7),
        ("/items/{{id}}/{{name}}", "/items/7/Ada"),
        ("{{tags}}", ["a", None]),
        ("tags: {{tags}}", 'tags: ["a",null]'),
        ("{{yes}}!", "true!"),
        ("{{a.b-c_1}}", "dotted"),
        (" {{id}}", " 7"),
        ({"{{name}}": {"x": ["{{id}}"]}}, {"Ada": {"x": [7]}}),
        ({"{{id}}": 1}, {"7": 1}),
        ("{{nested}}", "{{id}}"),
        ("<{{nested}}>", "<{{id}}>"),
        ("{{1x}} {{}} {id} {{id", "{{1x}} {{}} {id} {{id"),
        ("{{{id}}}", "{7}"),
        (5, 5),
        (None, None),
    ],
)
def test_placeholders_become_their_values(template, filled):
    variables = {"id": 7, "name": "Ada", "tags": ["a", None], "yes": True, "a.b-c_1": "dotted", "nested": "{{id}}"}
    assert fill(template, variables) == filled
    assert type(fill(template, variables)) is type(filled)


@given(json_values)
@settings(database=None, deadline=None)
def test_a_value_without_placeholders_stays_as_it_is(value):
    assert repr(fill(value, {})) == repr(value)


@pytest.mark.parametrize("template", ["{{token}}", "Bearer {{token}}", {"a": ["{{ token }}"]}, {"{{token}}": 1}])
def test_a_variable_without_a_value_is_named(template):
    with pytest.raises(UnresolvedVariable) as caught:
        fill(template, {"other": "x"})
    assert caught.value.name == "token"
    assert caught.value.detail == "{{token}} has no value"


def test_members_that_would_get_one_name_are_refused():
    with pytest.raises(Unfillable, match="both named 'x'"):
        fill({"{{a}}": 1, "{{b}}": 2}, {"a": "x", "b": "x"})


@pytest.mark.parametrize("template", ["{{a}}" * 1_100, ["{{a}}"] * 1_100, "x" * (MAX_FILLED_CHARACTERS + 1)])
@pytest.mark.parametrize("value", ["x" * 1_000, ["x" * 1_000]])
def test_what_is_filled_has_a_bound(template, value):
    with pytest.raises(Unfillable, match="longer than 1,048,576 characters"):
        fill(template, {"a": value})


def test_what_is_filled_may_reach_its_bound():
    assert len(fill("{{a}}" * 1_024, {"a": "x" * 1_024})) == MAX_FILLED_CHARACTERS
