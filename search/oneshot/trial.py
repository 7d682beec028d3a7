"""A search on a supernet as a trial of a sweep."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ...spaces import Space
from ...spaces.cells.training import CellTraining, Data, train_cell
from ...spaces.settings import settings_of
from .differentiable import DifferentiableSearch
from .sampler import AT, SCORE, WEIGHT
from .settings import SearchSettings
from .spaces import MODEL, SEARCH

if TYPE_CHECKING:
    from ...workers import Trial

STATE = "search.pt"


def oneshot_trial(
    make_supernet: Callable[[int], nn.Module],
    data: Data,
    train: Callable[[Trial], dict[str, float]],
    returns: Sequence[str] = ("accuracy", "params", "flops"),
) -> Callable[[Trial], dict[str, float]]:
    """The function of a sweep over `searching(space)`: it trains a cell, or searches for one.

        cells = CellSpace(SHARP)
        space = searching(cells.space(MacroSkeleton(8, 16)), {"epochs": 25})
        train = oneshot_trial(partial(supernet, cells), fashion, cell_trial(fashion, epochs=20))
        sweep = pt.Sweep("cells", space, train, {"accuracy": "maximize", "params": "minimize"}, sampler=OneShot(cells))

    A search reports each epoch: losses, accuracies, the largest eigenvalue of the curvature where it is measured, and
    how much weight each operation has on average. It keeps checkpoints, from which another attempt goes on. Half of the
    training images are for the weights, and half for the architecture; the validation images are not touched.

    What a search returns: for each edge and operation a `score/...`, of which what it ended in has the highest, and the
    architecture weight as `weight/...` (`OneShot` reads both); `search_accuracy` of the supernet; and, as a search is
    no network, NaN for each objective.

    Args:
        make_supernet: makes the supernet, given the portion of channels that pass through operations (see `Edges`).
        data: gives the images to train and to validate with.
        train: trains a cell, as `cell_trial` does.
        returns: names of the objectives and constraints that `train` returns.
    """

    def run(trial: Trial) -> dict[str, float]:
        if trial.config[MODEL] != SEARCH:
            return train(trial)
        return {**dict.fromkeys(returns, math.nan), **_search(trial, make_supernet, data)}

    return run


def search_and_train(
    make_supernet: Callable[[int], nn.Module],
    data: Data,
    space: Space,
    training: CellTraining | None = None,
    **settings: Any,
) -> Callable[[Trial], dict[str, float]]:
    """The function of a sweep over how to search: each trial searches, and trains the cell that it ended in.

        how = pt.Space(beta_decay=pt.Float(0.1, 50, log=True), portion=pt.Choice(1, 2, 4))
        train = search_and_train(supernet, fashion, cells.space(skeleton), epochs=25)
        sweep = pt.Sweep("searches", how, train, {"accuracy": "maximize"})

    The search reports and keeps checkpoints, as in `oneshot_trial`; a training that is interrupted begins anew.

    What it returns: `accuracy` of the cell on the validation images, its `params` and `flops`, and the
    `search_accuracy` of the supernet. The log says which cell it was.

    Args:
        make_supernet: as in `oneshot_trial`.
        data: gives the images to train and to validate with.
        space: of the cells, with all else of a configuration decided.
        training: how the cell is trained.
        settings: those of `SearchSettings` that are the same for all trials; a configuration's parts of these names say
            the others.
    """

    def run(trial: Trial) -> dict[str, float]:
        chosen = settings_of(SearchSettings, trial.config, settings)
        search = _searched(trial, make_supernet, data, chosen, trial.seed)
        found = space.configuration(search.space.decisions(search.finish()))
        trial.log("ended in", found.to_json())
        images, validation = data()
        network = getattr(found, MODEL).build(images.shape)
        accuracy = train_cell(network, images, validation, training, trial.seed, trial.device)
        cost = found.cost
        return {
            "accuracy": accuracy,
            "params": cost.params,
            "flops": cost.flops,
            "search_accuracy": search.accuracy,
        }

    return run


def _search(trial: Trial, make_supernet: Callable[[int], nn.Module], data: Data) -> dict[str, float]:
    chosen: Mapping[str, Any] = getattr(trial.config, MODEL).build()
    search = _searched(trial, make_supernet, data, chosen["settings"], chosen["seed"])
    scores, cells = search.finish(), search.space
    trial.log("ended in", cells.genotype(scores) if cells.has_genotypes else cells.decisions(scores, AT))
    return {
        **{SCORE + name: value for name, value in cells.named(scores, AT).items()},
        **{WEIGHT + name: value for name, value in cells.named(search.weights(), AT).items()},
        "search_accuracy": search.accuracy,
    }


def _searched(
    trial: Trial, make_supernet: Callable[[int], nn.Module], data: Data, settings: SearchSettings, seed: int
) -> DifferentiableSearch:
    """A search that has gone through all its epochs, from the last checkpoint on where there is one."""
    weights, architecture = data()[0].split(0.5)
    search = DifferentiableSearch(make_supernet, weights, architecture, settings, seed=seed, device=trial.device)
    if folder := trial.restore():
        search.load_state_dict(torch.load(folder / STATE, map_location=trial.device, weights_only=True))
    while not search.done:
        measured = search.epoch()
        if not search.done:
            with trial.checkpoint(search.epochs - 1) as folder:
                torch.save(search.state_dict(), folder / STATE)
        trial.report(search.epochs - 1, **measured)
    return search
