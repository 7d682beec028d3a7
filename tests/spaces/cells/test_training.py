"""Training what was found, from scratch."""

from contextlib import contextmanager

import pytest
import torch

import paretree as pt
from paretree.spaces import ParetreeError, nn
from paretree.spaces.cells import DARTS, DARTS_V2, CellNetwork, CellSpace, MacroSkeleton
from paretree.spaces.cells.images import Images
from paretree.spaces.cells.training import CellTraining, accuracy_of, cell_trial, train_cell

CELLS = CellSpace(DARTS, nodes=2)
SMALL = {"batch_size": 16, "lr": 0.05, "crop": 1, "cutout": 0}


def stripes(count=96, seed=0):
    """Two classes, told by the direction of stripes; the second part is to validate with."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=draw)
    rows = torch.tensor([0.0, 1.0]).repeat(4).view(1, 1, 8, 1).expand(count, 1, 8, 8)
    pixels = torch.where(labels.view(-1, 1, 1, 1) == 1, rows, rows.transpose(2, 3))
    return Images.of(pixels + 0.3 * torch.randn(pixels.shape, generator=draw), labels).split(0.67)


def network(seed=0, **skeleton):
    space = CELLS.space(MacroSkeleton(3, 4, classes=2, **skeleton))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return space.sample(1).model.build((1, 8, 8))


class Diary:
    """A trial that keeps its checkpoints in a folder, and dies after an epoch."""

    def __init__(self, config, folder, dies_after=None):
        self.config, self.folder, self.dies_after = config, folder, dies_after
        self.seed, self.device, self.restored_step, self.reports = 3, "cpu", None, []

    def report(self, step, **metrics):
        self.reports.append((step, metrics))
        if step == self.dies_after:
            raise InterruptedError

    def log(self, *parts):
        pass

    @contextmanager
    def checkpoint(self, step):
        self.folder.mkdir(exist_ok=True)
        yield self.folder

    def restore(self):
        return self.folder if self.folder.is_dir() else None


def test_a_network_learns_what_tells_its_classes_apart():
    train, validation = stripes()
    trained = network()
    before = accuracy_of(trained, validation)
    accuracy = train_cell(trained, train, validation, CellTraining(epochs=6, **SMALL))
    assert accuracy > max(0.8, before)
    assert accuracy == accuracy_of(trained, validation), "it is that of the weights at the end"


def test_an_attempt_goes_on_as_if_nothing_had_happened(tmp_path):
    train, validation = stripes()
    settings = CellTraining(epochs=3, power=2.0, warmup=1, drop_path=0.3, **SMALL)
    whole, again = network(), network()
    expected = train_cell(whole, train, validation, settings, seed=3)
    dying = Diary(None, tmp_path / "kept", dies_after=1)
    with pytest.raises(InterruptedError):
        train_cell(network(), train, validation, settings, 3, trial=dying)
    last = Diary(None, tmp_path / "kept")
    assert train_cell(again, train, validation, settings, 3, trial=last) == expected
    assert [step for step, _ in dying.reports + last.reports] == [0, 1, 2]
    weights = whole.state_dict()
    assert all(torch.equal(one, weights[name]) for name, one in again.state_dict().items())


def test_the_same_seed_trains_the_same_network_and_another_one_another():
    train, validation = stripes()
    settings = CellTraining(epochs=1, **SMALL)
    states = []
    for seed in (0, 0, 1):
        trained = network()
        train_cell(trained, train, validation, settings, seed)
        states.append(torch.cat([one.flatten() for one in trained.parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_paths_are_dropped_more_and_more_and_the_auxiliary_head_learns():
    train, validation = stripes(48)
    small = Images(torch.nn.functional.interpolate(train.pixels, 32), train.labels, train.mean, train.deviation)
    shown = Images(
        torch.nn.functional.interpolate(validation.pixels, 32), validation.labels, train.mean, train.deviation
    )
    space = CELLS.space(MacroSkeleton(3, 4, classes=2, auxiliary=True))
    trained = space.sample(1).model.build((1, 32, 32))
    assert isinstance(trained, CellNetwork)
    before = trained.auxiliary[-1].weight.clone()
    train_cell(trained, small, shown, CellTraining(epochs=2, drop_path=0.5, **SMALL))
    assert trained.drop_path == 0.25, "in the second of two epochs"
    assert not torch.equal(before, trained.auxiliary[-1].weight)


def test_a_sweep_trains_each_configuration_as_it_says(tmp_path):
    space = CELLS.space(MacroSkeleton(3, 4, classes=2), lr=pt.Choice(0.01, 0.1), epochs=2)
    options = {name: value for name, value in SMALL.items() if name != "lr"}
    sweep = pt.Sweep(
        "cells",
        space,
        cell_trial(stripes, **options),
        {"accuracy": "maximize", "params": "minimize"},
        sampler="random",
        store=str(tmp_path / "s.db"),
        seed=0,
    )
    sweep.run(2, workers=pt.InlineWorkers(), progress=False)
    trials = sweep.trials()
    assert trials["state"].tolist() == ["finished"] * 2, trials["message"].tolist()
    params = [nn.cost(sweep.configuration(number), (1, 8, 8)).params for number in (0, 1)]
    assert trials["params"].tolist() == params


def test_the_size_is_that_without_the_auxiliary_head(tmp_path):
    images = [Images.of(torch.nn.functional.interpolate(part.pixels, 32), part.labels) for part in stripes(24)]
    sizes = []
    for auxiliary in (False, True):
        config = CELLS.space(MacroSkeleton(3, 4, classes=2, auxiliary=auxiliary)).sample(1)
        trial = Diary(config, tmp_path / str(auxiliary))
        sizes.append(cell_trial(lambda: images, epochs=1, **SMALL)(trial)["params"])
    assert sizes[0] == sizes[1]


def test_published_cells_can_be_trained():
    train, validation = stripes(48)
    space = CellSpace().space(MacroSkeleton(3, 4, classes=2))
    trained = space.configuration(CellSpace().decisions_of(DARTS_V2)).model.build((1, 8, 8))
    assert 0 <= train_cell(trained, train, validation, CellTraining(epochs=1, **SMALL)) <= 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs=0 of a training must be a number above 0"),
        ({"drop_path": 1.0}, "drop_path=1.0 of a training must be a probability below 1"),
        ({"power": 0.5}, "power=0.5 of a training must be 1 or more"),
        ({"epochs": 3, "warmup": 3}, "warmup=3 of a training must be less than the epochs"),
        ({"cutout": -1}, "cutout=-1 of a training must be 0 or more"),
    ],
)
def test_settings_out_of_their_range_are_refused(wrong, message):
    with pytest.raises(ParetreeError, match=message):
        CellTraining(**wrong)
