from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import paretree as pt
from paretree.search.samplers import Proposal

from .conftest import click_point, click_sweep, everything_shown


class Doubtful:
    """Proposes even points, and from its third trial on without the prior."""

    name = "doubtful"

    def propose(self, space: pt.Space, trials: object, n: int, seed: int) -> list[Proposal]:
        detail = {"prior": "rejected"} if len(trials) >= 2 else {}
        return [Proposal(space.sample(seed + number), self.name, "because", detail) for number in range(n)]


def run(path: Path, trials: int) -> None:
    sweep = pt.Sweep(
        "doubted", pt.Space(x=pt.Float(0, 1)), lambda trial: trial.config.x, {"loss": "minimize"},
        sampler=Doubtful(), store=str(path), seed=0,
    )  # fmt: skip
    sweep.run(trials, workers=pt.InlineWorkers(), progress=False)


@pytest.mark.parametrize(("trial", "rejected"), [(0, False), (3, True)])
def test_a_trial_that_was_proposed_without_the_prior_says_so(
    app: AppTest, path: Path, trial: int, rejected: bool
) -> None:
    run(path, 4)
    click_point(click_sweep(app.run()), trial)
    assert not app.exception
    assert ("prior rejected" in everything_shown(app)) == rejected


@pytest.mark.parametrize(("trials", "rejected"), [(2, False), (4, True)])
def test_a_sweep_whose_prior_is_not_asked_any_more_says_so(
    app: AppTest, path: Path, trials: int, rejected: bool
) -> None:
    run(path, trials)
    click_sweep(app.run())
    assert not app.exception
    assert ("check their units" in everything_shown(app)) == rejected
