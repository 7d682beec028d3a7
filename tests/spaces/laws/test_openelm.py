"""Layer-wise scaling, against the shapes of the published models."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretree.spaces import Float, Space
from paretree.spaces.laws import LawError, layerwise
from paretree.spaces.laws.openelm import divisible


def test_the_smallest_openelm_has_its_published_heads_and_widths():
    shapes = layerwise(16, 1280, 64, group=4)

    assert [shape.heads for shape in shapes] == [12] * 5 + [16] * 7 + [20] * 4
    assert [shape.kv_heads for shape in shapes] == [3] * 5 + [4] * 7 + [5] * 4
    assert (shapes[0].ffn, shapes[-1].ffn) == (768, 5120), "0.5 and 4 times the width, in multiples of 256"


@given(st.integers(2, 40), st.integers(1, 32).map(lambda k: 128 * k), st.sampled_from([1, 2, 4]))
def test_layers_grow_with_depth_and_divide_evenly(layers, width, group):
    shapes = layerwise(layers, width, 64, group=group)

    assert [shape.ffn for shape in shapes] == sorted(shape.ffn for shape in shapes)
    assert [shape.heads for shape in shapes] == sorted(shape.heads for shape in shapes)
    assert all(shape.heads == group * shape.kv_heads and shape.heads >= 1 and shape.ffn % 256 == 0 for shape in shapes)


@given(st.floats(1, 1e5), st.integers(1, 512))
def test_rounding_loses_no_more_than_a_tenth(value, divisor):
    rounded = divisible(value, divisor)

    assert rounded % divisor == 0
    assert rounded >= 0.9 * value
    assert rounded <= value + 1.5 * divisor


def test_searched_ends_give_shapes_that_follow_them_and_can_be_stored():
    least = Float(0.25, 1.0)
    space = Space(least=least, layers=[shape.heads for shape in layerwise(4, 512, 64, alpha=(least, 1.0))])
    back = Space.from_json(space.to_json())

    for seed in range(5):
        configuration = back.sample(seed)
        expected = [shape.heads for shape in layerwise(4, 512, 64, alpha=(configuration.least, 1.0))]
        assert list(configuration.layers) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"layers": 1}, "too few layers"), ({"group": 0}, "group is at least 1"), ({"head_width": 0}, "head_width")],
)
def test_a_shape_that_cannot_be_is_refused(arguments, said):
    with pytest.raises(LawError, match=said):
        layerwise(**{"layers": 4, "width": 512, "head_width": 64, **arguments})
