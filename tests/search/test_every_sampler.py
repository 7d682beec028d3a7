"""What holds for every sampler, on every kind of space."""

import math

import pytest
import torch

import paretree as pt
from paretree.search import Goals, KnownTrial, Trials
from paretree.search.samplers import NAMES, make_sampler
from paretree.search.store import TrialState

FLAT = pt.Space(
    x=pt.Float(-1, 1), lr=pt.Float(1e-4, 1e-1, log=True), n=pt.Int(1, 64, log=True), step=pt.Float(0, 1, step=0.1)
)
CONDITIONAL = pt.Space(
    kind=pt.Choice(
        conv={"kernel": pt.Choice(3, 5, 7), "width": pt.Int(8, 64)},
        dense={"width": pt.Int(8, 64, step=8), "drop": pt.Maybe(pt.Float(0, 0.5))},
    ),
    depth=pt.Repeat(pt.Choice("relu", "gelu", "tanh"), pt.Int(0, 3)),
    size=pt.Choice("s", "m", "l", ordered=True),
    fixed=pt.Choice("only"),
)
PICKED = pt.Space(
    order=pt.Pick(["conv", "norm", "act"], 3, ordered=True),
    branches=pt.Pick({"pool": {"size": pt.Int(2, 4)}, "conv": pt.Choice(3, 5), "skip": 0}, "any"),
)
SPACES = {"flat": FLAT, "conditional": CONDITIONAL, "picked": PICKED}
OBJECTIVES = {1: {"loss": "minimize"}, 2: {"loss": "minimize", "gain": "maximize"}}


def cases():
    for name in NAMES:
        for space in SPACES:
            for objectives in OBJECTIVES:
                yield pytest.param(name, SPACES[space], objectives, id=f"{name}-{space}-{objectives}")


every_sampler = pytest.mark.parametrize(("name", "space", "objectives"), list(cases()))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Models this small gain nothing from threads, and two processes of them would fight over the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def known(objectives, constraints=None):
    return Trials(Goals.of(OBJECTIVES[objectives], constraints))


def finish(trials, space, proposals, values):
    """Add the proposals as finished trials with these values."""
    for proposal in proposals:
        trial = KnownTrial(len(trials), proposal.configuration, TrialState.RUNNING, proposal=proposal.to_json())
        trials.put(trial)
        trials.put(trial.finished(trials.goals, values(trial)))


def good_values(trial):
    size = sum(weight_of(path) * number_of(value) for path, value in trial.configuration.values.items())
    return {"loss": math.sin(size) + 1, "gain": math.cos(size)}


def number_of(value):
    return weight_of(value) if isinstance(value, str) else float(value)


def weight_of(text):
    return sum(map(ord, text)) % 7 / 7


def learned(name, space, objectives, rounds=4, n=3, values=good_values):
    sampler, trials = make_sampler(name), known(objectives)
    for round in range(rounds):
        finish(trials, space, sampler.propose(space, trials, n, round), values)
    return sampler, trials


@every_sampler
def test_proposals_are_configurations_of_the_space_and_say_who_made_them(name, space, objectives):
    sampler, trials = learned(name, space, objectives)
    proposals = sampler.propose(space, trials, 4, seed=9)
    assert len(proposals) == 4
    for proposal in proposals:
        assert space.contains(proposal.configuration)
        assert proposal.sampler
        assert proposal.reason


@every_sampler
def test_the_same_seed_gives_the_same_proposals_and_another_seed_others(name, space, objectives):
    def keys(seed):
        sampler, trials = learned(name, space, objectives)
        return [proposal.configuration.key for proposal in sampler.propose(space, trials, 4, seed)]

    assert keys(5) == keys(5)
    if name != "optuna:qmc":  # its sequence is fixed
        assert keys(5) != keys(6)


@every_sampler
def test_a_sampler_that_knows_only_the_stored_trials_goes_on_as_the_one_that_proposed_them(name, space, objectives):
    sampler, trials = learned(name, space, objectives)
    anew = known(objectives)
    for trial in trials:
        anew.put(trial)
    expected = [proposal.configuration for proposal in sampler.propose(space, trials, 3, seed=4)]
    assert [proposal.configuration for proposal in make_sampler(name).propose(space, anew, 3, seed=4)] == expected


