"""What was found wrong in DeepArchitect's searchers by running them, and does not happen here."""

import json
import subprocess
import sys

import pytest

from paretree.search import KnownTrial
from paretree.search.samplers import make_sampler

SEARCHERS = ["evolution", "mcts", "mcts:plain", "smbo", "smbo:ensemble"]
IN_ANOTHER_PROCESS = """
import json, sys, numpy
from paretree.search.samplers.features import features
from paretree.spaces import Space
space = Space.from_json(json.loads(sys.argv[1]))
row = features(space.slots, json.loads(sys.argv[2]))
print(json.dumps({int(column): row[column] for column in numpy.flatnonzero(row)}))
"""


@pytest.mark.parametrize(("name", "steps"), [(name, 60 if "smbo" in name else 200) for name in SEARCHERS])
def test_no_step_on_a_conditional_space_misaligns_decisions(search, name, steps):
    """180 of 200 steps of regularised evolution ended in an AssertionError."""
    space = search.conditional
    trials = search.run(name, space, lambda values: len(values) + values["blocks"] / 9, steps)
    assert all(space.contains(trial.configuration) for trial in trials)


def test_features_are_the_same_in_another_process(search):
    """The surrogate's features were salted hashes, so a saved state meant something else in the next process."""
    values = search.conditional.sample(3).to_json()
    arguments = [json.dumps(search.conditional.to_json()), json.dumps(values)]
    printed = [
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS, *arguments],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(json.loads(printed[0])) > 10
    assert printed[0] == printed[1]


@pytest.mark.parametrize("name", SEARCHERS)
def test_a_search_goes_on_from_its_stored_trials(search, name):
    """The tree of a resumed MCTS had leaves with an empty list of children, and its first step failed."""
    space = search.conditional
    sampler, trials = make_sampler(name), search.trials()
    search.run(sampler, space, lambda values: len(values) + values["blocks"] / 9, 40, trials=trials)
    restored = search.trials()
    for trial in trials:
        configuration = space.configuration(json.loads(json.dumps(trial.configuration.to_json())))
        proposal = json.loads(json.dumps(trial.proposal))
        restored.put(KnownTrial(trial.number, configuration, trial.state, proposal=proposal, losses=trial.losses))
    gone_on, resumed = sampler.propose(space, trials, 5, 7), make_sampler(name).propose(space, restored, 5, 7)
    assert [one.to_json() for one in gone_on] == [one.to_json() for one in resumed]
    assert [one.configuration for one in gone_on] == [one.configuration for one in resumed]
