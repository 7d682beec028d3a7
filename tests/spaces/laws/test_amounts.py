"""Sizes as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretree.spaces.laws.amounts import amount, human


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("215M", 215e6), ("1.4T", 1.4e12), ("20 b", 20e9), ("2e10", 2e10), ("4,000,000", 4e6), ("98k", 98e3),
        ("1_000", 1000.0), ("3G", 3e9), (" 7 ", 7.0),
        ("", None), ("0", None), ("-3", None), ("many", None), ("1e999", None), ("3x", None), ("nan", None),
    ],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(text, value):
    assert amount(text) == (None if value is None else pytest.approx(value))


@given(st.floats(1e-3, 1e17))
def test_a_size_as_people_say_it_is_read_again(value):
    assert amount(human(value)) == pytest.approx(value, rel=0.006)
