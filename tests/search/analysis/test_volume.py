import builtins
import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import infer_reference_point
from hypothesis import given, settings
from hypothesis import strategies as st

import paretree as pt
from paretree.search.analysis import hypervolume, hypervolume_course, losses, pareto_front, reference_point
from paretree.search.goals import Goals

NAMES = ["f", "g", "h"]


def minimizing(count):
    return Goals.of(dict.fromkeys(NAMES[:count], "minimize"))


def frame(*points, state="finished"):
    rows = [(number, state, *map(float, point)) for number, point in enumerate(points)]
    objectives = NAMES[: len(points[0]) if points else 3]
    return pd.DataFrame(rows, columns=["number", "state", *objectives]).astype(dict.fromkeys(objectives, float))


def volume(points, reference):
    goals = minimizing(len(reference))
    return hypervolume(frame(*points), goals, dict(zip(goals.names, reference, strict=True)))


def cells_dominated(points, size):
    """The volume by counting unit cubes, for points with whole coordinates."""
    cells = itertools.product(range(size), repeat=len(points[0]))
    return sum(any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in points) for cell in cells)


@pytest.mark.parametrize(
    ("points", "reference", "expected"),
    [
        ([(0, 0)], (1, 1), 1.0),
        ([(0, 0.5), (0.5, 0)], (1, 1), 0.75),
        ([(0, 0.75), (0.25, 0.5), (0.5, 0.25), (0.75, 0)], (1, 1), 0.625),
        ([(0, 0, 0)], (2, 3, 4), 24.0),
        ([(0, 0, 0.5), (0, 0.5, 0), (0.5, 0, 0)], (1, 1, 1), 0.875),
    ],
)
def test_the_volume_of_boxes_and_staircases_is_what_geometry_says(points, reference, expected):
    assert volume(points, reference) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("front", "expected"), [(lambda x: 1 - np.sqrt(x), 2 / 3), (lambda x: 1 - x**2, 1 / 3)], ids=["ZDT1", "ZDT2"]
)
def test_the_volume_of_many_points_on_the_front_of_zdt_nears_its_integral(front, expected):
    x = np.linspace(0, 1, 4001)
    found = volume(np.column_stack([x, front(x)]), (1.0, 1.0))
    assert found <= expected
    assert found == pytest.approx(expected, abs=5e-4)


def test_the_volume_of_a_lattice_on_the_plane_of_dtlz1_is_counted_exactly():
    lattice = [(a, b, 8 - a - b) for a in range(9) for b in range(9 - a)]
    below = math.comb(8 + 2, 3)  # cells whose coordinates add up to less than 8
    assert volume(lattice, (9, 9, 9)) == pytest.approx(9**3 - below, rel=1e-12)


def test_directions_and_units_are_those_of_the_objectives():
    goals = Goals.of({"accuracy": "maximize", "params": "minimize"})
    trials = pd.DataFrame({"number": [0, 1], "state": "finished", "accuracy": [0.5, 0.9], "params": [100.0, 600.0]})
    found = hypervolume(trials, goals, {"params": 1000, "accuracy": 0.1})
    assert found == pytest.approx(0.4 * 900 + 0.4 * 400)


def test_trials_that_are_not_better_than_the_reference_in_everything_do_not_count():
    assert volume([(0, 5), (5, 0), (1, 1)], (2, 2)) == 1.0
    assert volume([(2, 0), (0, 2)], (2, 2)) == 0.0


def test_trials_that_failed_are_infinite_or_break_a_constraint_do_not_count():
    goals = Goals.of({"f": "minimize", "g": "minimize"}, {"latency": "<= 5"})
    trials = frame((0, 0), (-math.inf, 0), (0, math.nan), (0.5, 0.5)).assign(latency=[6.0, 1.0, 1.0, 5.0])
    assert hypervolume(trials, goals, {"f": 1, "g": 1}) == 0.25
    assert hypervolume(frame((0, 0), state="running"), minimizing(2), {"f": 1, "g": 1}) == 0.0


def test_without_a_trial_the_volume_is_zero_and_no_reference_can_be_inferred():
    assert hypervolume(frame(), minimizing(3)) == 0.0
    assert hypervolume_course(frame(), minimizing(3)).empty
    with pytest.raises(pt.SweepError, match="No trial has finished within the constraints"):
        reference_point(frame(), minimizing(3))


