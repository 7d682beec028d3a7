"""Sweeps without a store or workers: a sampler, and a function that tells it what came of its proposals."""

import itertools
import math
import random

import pytest

import paretree as pt
from paretree.search import Goals, KnownTrial, Trials
from paretree.search.samplers import make_sampler
from paretree.search.store import TrialState

BLOCK = {
    "op": pt.Choice(conv={"kernel": pt.Choice(3, 5, 7, ordered=True)}, pool=pt.Choice("max", "mean"), skip=0),
    "width": pt.Choice(16, 32, 64, ordered=True),
}
CONDITIONAL = pt.Space(
    blocks=pt.Repeat(BLOCK, pt.Int(1, 4)),
    optimizer=pt.Choice(
        adam={"lr": pt.Float(1e-5, 1e-1, log=True)},
        sgd={"lr": pt.Float(1e-4, 1, log=True), "momentum": pt.Float(0, 0.99)},
    ),
)
EDGES = pt.Space(**{f"edge{i}": pt.Choice("none", "skip", "conv", "pool", "wide") for i in range(6)})


def loss_of_edges(values):
    """0 where every edge is what suits it, and neighbours add to each other's loss."""
    options = ["none", "skip", "conv", "pool", "wide"]
    miss = [(options.index(values[f"edge{i}"]) - i) % 5 / 4 for i in range(6)]
    return sum(miss) + sum(a * b for a, b in itertools.pairwise(miss))


def loss_of_conditional(values):
    """0 for three blocks of wide convolutions under Adam at 1e-3."""
    loss = 0.2 * abs(values["blocks"] - 3)
    for i in range(values["blocks"]):
        loss += {"conv": 0, "pool": 0.2, "skip": 0.3}[values[f"blocks[{i}]/op"]]
        loss += 0.1 * abs((16, 32, 64).index(values[f"blocks[{i}]/width"]) - 1)
        loss += 0.05 * abs(values.get(f"blocks[{i}]/op=conv/kernel", 5) - 5)
    if values["optimizer"] == "sgd":
        return loss + 0.3 + 0.1 * abs(math.log10(values["optimizer=sgd/lr"]) + 1)
    return loss + 0.1 * abs(math.log10(values["optimizer=adam/lr"]) + 3)


PROBLEMS = {"edges": (EDGES, loss_of_edges), "conditional": (CONDITIONAL, loss_of_conditional)}


class Search:
    """What tests do with samplers."""

    conditional, edges = CONDITIONAL, EDGES

    @staticmethod
    def trials(objectives=("loss",), constraints=None):
        return Trials(Goals.of(dict.fromkeys(objectives, "minimize"), constraints))

    @staticmethod
    def add(trials, configuration, proposal=None, state=TrialState.RUNNING, **values):
        """One more trial: with its values, or in a state without any."""
        stored = proposal.to_json() if proposal else {}
        trial = KnownTrial(len(trials), configuration, state, proposal=stored)
        trials.put(trial)
        if values:
            trials.put(trial.finished(trials.goals, values))

    @classmethod
    def run(cls, sampler, space, values, n, seed=0, trials=None, together=1):
        """`n` more trials of a sampler; `values` makes a loss, or a dict of them, of each configuration."""
        sampler = make_sampler(sampler)
        trials = cls.trials() if trials is None else trials
        draw = random.Random(seed)
        for _ in range(0, n, together):
            for proposal in sampler.propose(space, trials, together, draw.getrandbits(32)):
                found = values(proposal.configuration.values)
                found = found if isinstance(found, dict) else {"loss": found}
                cls.add(trials, proposal.configuration, proposal, **found)
        return trials

    @classmethod
    def mean_best(cls, sampler, problem, n, seeds):
        """The least loss within `n` trials, on average over seeds."""
        space, loss = PROBLEMS[problem]
        found = [cls.run(sampler, space, loss, n, seed) for seed in range(seeds)]
        return sum(min(trial.losses[0] for trial in trials) for trials in found) / seeds


@pytest.fixture(scope="session")
def search():
    return Search
