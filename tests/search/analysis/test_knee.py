import pandas as pd
import pytest

from paretree.search.analysis import knee_point
from paretree.search.goals import Goals


def knee(goals, *points):
    rows = [(number, "finished", *map(float, point)) for number, point in enumerate(points)]
    frame = pd.DataFrame(rows, columns=["number", "state", *goals.names]).astype(dict.fromkeys(goals.names, float))
    found = knee_point(frame, goals)
    return None if found is None else found["number"]


TWO = Goals.of({"accuracy": "maximize", "params": "minimize"})
THREE = Goals.of({"f": "minimize", "g": "minimize", "h": "maximize"})


def test_the_knee_is_the_bend_of_the_front_in_any_units():
    bend = [(0.1, 1), (0.8, 2), (0.85, 6), (0.9, 11)]
    assert knee(TWO, *bend) == 1
    assert knee(TWO, *((100 * accuracy, 1e6 * params) for accuracy, params in bend)) == 1


def test_what_is_dominated_is_never_the_knee():
    assert knee(TWO, (0.1, 1), (0.9, 11), (0.7, 3), (0.8, 2)) == 3


def test_the_knee_of_three_objectives_is_nearest_to_the_ideal_as_a_sum():
    assert knee(THREE, (1, 0, 1), (0, 1, 1), (0, 0, 0), (0.3, 0.4, 0.8), (0.5, 0.5, 0.6)) == 3


def test_a_front_that_bulges_outwards_gives_its_end_that_is_best_in_the_first_objective():
    assert knee(TWO, (0.1, 1), (0.3, 10), (0.9, 11)) == 2


@pytest.mark.parametrize("points", [[(0.5, 3)], [(0.5, 3), (0.5, 3)]])
def test_the_only_point_of_a_front_is_its_knee(points):
    assert knee(TWO, *points) == 0


def test_with_one_objective_the_knee_is_the_best_trial():
    assert knee(Goals.of({"accuracy": "maximize"}), (0.1,), (0.9,), (0.5,)) == 1


def test_there_is_no_knee_before_a_trial_has_finished():
    assert knee(TWO) is None
