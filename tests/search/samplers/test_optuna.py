"""Optuna's samplers: what the study that they see holds, and what of Optuna's traps must not catch a sweep."""

import json
import math
import pickle

import numpy as np
import optuna
import pytest
from optuna.samplers import (
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIIISampler,
    NSGAIISampler,
    PartialFixedSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import TrialState as State

import paretree as pt
from paretree.search import Goals, KnownTrial, Trials
from paretree.search.samplers.optuna import SAMPLERS, OptunaSampler
from paretree.search.store import TrialState

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

TREE = pt.Space(
    kind=pt.Choice(
        conv={"kernel": pt.Choice(3, 5, 7, ordered=True), "width": pt.Int(8, 64)},
        dense={"width": pt.Int(8, 64, step=8), "drop": pt.Float(0, 0.5, step=0.1)},
    ),
    lr=pt.Float(1e-4, 1e-1, log=True),
    mode=pt.Choice(1, None, "auto", 2.5),
    fixed=pt.Choice("only"),
    still=pt.Float(0.3, 0.3),
)
PATHS = {"kind", "kind=conv/kernel", "kind=conv/width", "kind=dense/width", "kind=dense/drop", "lr", "mode"}
FINITE = pt.Space(kind=pt.Choice(a={"n": pt.Int(1, 3)}, b={"m": pt.Choice("x", "y")}), flag=pt.Choice(True, False))


def known(objectives=1, constraints=None):
    return Trials(Goals.of({f"loss{number}": "minimize" for number in range(objectives)}, constraints))


def add(trials, configuration, state=TrialState.RUNNING, proposal=None, values=None):
    """One more trial; with `values` it has finished."""
    trial = KnownTrial(len(trials), configuration, state, proposal=proposal or {})
    trials.put(trial)
    if values is not None:
        trials.put(trial.finished(trials.goals, values))
    return trial


def values_of(trials, configuration):
    """Something smooth to minimise, and a constraint on it."""
    lr = math.log10(configuration.lr) + 2 if "lr" in configuration.space.parts else 0.0
    total = lr**2 + sum(value / 64 for value in configuration.values.values() if isinstance(value, int))
    losses = {name: total if number % 2 == 0 else -total for number, name in enumerate(trials.goals.names)}
    return losses | {constraint.name: total - 1 for constraint in trials.goals.constraints}


def run(sampler, space, trials, rounds, n=1, first=0):
    """Ask, and finish what was proposed, `rounds` times."""
    for number in range(first, first + rounds):
        for proposal in sampler.propose(space, trials, n, number):
            configuration = proposal.configuration
            add(trials, configuration, proposal=through_json(proposal), values=values_of(trials, configuration))


def drawn(space, trials, count):
    """Finished trials that no sampler of Optuna proposed."""
    for number in range(count):
        configuration = space.sample(number)
        add(trials, configuration, values=values_of(trials, configuration))


def through_json(proposal):
    return json.loads(json.dumps(proposal.to_json()))


def again(trials):
    """The same trials, as a resumed sweep reads them from its store."""
    anew = Trials(trials.goals)
    for trial in trials:
        anew.put(trial)
    return anew


def told(sampler):
    """The trials of the study that the sampler was asked on last."""
    return sampler._mirror.study.get_trials(deepcopy=False)


def configurations(proposals):
    return [proposal.configuration for proposal in proposals]


OBJECTS = {
    "tpe": lambda: TPESampler(),
    "tpe group": lambda: TPESampler(multivariate=True, group=True),
    "gp": lambda: GPSampler(n_startup_trials=3, warn_independent_sampling=False),
    "nsgaii": lambda: NSGAIISampler(population_size=4),
    "nsgaiii": lambda: NSGAIIISampler(population_size=4),
    "cmaes": lambda: CmaEsSampler(warn_independent_sampling=False),
    "cmaes with margin": lambda: CmaEsSampler(with_margin=True, warn_independent_sampling=False),
    "qmc": lambda: QMCSampler(warn_independent_sampling=False),
    "random": lambda: RandomSampler(),
    "partly fixed": lambda: PartialFixedSampler({"kind": "conv"}, NSGAIISampler(population_size=4)),
}


@pytest.mark.parametrize("mapping", ["walk", "padded"])
@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_every_sampler_proposes_configurations_in_both_mappings_and_resumes_as_if_it_never_stopped(make, mapping):
    trials = known()
    sampler = OptunaSampler(make(), mapping=mapping)
    run(sampler, TREE, trials, rounds=9)
    expected = sampler.propose(TREE, trials, 3, seed=5)
    assert all(TREE.contains(proposal.configuration) for proposal in expected)
    resumed = OptunaSampler(make(), mapping=mapping).propose(TREE, again(trials), 3, seed=5)
    assert [through_json(one) for one in resumed] == [through_json(one) for one in expected]
    assert configurations(resumed) == configurations(expected)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "bruteforce"])
