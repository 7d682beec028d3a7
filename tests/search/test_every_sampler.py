"""What holds for every sampler, on every kind of space and with any number of objectives."""

import functools
import json
import math
import os
import subprocess
import sys

import pytest
import torch
from threadpoolctl import threadpool_limits

import paretree as pt
from paretree.search import Goals, KnownTrial, Trials
from paretree.search.samplers import NAMES, make_sampler
from paretree.search.store import TrialState
from paretree.spaces import zoo
from paretree.workers import InlineWorkers

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
WIDTH, HEADS = pt.Int(1, 64), pt.Choice(1, 2, 4, 8)
REQUIRED = pt.Space(width=WIDTH, heads=HEADS, lr=pt.Float(0, 1)).require(WIDTH % HEADS == 0)

BATCH, TOKENS = pt.Choice(32, 64, 128, 256, ordered=True, prior=pt.Normal(100, 0.7)), pt.Fidelity(10**6, 10**9)
BELIEVED = pt.Space(
    batch=BATCH,
    tokens=TOKENS,
    lr=pt.Float(1e-5, 1e-1, log=True, prior=pt.StudentT(1e-8 * TOKENS**0.5 * BATCH**0.5, 0.3, source="a law")),
    optimizer=pt.Choice(adam={"beta": pt.Float(0.8, 0.999, prior=0.9)}, sgd={}, weights=(3, 1)),
    width=pt.Int(16, 1024, log=True, prior=pt.Normal(64, 0.5)),
    free=pt.Float(0, 1),
)

SPACES = {"flat": FLAT, "conditional": CONDITIONAL, "picked": PICKED, "nasbench201": zoo.nasbench201()}
OBJECTIVES = {"loss": "minimize", "gain": "maximize", "cost": "minimize"}

GUIDED = tuple(name for name in NAMES if not getattr(make_sampler(name), "control", False))

SLOW = frozenset({"auto", "bayes", "saas", "smbo:ensemble", "optuna:gp"})
"""Take long for a proposal: they are asked for less, and do not see every space with every number of objectives."""

COVER = {"flat": 3, "conditional": 2, "picked": 1, "nasbench201": 2}
"""The number of objectives that a slow sampler sees on each space."""

ODD = (math.nan, math.inf, -math.inf)


def cases():
    for name in NAMES:
        for space in SPACES:
            for objectives in (COVER[space],) if name in SLOW else (1, 2, 3):
                yield pytest.param(name, space, objectives, id=f"{name}-{space}-{objectives}")


every_case = pytest.mark.parametrize(("name", "space", "objectives"), list(cases()))
every_sampler = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def saas_without_nuts(monkeypatch):
    """Samples of hyperparameters take ten seconds and more for each outcome; `test_bayes.py` has a test with them."""
    monkeypatch.setattr("paretree.search.samplers.bayes.saas.find_spec", lambda name: None)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Models this small gain nothing from threads, and two processes of them would fight over the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(threads)


def known(objectives, constraints=None):
    return Trials(Goals.of(dict(list(OBJECTIVES.items())[:objectives]), constraints))


def good_values(trial):
    size = sum(weight_of(path) * number_of(value) for path, value in trial.configuration.values.items())
    return {"loss": math.sin(size) + 1, "gain": math.cos(size), "cost": size**2}


def number_of(value):
    return weight_of(value) if isinstance(value, str) else float(value)


def weight_of(text):
    return sum(map(ord, text)) % 7 / 7


def start(trials, proposals, state=TrialState.RUNNING):
    """Add the proposals as trials; of what the sampler noted, what a store keeps."""
    for proposal in proposals:
        noted = json.loads(json.dumps(proposal.to_json()))
        trials.put(KnownTrial(len(trials), proposal.configuration, state, proposal=noted))


def finish(trials, proposals, values=good_values):
    """Add the proposals as trials that came to these values."""
    start(trials, proposals)
    for trial in trials[-len(proposals) :] if proposals else []:
        trials.put(trial.finished(trials.goals, values(trial)))


def learned(name, space, objectives, values=good_values, constraints=None):
    """A sampler that has proposed the trials that are known; a slow one only the last of them."""
    sampler, trials = make_sampler(name), known(objectives, constraints)
    if name in SLOW:
        finish(trials, make_sampler("random").propose(space, trials, 10, 0), values)
        finish(trials, sampler.propose(space, trials, 1, 1), values)
    else:
        for seed in range(4):
            finish(trials, sampler.propose(space, trials, 3, seed), values)
    return sampler, trials