def test_the_inferred_reference_lies_a_tenth_of_the_fronts_range_beyond_its_worst_values():
    goals = Goals.of({"f": "minimize", "g": "maximize"})
    assert reference_point(frame((0, 0), (10, 5), (20, 5)), goals) == pytest.approx({"f": 11.0, "g": -0.5})


def test_the_inferred_reference_of_a_single_point_is_a_tenth_of_it_worse():
    goals = Goals.of({"f": "minimize", "g": "maximize", "h": "minimize"})
    assert reference_point(frame((10, 20, 0)), goals) == pytest.approx({"f": 11.0, "g": 18.0, "h": 0.1})


coordinates = st.integers(-5, 5).map(float)
planes = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=12)
solids = st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=1, max_size=6)


@given(st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=12))
def test_the_inferred_reference_is_the_one_of_botorch(points):
    trials, goals = frame(*points), minimizing(2)
    front = np.unique(losses(pareto_front(trials, goals), goals), axis=0)
    expected = -infer_reference_point(-torch.as_tensor(front))
    if (front != 0).all():
        assert list(reference_point(trials, goals).values()) == pytest.approx(expected.tolist(), abs=1e-6)


@given(planes | solids)
def test_the_volume_is_the_number_of_cells_that_are_dominated(points):
    cells = cells_dominated([tuple(c + 5 for c in point) for point in points], 11)
    assert volume(points, [6.0] * len(points[0])) == pytest.approx(cells)


@given(planes | solids, st.randoms(use_true_random=False))
def test_the_volume_does_not_depend_on_the_order_of_the_trials(points, draw):
    shuffled = draw.sample(points, len(points))
    reference = [4.0] * len(points[0])
    assert volume(shuffled, reference) == pytest.approx(volume(points, reference))


@given(planes | solids)
def test_the_volume_never_shrinks_with_another_trial_and_dominated_ones_add_nothing(points):
    reference = [4.0] * len(points[0])
    before = volume(points[:-1], reference) if len(points) > 1 else 0.0
    after = volume(points, reference)
    assert after >= before - 1e-9
    worse = tuple(c + 1 for c in points[0])
    assert volume([*points, worse, points[0]], reference) == pytest.approx(after)


@settings(max_examples=40)
@given(planes | solids)
def test_the_course_tells_the_volume_of_the_trials_so_far(points):
    goals = minimizing(len(points[0]))
    reference = dict.fromkeys(goals.names, 4.0)
    course = hypervolume_course(frame(*points), goals, reference)
    expected = [hypervolume(frame(*points[: n + 1]), goals, reference) for n in range(len(points))]
    assert course.tolist() == pytest.approx(expected)


def test_the_course_has_a_value_for_each_row_and_ends_at_the_volume():
    trials = frame((3, 3), (9, 9), (1, 4), (0, 0), (4, 1)).set_index(pd.Index(list("abcde")))
    trials.loc["d", "state"] = "failed"
    course = hypervolume_course(trials, minimizing(2))
    assert course.index.tolist() == list("abcde")
    assert course["a"] == course["b"]
    assert course["c"] == course["d"]
    assert course["e"] == pytest.approx(hypervolume(trials, minimizing(2)))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"f": 1}, "The reference point gives 'f', but the objectives are 'f', 'g'; give one number for each of them."),
        ({"f": 1, "g": 1, "h": 1}, "The reference point gives 'f', 'g', 'h', but the objectives are 'f', 'g'; "),
        ({"f": 1, "g": math.inf}, "The reference point has g=inf; give a finite number."),
    ],
)
def test_a_reference_that_does_not_fit_is_refused(reference, message):
    with pytest.raises(pt.SweepError) as error:
        hypervolume(frame((0, 0)), minimizing(2), reference)
    assert str(error.value).startswith(message)


def test_a_single_objective_has_no_volume():
    with pytest.raises(pt.SweepError, match="needs several objectives, and 'f' is the only one; use its best value"):
        hypervolume(frame((0, 0)), minimizing(1))


def test_two_objectives_need_no_botorch_and_three_say_how_to_get_it(monkeypatch):
    imported = builtins.__import__

    def refusing(name, *rest):
        if name.startswith(("botorch", "torch")):
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refusing)
    assert volume([(0, 0)], (1, 1)) == 1.0
    with pytest.raises(pt.SweepError, match=r"of 3 objectives needs BoTorch; install it with: pip install"):
        volume([(0, 0, 0)], (1, 1, 1))
