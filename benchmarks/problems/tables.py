"""Problems that look results up in tables of real trainings.

The tables are data of others and do not come with this project: `nasbench201.csv.gz` (columns `arch`,
`cifar10_valid_200`) and `steplaw_dense.csv.gz` (columns `N`, `D`, `lr`, `bs`, `smooth loss`).
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import paretree as pt
from paretree.spaces import Configuration, zoo

from .problem import Problem, best, dominated_volume, hypervolume, trials_until

NASBENCH201 = "nasbench201.csv.gz"
STEPLAW = "steplaw_dense.csv.gz"

WORST_ACCURACY = 80.0
"""The reference point of accuracy against size, per cent; 15 % of all cells are worse."""

WEIGHTS = {"nor_conv_1x1": 1, "nor_conv_3x3": 9}
"""Of each pair of channels, by operation."""


AROUND_CELLS = 73_306
"""Parameters of the network without its cells."""

STEPLAW_GROUPS = {
    "215M-4B": (215, 4.0),
    "215M-100B": (215, 100.0),
    "268M-14.2B": (268, 14.2),
    "429M-8B": (429, 8.0),
    "429M-40B": (429, 40.0),
    "537M-28.4B": (537, 28.4),
    "537M-50B": (537, 50.0),
    "1074M-20B": (1074, 20.0),
}
"""Parameters in millions and tokens in thousands of millions. Seven of the eight groups of earlier measurements; the
eighth, 1.07B-100B, is not in the table, and 537M-50B stands in for it."""

STEPLAW_TRIALS = 30
NEAR_BEST = 0.0025
SEQUENCE = 2048
"""Tokens."""


class MissingTableError(FileNotFoundError):
    """A table that a problem needs is not there."""


def nasbench201(data: Path) -> Problem:
    """Accuracy of a cell on CIFAR-10 after 200 epochs (validation, per cent): 15,625 cells, the best at 91.57."""
    accuracies = _accuracies(data)

    def evaluate(configuration: Configuration, seed: int) -> dict[str, float]:
        return {"accuracy": accuracies[zoo.nasbench201_string(configuration)]}

    score = best("accuracy", max(accuracies.values()))
    return Problem("nasbench201", zoo.nasbench201(), {"accuracy": "maximize"}, evaluate, score)


def nasbench201_size(data: Path) -> Problem:
    """Accuracy as above, and the parameters of the whole network, in millions."""
    accuracies, space = _accuracies(data), zoo.nasbench201()
    objectives = {"accuracy": "maximize", "params": "minimize"}
    most = cell_parameters(["nor_conv_3x3"] * len(zoo.NASBENCH201_EDGES)) / 1e6

    def params(configuration: Configuration) -> float:
        return cell_parameters([str(operation) for operation in configuration.values.values()]) / 1e6

    def evaluate(configuration: Configuration, seed: int) -> dict[str, float]:
        return {"accuracy": accuracies[zoo.nasbench201_string(configuration)], "params": params(configuration)}

    everything = [evaluate(configuration, 0) for configuration in space.enumerate()]
    points = np.array([[one["accuracy"], -one["params"]] for one in everything])
    ideal = dominated_volume(points, np.array([WORST_ACCURACY, -most]))
    score = hypervolume(objectives, {"accuracy": WORST_ACCURACY, "params": most}, ideal)
    return Problem("nasbench201_size", space, objectives, evaluate, score, known={"params": params})


def cell_parameters(operations: list[str]) -> int:
    """Parameters of the whole network of a cell with these operations, as `nn.cost` counts them.

    Three stages of five cells with 16, 32 and 64 channels; a convolution has weights for each pair of channels, and its
    batch normalisation two for each channel.
    """
    cells = sum(
        5 * (weights * channels**2 + 2 * channels)
        for channels in (16, 32, 64)
        for weights in (WEIGHTS[operation] for operation in operations if operation in WEIGHTS)
    )
    return AROUND_CELLS + cells


@cache
def _accuracies(data: Path) -> dict[str, float]:
    """Per cent, by the name of the cell."""
    table = _read(data, NASBENCH201)
    return dict(zip(table["arch"], table["cifar10_valid_200"].astype(float), strict=True))


def steplaw(data: Path, name: str) -> Problem:
    """Training loss of a language model by learning rate and batch size, in a box as wide as users draw it.

    The loss is that of the nearest run of the grid, on logarithms. Beyond the grid it is that of the edge times a
    penalty that is made up: it grows with the distance, and fastest towards great learning rates.
    """
    group = _group(data, *STEPLAW_GROUPS[name])
    runs = np.log(group[["lr", "batch"]].to_numpy())
    losses = group["smooth loss"].to_numpy()
    low, high = runs.min(0), runs.max(0)
    bound = float(losses.min()) * (1 + NEAR_BEST)

    def evaluate(configuration: Configuration, seed: int) -> dict[str, float]:
        asked = np.log([configuration.lr, configuration.batch])
        inside = np.clip(asked, low, high)
        nearest = int(np.argmin(((runs - inside) ** 2).sum(1)))
        return {"loss": float(losses[nearest] * math.exp(_beyond(asked - inside)))}

    return Problem(
        f"steplaw-{name}",
        pt.Space(lr=pt.Float(1e-5, 1e-1, log=True), batch=pt.Float(2.0**13, 2.0**24, log=True)),
        {"loss": "minimize"},
        evaluate,
        trials_until("loss", bound, STEPLAW_TRIALS, "trials until the loss is within 0.25 % of the best"),
        evaluations=STEPLAW_TRIALS,
        family="steplaw",
    )


def _beyond(distance: np.ndarray) -> float:
    """Logarithm of the penalty, by how far learning rate and batch size are off the grid, on their logarithms."""
    lr, batch = distance[0], abs(distance[1])
    slope, bend = (0.05, 0.05) if lr > 0 else (0.01, 0.006)
    return float(slope * abs(lr) + bend * lr**2 + 0.012 * batch + 0.006 * batch**2)


def _group(data: Path, parameters: int, tokens: float) -> pd.DataFrame:
    """The runs of one size of model and amount of data; `batch` in tokens, rates snapped to the grid of sqrt(2)."""
    table = _read(data, STEPLAW)
    group = table[((table["N"] / 1e6).round() == parameters) & (table["D"] == tokens * 1e9)].copy()
    group["lr"] = 2.0 ** ((2 * np.log2(group["lr"])).round() / 2)
    group["batch"] = group["bs"] * SEQUENCE
    return group


@cache
def _read(data: Path, name: str) -> pd.DataFrame:
    if not (data / name).is_file():
        raise MissingTableError(f"There is no table {name} in {data}; say with --data or PARETREE_DATA where it is.")
    return pd.read_csv(data / name)