@functools.cache
def asked(name, space, objectives):
    """The trials of a sampler that has learned, and what it then proposes with the seed 5."""
    sampler, trials = learned(name, SPACES[space], objectives)
    return trials, sampler.propose(SPACES[space], trials.snapshot(), some(name), seed=5)


def some(name):
    """How many proposals to ask for."""
    return 2 if name in SLOW else 3


def configurations(proposals):
    return [proposal.configuration for proposal in proposals]


def are_in(space, proposals):
    return all(space.contains(proposal.configuration) for proposal in proposals)


def keys(proposals):
    return [proposal.configuration.key for proposal in proposals]


@every_case
def test_proposals_are_configurations_of_the_space_and_say_who_made_them_and_why(name, space, objectives):
    _, proposals = asked(name, space, objectives)
    assert len(proposals) == some(name)
    assert are_in(SPACES[space], proposals)
    for proposal in proposals:
        assert proposal.sampler
        assert proposal.reason


@every_case
def test_a_sampler_that_knows_only_the_stored_trials_goes_on_as_the_one_that_proposed_them(name, space, objectives):
    trials, expected = asked(name, space, objectives)
    stored = Trials(trials.goals)
    for trial in trials:
        stored.put(trial)
    proposals = make_sampler(name).propose(SPACES[space], stored, some(name), seed=5)
    assert configurations(proposals) == configurations(expected)


@every_case
def test_failures_and_values_that_are_not_finite_do_no_harm(name, space, objectives):
    sampler, trials, draw = make_sampler(name), known(objectives), make_sampler("random")
    for number, odd in enumerate(ODD):
        finish(
            trials,
            draw.propose(SPACES[space], trials, 1, number),
            lambda trial, odd=odd: dict.fromkeys(OBJECTIVES, odd),
        )
    for number, state in enumerate([TrialState.FAILED, TrialState.STOPPED] * 2):
        start(trials, draw.propose(SPACES[space], trials, 1, 10 + number), state)
    assert are_in(SPACES[space], sampler.propose(SPACES[space], trials, 1, 0)), "before anything is measured"
    finish(trials, draw.propose(SPACES[space], trials, 10, 20))
    for number, odd in enumerate(ODD):
        proposals = draw.propose(SPACES[space], trials, 1, 30 + number)
        finish(trials, proposals, lambda trial, odd=odd: good_values(trial) | {"loss": odd})
    assert are_in(SPACES[space], sampler.propose(SPACES[space], trials, 1, 1)), "after something is measured"


@every_case
def test_what_is_pending_is_not_proposed_again(name, space, objectives):
    trials = asked(name, space, objectives)[0].snapshot()
    start(trials, make_sampler("random").propose(SPACES[space], trials, 4, 0), TrialState.RUNNING)
    start(trials, make_sampler("random").propose(SPACES[space], trials, 4, 1), TrialState.WAITING)
    pending = {trial.configuration.key for trial in trials if not trial.ended}
    proposals = make_sampler(name).propose(SPACES[space], trials, some(name), 2)
    assert are_in(SPACES[space], proposals)
    if repeats_itself(name, space):
        return
    assert not pending & set(keys(proposals)), "proposed what is pending"
    assert len(set(keys(proposals))) == len(proposals), "proposed something twice"


def repeats_itself(name, space):
    """Whether the sampler draws independently, or knows of no repetition, on a space with few configurations."""
    return name.startswith(("random", "optuna:", "qmc")) and SPACES[space].count() < math.inf


@every_case
def test_constraints_do_no_harm_broken_or_kept_or_unknown(name, space, objectives):
    def values(trial):
        return good_values(trial) | {"latency": [0.0, 1.0, math.nan][trial.number % 3]}

    sampler, trials = learned(name, SPACES[space], objectives, values, {"latency": "<= 0.5"})
    assert are_in(SPACES[space], sampler.propose(SPACES[space], trials, 1, 7))


@every_sampler
def test_where_nothing_was_feasible_yet_it_goes_on(name):
    sampler, trials = learned(
        name, FLAT, 2, lambda trial: good_values(trial) | {"latency": 1.0 + trial.number}, {"latency": "<= 0.5"}
    )
    assert are_in(FLAT, sampler.propose(FLAT, trials, 1, 7))


@every_sampler
def test_another_seed_gives_other_proposals(name):
    first, again, other = (make_sampler(name).propose(FLAT, known(1), 3, seed) for seed in (5, 5, 6))
    assert keys(first) == keys(again)
    assert keys(first) != keys(other) or name == "grid", "the seed makes no difference"