@every_sampler
def test_pending_and_failed_trials_and_values_that_are_not_finite_do_no_harm(name, space, objectives):
    sampler, trials = learned(name, space, objectives, rounds=3)
    odd = [math.nan, math.inf, -math.inf]
    for value in odd:
        finish(
            trials, space, sampler.propose(space, trials, 1, 11), lambda _, value=value: {"loss": value, "gain": 0.0}
        )
    for state in [TrialState.FAILED, TrialState.STOPPED, *[TrialState.RUNNING] * 8, TrialState.WAITING]:
        [proposal] = sampler.propose(space, trials, 1, len(trials))
        trials.put(KnownTrial(len(trials), proposal.configuration, state, proposal=proposal.to_json()))
    assert all(space.contains(proposal.configuration) for proposal in sampler.propose(space, trials, 3, 1))


@pytest.mark.parametrize("name", NAMES)
def test_constraints_are_told_and_do_no_harm(name):
    sampler, trials = make_sampler(name), known(1, {"size": "<= 0.5"})
    for round in range(5):
        proposals = sampler.propose(FLAT, trials, 2, round)
        finish(trials, FLAT, proposals, lambda trial: {"loss": trial.configuration.x, "size": trial.number / 5})
    assert all(FLAT.contains(proposal.configuration) for proposal in sampler.propose(FLAT, trials, 2, 7))


@pytest.mark.parametrize("name", NAMES)
def test_proposals_that_nobody_took_up_do_no_harm(name):
    sampler, trials = make_sampler(name), known(1)
    for seed in range(3):
        sampler.propose(FLAT, trials, 2, seed)
    finish(trials, FLAT, sampler.propose(FLAT, trials, 1, 3), good_values)
    assert all(FLAT.contains(proposal.configuration) for proposal in sampler.propose(FLAT, trials, 2, 7))


def test_tpe_learns_where_the_loss_is_small():
    sampler, trials = learned(
        "optuna:tpe", FLAT, 1, rounds=40, n=1, values=lambda t: {"loss": abs(t.configuration.x - 0.7)}
    )
    proposals = sampler.propose(FLAT, trials, 10, seed=0)
    assert sum(abs(proposal.configuration.x - 0.7) < 0.3 for proposal in proposals) >= 6


def test_nsga_breeds_from_trials_that_others_proposed():
    space = pt.Space(a=pt.Float(0, 1), b=pt.Float(0, 1), c=pt.Float(0, 1), d=pt.Float(0, 1))
    _, trials = learned("random", space, 2, rounds=60, n=1)
    proposals = make_sampler("optuna:nsgaii").propose(space, trials, 20, seed=0)
    genes = {value for trial in trials for value in trial.configuration.values.values()}
    bred = [value for proposal in proposals for value in proposal.configuration.values.values()]
    assert sum(value in genes for value in bred) > len(bred) / 4


def test_optuna_sampler_objects_are_taken_as_they_are():
    from optuna.samplers import TPESampler

    sampler = make_sampler(TPESampler(n_startup_trials=2))
    assert sampler.name == "optuna:TPESampler"
    assert FLAT.contains(sampler.propose(FLAT, known(1), 1, 0)[0].configuration)


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        ("ranodm", "There is no sampler 'ranodm'; did you mean 'random'?"),
        ("optuna:tpee", "Optuna has no sampler 'tpee' here; did you mean 'optuna:tpe'?"),
        (3, "3 is no sampler; give one of auto, random"),
    ],
)
def test_an_unknown_sampler_is_refused_with_what_there_is(sampler, message):
    with pytest.raises(pt.SweepError, match="^" + message.replace("?", r"\?")):
        make_sampler(sampler)


@pytest.mark.parametrize("name", NAMES)
def test_proposals_fulfil_what_the_space_requires(name):
    width, heads = pt.Int(1, 64), pt.Choice(1, 2, 4, 8)
    space = pt.Space(width=width, heads=heads, lr=pt.Float(0, 1)).require(width % heads == 0)
    sampler, trials = learned(name, space, 1)
    assert all(space.contains(proposal.configuration) for proposal in sampler.propose(space, trials, 8, 1))
