"""The values that observations are made of."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.observations import numbered


@pytest.mark.parametrize(
    ("names", "told_apart"),
    [
        ([], ()),
        (["a", "b"], ("a", "b")),
        (["a", "a", "b", "a"], ("a", "a[2]", "b", "a[3]")),
        (["a", "a[2]", "a"], ("a", "a[2]", "a[3]")),
        (["a", "a", "a[2]"], ("a", "a[2]", "a[2][2]")),
    ],
)
def test_repeated_names_are_numbered_in_their_order(names, told_apart):
    assert numbered(names) == told_apart


@given(st.lists(st.sampled_from(["a", "a[2]", "a[3]", "b", "a[2][2]"]), max_size=12))
@settings(database=None, deadline=None)
def test_numbered_names_are_all_different_and_first_ones_stay(names):
    told_apart = numbered(names)
    assert len(set(told_apart)) == len(names)
    assert all(new.startswith(old) for old, new in zip(names, told_apart, strict=True))


def test_many_repetitions_are_numbered_in_linear_time():
    # Trying every number from 2 for each name would be 200 million attempts.
    assert numbered(["a"] * 20_000)[-1] == "a[20000]"
