"""Surrogates for trees: how well each predicts configurations that it has not seen.

    python benchmarks/surrogates.py --seeds 6

Random configurations of two problems of the sampler benchmark, bad losses cut off as `bayes` does, and 300 held out.
R2 and rank correlation of the predicted means, and the logarithm of the density of what was held out: medians over
seeds. Fits on one thread, in seconds.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.hierarchical import HierarchicalConditionalKernelGP
from botorch.models.model import Model
from gpytorch.mlls import ExactMarginalLogLikelihood
from problems import make_problem
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from paretree.search.samplers.bayes.kernels import TreeKernel
from paretree.search.samplers.bayes.outcomes import robust_losses
from paretree.search.samplers.bayes.surrogates import fit_tree_gp
from paretree.spaces import Configuration, Space

HELD_OUT = 300
STEPS = {"options": {"maxiter": 200}}

Rows = Callable[[list[Configuration]], torch.Tensor]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=6)
    options.add_argument("--trials", type=int, nargs="+", default=[20, 50, 100])
    options.add_argument("--problems", nargs="+", default=["tree", "nasbench201"])
    options.add_argument("--data", type=Path, default=Path(os.environ.get("PARETREE_DATA", "../shared/data")))
    given = options.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    table = Table("problem", "trials", "surrogate", "R2", "log density", "rank correlation", "fit, s")
    for name in given.problems:
        problem = make_problem(name, given.data, Path("build/trained"))
        for trials in given.trials:
            for model, (rows, fit) in models(problem.space).items():
                runs = [measured(problem, rows, fit, trials, seed) for seed in range(given.seeds)]
                table.add_row(
                    name, str(trials), model, *(f"{statistics.median(one):.3f}" for one in zip(*runs, strict=True))
                )
    console = Console(width=110)
    console.print(table)
    packages = ", ".join(f"{package} {version(package)}" for package in ("botorch", "gpytorch", "torch"))
    console.print(
        f"{given.seeds} seeds; {packages}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", highlight=False
    )


def models(space: Space) -> dict[str, tuple[Rows, Callable[[torch.Tensor, torch.Tensor], Model]]]:
    """By name: what makes inputs of configurations, and what fits a model."""

    def encoded(configurations: list[Configuration]) -> torch.Tensor:
        return torch.tensor(np.array([space.encode(one) for one in configurations]))

    return {
        "TreeKernel (ours)": (encoded, lambda x, y: fit_tree_gp(x, y, space.encoding)),
        "TreeKernel, no main effects": (encoded, lambda x, y: fit_without_effects(x, y, space)),
        "SingleTaskGP": (encoded, lambda x, y: fit_theirs(SingleTaskGP(x, y, outcome_transform=None))),
        "HierarchicalConditionalKernelGP": (
            lambda configurations: with_flags(space, configurations),
            lambda x, y: fit_theirs(HierarchicalConditionalKernelGP(x, y, dependencies(space), outcome_transform=None)),
        ),
    }


def fit_theirs(model: SingleTaskGP) -> SingleTaskGP:
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model), optimizer_kwargs=STEPS)
    return model


class ProductKernel(TreeKernel):
    """Our kernel without main effects."""

    def _main_effects(self, x1: torch.Tensor, x2: torch.Tensor, diag: bool) -> torch.Tensor:
        zero = torch.zeros((), dtype=x1.dtype)
        return zero.expand(x1.shape[:-1]) if diag else zero.expand(*x1.shape[:-1], x2.shape[-2])


def fit_without_effects(x: torch.Tensor, y: torch.Tensor, space: Space) -> SingleTaskGP:
    return fit_theirs(SingleTaskGP(x, y, covar_module=ProductKernel(space.encoding), outcome_transform=None))


def with_flags(space: Space, configurations: list[Configuration]) -> torch.Tensor:
    """Encodings, and for each group of conditional decisions whether it is made, as BoTorch's tree kernel asks for."""
    flags = [
        [float(columns[0].slot.active(one.values)) for columns in groups(space).values()] for one in configurations
    ]
    rows = np.array([space.encode(one) for one in configurations])
    return torch.tensor(np.hstack([rows, np.array(flags).reshape(len(rows), -1)]))


def dependencies(space: Space) -> dict[int, dict[int | float, list[int]]]:
    """The columns that belong to each flag of `with_flags`."""
    return {
        space.encoding.size + number: {1: [at for one in columns for at in range(one.start, one.stop)]}
        for number, columns in enumerate(groups(space).values())
    }


def groups(space: Space) -> dict:
    found: dict = {}
    for columns in space.encoding.columns:
        if columns.slot.when:
            found.setdefault(columns.slot.when, []).append(columns)
    return found


def measured(problem, rows: Rows, fit, trials: int, seed: int) -> tuple[float, float, float, float]:
    """R2, mean log density, rank correlation and seconds of one fit."""
    draw = random.Random(seed)
    configurations = [problem.space.sample(draw) for _ in range(trials + HELD_OUT)]
    [name], sign = list(problem.objectives), -1 if "maximize" in problem.objectives.values() else 1
    losses = sign * np.array([problem.evaluate(one, index)[name] for index, one in enumerate(configurations)])
    losses = np.minimum(losses, robust_losses(losses[:trials, None]).max())
    y = torch.tensor((losses - losses[:trials].mean()) / losses[:trials].std()).unsqueeze(-1)
    x = rows(configurations)
    began = time.process_time()
    model = fit(x[:trials], y[:trials])
    seconds = time.process_time() - began
    with torch.no_grad():
        posterior = model.posterior(x[trials:], observation_noise=True)
    mean, true = posterior.mean[:, 0], y[trials:, 0]
    r2 = 1 - float((mean - true).square().mean() / true.var(correction=0))
    density = float(torch.distributions.Normal(mean, posterior.variance[:, 0].sqrt()).log_prob(true).mean())
    correlation = float(spearmanr(mean.numpy(), true.numpy()).statistic)
    return r2, density, 0.0 if math.isnan(correlation) else correlation, seconds


if __name__ == "__main__":
    main()
