import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paretree as pt
from paretree.search.analysis import attained, attainment_surface
from paretree.search.goals import Goals

NAMES = ["f", "g", "h"]
GOALS = Goals.of({"f": "minimize", "g": "minimize"})


def run(*points):
    rows = [(number, "finished", *map(float, point)) for number, point in enumerate(points)]
    objectives = NAMES[: len(points[0]) if points else 2]
    return pd.DataFrame(rows, columns=["number", "state", *objectives]).astype(dict.fromkeys(objectives, float))


def corners(surface):
    return [tuple(row) for row in surface.itertuples(index=False)]


ONE, OTHER = run((1, 4), (3, 2), (5, 1)), run((2, 3), (4, 2.5))


def test_what_both_of_two_runs_attain_is_worked_out_by_hand():
    assert corners(attainment_surface([ONE, OTHER], GOALS, 1.0)) == [(2, 4), (3, 3), (4, 2.5)]


def test_what_one_of_two_runs_attains_is_their_common_front():
    assert corners(attainment_surface([ONE, OTHER], GOALS, 0.5)) == [(1, 4), (2, 3), (3, 2), (5, 1)]


def test_the_share_of_runs_that_attain_a_point_is_counted():
    points = pd.DataFrame({"f": [2.0, 3.0, 1.5, 0.0], "g": [4.0, 2.0, 4.0, 9.0]})
    assert attained([ONE, OTHER], GOALS, points).tolist() == [1.0, 0.5, 0.5, 0.0]


def test_directions_are_those_of_the_objectives():
    goals = Goals.of({"f": "maximize", "g": "minimize"})
    surface = attainment_surface([run((1, 1), (5, 5)), run((2, 3), (4, 4))], goals, 1.0)
    assert corners(surface) == [(4, 5), (1, 3)]


def test_the_median_surface_of_three_runs_is_between_the_best_and_the_worst():
    runs = [run((0, 0)), run((1, 1)), run((5, 0.5))]
    assert corners(attainment_surface(runs, GOALS)) == [(1, 1), (5, 0.5)]
    assert corners(attainment_surface(runs, GOALS, 1 / 3)) == [(0, 0)]
    assert corners(attainment_surface(runs, GOALS, 1.0)) == [(5, 1)]


def test_a_share_that_rounding_put_above_a_whole_number_of_runs_is_that_number():
    runs = [run((number, number)) for number in range(10)]
    assert corners(attainment_surface(runs, GOALS, 0.7)) == [(6, 6)]


def test_a_run_without_a_result_attains_nothing():
    assert attainment_surface([ONE, run()], GOALS, 1.0).empty
    assert attained([ONE, run()], GOALS, ONE).tolist() == [0.5, 0.5, 0.5]


coordinates = st.integers(0, 3).map(float)


@given(
    st.integers(1, 3).flatmap(
        lambda size: st.lists(
            st.lists(st.tuples(*[coordinates] * size), min_size=1, max_size=4), min_size=1, max_size=4
        )
    ),
    st.floats(0.01, 1.0),
)
def test_a_point_is_above_the_surface_where_enough_runs_attain_it(runs, level):
    size = len(runs[0][0])
    goals = Goals.of(dict.fromkeys(NAMES[:size], "minimize"))
    frames = [run(*points) for points in runs]
    surface = attainment_surface(frames, goals, level)
    grid = pd.MultiIndex.from_product([[0.0, 1.0, 2.0, 3.0]] * size, names=goals.names).to_frame(index=False)
    enough = attained(frames, goals, grid) >= level - 1e-9
    above = [bool((surface <= point).all(axis=1).any()) for _, point in grid.iterrows()]
    assert above == enough.tolist()


def test_wrong_use_is_refused():
    with pytest.raises(pt.SweepError, match="at least one run"):
        attainment_surface([], GOALS)
    with pytest.raises(pt.SweepError, match=r"level=50 is no share of the runs; give a number above 0 and up to 1\."):
        attainment_surface([ONE], GOALS, 50)
