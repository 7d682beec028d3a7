from __future__ import annotations

import math
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import paretree as pt
from paretree.dashboard.data import Feed

from .conftest import RunSweep, click_point, click_sweep, everything_shown, metrics, open_by_address


def test_it_counts_trials_and_shows_the_front(app: AppTest, run_sweep: RunSweep) -> None:
    sweep = run_sweep(trials=12)
    click_sweep(app.run())
    assert not app.exception
    shown = metrics(app)
    assert shown["Trials (of 12)"] == "12"
    assert shown["Finished"] == "12"
    assert shown["On the front"] == str(len(sweep.front()))
    assert app.dataframe[0].value["number"].tolist() == sweep.front()["number"].tolist()


def test_a_click_on_a_point_opens_that_trial(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(trials=4)
    click_point(click_sweep(app.run()), 3)
    assert not app.exception
    assert [header.value for header in app.header] == ["Trial 3"]
    assert app.query_params == {"sweep": "digits", "trial": "3"}


def test_a_click_on_a_row_of_the_front_opens_that_trial(app: AppTest, run_sweep: RunSweep) -> None:
    sweep = run_sweep(trials=6)
    click_sweep(app.run())
    app.session_state["front"] = {"selection": {"rows": [], "columns": [], "cells": [[1, "accuracy"]]}}
    app.run()
    assert [header.value for header in app.header] == [f"Trial {sweep.front()['number'].iloc[1]}"]


def test_the_address_chooses_the_sweep(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep("first", trials=2)
    run_sweep("second", trials=3)
    open_by_address(click_sweep(app.run()), sweep="first")
    assert app.selectbox[0].value == "first"
    assert metrics(app)["Trials (of 2)"] == "2"


def test_a_sweep_that_is_not_there_is_said_so(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(trials=2)
    open_by_address(click_sweep(app.run()), sweep="digit")
    assert not app.exception
    assert "There is no sweep 'digit'" in everything_shown(app)


def test_one_objective_is_shown_over_the_trials(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(train=lambda trial: trial.config.x, objectives={"loss": "minimize"}, trials=5)
    click_sweep(app.run())
    assert not app.exception
    assert [box.value for box in app.selectbox[1:]] == ["number", "loss"]
    assert "best value so far" in everything_shown(app)
    click_point(app, 4)
    assert [header.value for header in app.header] == ["Trial 4"]


def test_three_objectives_are_shown_as_parallel_coordinates_too(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(
        train=lambda trial: {"a": trial.config.x, "b": 1 - trial.config.x, "c": trial.config.x**2},
        objectives={"a": "minimize", "b": "minimize", "c": "maximize"},
        trials=6,
    )
    click_sweep(app.run())
    assert not app.exception
    assert "All objectives" in everything_shown(app)
    assert len(app.get("plotly_chart")) == 2
    assert "in these two objectives" in everything_shown(app)


@pytest.mark.parametrize("axis", ["latency", "extra", "number"])
def test_constraints_metrics_and_the_trials_order_can_be_axes(app: AppTest, run_sweep: RunSweep, axis: str) -> None:
    run_sweep(
        train=lambda trial: {"a": trial.config.x, "b": 1 - trial.config.x, "latency": trial.config.x, "extra": 1.0},
        objectives={"a": "minimize", "b": "minimize"},
        constraints={"latency": "<= 0.5"},
        trials=8,
    )
    click_sweep(app.run())
    assert not app.exception
    app.selectbox[1].select(axis)
    app.run()
    assert not app.exception
    assert app.selectbox[1].value == axis
    assert len(app.get("plotly_chart")) == 1


def test_failed_and_not_finite_trials_are_counted_in_words(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(train=_sometimes_bad, trials=9)
    click_sweep(app.run())
    assert not app.exception
    assert "Not shown: 3 trials failed, 4 trials without a finite value." in everything_shown(app)


def _sometimes_bad(trial: pt.Trial) -> dict[str, float]:
    if trial.number % 3 == 0:
        raise ValueError("no")
    values = {1: 1.0, 2: math.nan, 4: math.inf, 5: -math.inf, 7: math.nan, 8: 2.0}
    return {"accuracy": values[trial.number], "params": 3.0}


def test_a_sweep_of_which_all_failed_has_no_front(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(train=_fails, trials=3)
    click_sweep(app.run())
    assert not app.exception
    assert "No trial has finished within the constraints yet." in everything_shown(app)
    assert metrics(app)["Failed"] == "3"


def _fails(trial: pt.Trial) -> float:
    raise RuntimeError("no")


def test_options_of_several_kinds_fit_in_the_table(app: AppTest, run_sweep: RunSweep) -> None:
    space = pt.Space(x=pt.Float(0, 1), option=pt.Choice(1, "two", False, None, 2.5))
    run_sweep(train=lambda trial: {"accuracy": trial.config.x, "params": trial.config.x}, trials=9, space=space)
    click_sweep(app.run())
    assert not app.exception


def test_more_trials_of_the_sweep_appear(app: AppTest, run_sweep: RunSweep, path: Path) -> None:
    run_sweep(trials=3)
    feed = Feed(str(path), "digits")
    before = feed.view()
    assert feed.view().frame is before.frame, "nothing is read again while nothing happens"
    run_sweep(trials=10)
    after = feed.view()
    fresh = Feed(str(path), "digits").view()
    assert after.frame["number"].tolist() == list(range(10))
    assert after.front["number"].tolist() == fresh.front["number"].tolist()
    assert after.measured == fresh.measured
    assert set(after.paths) == set(fresh.paths)


def test_a_store_that_was_made_anew_is_read_anew(run_sweep: RunSweep, path: Path) -> None:
    run_sweep(trials=5)
    feed = Feed(str(path), "digits")
    assert len(feed.view().frame) == 5
    path.unlink()
    run_sweep(trials=2)
    assert len(feed.view().frame) == 2
