"""A conditional problem: convolutional networks of one to four blocks, and the optimiser they are trained by.

Rebuilt from a description in words of a function whose code is not public: smooth in its numbers, interactions between
neighbouring blocks and between an operation and its own decision, otherwise additive; the optimum is 0, and
observations are noisy. Its scales were set so that random search and Optuna's TPE do about as well as they are reported
to on the original (random: 0.331, 0.275 and 0.230 after 20, 40 and 100 trials).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from itertools import pairwise

import paretree as pt
from paretree.spaces import Configuration
from paretree.spaces.domains import Labels

from .problem import Problem, regret

NOISE = 0.01
"""Standard deviation of an observation."""

BEST_DEPTH = 3

BEST_OPERATIONS = ("conv", "sep", "mb", "mb")
"""Of each block."""

BEST_WIDTHS = (0.0, 1 / 3, 2 / 3, 1.0)
"""Of each block, as a share of the range, as below: the best network grows wider by one step from block to block."""

DETAILS = {"conv": "kernel", "sep": "kernel", "mb": "expand"}
"""The decision that belongs to an operation."""

BEST_DETAILS = {"conv": 2 / 3, "sep": 1 / 3, "mb": 2 / 3}

WRONG_OPERATION = {
    "conv": {"conv": 0.0, "sep": 0.5, "mb": 1.0},
    "sep": {"conv": 0.6, "sep": 0.0, "mb": 0.4},
    "mb": {"conv": 1.0, "sep": 0.3, "mb": 0.0},
}
"""By the best operation and the one taken."""


def tree() -> Problem:
    """Up to 16 of 25 decisions are made; lower is better."""

    def evaluate(configuration: Configuration, seed: int) -> dict[str, float]:
        exact = loss(configuration)
        return {"loss": exact + random.Random(seed).gauss(0, NOISE), "exact loss": exact}

    return Problem("tree", space(), {"loss": "minimize"}, evaluate, regret("exact loss"))


def space() -> pt.Space:
    """The networks and their optimisers."""
    block = {
        "op": pt.Choice(
            conv={"kernel": pt.Choice(1, 3, 5, 7, ordered=True)},
            sep={"kernel": pt.Choice(3, 5, 7, 9, ordered=True)},
            mb={"expand": pt.Choice(1, 2, 4, 6, ordered=True)},
        ),
        "width": pt.Choice(16, 32, 64, 128, ordered=True),
    }
    return pt.Space(
        block=pt.Repeat(block, pt.Int(1, 4)),
        optimizer=pt.Choice(
            adam={"lr": pt.Float(1e-5, 1e-1, log=True)},
            sgd={"lr": pt.Float(1e-4, 1.0, log=True), "momentum": pt.Float(0.0, 0.99)},
        ),
    )


def loss(configuration: Configuration) -> float:
    """What is lost by each decision that is not the best, and by what does not fit together; at least 0."""
    shares = _shares(configuration)
    depth = int(str(configuration["block"]))
    widths = [shares[f"block[{number}]/width"] for number in range(depth)]
    blocks = [_block_loss(number, configuration, shares) for number in range(depth)]
    steps = [0.24 * (after - before - 1 / 3) ** 2 for before, after in pairwise(widths)]
    return 0.06 * abs(depth - BEST_DEPTH) + (sum(blocks) + sum(steps)) / depth + _optimizer_loss(configuration)


def _shares(configuration: Configuration) -> dict[str, float]:
    """Where each ordered label stands in its range, from 0 to 1."""
    return {
        slot.path: slot.domain.position(configuration[slot.path]) / (slot.domain.size - 1)
        for slot in configuration.space.slots
        if slot.path in configuration.values and isinstance(slot.domain, Labels) and slot.domain.ordered
    }


def _block_loss(number: int, configuration: Configuration, shares: Mapping[str, float]) -> float:
    """Positive definite in how far detail and width are off, which depend on each other."""
    operation = str(configuration[f"block[{number}]/op"])
    detail = shares[f"block[{number}]/op={operation}/{DETAILS[operation]}"] - BEST_DETAILS[operation]
    width = shares[f"block[{number}]/width"] - BEST_WIDTHS[number]
    wrong = WRONG_OPERATION[BEST_OPERATIONS[number]][operation]
    return 1.1 * wrong + 0.6 * (detail**2 + width**2) + 0.24 * detail * width


def _optimizer_loss(configuration: Configuration) -> float:
    """Adam can reach 0, SGD 0.04; the less momentum, the greater a learning rate SGD needs."""
    values = configuration.values
    if configuration["optimizer"] == "adam":
        return 0.03 * (math.log10(values["optimizer=adam/lr"]) + 2.7) ** 2
    missing = 0.9 - values["optimizer=sgd/momentum"]
    return 0.04 + 0.03 * (math.log10(values["optimizer=sgd/lr"]) + 1 - 0.8 * missing) ** 2 + 0.2 * missing**2
