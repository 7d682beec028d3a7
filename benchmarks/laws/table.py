"""The trainings that came with the Step Law, by size of model and amount of data.

`steplaw_dense.csv.gz` is the work of others and does not come with this project: one row for each training, with `N`
(parameters without embeddings), `D` (tokens), `lr`, `bs` (sequences of 2,048 tokens), the smoothed training loss, and
the shape of the model. Trainings of mixtures of experts are not in it, nor the group of 1.07B parameters and 100B
tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from problems.tables import SEQUENCE, STEPLAW, MissingTableError

NEAR = 0.25
"""Per cent above the best loss that count as found; the noise of one training is about 0.1."""


@dataclass(frozen=True)
class Group:
    """All trainings of one model on one amount of data.

    Attributes:
        N, D: parameters and tokens.
        hidden, ffn, layers: the shape of the model.
        points: ln learning rate and ln batch size in tokens, n x 2.
        losses: n.
    """

    N: float
    D: float
    hidden: int
    ffn: int
    layers: int
    points: np.ndarray
    losses: np.ndarray

    @property
    def name(self) -> str:
        return f"{self.N / 1e6:.0f}M/{self.D / 1e9:g}B"

    @cached_property
    def best(self) -> float:
        return float(self.losses.min())

    def gap(self, rate: float, batch: float) -> float:
        """Per cent above the best loss of the training that is nearest, in logarithms."""
        away = self.points - np.log([rate, batch])
        return self._above(self.losses[np.argmin((away**2).sum(1))])

    def gap_of_rate(self, rate: float) -> float:
        """The same for the nearest learning rate with the batch size that is best for it."""
        return self._best_along(0, np.log(rate))

    def gap_of_batch(self, batch: float) -> float:
        """The same for the nearest batch size with the learning rate that is best for it."""
        return self._best_along(1, np.log(batch))

    def near(self, share: float) -> np.ndarray:
        """Which trainings are within this share of the best loss."""
        return np.asarray(self.losses <= self.best * (1 + share))

    def _best_along(self, axis: int, value: float) -> float:
        there = self._line(axis, value)
        return self._above(self.losses[there].min())

    def _line(self, axis: int, value: float) -> np.ndarray:
        side = self.points[:, axis]
        return np.isclose(side, side[np.argmin(np.abs(side - value))])

    def excess(self, rate: float, batch: float) -> float:
        """Per cent above the best loss of that batch size: what a learning rate costs once the batch size is fixed."""
        there = self._line(1, np.log(batch))
        rates, losses = self.points[there, 0], self.losses[there]
        return 100 * float(losses[np.argmin(np.abs(rates - np.log(rate)))] / losses.min() - 1)

    def nearest_batch(self, batch: float) -> float:
        """The tried batch size next to this one, in tokens."""
        side = self.points[:, 1]
        return float(np.exp(side[np.argmin(np.abs(side - np.log(batch)))]))

    def _above(self, loss: float) -> float:
        return 100 * float(loss / self.best - 1)


def read_groups(data: Path) -> list[Group]:
    """The 17 groups, small ones first.

    Raises:
        MissingTableError: the table is not in that folder.
    """
    file = data / STEPLAW
    if not file.is_file():
        raise MissingTableError(f"There is no table {STEPLAW} in {data}; say with --data or PARETREE_DATA where it is.")
    return [_group(rows) for _, rows in pd.read_csv(file).groupby(["N", "D"])]


def _group(rows: pd.DataFrame) -> Group:
    """Learning rates are snapped to the grid they were meant on, powers of √2: the table rounds them in two ways."""
    first = rows.iloc[0]
    rates = np.round(2 * np.log2(rows["lr"])) / 2 * np.log(2)
    points = np.stack([rates, np.log(rows["bs"] * SEQUENCE)], axis=1)
    shape = (int(first[column]) for column in ("h", "ffnh", "numl"))
    return Group(float(first["N"]), float(first["D"]), *shape, points, rows["smooth loss"].to_numpy())