@every_sampler
def test_a_result_that_comes_late_and_out_of_order_is_learned_as_if_it_had_come_in_time(name):
    sampler, trials = learned(name, CONDITIONAL, 2)
    proposals = make_sampler("random").propose(CONDITIONAL, trials, 4, 0)
    start(trials, proposals)
    sampler.propose(CONDITIONAL, trials, 1, 3)
    for trial in reversed(trials[-4:]):
        trials.put(trial.finished(trials.goals, good_values(trial)))
    stored = Trials(trials.goals)
    for trial in trials:
        stored.put(trial)
    expected = make_sampler(name).propose(CONDITIONAL, stored, 1, 4)
    assert configurations(sampler.propose(CONDITIONAL, trials, 1, 4)) == configurations(expected)


@every_sampler
def test_proposals_that_nobody_took_up_do_no_harm(name):
    sampler, trials = make_sampler(name), known(1)
    for seed in range(3):
        sampler.propose(FLAT, trials, 2, seed)
    finish(trials, sampler.propose(FLAT, trials, 1, 3))
    assert are_in(FLAT, sampler.propose(FLAT, trials, 2, 7))


@every_sampler
def test_a_sampler_may_be_asked_about_one_sweep_after_another(name):
    sampler, trials = learned(name, FLAT, 1)
    others, expected = asked(name, "conditional", 2)
    sampler.propose(FLAT, trials, 1, 0)
    assert configurations(sampler.propose(CONDITIONAL, others, some(name), seed=5)) == configurations(expected)


@every_sampler
def test_proposals_fulfil_what_the_space_requires(name):
    sampler, trials = learned(name, REQUIRED, 1)
    assert are_in(REQUIRED, sampler.propose(REQUIRED, trials, some(name), 1))


@every_sampler
def test_a_space_with_few_configurations_is_searched_to_its_end(name, tmp_path):
    few = pt.Space(a=pt.Choice(one={"b": pt.Choice("x", "y")}, two={}))
    sweep = pt.Sweep(
        "few", few, lambda trial: 1.0, {"loss": "minimize"}, sampler=name, store=str(tmp_path / "s.db"), seed=0
    )
    sweep.run(10, workers=InlineWorkers(), progress=False)
    assert len(sweep.trials()) == few.count() == 3


