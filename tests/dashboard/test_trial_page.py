from __future__ import annotations

import math
from base64 import b64decode

import pytest
from streamlit.testing.v1 import AppTest

import paretree as pt
from paretree.spaces.cells import CellSpace

from .conftest import RunSweep, click_point, click_sweep, everything_shown, metrics, open_by_address


def open_trial(app: AppTest, number: int) -> AppTest:
    return click_point(click_sweep(app.run()), number)


def test_it_shows_values_decisions_curves_log_and_how_to_reproduce(app: AppTest, run_sweep: RunSweep) -> None:
    sweep = run_sweep(trials=5)
    open_trial(app, 2)
    assert not app.exception
    shown = everything_shown(app)
    row = sweep.trials().iloc[2]
    assert metrics(app)["accuracy \\(more is better\\)"] == f"{row.accuracy:.5g}"
    assert f"x = {row.x:.6g}" in shown, "its decisions"
    assert "trained" in shown, "its log"
    assert len(app.get("plotly_chart")) == 2, "one chart for each reported number"
    assert "paretree show digits --trial 2 --store" in shown
    assert "random: " in shown, "which sampler proposed it"


def test_a_trial_says_whether_it_is_on_the_front(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(
        train=lambda trial: {"a": trial.number, "b": trial.number},
        objectives={"a": "minimize", "b": "minimize"},
        trials=3,
    )
    open_trial(app, 0)
    assert "On the Pareto front" in everything_shown(app)
    assert [metric.delta for metric in app.metric] == ["rank 1 of 3", "rank 1 of 3"]
    open_by_address(app, sweep="digits", trial="2")
    assert "Dominated by 1 of 1 on the front" in everything_shown(app)
    assert [link.label for link in app.get("page_link")] == ["trial 0"]


def test_a_failed_trial_shows_its_traceback(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(train=_fails, trials=2)
    open_trial(app, 1)
    assert not app.exception
    assert "ValueError: too wide" in everything_shown(app)
    assert [expander.label for expander in app.expander] == ["Traceback of attempt 1"]
    assert "Traceback (most recent call last)" in everything_shown(app)


def _fails(trial: pt.Trial) -> float:
    raise ValueError("too wide")


@pytest.mark.parametrize(("value", "shown"), [(math.nan, "NaN"), (math.inf, "∞"), (-math.inf, "−∞")])
def test_values_that_are_not_finite_are_shown_as_what_they_are(
    app: AppTest, run_sweep: RunSweep, value: float, shown: str
) -> None:
    run_sweep(train=lambda trial: {"accuracy": value, "params": 1.0}, trials=1)
    open_trial(app, 0)
    assert not app.exception
    assert shown in metrics(app).values()
    assert "not finite" in everything_shown(app)


def test_previous_and_next_lead_along(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(trials=3)
    open_trial(app, 1)
    app.button[1].click().run()
    assert [header.value for header in app.header] == ["Trial 2"]
    assert app.button[1].disabled, "there is no next one"
    app.button[0].click().run()
    app.button[0].click().run()
    assert app.query_params["trial"] == "0"
    assert app.button[0].disabled, "there is none before the first"


@pytest.mark.parametrize("asked", ["99", "-1", "two", "1.5", "²"])
def test_a_trial_that_is_not_there_is_said_so(app: AppTest, run_sweep: RunSweep, asked: str) -> None:
    run_sweep(trials=2)
    open_by_address(open_trial(app, 0), sweep="digits", trial=asked)
    assert not app.exception
    assert f"Sweep 'digits' has no trial '{asked}'; its trials are 0 to 1." in everything_shown(app)


def test_a_sweep_that_is_not_there_is_said_so(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(trials=2)
    open_by_address(open_trial(app, 0), sweep="nothing", trial="0")
    assert not app.exception
    assert "There is no sweep 'nothing'" in everything_shown(app)


def searches(trial: pt.Trial) -> dict[str, float]:
    """Reports and returns as a search on a supernet does."""
    for step in range(3):
        trial.report(step, **{"normal/skip_connect": 0.1 * step, "normal/sep_conv_3x3": 0.2, "loss": 1.0})
    return {"accuracy": 0.5, "params": 1.0, "weight/op=conv": 0.25, "search_accuracy": 0.4}


def test_curves_of_one_family_share_a_chart_and_details_of_options_are_no_columns(
    app: AppTest, run_sweep: RunSweep
) -> None:
    sweep = run_sweep(train=searches, trials=1)
    assert "weight/op=conv" not in sweep.trials().columns
    assert sweep.trials()["search_accuracy"].item() == 0.4
    open_trial(app, 0)
    assert len(app.get("plotly_chart")) == 2, "one for the loss, one for the operations of normal cells"
    assert not any("weight" in name for name in metrics(app))


def test_cells_are_drawn(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(space=CellSpace().space(), train=lambda trial: {"accuracy": 0.5, "params": 1.0}, trials=1)
    open_trial(app, 0)
    assert not app.exception
    [picture] = app.get("image")
    source = b64decode(picture.proto.imgs[0].url.partition("base64,")[2]).decode()
    assert "Reduction cell" in source
    assert "currentColor" not in source, "a picture does not know the colours of the page"


def test_no_cells_are_drawn_where_there_are_none(app: AppTest, run_sweep: RunSweep) -> None:
    run_sweep(trials=1)
    open_trial(app, 0)
    assert not app.get("image")
