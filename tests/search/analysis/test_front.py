import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from paretree.search.analysis import best_trial, eligible, non_dominated, pareto_front
from paretree.search.goals import Goals

GOALS = Goals.of({"accuracy": "maximize", "params": "minimize"}, {"latency": "<= 5"})


def frame(*rows):
    return pd.DataFrame(rows, columns=["number", "state", "accuracy", "params", "latency"])


def dominated_by_definition(points, i):
    return any((p <= points[i]).all() and (p < points[i]).any() for p in points)


@given(arrays(float, st.tuples(st.integers(0, 40), st.integers(1, 4)), elements=st.integers(-4, 4).map(float)))
def test_the_front_is_what_the_definition_says(points):
    assert non_dominated(points).tolist() == [not dominated_by_definition(points, i) for i in range(len(points))]


def test_equal_points_are_all_on_the_front():
    assert non_dominated(np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 2.0]])).tolist() == [True, True, False]


def test_rounding_of_sums_does_not_put_a_dominated_point_on_the_front():
    points = np.array([[1e16, 2.0], [1e16, 1.0], [1e16, 1.0 + 1e-9]])
    assert non_dominated(points).tolist() == [False, True, False]


def test_the_front_leaves_out_what_failed_is_not_finite_or_breaks_a_constraint():
    trials = frame(
        (0, "finished", 0.9, 100.0, 1.0),
        (1, "failed", math.nan, math.nan, math.nan),
        (2, "finished", math.nan, 1.0, 1.0),
        (3, "finished", math.inf, 1.0, 1.0),
        (4, "finished", 0.99, 10.0, 6.0),
        (5, "finished", 0.5, 10.0, 5.0),
        (6, "finished", 0.4, 20.0, 0.1),
        (7, "finished", 0.4, 1.0, math.nan),
    )
    assert trials[eligible(trials, GOALS)]["number"].tolist() == [0, 5, 6]
    assert pareto_front(trials, GOALS)["number"].tolist() == [0, 5]


def test_the_front_of_nothing_is_empty():
    assert pareto_front(frame((0, "failed", math.nan, math.nan, math.nan)), GOALS).empty


@pytest.mark.parametrize(("objective", "number"), [("accuracy", 0), ("params", 2)])
def test_the_best_trial_follows_the_objectives_direction_and_the_first_of_equals_wins(objective, number):
    trials = frame((0, "finished", 0.9, 100.0, 1.0), (1, "finished", 0.9, 99.0, 1.0), (2, "finished", 0.1, 5.0, 1.0))
    assert best_trial(trials, GOALS, objective)["number"] == number


def test_there_is_no_best_trial_before_one_has_finished():
    assert best_trial(frame((0, "running", math.nan, math.nan, math.nan)), GOALS, "accuracy") is None
