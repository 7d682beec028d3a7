from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from paretree.dashboard.figures import (
    VECTOR_LIMIT,
    can_log,
    course_figure,
    curves_figure,
    parallel_figure,
    pareto_figure,
    wants_log,
)
from paretree.dashboard.points import SELECTABLE, Points, left_out, points
from paretree.search import Goals
from paretree.search.analysis import pareto_front

TWO = Goals.of({"accuracy": "maximize", "params": "minimize"}, {"latency": "<= 5"})
THREE = Goals.of({"a": "minimize", "b": "minimize", "c": "minimize"})


def trials(goals: Goals, rows: list[tuple[float, ...]], state: str = "finished") -> pd.DataFrame:
    """A frame as the pages have it; `rows` hold objectives, then constraints."""
    names = [*goals.names, *(constraint.name for constraint in goals.constraints)]
    frame = pd.DataFrame(rows, columns=names, dtype=float)
    frame.insert(0, "number", range(len(rows)))
    frame.insert(1, "state", state)
    return frame


def many(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return trials(TWO, [(a, p, 1.0) for a, p in rng.random((count, 2))])


def drawn(figure: go.Figure) -> dict[str, list[int]]:
    """The trials of each trace, by its name without the count."""
    return {trace.name.split(" (")[0]: list(trace.customdata) for trace in figure.data if trace.customdata is not None}


def sort(frame: pd.DataFrame, goals: Goals, x: str, y: str) -> Points:
    return points(frame, pareto_front(frame, goals), goals, x, y)


def test_front_dominated_and_infeasible_trials_are_told_apart() -> None:
    frame = trials(TWO, [(0.9, 100, 1), (0.5, 10, 1), (0.4, 50, 1), (0.99, 5, 9)])
    shown = drawn(
        pareto_figure(sort(frame, TWO, "params", "accuracy"), TWO, "params", "accuracy", log_x=False, log_y=False)
    )
    assert shown == {"Pareto front": [1, 0], "off the front": [2], "infeasible": [3]}


def test_trials_without_a_place_are_left_out_and_told_in_words() -> None:
    frame = trials(TWO, [(math.nan, 1, 1), (math.inf, 1, 1), (0.5, 10, 1), (0.1, 1, 1)])
    frame.loc[3, "state"] = "failed"
    shown = sort(frame, TWO, "params", "accuracy")
    assert shown.line["number"].tolist() == [2]
    assert len(shown.dominated) + len(shown.infeasible) + len(shown.background) == 0
    assert left_out(frame, "params", "accuracy") == "1 trial failed, 2 trials without a finite value"


def test_nothing_is_said_where_all_trials_are_shown() -> None:
    assert left_out(trials(TWO, [(0.9, 100, 1)]), "params", "accuracy") == ""


@pytest.mark.parametrize(("direction", "shape"), [("minimize", "hv"), ("maximize", "vh")])
def test_the_line_borders_what_the_front_dominates(direction: str, shape: str) -> None:
    goals = Goals.of({"y": "minimize", "x": direction})
    rows = [(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)] if direction == "minimize" else [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
    figure = pareto_figure(sort(trials(goals, rows), goals, "x", "y"), goals, "x", "y", log_x=False, log_y=False)
    assert figure.data[-1].line.shape == shape
    assert list(figure.data[-1].x) == [1.0, 2.0, 3.0]


def test_of_three_objectives_the_line_is_the_front_in_the_two_that_are_shown() -> None:
    frame = trials(THREE, [(1, 1, 9), (2, 2, 1), (9, 9, 9)])
    shown = sort(frame, THREE, "a", "b")
    assert shown.line["number"].tolist() == [0]
    assert shown.front["number"].tolist() == [1], "on the front for its c, though not in a and b"
    assert shown.dominated["number"].tolist() == [2]


def test_a_metric_as_axis_has_no_line() -> None:
    frame = trials(TWO, [(0.9, 100, 1), (0.5, 10, 1)])
    shown = sort(frame, TWO, "latency", "accuracy")
    assert shown.line.empty
    assert shown.front["number"].tolist() == [0, 1]


def test_a_big_sweep_has_few_points_to_click_and_always_the_whole_front() -> None:
    frame = many(20_000)
    shown = sort(frame, TWO, "params", "accuracy")
    figure = pareto_figure(shown, TWO, "params", "accuracy", log_x=False, log_y=False)
    assert len(shown.dominated) + len(shown.infeasible) == SELECTABLE
    assert shown.line["number"].tolist() == sorted(
        pareto_front(frame, TWO)["number"], key=lambda number: frame.params[number]
    )
    assert sum(len(trace.x) for trace in figure.data) == 20_000, "all trials are drawn"
    background = figure.data[0]
    assert isinstance(background, go.Scattergl)
    assert background.hoverinfo == "skip", "what cannot be clicked does not catch the mouse"


def test_a_small_sweep_is_drawn_without_webgl() -> None:
    shown = sort(many(VECTOR_LIMIT), TWO, "params", "accuracy")
    figure = pareto_figure(shown, TWO, "params", "accuracy", log_x=False, log_y=False)
    assert all(isinstance(trace, go.Scatter) for trace in figure.data)


@pytest.mark.parametrize(("direction", "best"), [("minimize", [3.0, 1.0, 1.0]), ("maximize", [3.0, 4.0, 4.0])])
def test_one_objective_has_a_line_of_the_best_so_far(direction: str, best: list[float]) -> None:
    goals = Goals.of({"y": direction})
    values = [3.0, math.nan, best[1], 2.0]
    frame = trials(goals, [(value,) for value in values])
    figure = course_figure(sort(frame, goals, "number", "y"), frame, goals, "y", log_x=False, log_y=False)
    line = figure.data[-1]
    assert line.name == "best so far"
    assert list(line.x) == [0, 2, 3]
    assert list(line.y) == best


def test_no_line_of_the_best_where_nothing_counts() -> None:
    goals = Goals.of({"y": "minimize"})
    frame = trials(goals, [(math.nan,)])
    figure = course_figure(sort(frame, goals, "number", "y"), frame, goals, "y", log_x=False, log_y=False)
    assert not figure.data


@pytest.mark.parametrize(
    ("values", "wanted", "possible"),
    [
        ([1, 51], True, True),
        ([1, 50], False, True),
        ([0, 100], False, False),
        ([-1, 100], False, False),
        ([1, math.nan, 100], True, True),
        ([1, math.inf], False, True),
        ([], False, True),
    ],
)
def test_a_logarithmic_axis_is_chosen_for_positive_numbers_far_apart(
    values: list[float], wanted: bool, possible: bool
) -> None:
    assert wants_log(pd.Series(values, dtype=float)) is wanted
    assert can_log(pd.Series(values, dtype=float)) is possible


def test_axes_name_objectives_and_which_way_is_better() -> None:
    frame = trials(TWO, [(0.9, 100, 1)])
    shown = sort(frame, TWO, "params", "accuracy")
    figure = pareto_figure(shown, TWO, "params", "accuracy", log_x=True, log_y=False)
    assert figure.layout.xaxis.title.text == "params (less is better)"
    assert figure.layout.yaxis.title.text == "accuracy (more is better)"
    assert figure.layout.xaxis.type == "log"


def test_parallel_coordinates_have_an_axis_for_each_objective() -> None:
    frame = trials(THREE, [(1, 1, 1), (2, 2, 1000), (0.5, 9, 1)])
    axes = parallel_figure(frame, pareto_front(frame, THREE), THREE).data[0].dimensions
    assert [axis.label for axis in axes] == [f"{name} (less is better)" for name in "abc"]
    assert list(axes[2].ticktext) == ["1", "10", "100", "1,000"], "numbers far apart stand on a logarithmic axis"


def test_a_curve_keeps_gaps_where_the_value_is_not_a_number() -> None:
    curve = curves_figure({"loss": ([0, 1, 2], [1.0, math.nan, 3.0])}, "loss").data[0]
    assert list(curve.x) == [0, 1, 2]
    assert np.isnan(curve.y[1])


def test_curves_of_one_family_are_told_apart_and_a_lone_one_needs_no_legend() -> None:
    steps = ([0, 1], [0.5, 0.6])
    several = curves_figure({"skip_connect": steps, "sep_conv_3x3": steps}, "normal")
    assert [curve.name for curve in several.data] == ["skip_connect", "sep_conv_3x3"]
    assert several.layout.showlegend
    assert not curves_figure({"loss": steps}, "loss").layout.showlegend
