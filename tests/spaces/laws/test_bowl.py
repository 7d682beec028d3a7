"""The shape of the loss around its optimum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paretree.spaces.laws.bowl import Bowl

bowls = st.builds(
    Bowl,
    rate=st.floats(0.003, 0.05),
    batch=st.floats(0.003, 0.05),
    slope=st.floats(-0.5, 0.9),
    skew=st.floats(-0.5, 1.2),
)
distances = st.floats(-3, 3)


@given(bowls, distances, distances)
def test_nothing_is_below_the_bottom(bowl, u, v):
    assert bowl(u, v) >= 0, "the loss at the optimum is the best"
    assert bowl(0, 0) == 0


@given(bowls, distances, distances, distances, distances)
def test_it_is_convex(bowl, u, v, other_u, other_v):
    middle = bowl((u + other_u) / 2, (v + other_v) / 2)

    assert middle <= (bowl(u, v) + bowl(other_u, other_v)) / 2 + 1e-12


@given(bowls, distances, distances)
def test_its_derivatives_are_those_of_differences(bowl, u, v):
    step = 1e-5
    _, by_u, by_v = bowl.derivatives(np.array([u]), np.array([v]))

    assert by_u[0] == pytest.approx((bowl(u + step, v) - bowl(u - step, v)) / (2 * step), abs=1e-6)
    assert by_v[0] == pytest.approx((bowl(u, v + step) - bowl(u, v - step)) / (2 * step), abs=1e-6)


@given(bowls)
def test_its_basin_is_its_curvature_at_the_bottom(bowl):
    step, basin = 1e-3, bowl.basin
    along_rate = (bowl(step, 0) + bowl(-step, 0)) / step**2
    along_batch = (bowl(0, step) + bowl(0, -step)) / step**2
    cross = (bowl(step, step) + bowl(-step, -step) - bowl(step, -step) - bowl(-step, step)) / (4 * step**2)

    assert along_rate == pytest.approx(basin.learning_rate, rel=1e-3, abs=1e-6)
    assert along_batch == pytest.approx(basin.batch_size, rel=1e-3, abs=1e-6)
    assert cross == pytest.approx(basin.cross, rel=1e-3, abs=1e-6)


def test_high_learning_rates_cost_more_than_low_ones():
    bowl = Bowl(rate=0.0127, batch=0.0102, slope=0.39, skew=0.5)

    assert bowl(np.log(4), 0) > 1.5 * bowl(-np.log(4), 0)
    assert bowl(np.log(2), 0) == pytest.approx(0.0049, abs=0.002), "twice too high was measured to cost 0.49 %"
