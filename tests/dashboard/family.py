"""A family of sweeps whose best learning rate and batch size move with N and D by known power laws."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import paretree as pt

SEQUENCE = 512
SIZES = ((20e6, 0.4e9), (20e6, 2e9), (40e6, 2e9), (80e6, 1.6e9), (80e6, 8e9), (160e6, 8e9))


def train(trial: pt.Trial) -> dict[str, float]:
    """A basin around the optimum, with a noise of 0.1 % that depends on the seed alone."""
    config = trial.config
    rate = math.log(config.lr / (15.2 * config.N**-0.714 * config.D**0.218))
    batch = math.log(config.batch_size * config.seq_len / (0.354 * config.D**0.588))
    basin = 0.0127 * rate**2 / 2 - 0.005 * rate * batch + 0.0122 * batch**2 / 2
    noise = 0.001 * math.sin(trial.seed)
    return {"loss": (1.8 + 480 / config.N**0.35 + 2100 / config.D**0.37) * math.exp(basin + noise)}


def space(N: float, D: float) -> pt.Space:
    """What is searched at one size."""
    return pt.Space(
        N=N, D=D, seq_len=SEQUENCE,
        lr=pt.Float(3e-4, 3e-2, log=True), batch_size=pt.Int(16, 2048, log=True),
    )  # fmt: skip


def run_family(path: Path, name: str = "lm", sizes: Iterable[tuple[float, float]] = SIZES, trials: int = 12) -> None:
    """Run a sweep for each size into the store."""
    for number, (N, D) in enumerate(sizes):
        sweep = pt.Sweep(
            f"{name}/{number}", space(N, D), train, {"loss": "minimize"}, sampler="random", store=str(path), seed=number
        )
        sweep.run(trials, workers=pt.InlineWorkers(), progress=False)
