"""Trainings made up in the likeness of a real table of learning rates and batch sizes.

The best learning rate and batch size follow known power laws, the loss around them is a tilted bowl (steeper towards
high learning rates) with a noise of 0.1 %, and far too high learning rates diverge, as measured on real trainings.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

GROUPS = (
    (20e6, 0.4e9), (20e6, 1e9), (20e6, 2e9),
    (40e6, 0.8e9), (40e6, 2e9), (40e6, 4e9),
    (80e6, 1.6e9), (80e6, 4e9), (80e6, 8e9),
    (160e6, 3.2e9), (160e6, 8e9), (160e6, 16e9),
)  # fmt: skip
"""Parameters and tokens."""

LEARNING_RATE = (15.2, -0.714, 0.218)
"""Coefficient, exponent of N and exponent of D."""

BATCH_SIZE = (0.354, 0.588)
"""Coefficient and exponent of D, in tokens."""

CURVATURE = np.array([[0.0127, -0.0050], [-0.0050, 0.0122]])
"""Of ln loss, by ln learning rate and ln batch size."""

SKEW = 0.003
"""How much steeper it is towards high learning rates: ln loss grows by this times the cube of the distance."""

SEQUENCE = 2048
"""Tokens."""

DIVERGES_ABOVE = 6.0
"""Times the best learning rate."""


def optimum(N: float, D: float) -> tuple[float, float]:
    """The best learning rate and batch size (tokens)."""
    scale, by_size, by_data = LEARNING_RATE
    return scale * N**by_size * D**by_data, BATCH_SIZE[0] * D ** BATCH_SIZE[1]


def best_loss(N: float, D: float) -> float:
    """The loss at the optimum, without noise."""
    return float(1.8 + 480 / N**0.35 + 2100 / D**0.37)


def twin(
    groups: tuple[tuple[float, float], ...] = GROUPS,
    seed: int = 0,
    noise: float = 0.001,
    rates: int = 12,
    batches: int = 10,
) -> pd.DataFrame:
    """A grid of trainings for each group: columns `N`, `D`, `lr`, `bs` (sequences) and `smooth loss`.

    Learning rates are a factor √2 apart and batch sizes a factor 1.6, both around the optimum.
    """
    rng = np.random.default_rng(seed)
    return pd.concat([_grid(N, D, rng, noise, rates, batches) for N, D in groups], ignore_index=True)


def _grid(N: float, D: float, rng: np.random.Generator, noise: float, rates: int, batches: int) -> pd.DataFrame:
    best_rate, best_batch = optimum(N, D)
    rate = 2.0 ** (np.round(2 * np.log2(best_rate)) / 2 + 0.5 * (np.arange(rates) - rates // 2))
    batch = np.unique(np.maximum(np.round(best_batch / SEQUENCE * 1.6 ** (np.arange(batches) - batches // 2)), 1))
    lr, bs = (side.ravel() for side in np.meshgrid(rate, batch))
    loss = losses(N, D, lr, bs * SEQUENCE) * np.exp(noise * rng.standard_normal(lr.size))
    diverged = lr > DIVERGES_ABOVE * best_rate
    loss = np.where(diverged, rng.uniform(5, 11, lr.size), loss)
    return pd.DataFrame({"N": N, "D": D, "lr": lr, "bs": bs.astype(int), "smooth loss": loss})


def losses(N: float, D: float, lr: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """The loss without noise, where nothing diverges; `batch` in tokens."""
    away = np.log(np.stack([lr, batch])) - np.log(optimum(N, D))[:, None]
    bowl = 0.5 * np.einsum("in,ij,jn->n", away, CURVATURE, away) + SKEW * np.maximum(away[0], 0) ** 3
    return np.asarray(best_loss(N, D) * np.exp(bowl))
