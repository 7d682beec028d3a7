"""The table of all trials, where names of decisions, values and notes meet."""

import pytest

import paretree as pt
from paretree.search.analysis import decision_column
from paretree.workers import InlineWorkers


def trials(store, space, train, objectives):
    sweep = pt.Sweep("s", space, train, objectives, sampler="random", store=str(store / "s.db"), seed=0)
    sweep.run(3, workers=InlineWorkers(), progress=False)
    return sweep.trials()


@pytest.mark.parametrize("name", ["state", "number", "seconds", "message", "loss"])
def test_a_decision_named_like_another_column_has_one_of_its_own(name, tmp_path):
    frame = trials(tmp_path, pt.Space({name: pt.Float(1, 2)}), lambda trial: -trial.config[name], {"loss": "minimize"})
    assert frame.columns.is_unique
    assert decision_column(frame, name) == f"{name} (decision)"
    assert frame[f"{name} (decision)"].tolist() == (-frame["loss"]).tolist()
    assert frame["state"].tolist() == ["finished"] * 3


def test_an_objective_may_be_called_seconds(tmp_path):
    frame = trials(tmp_path, pt.Space(x=pt.Float(1, 2)), lambda trial: {"seconds": 60.0}, {"seconds": "minimize"})
    assert frame.columns.is_unique
    assert frame["seconds"].tolist() == [60.0] * 3


def test_a_decision_that_no_trial_makes_has_no_column(tmp_path):
    frame = trials(tmp_path, pt.Space(x=pt.Float(1, 2)), lambda trial: 1.0, {"loss": "minimize"})
    assert (decision_column(frame, "x"), decision_column(frame, "y")) == ("x", None)