SWEEPS = """
import json, math, sqlite3, sys

import paretree as pt
from paretree.search.samplers import NAMES

space = pt.Space(
    lr=pt.Float(1e-4, 1e-1, log=True),
    block=pt.Choice(
        conv={"kernel": pt.Choice(3, 5, 7)}, dense={"width": pt.Int(8, 64), "drop": pt.Maybe(pt.Float(0, 1))}
    ),
    order=pt.Pick(["conv", "norm", "act"], 2, ordered=True),
)


def train(trial):
    if (sys.argv[1], trial.number) == ("whole", 11):
        copy()
    values = trial.config.values
    return {"loss": abs(math.log10(values["lr"]) + 2.5) + len(values), "gain": values.get("block=dense/width", 0)}


def copy():
    with sqlite3.connect(f"{number}-whole.db") as store, sqlite3.connect(f"{number}-resumed.db") as other:
        store.backup(other)


tried = {}
for number, name in enumerate(NAMES):
    goals, store = {"loss": "minimize", "gain": "maximize"}, f"{number}-{sys.argv[1]}.db"
    try:
        sweep = pt.Sweep("s", space, train, goals, sampler=name, store=store, seed=3)
        sweep.run(14, workers=pt.InlineWorkers(), takeover=True, progress=False)
        tried[name] = [list(sweep.configuration(trial).values.items()) for trial in range(14)]
    except Exception as error:
        tried[name] = repr(error)
print(json.dumps(tried))
"""


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory):
    """What was tried in sweeps that ran in one process, and in copies of their stores that went on in another one."""
    folder = tmp_path_factory.mktemp("sweeps")
    (folder / "sweeps.py").write_text(SWEEPS)

    def run(part, hash_seed):
        command = [sys.executable, "sweeps.py", part]
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment = {**os.environ, **one_thread, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run("whole", "1"), run("resumed", "2")


@every_sampler
def test_a_sweep_resumed_from_its_store_in_a_new_process_tries_what_it_would_have_tried(name, sweeps):
    whole, resumed = sweeps
    assert isinstance(whole[name], list), whole[name]
    assert resumed[name] == whole[name]


every_guided_sampler = pytest.mark.parametrize("name", GUIDED)


@every_guided_sampler
def test_with_priors_the_first_trial_is_the_most_likely_and_the_second_a_hedge_and_then_it_goes_on(name):
    sampler, trials = make_sampler(name), known(1)
    finish(trials, first := sampler.propose(BELIEVED, trials, 1, 0))
    finish(
        trials, second := make_sampler(name).propose(BELIEVED, trials, 1, 1)
    )  # by a process that knows only the first
    finish(trials, rest := sampler.propose(BELIEVED, trials, some(name), 2))
    likely = first[0].configuration
    assert first[0].reason == "the most likely configuration by a law"
    assert (likely.batch, likely["optimizer"], likely.width) == (128, "adam", 64)
    assert likely.lr == pytest.approx(1e-8 * (1e9 * 128) ** 0.5), "the centre at the full budget, for this batch size"
    assert likely["optimizer=adam/beta"] == pytest.approx(0.9)
    assert second[0].reason.startswith("a hedge that knows no prior: point 1 of the Sobol sequence")
    assert len(rest) == some(name)
    assert are_in(BELIEVED, rest)
    assert [proposal.detail.get("opening") for proposal in rest] == [None] * some(name)


@every_guided_sampler
def test_with_priors_a_batch_is_what_one_after_another_would_be_and_holds_nothing_twice(name):
    proposals = make_sampler(name).propose(BELIEVED, known(1), 4, 0)
    assert [proposal.detail.get("opening") for proposal in proposals] == ["most likely", "hedge", None, None]
    assert are_in(BELIEVED, proposals)
    assert len(set(keys(proposals))) == 4


@pytest.mark.parametrize("name", [name for name in GUIDED if name not in SLOW])
def test_with_priors_what_is_drawn_for_want_of_trials_is_drawn_from_them(name):
    drawn = []
    for seed in range(8):
        trials = known(1)
        finish(trials, make_sampler(name).propose(BELIEVED, trials, 8, seed))
        drawn += [trial.configuration for trial in trials[2:]]
    misses = [abs(math.log(one.lr / (1e-8 * (1e9 * one.batch) ** 0.5))) / 0.3 for one in drawn]
    near = sum(miss < 2 for miss in misses) / len(misses)
    assert near > 0.3, "half of the draws are from Student's t, of which 86 % lie so near; of even draws, 13 % do"
    assert near < 0.7 or name in ("random", "mcts", "mcts:plain"), "half of the draws are to be even"


def optuna_objects():
    from optuna import samplers

    return [
        samplers.TPESampler(n_startup_trials=2),
        samplers.TPESampler(n_startup_trials=2, multivariate=True, group=True),
        samplers.NSGAIISampler(population_size=4),
        samplers.RandomSampler(seed=1),
        samplers.BruteForceSampler(),
    ]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("space", SPACES)
def test_optuna_sampler_objects_go_on_from_stored_trials_with_their_own_settings(number, space):
    if number == 4 and SPACES[space].count() == math.inf:
        pytest.skip("brute force needs a finite space")
    trials, sampler = known(2), make_sampler(optuna_objects()[number])
    assert sampler.name == f"optuna:{type(optuna_objects()[number]).__name__}"
    for seed in range(4):
        finish(trials, sampler.propose(SPACES[space], trials, 3, seed))
    proposals = sampler.propose(SPACES[space], trials.snapshot(), 3, seed=5)
    assert are_in(SPACES[space], proposals)
    stored = Trials(trials.goals)
    for trial in trials:
        stored.put(trial)
    anew = make_sampler(optuna_objects()[number]).propose(SPACES[space], stored, 3, seed=5)
    assert configurations(anew) == configurations(proposals)


def test_tpe_learns_where_the_loss_is_small():
    sampler, trials = make_sampler("optuna:tpe"), known(1)
    for seed in range(40):
        finish(trials, sampler.propose(FLAT, trials, 1, seed), lambda trial: {"loss": abs(trial.configuration.x - 0.7)})
    proposals = sampler.propose(FLAT, trials, 30, seed=0)
    assert sum(abs(proposal.configuration.x - 0.7) < 0.3 for proposal in proposals) >= 13, "random draws are 9 near it"


def test_nsga_breeds_from_trials_that_others_proposed():
    space = pt.Space(a=pt.Float(0, 1), b=pt.Float(0, 1), c=pt.Float(0, 1), d=pt.Float(0, 1))
    trials = known(2)
    finish(trials, make_sampler("random").propose(space, trials, 60, 0))
    proposals = make_sampler("optuna:nsgaii").propose(space, trials, 20, seed=0)
    genes = {value for trial in trials for value in trial.configuration.values.values()}
    bred = [value for proposal in proposals for value in proposal.configuration.values.values()]
    assert sum(value in genes for value in bred) > len(bred) / 4


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
