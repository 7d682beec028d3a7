"""Black boxes on spaces of cells: the discrete view of what supernets search by gradient."""

from functools import cache, partial

import pytest
import torch

import paretree as pt
from paretree.search import Goals, KnownTrial, Trials
from paretree.search.samplers import make_sampler
from paretree.search.store import TrialState
from paretree.spaces import zoo
from paretree.spaces.cells import DARTS_V2, CellSpace, Images, MacroSkeleton, cell_trial

CELLS = CellSpace()
GOALS = Goals.of({"alike": "maximize"})


def alike(configuration):
    """On how many edges a cell does what DARTS_V2 does there; at most 16."""
    wanted = CELLS.decisions_of(DARTS_V2).items()
    return sum(path.endswith("/op") and configuration.values.get(path) == op for path, op in wanted)


def best_of(name, evaluations, seed):
    space, sampler, trials = CELLS.space(), make_sampler(name), Trials(GOALS)
    for number in range(evaluations):
        [proposal] = sampler.propose(space, trials, 1, seed * 1000 + number)
        trial = KnownTrial(number, proposal.configuration, TrialState.RUNNING, proposal=proposal.to_json())
        trials.put(trial.finished(GOALS, {"alike": alike(proposal.configuration)}))
    return max(-trial.losses[0] for trial in trials)


@pytest.mark.parametrize(
    ("name", "evaluations"), [("evolution", 150), pytest.param("bayes", 50, marks=pytest.mark.slow)]
)
def test_samplers_come_nearer_to_a_cell_than_random_draws(name, evaluations):
    found = [best_of(name, evaluations, seed) for seed in range(2)]
    drawn = [best_of("random", evaluations, seed) for seed in range(2)]
    assert sum(found) > sum(drawn) + 2, (found, drawn)


@cache
def digits():
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = torch.from_numpy(data.images).float().unsqueeze(1)
    return Images.of(pixels, torch.from_numpy(data.target)).split(0.7)


SPACES = {
    "darts": partial(CELLS.space, MacroSkeleton(3, 4)),
    "nasbench201": partial(zoo.nasbench201, channels=4, cells=1),
}


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["evolution", "bayes"])
@pytest.mark.parametrize("space", SPACES)
def test_real_cells_are_searched_by_training_them(sampler, space, tmp_path):
    train = cell_trial(digits, epochs=1, batch_size=64, lr=0.05, crop=1, flip=False, cutout=0)
    objectives = {"accuracy": "maximize", "params": "minimize"}
    sweep = pt.Sweep("cells", SPACES[space](), train, objectives, sampler=sampler, store=str(tmp_path / "s.db"), seed=0)
    sweep.run(12, workers=pt.InlineWorkers(), progress=False)
    trials = sweep.trials()
    assert trials["state"].tolist() == ["finished"] * 12, trials["message"].tolist()
    assert trials["accuracy"].max() > 0.3, "ten classes"
