from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import paretree as pt
from paretree import dashboard
from paretree.dashboard.launch import STORE_VARIABLE

APP = Path(dashboard.__file__).parent / "pages" / "app.py"
SPACE = pt.Space(
    x=pt.Float(0, 1),
    op=pt.Choice(conv={"kernel": pt.Choice(3, 5)}, pool="pool"),
    block=pt.Repeat({"width": pt.Int(8, 64)}, pt.Int(1, 2)),
)


def train(trial: pt.Trial) -> dict[str, float]:
    """Two objectives that pull apart."""
    x = trial.config.x
    for step in range(3):
        trial.report(step, loss=1 / (step + 1), accuracy=x * step)
    trial.log("trained")
    return {"accuracy": x, "params": 1000 * 2 ** (8 * x)}


BOTH = {"accuracy": "maximize", "params": "minimize"}
RunSweep = Callable[..., pt.Sweep]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store that the app shows."""
    path = tmp_path / "sweeps.db"
    monkeypatch.setenv(STORE_VARIABLE, str(path))
    return path


@pytest.fixture
def run_sweep(path: Path) -> RunSweep:
    """Run a small sweep into the store."""

    def run_sweep(
        name: str = "digits",
        train: Callable[[pt.Trial], object] = train,
        objectives: dict[str, str] = BOTH,
        trials: int = 12,
        space: pt.Space = SPACE,
        constraints: dict[str, str] | None = None,
    ) -> pt.Sweep:
        sweep = pt.Sweep(
            name, space, train, objectives, constraints=constraints, sampler="random", store=str(path), seed=1
        )
        sweep.run(trials, workers=pt.InlineWorkers(), progress=False)
        return sweep

    return run_sweep


@pytest.fixture
def app(path: Path) -> AppTest:
    return AppTest.from_file(str(APP), default_timeout=60)


def click_sweep(app: AppTest, row: int = 0) -> AppTest:
    """Click a row of the Sweeps page."""
    app.session_state["sweeps"] = {"selection": {"rows": [], "columns": [], "cells": [[row, "sweep"]]}}
    return app.run()


def click_point(app: AppTest, number: int) -> AppTest:
    """Click the point of a trial on the Pareto page."""
    app.session_state["plot"] = {"selection": {"points": [{"customdata": [number]}]}}
    return app.run()


def open_by_address(app: AppTest, **params: str) -> AppTest:
    """Open the page that is open with another address."""
    app.query_params.clear()
    app.query_params.update(params)
    return app.run()


def everything_shown(app: AppTest) -> str:
    """All text on the page."""
    kinds = ("header", "subheader", "text", "markdown", "caption", "code")
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind))


def metrics(app: AppTest) -> dict[str, str]:
    """The numbers in boxes, by label."""
    return {metric.label: metric.value for metric in app.metric}
