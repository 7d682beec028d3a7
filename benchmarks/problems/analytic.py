"""Problems that are formulas: five of BoTorch's, and one with decisions of all kinds."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from botorch.test_functions.multi_objective import C2DTLZ2, DTLZ2, ZDT1, ZDT2, ZDT3, MultiObjectiveTestProblem

import paretree as pt
from paretree.spaces import Configuration

from .problem import Problem, hypervolume

VARIABLES = 6
"""Of each of BoTorch's problems; their papers have 30 (ZDT) and 12 (DTLZ), which 100 evaluations hardly explore."""

BOTORCH: dict[str, Callable[[], MultiObjectiveTestProblem]] = {
    "zdt1": lambda: ZDT1(VARIABLES),
    "zdt2": lambda: ZDT2(VARIABLES),
    "zdt3": lambda: ZDT3(VARIABLES),
    "dtlz2": lambda: DTLZ2(VARIABLES, num_objectives=3),
    "c2dtlz2": lambda: C2DTLZ2(VARIABLES, num_objectives=2),
}
"""Reference points and ideal hypervolumes are BoTorch's, too."""


def of_botorch(name: str) -> Problem:
    """Real numbers from 0 to 1, objectives to be minimised; `c2dtlz2` has a constraint."""
    function = BOTORCH[name]()
    objectives = dict.fromkeys((f"f{number}" for number in range(function.num_objectives)), "minimize")
    constraints = {"violation": "<= 0"} if isinstance(function, C2DTLZ2) else {}
    reference = dict(zip(objectives, function._ref_point, strict=True))

    def evaluate(configuration: Configuration, seed: int) -> dict[str, float]:
        x = torch.tensor([list(configuration.values.values())], dtype=torch.double)
        values = dict(zip(objectives, function.evaluate_true(x)[0].tolist(), strict=True))
        if constraints:
            values["violation"] = -float(function.evaluate_slack_true(x)[0, 0])
        return values

    return Problem(
        name,
        pt.Space({f"x{number}": pt.Float(0, 1) for number in range(function.dim)}),
        objectives,
        evaluate,
        hypervolume(objectives, reference, function.max_hv, list(constraints)),
        constraints,
    )


MATERIALS = {"steel": (0.2, 0.8, 1.0), "oak": (0.5, 0.3, 0.6), "resin": (0.8, 0.6, 0.3), "glass": (0.4, 0.1, 0.8)}
"""By material: where `curve` and `angle` are best, and how much a layer of it costs."""

FINISHES = {"raw": (0.0, 0.0), "oil": (0.5, 0.15), "paint": (1.0, 0.1), "polish": (0.9, 0.35)}
"""By finish: how much it mends of what a rough surface spoils, and its cost."""

SPOILT_BY = {("glass", "oil"), ("glass", "paint"), ("steel", "oil"), ("oak", "polish")}
"""Materials that a finish does not suit: it then mends nothing."""


def mixed() -> Problem:
    """Error and cost of an imagined product of eight decisions: four real, two integers, two labels without an order.

    What is best for the real numbers depends on the material, and what a finish is good for on the material and the
    surface; more layers lessen the error ever less, and cost what their material costs; so do passes, each of which is
    worth more the slower it is. Nothing is conditional, nothing random.
    """
    space = pt.Space(
        material=pt.Choice(*MATERIALS),
        finish=pt.Choice(*FINISHES),
        layers=pt.Int(1, 16),
        passes=pt.Int(1, 8),
        curve=pt.Float(0, 1),
        angle=pt.Float(0, 1),
        rough=pt.Float(0, 1),
        speed=pt.Float(0.1, 10, log=True),
    )
    objectives = {"error": "minimize", "cost": "minimize"}
    reference = {"error": 2.0, "cost": 2.0}

    def evaluate(configuration: Configuration, seed: int) -> dict[str, float]:
        return product(**configuration.values)

    return Problem("mixed", space, objectives, evaluate, hypervolume(objectives, reference))


def product(
    material: str, finish: str, layers: int, passes: int, curve: float, angle: float, rough: float, speed: float
) -> dict[str, float]:
    """Error and cost, both from 0 on."""
    best_curve, best_angle, price = MATERIALS[material]
    mends, finishing = FINISHES[finish]
    if (material, finish) in SPOILT_BY:
        mends = 0.0
    slowness = 1 / (1 + speed)
    error = (
        2.0 * (curve - best_curve) ** 2
        + 1.5 * (angle - best_angle - 0.3 * (rough - 0.5)) ** 2
        + rough * (1 - mends)
        + math.exp(-layers / 4)
        + 0.5 * math.exp(-passes * slowness)
    )
    cost = price * layers / 16 + 0.6 * passes / 8 * slowness + finishing + 0.3 * (1 - rough) ** 2
    return {"error": error, "cost": cost}
