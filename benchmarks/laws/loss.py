"""Laws of the loss, L = E + A / N^alpha + B / D^beta, fitted to smaller trainings and asked for larger ones.

Runs from this folder's parent: python -m laws.loss --data DIR --repeats 20
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from paretree.spaces.laws import LawWarning, LossLaw, fit_loss_law

from .table import Group, read_groups

UNTUNED = np.log([1e-3, 2**19])
"""Learning rate and batch size (tokens) that somebody takes who tunes neither."""

RANDOM_TRIALS = 16

Trained = Callable[[Group, np.random.Generator], float]


@dataclass(frozen=True)
class Split:
    """Which groups a law is fitted to, and which it is asked for."""

    name: str
    train: Callable[[Group], bool]
    test: Callable[[Group], bool]


SPLITS = (
    Split("all", lambda group: True, lambda group: True),
    Split("N to 429M, then above", lambda group: group.N < 5e8, lambda group: group.N > 5e8),
    Split("D to 40B, then above", lambda group: group.D < 45e9, lambda group: group.D > 45e9),
    Split(
        "6 N D to 4e19, then from 1.2e20", lambda group: compute(group) < 4e19, lambda group: compute(group) > 1.2e20
    ),
)


def compute(group: Group) -> float:
    return 6 * group.N * group.D


def swept(group: Group, generator: np.random.Generator) -> float:
    """The best of the whole grid."""
    return group.best


def searched(group: Group, generator: np.random.Generator) -> float:
    """The best of a few random trials."""
    return float(generator.choice(group.losses, RANDOM_TRIALS, replace=False).min())


def untuned(group: Group, generator: np.random.Generator) -> float:
    """The loss at settings that are the same for all sizes."""
    return float(group.losses[np.argmin(((group.points - UNTUNED) ** 2).sum(1))])


METHODS: dict[str, Trained] = {
    "whole grid": swept,
    f"{RANDOM_TRIALS} random trials": searched,
    "untuned, 1e-3 and 0.5M": untuned,
}


def rows(groups: Sequence[Group], repeats: int) -> Iterator[dict[str, object]]:
    """A row for each split and way to train: errors of the predicted against the best known loss, in per cent."""
    for split in SPLITS:
        train, test = [one for one in groups if split.train(one)], [one for one in groups if split.test(one)]
        for name, trained in METHODS.items():
            runs = repeats if trained is searched else 1
            laws = [fitted(train, trained, seed) for seed in range(runs)]
            errors = np.array([error(law, group) for law in laws for group in test])
            yield {
                "split": f"{split.name} ({len(train)}, {len(test)})",
                "trained": name,
                "bias": errors.mean(),
                "rms": np.sqrt((errors**2).mean()),
                "worst": np.abs(errors).max(),
                "in 80 %": 100 * np.mean([held(law, group) for law in laws for group in test]),
                "alpha": np.mean([law.alpha for law in laws]),
                "beta": np.mean([law.beta for law in laws]),
                "E": f"{np.mean([law.E for law in laws]):.2f}",
                "open": ", ".join(text.split(" is")[0] for text in laws[0].evidence.unidentified if " is not" in text),
            }


def fitted(groups: Sequence[Group], trained: Trained, seed: int) -> LossLaw:
    generator = np.random.default_rng(seed)
    losses = [trained(group, generator) for group in groups]
    trials = pd.DataFrame({"N": [group.N for group in groups], "D": [group.D for group in groups], "loss": losses})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LawWarning)
        return fit_loss_law(trials, best_of_group=False, seed=seed)


def error(law: LossLaw, group: Group) -> float:
    return 100 * (law.predict(group.N, group.D).loss / group.best - 1)


def held(law: LossLaw, group: Group) -> bool:
    predicted = law.predict(group.N, group.D)
    return predicted.low <= group.best <= predicted.high


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of steplaw_dense.csv.gz")
    parser.add_argument("--repeats", type=int, default=20, help="draws of random trials")
    chosen = parser.parse_args(arguments)
    print("Per cent by which the law is off the best loss of groups (fitted to, asked for), 80 % intervals:\n")
    table = pd.DataFrame(rows(read_groups(chosen.data), chosen.repeats))
    print(table.to_string(index=False, float_format="%.2f"))


if __name__ == "__main__":
    main(sys.argv[1:])
