from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from paretree.dashboard.law_figures import basin_figure, error_figure, loss_figure, offset_figure, optimum_figure

GROUPS = ["20M × 1B", "20M × 4B", "80M × 4B", "80M × <b>8B</b>"]


def trials() -> pd.DataFrame:
    excess = np.tile([0.0, 0.5, 1.0, 40.0], len(GROUPS))
    return pd.DataFrame(
        {
            "group": np.repeat(GROUPS, 4),
            "learning_rate": np.tile([1e-3, 2e-3, 5e-4, 3e-2], len(GROUPS)),
            "excess": excess,
            "apart": np.tile([0.0, 0.2, -1.0, np.nan], len(GROUPS)),
            "sweep": "<i>lm</i>",
            "number": range(len(excess)),
        }
    )


def basins() -> go.Figure:
    groups = pd.DataFrame({"group": GROUPS, "learning_rate": 1e-3})
    curves = pd.DataFrame({"group": GROUPS * 2, "learning_rate": 2e-3, "excess": 1.0})
    return basin_figure(trials(), groups, curves, "learning_rate")


def points(figure: go.Figure) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.mode == "markers"]


def test_each_group_has_a_plot_with_its_own_trials() -> None:
    figure = basins()
    assert len(points(figure)) == len(GROUPS)
    assert [list(trace.x) for trace in points(figure)] == [[1e-3, 2e-3, 5e-4, 3e-2]] * len(GROUPS)
    assert len(figure.layout.shapes) == len(GROUPS), "a line at each optimum"


def test_a_trial_far_above_the_basin_stands_at_the_rim_as_a_triangle() -> None:
    trace = points(basins())[0]
    assert list(trace.marker.symbol) == ["circle"] * 3 + ["triangle-up-open"]
    assert max(trace.y) < 40
    assert "+40 %" in trace.text[3], "its real value is told"


def test_users_words_are_no_html_in_plots() -> None:
    figure = basins()
    assert "&lt;i&gt;lm&lt;/i&gt;" in points(figure)[0].text[0]
    assert "80M × &lt;b&gt;8B&lt;/b&gt;" in [note.text for note in figure.layout.annotations]


def line(**more: object) -> pd.DataFrame:
    return pd.DataFrame({"N": [1e7, 1e9], "value": [2e-3, 1e-3], "low": [1e-3, 5e-4], "high": [4e-3, 2e-3], **more})


def test_the_law_stands_with_its_band_its_points_and_the_published_law() -> None:
    optima = pd.DataFrame({"group": ["g"], "N": [1e8], "value": [1.5e-3], "low": [1e-3], "high": [2e-3]})
    figure = optimum_figure(optima, line(), line(name="Step Law"), "learning_rate", "N")
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name) == ["band", "fitted law, 80 % band", "Step Law", "optimum of a group"]
    assert list(by_name["band"].y) == [1e-3, 5e-4, 2e-3, 4e-3], "there below, and back above"
    assert by_name["Step Law"].line.dash == "dash"
    assert by_name["optimum of a group"].error_y.arrayminus[0] == pytest.approx(5e-4)
    assert "100M" in figure.layout.xaxis.ticktext


def test_without_a_law_to_compare_with_there_is_no_dashed_line() -> None:
    optima = pd.DataFrame({"group": ["g"], "N": [1e8], "value": [1.5e-3], "low": [1e-3], "high": [2e-3]})
    for compared in (None, line(name="Step Law").iloc[:0]):
        figure = optimum_figure(optima, line(), compared, "learning_rate", "N")
        assert len(figure.data) == 3


def test_offsets_are_shown_evenly_to_both_sides() -> None:
    offsets = pd.DataFrame(
        {"group": ["a", "b"], "what": "learning_rate", "ratio": [1.1, 0.5], "low": [1.0, 0.4], "high": [1.2, 0.6]}
    )
    figure = offset_figure(offsets)
    assert [trace.name for trace in figure.data] == ["learning rate"], "nothing is said of the batch size"
    ticks = figure.layout.xaxis.tickvals
    assert min(ticks) < 0.5
    assert max(ticks) > 2


def test_errors_name_their_trials() -> None:
    errors = pd.DataFrame({"predicted": [0.1, 0.5], "error": [0.01, -0.1], "sweep": "lm/a", "number": [3, 4]})
    trace = error_figure(errors).data[0]
    assert list(trace.text) == ["lm/a, trial 3", "lm/a, trial 4"]
    assert list(trace.y) == [0.01, -0.1]


def test_losses_stand_over_compute() -> None:
    best = pd.DataFrame({"group": ["g"], "compute": [1e18], "loss": [3.0]})
    frontier = pd.DataFrame({"compute": [1e17, 1e19], "value": [3.2, 2.8], "low": [3.1, 2.6], "high": [3.3, 3.0]})
    figure = loss_figure(best, frontier)
    assert figure.layout.xaxis.type == "log"
    assert [trace.name for trace in figure.data][1:] == [
        "best N and D for the compute, 80 % band",
        "best trial of a group",
    ]