def test_every_name_proposes(name):
    assert TREE.contains(OptunaSampler(name).propose(TREE, known(), 1, 0)[0].configuration)


def test_asking_leaves_no_trace():
    trials = known()
    asked, never_asked = OptunaSampler("qmc"), OptunaSampler("qmc")
    run(asked, TREE, trials, rounds=4)
    for seed in range(5):
        asked.propose(TREE, trials, 3, seed)
    assert len(told(asked)) == len(trials)
    assert configurations(asked.propose(TREE, trials, 2, 9)) == configurations(never_asked.propose(TREE, trials, 2, 9))


def test_an_interrupted_ask_leaves_no_trace(monkeypatch):
    trials, sampler = known(), OptunaSampler("random")
    sampler.propose(TREE, trials, 1, 0)
    with monkeypatch.context() as patched:
        patched.setattr(RandomSampler, "sample_independent", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            sampler.propose(TREE, trials, 1, 0)
    assert told(sampler) == []


def test_proposals_of_one_ask_and_known_trials_are_not_proposed_again():
    trials, sampler = known(), OptunaSampler("tpe")
    run(sampler, FINITE, trials, rounds=2, n=4)
    assert len({trial.configuration.key for trial in trials}) == 8, "of 10 that there are"


def test_a_snapshot_of_the_same_sweep_is_taken_up_without_telling_the_study_anew():
    trials, sampler = known(), OptunaSampler("random")
    drawn(TREE, trials, 3)
    sampler.propose(TREE, trials, 1, 0)
    study = sampler._mirror.study
    drawn(TREE, trials, 2)
    sampler.propose(TREE, trials.snapshot(), 1, 0)
    assert sampler._mirror.study is study
    assert len(told(sampler)) == 5


def test_one_sampler_object_may_serve_several_sweeps():
    sampler, other = OptunaSampler("tpe"), pt.Space(kind=pt.Int(1, 9), x=pt.Float(0, 1))
    one, two = known(2), known(1)
    run(sampler, TREE, one, rounds=12)
    run(sampler, other, two, rounds=12)
    assert configurations(sampler.propose(other, two, 2, 3)) == configurations(
        OptunaSampler("tpe").propose(other, two, 2, 3)
    )


# What the two mappings show.


def test_the_walk_shows_what_is_decided_and_padding_everything():
    trials, walk, padded = known(), OptunaSampler("random", mapping="walk"), OptunaSampler("random", mapping="padded")
    drawn(TREE, trials, 8)
    for sampler in (walk, padded):
        sampler.propose(TREE, trials, 1, 0)
    for trial, ours in zip(told(walk), trials, strict=True):
        assert set(trial.params) == set(ours.configuration.values) - {"fixed", "still"}
    assert all(set(trial.params) == PATHS for trial in told(padded))


def test_padding_records_what_was_suggested_and_leaves_it_out_of_the_configuration():
    trials, sampler = known(), OptunaSampler("nsgaii", mapping="padded")
    run(sampler, TREE, trials, rounds=12)
    sampler.propose(TREE, trials, 1, 0)
    for shown, ours in zip(told(sampler), trials, strict=True):
        padding = ours.proposal["detail"]["padding"]
        assert PATHS - set(ours.configuration.values) == set(padding) - {"fixed", "still"}
        if "kind=conv/width" in padding:
            assert shown.params["kind=conv/width"] == padding["kind=conv/width"]


def test_padding_of_trials_of_others_is_drawn_and_the_same_each_time():
    trials, one, two = known(), OptunaSampler("random", mapping="padded"), OptunaSampler("tpe", mapping="padded")
    drawn(TREE, trials, 20)
    for sampler in (one, two):
        sampler.propose(TREE, trials, 1, 0)
    assert [trial.params for trial in told(one)] == [trial.params for trial in told(two)]
    assert len({trial.params["kind=conv/width"] for trial in told(one)}) > 10


@pytest.mark.parametrize("make", [OBJECTS["gp"], OBJECTS["nsgaii"], OBJECTS["cmaes"], OBJECTS["tpe"]])
def test_with_padding_every_decision_is_modelled_whatever_came_before(make):
    trials, sampler = known(), OptunaSampler(make(), mapping="padded")
    drawn(TREE, trials, 6)
    older = pt.Space(kind=pt.Choice("conv", "rnn"), lr=pt.Float(1e-5, 10.0, log=True))
    add(trials, older.sample(0), values={"loss0": 1.0})
    add(trials, TREE.sample(7), TrialState.FAILED)
    add(trials, TREE.sample(8), TrialState.STOPPED)
    run(sampler, TREE, trials, rounds=3)
    study = sampler._mirror.study
    modelled = study.sampler.infer_relative_search_space(study, told(sampler)[-1])
    numbers = {path for path in PATHS if path not in ("kind", "mode")}
    assert set(modelled) == (numbers if isinstance(study.sampler, CmaEsSampler) else PATHS)


def test_the_quasi_random_sequence_covers_branches_that_the_first_trial_did_not_take():
    trials, sampler = known(), OptunaSampler("qmc", mapping="padded")
    run(sampler, TREE, trials, rounds=17)
    taken = [trial.configuration["kind"] for trial in trials][1:]
    assert 7 <= taken.count("conv") <= 9


def test_a_mapping_is_chosen_for_each_sampler_and_can_be_set():
    assert OptunaSampler("tpe").mapping == "walk"
    assert (
        OptunaSampler(PartialFixedSampler({}, CmaEsSampler(warn_independent_sampling=False))).mapping
        == OptunaSampler("cmaes").mapping
        == "padded"
    )
    assert OptunaSampler("tpe", mapping="padded").mapping == "padded"


# Optuna's traps.


def test_stopped_trials_do_not_break_tpe_with_several_objectives():
    trials, sampler = known(2), OptunaSampler(TPESampler(n_startup_trials=2))
    drawn(TREE, trials, 5)
    add(trials, TREE.sample(9), TrialState.STOPPED)
    run(sampler, TREE, trials, rounds=3)
    assert told(sampler)[5].state is State.PRUNED
    assert told(sampler)[5].intermediate_values == {}


def test_genetic_samplers_breed_from_trials_of_others_whenever_those_came():
    trials, sampler = known(2), OptunaSampler(NSGAIISampler(population_size=5, mutation_prob=0.0))
    run(sampler, TREE, trials, rounds=12)
    generation = told(sampler)[-1].system_attrs["NSGAIISampler:generation"]
    drawn(TREE, trials, 5)
    sampler.propose(TREE, trials, 1, 0)
    late = [trial.system_attrs["NSGAIISampler:generation"] for trial in told(sampler)[-5:]]
    assert generation >= 1
    assert late == [generation] * 5


def test_the_parents_of_a_generation_stay_the_same_when_a_sweep_is_resumed():
    trials, sampler = known(2), OptunaSampler(NSGAIISampler(population_size=4))
    straggler = add(trials, TREE.sample(77))
    run(sampler, TREE, trials, rounds=6)
    trials.put(straggler.finished(trials.goals, {"loss0": -9.0, "loss1": -9.0}))
    expected = sampler.propose(TREE, trials, 4, seed=5)
    resumed = OptunaSampler(NSGAIISampler(population_size=4)).propose(TREE, again(trials), 4, seed=5)
    assert configurations(resumed) == configurations(expected)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_the_gp_goes_on_where_a_constraint_was_not_measured(odd):
    trials, sampler = known(1, {"size": "<= 0"}), OptunaSampler(GPSampler(n_startup_trials=4))
    drawn(TREE, trials, 6)
    add(trials, TREE.sample(20), values={"loss0": 1.0, "size": odd})
    add(trials, TREE.sample(21), TrialState.FAILED)
    add(trials, TREE.sample(22))
    assert len(sampler.propose(TREE, trials, 2, 0)) == 2
    assert {tuple(trial.constraints) for trial in told(sampler)[:8]} == {("size",)}


def test_trials_of_an_older_space_are_left_out_where_they_have_no_place():
    older = pt.Space(kind=pt.Choice("conv", "rnn"), lr=pt.Float(1e-5, 10.0, log=True))
    now = pt.Space(kind=pt.Choice("conv", "dense", "rnn"), lr=pt.Float(1e-4, 1.0, log=True))
    for name in ("tpe", "gp", "nsgaii", "qmc", "cmaes"):
        trials = known()
        for seed in range(12):
            add(trials, older.sample(seed), values={"loss0": float(seed)})
        sampler = OptunaSampler(name)
        run(sampler, now, trials, rounds=3)
        within = [now.contains(trial.configuration.values) for trial in trials]
        assert len(told(sampler)) == sum(within[:-1]), name
        assert 0 < sum(within[:12]) < 12


def test_ordered_labels_and_steps_are_integers_and_what_has_one_value_is_no_parameter():
    trials, sampler = known(), OptunaSampler("random", mapping="padded")
    drawn(TREE, trials, 1)
    sampler.propose(TREE, trials, 1, 0)
    shown = told(sampler)[0].distributions
    assert shown["kind=conv/kernel"] == optuna.distributions.IntDistribution(0, 2)
    assert shown["kind=dense/drop"] == optuna.distributions.IntDistribution(0, 5)
    assert shown["kind=dense/width"] == optuna.distributions.IntDistribution(8, 64, step=8)
    assert shown["mode"].choices == (1, None, "auto", 2.5)
    assert "fixed" not in shown
    assert "still" not in shown


def test_labels_come_back_as_they_are_with_their_types():
    space = pt.Space(
        one=pt.Choice(None, 1, "one", 2.0), flag=pt.Choice(True, False, "both"), xs=pt.Choice((1, 2), (3,))
    )
    trials, sampler = known(), OptunaSampler(TPESampler(n_startup_trials=3))
    for seed in range(20):
        [proposal] = sampler.propose(space, trials, 1, seed)
        add(trials, proposal.configuration, proposal=through_json(proposal), values={"loss0": float(seed)})
    seen = {repr(trial.configuration["one"]) for trial in trials}
    assert seen == {"None", "1", "'one'", "2.0"}
    assert {repr(trial.configuration["flag"]) for trial in trials} == {"True", "False", "'both'"}


@pytest.mark.parametrize("state", ["nan", "inf", "-inf", "failed"])
@pytest.mark.parametrize("name", ["tpe", "gp", "nsgaii", "cmaes"])
def test_what_failed_is_told_as_the_worst_that_was_seen_in_whatever_order(name, state):
    trials, sampler = known(), OptunaSampler(name)
    loss = None if state == "failed" else {"loss0": float(state)}
    add(trials, TREE.sample(0), TrialState.FAILED, values=loss)
    sampler.propose(TREE, trials, 1, 0)
    assert told(sampler)[0].state is State.RUNNING, "nothing was measured yet"
    for seed, measured in enumerate([3.0, 1.0, 7.0], 1):
        add(trials, TREE.sample(seed), values={"loss0": measured})
        sampler.propose(TREE, trials, 1, 0)
    assert [trial.values for trial in told(sampler)] == [[7.0], [3.0], [1.0], [7.0]]


def test_a_region_where_trials_fail_is_left():
    space = pt.Space(x=pt.Float(0, 1), y=pt.Float(0, 1))
    trials, sampler = known(), OptunaSampler("tpe")
    for seed in range(60):
        [proposal] = sampler.propose(space, trials, 1, seed)
        fits = proposal.configuration.x < 0.5
        state = TrialState.RUNNING if fits else TrialState.FAILED
        values = {"loss0": abs(proposal.configuration.y - 0.3)} if fits else None
        add(trials, proposal.configuration, state, through_json(proposal), values)
    late = [trial.state is TrialState.FAILED for trial in trials[30:]]
    assert np.mean(late) < 0.2, "half of the space fails"


def test_a_user_s_grid_is_walked_once_and_then_there_is_nothing_left():
    space = pt.Space(x=pt.Float(0, 1), kind=pt.Choice("a", "b"))
    trials, sampler = known(), OptunaSampler(GridSampler({"x": [0.0, 0.5, 1.0], "kind": ["a", "b"]}))
    run(sampler, space, trials, rounds=9)
    assert len(trials) == 6
    assert {(one.configuration.x, one.configuration.kind) for one in trials} == {
        (x, kind) for x in (0.0, 0.5, 1.0) for kind in "ab"
    }


def test_brute_force_tries_every_configuration_once():
    trials = known()
    run(OptunaSampler("bruteforce"), FINITE, trials, rounds=10)
    assert len({trial.configuration.key for trial in trials}) == FINITE.count()


def test_optunas_own_hook_for_constraints_is_called_for_trials_of_the_sampler():
    called = []
    with pytest.warns(FutureWarning):
        inner = TPESampler(constraints_func=lambda trial: called.append(trial.params) or (0.0,))
    trials, sampler = known(), OptunaSampler(inner)
    add(trials, TREE.sample(1), values={"loss0": 0.0})
    run(sampler, TREE, trials, rounds=3)
    assert len(called) == 2, "of three trials, the last is not told yet; a trial of others is not the sampler's"


# Priors.

LR = pt.Float(1e-5, 1e-1, log=True, prior=pt.Normal(1e-4, 0.2))
BELIEVED = pt.Space(
    lr=LR,
    momentum=pt.Float(0, 1, prior=pt.Normal(1e3 * LR, 0.01)),
    kind=pt.Choice("a", "b", "c", weights=(1, 0, 0)),
    size=pt.Choice(16, 32, 64, 128, ordered=True, prior=pt.Normal(32, 0.1)),
    free=pt.Float(0, 1),
)


def is_near(configuration):
    """Whether it is what the priors say, and nothing that even draws would find."""
    near = abs(math.log(configuration.lr / 1e-4)) < 1 and abs(configuration.momentum - 1e3 * configuration.lr) < 0.05
    return near and (configuration.kind, configuration.size) == ("a", 32)


@pytest.mark.parametrize("mapping", ["walk", "padded"])
@pytest.mark.parametrize(
    ("make", "startup"),
    [
        (lambda: TPESampler(n_startup_trials=6), 6),
        (lambda: TPESampler(n_startup_trials=6, multivariate=True, group=True), 6),
        (lambda: GPSampler(n_startup_trials=6, warn_independent_sampling=False), 6),
        (lambda: NSGAIISampler(population_size=6), 6),
        (lambda: NSGAIIISampler(population_size=6), 6),
        (lambda: PartialFixedSampler({"free": 0.5}, NSGAIISampler(population_size=6)), 6),
        (lambda: CmaEsSampler(warn_independent_sampling=False), 1),
    ],
    ids=["tpe", "tpe group", "gp", "nsgaii", "nsgaiii", "partly fixed", "cmaes"],
)
def test_what_is_drawn_for_want_of_trials_is_drawn_from_the_priors(make, startup, mapping):
    trials, sampler = known(), OptunaSampler(make(), mapping=mapping)
    run(sampler, BELIEVED, trials, rounds=startup)
    assert [is_near(trial.configuration) for trial in trials] == [number % 2 == 0 for number in range(startup)]
    assert len({trial.configuration.free for trial in trials}) == startup or isinstance(make(), PartialFixedSampler)


def test_what_is_drawn_from_the_priors_is_the_same_when_a_sweep_is_resumed():
    trials, sampler = known(), OptunaSampler("tpe")
    run(sampler, BELIEVED, trials, rounds=5)
    expected = sampler.propose(BELIEVED, trials, 3, seed=5)
    assert configurations(OptunaSampler("tpe").propose(BELIEVED, again(trials), 3, seed=5)) == configurations(expected)


def test_what_a_genetic_sampler_mutates_leaves_a_wrong_prior():
    trials, sampler = known(), OptunaSampler(NSGAIISampler(population_size=4, mutation_prob=1.0))
    run(sampler, BELIEVED, trials, rounds=40)
    bred = [
        trial.configuration for trial in trials if trial.proposal["detail"]["system_attrs"]["NSGAIISampler:generation"]
    ]
    assert len(bred) > 30
    assert sum(abs(math.log(one.lr / 1e-4)) > 1 for one in bred) > len(bred) / 2
    assert {one.kind for one in bred} == {"a", "b", "c"}


@pytest.mark.parametrize("name", ["random", "qmc", "bruteforce"])
def test_optunas_samplers_that_learn_nothing_are_controls_and_know_no_priors(name):
    space = pt.Space(lr=pt.Float(1, 9, step=1, prior=pt.Normal(2, 0.1)), kind=pt.Choice("a", "b", weights=(1, 0)))
    trials, sampler = known(), OptunaSampler(name)
    assert sampler.control
    run(sampler, space, trials, rounds=18)
    assert {trial.configuration.kind for trial in trials} == {"a", "b"}
    assert len({trial.configuration.lr for trial in trials}) > 5


def test_cmaes_begins_at_the_centre_of_the_priors_and_as_wide_as_they_are():
    space = pt.Space(
        x=pt.Float(0, 1, prior=pt.Normal(0.8, 0.02)), y=pt.Float(1e-4, 1.0, log=True, prior=pt.Normal(1e-3, 0.2))
    )
    trials, sampler = known(), OptunaSampler("cmaes")
    run(sampler, space, trials, rounds=1)
    asked = [proposal.configuration for proposal in sampler.propose(space, trials, 40, 0)]
    assert np.mean([one.x for one in asked]) == pytest.approx(0.8, abs=0.02)
    assert np.mean(np.log([one.y for one in asked])) == pytest.approx(math.log(1e-3), abs=0.2)
    width = math.sqrt(0.02 * 0.2 / math.log(1e4))  # the geometric mean, in shares of the ranges
    assert np.std([one.x for one in asked]) == pytest.approx(width, rel=0.3)


def test_cmaes_goes_on_from_priors_when_a_sweep_is_resumed_and_leaves_a_wrong_one():
    space = pt.Space(x=pt.Float(0, 1, prior=pt.Normal(0.9, 0.05)), y=pt.Float(0, 1, prior=pt.Normal(0.9, 0.05)))
    trials, sampler = known(), OptunaSampler("cmaes")
    for number in range(100):
        [proposal] = sampler.propose(space, trials, 1, number)
        one = proposal.configuration
        add(trials, one, proposal=through_json(proposal), values={"loss0": (one.x - 0.2) ** 2 + (one.y - 0.3) ** 2})
    assert min(trial.losses[0] for trial in trials) < 0.001
    expected = sampler.propose(space, trials, 2, 1)
    assert configurations(OptunaSampler("cmaes").propose(space, again(trials), 2, 1)) == configurations(expected)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_where_a_user_lets_cmaes_begin_it_begins_whatever_the_priors():
    space = pt.Space(x=pt.Float(0, 1, prior=pt.Normal(0.9, 0.05)), y=pt.Float(0, 1))
    trials, sampler = known(), OptunaSampler(CmaEsSampler(x0={"x": 0.1, "y": 0.5}, sigma0=0.01))
    run(sampler, space, trials, rounds=1)
    assert all(abs(proposal.configuration.x - 0.1) < 0.1 for proposal in sampler.propose(space, trials, 10, 0))


# CMA-ES.


def test_cmaes_reaches_the_minimum_and_no_pickle_is_ever_stored_or_read():
    space = pt.Space(x=pt.Float(-1, 1), y=pt.Float(-1, 1), n=pt.Int(1, 9))
    trials, sampler = known(), OptunaSampler("cmaes")
    for number in range(120):
        [proposal] = sampler.propose(space, trials, 1, number)
        one = proposal.configuration
        add(trials, one, proposal=through_json(proposal), values={"loss0": (one.x - 0.6) ** 2 + (one.y + 0.2) ** 2})
    noted = [trial.proposal["detail"].get("system_attrs", {}) for trial in trials]
    assert noted[-1]["cma:generation"] > 5
    assert min(trial.losses[0] for trial in trials) < 0.01
    assert set().union(*noted) == {"cma:generation"}
    expected = sampler.propose(space, trials, 2, 1)
    assert configurations(OptunaSampler("cmaes").propose(space, again(trials), 2, 1)) == configurations(expected)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle of the store was read",))


def test_a_pickle_in_the_store_is_not_read():
    attributes = {"cma:generation": 0, "cma:optimizer:0": pickle.dumps(Bomb()).hex()}
    for inner in (
        CmaEsSampler(warn_independent_sampling=False),
        PartialFixedSampler({"mode": None}, CmaEsSampler(warn_independent_sampling=False)),
    ):
        trials, sampler = known(), OptunaSampler(inner)
        proposal = {"sampler": sampler.name, "reason": "", "detail": {"system_attrs": attributes}}
        for seed in range(3):
            add(trials, TREE.sample(seed), proposal=proposal, values={"loss0": 1.0})
        assert len(sampler.propose(TREE, trials, 2, 0)) == 2


# What cannot work is said.


@pytest.mark.parametrize(
    ("sampler", "space", "objectives", "message"),
    [
        ("cmaes", TREE, 2, "CMA-ES takes one objective, and the sweep has 2; use 'optuna:nsgaii' for several."),
        ("bruteforce", TREE, 1, "'optuna:bruteforce' tries every value, and 'lr' has no end of them; give it a step."),
    ],
)
def test_what_a_sampler_cannot_do_is_refused_in_one_sentence(sampler, space, objectives, message):
    with pytest.raises(pt.SweepError) as error:
        OptunaSampler(sampler).propose(space, known(objectives), 1, 0)
    assert str(error.value) == message
