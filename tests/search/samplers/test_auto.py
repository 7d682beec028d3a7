"""What `auto` chooses."""

import pytest

import paretree as pt
from paretree.search import Goals, KnownTrial, Trials
from paretree.search.samplers import auto
from paretree.search.store import TrialState

SPACE = pt.Space(x=pt.Float(0, 1))


def known(n):
    trials = Trials(Goals.of({"loss": "minimize"}))
    for number in range(n):
        trial = KnownTrial(number, SPACE.sample(number), TrialState.RUNNING)
        trials.put(trial)
        trials.put(trial.finished(trials.goals, {"loss": trial.configuration.x}))
    return trials


@pytest.mark.parametrize(("n", "name"), [(0, "bayes"), (300, "optuna:tpe"), (3000, "evolution")])
def test_it_chooses_by_the_number_of_trials(n, name):
    assert auto.suited(SPACE, known(n))[0] == name


def test_it_does_without_botorch(monkeypatch):
    monkeypatch.setattr(auto, "find_spec", lambda name: None)
    name, reason = auto.suited(SPACE, known(0))
    assert name == "optuna:tpe"
    assert "pip install 'paretree[bayes]'" in reason


def test_spaces_too_wide_to_be_modelled_go_to_tpe():
    wide = pt.Space({f"x{number}": pt.Float(0, 1) for number in range(501)})
    assert auto.suited(wide, known(0))[0] == "optuna:tpe"


def test_it_thinks_only_while_the_sampler_does_that_it_chose():
    sampler = auto.AutoSampler()
    sampler.propose(SPACE, known(0), 1, 0)
    assert sampler.thinks
    sampler.propose(SPACE, known(300), 1, 0)
    assert not sampler.thinks


def test_it_says_why_once(caplog):
    caplog.set_level("INFO", "paretree")
    sampler, trials = auto.AutoSampler(), known(0)
    for seed in range(2):
        sampler.propose(SPACE, trials, 1, seed)
    assert caplog.text.count("auto chose bayes: it learns most from few trials") == 1
