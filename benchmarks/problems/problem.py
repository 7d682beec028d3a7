"""What a problem of the benchmark is, and how runs on it are scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from paretree.spaces import Configuration, Space

Values = Mapping[str, float]


@dataclass(frozen=True)
class Score:
    """How good a run was after each evaluation.

    Attributes:
        title: what is measured, for headings.
        lower_is_better: which way.
        curve: the score after the first, second, ... of the values that a run returned, in order.
        at_end: one number for a whole run, which is not asked for earlier.
        ideal: the best score there can be, where it is known.
    """

    title: str
    lower_is_better: bool
    curve: Callable[[Sequence[Values]], list[float]]
    at_end: bool = False
    ideal: float | None = None


@dataclass(frozen=True)
class Problem:
    """Something to search.

    Attributes:
        name: unique; runs are filed under it.
        family: problems of one family stand in one table; its own name where it has none.
        objectives, constraints: as `paretree.Sweep` takes them.
        evaluate: what a configuration gives; the number is the seed of what is random in it. It may return more than
            objectives and constraints: what the score is made of.
        known: values that are functions of the configuration alone, and cost nothing.
        evaluations: of one run.
    """

    name: str
    space: Space
    objectives: Mapping[str, str]
    evaluate: Callable[[Configuration, int], dict[str, float]]
    score: Score
    constraints: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, Callable[[Configuration], float]] = field(default_factory=dict)
    evaluations: int = 100
    family: str = ""

    @property
    def table(self) -> str:
        """The name of the table it is in."""
        return self.family or self.name


def regret(name: str) -> Score:
    """The least `name` so far: by how much the best configuration misses the optimum, without noise."""
    return Score(f"regret ({name})", True, lambda values: _running([one[name] for one in values], min), ideal=0.0)


def best(name: str, ideal: float) -> Score:
    """The greatest `name` so far."""
    return Score(f"best {name}", False, lambda values: _running([one[name] for one in values], max), ideal=ideal)


def trials_until(name: str, bound: float, evaluations: int, title: str) -> Score:
    """The number of the first trial in which `name` was at most `bound`; one more than there are when never."""

    def curve(values: Sequence[Values]) -> list[float]:
        first = next((number for number, one in enumerate(values, 1) if one[name] <= bound), evaluations + 1)
        return [float(first)] * len(values)

    return Score(title, True, curve, at_end=True, ideal=1.0)


def hypervolume(
    objectives: Mapping[str, str],
    reference: Mapping[str, float],
    ideal: float | None = None,
    constraints: Sequence[str] = (),
) -> Score:
    """What the feasible points so far dominate, up to a reference point.

    Args:
        objectives: names and directions.
        reference: a value of each objective.
        ideal: the hypervolume of the true front.
        constraints: names of values that must be at most 0.
    """
    signs = np.array([1.0 if direction == "maximize" else -1.0 for direction in objectives.values()])
    corner = signs * [reference[name] for name in objectives]

    def curve(values: Sequence[Values]) -> list[float]:
        points = signs * np.array([[one[name] for name in objectives] for one in values])
        feasible = np.array([all(one[name] <= 0 for name in constraints) for one in values])
        return _volumes(points, feasible, corner)

    at = ", ".join(f"{name} {value:g}" for name, value in reference.items())
    return Score(f"hypervolume up to {at}", False, curve, ideal=ideal)


def dominated_volume(points: np.ndarray, corner: np.ndarray) -> float:
    """Hypervolume of points (n, objectives), greater is better, above `corner`; exact, by BoTorch."""
    import torch
    from botorch.utils.multi_objective.hypervolume import Hypervolume
    from botorch.utils.multi_objective.pareto import is_non_dominated

    all_points = torch.as_tensor(points, dtype=torch.double)
    return float(Hypervolume(torch.as_tensor(corner)).compute(all_points[is_non_dominated(all_points)]))


def _volumes(points: np.ndarray, feasible: np.ndarray, corner: np.ndarray) -> list[float]:
    """After each point; computed anew only where it is not dominated by an earlier one."""
    curve: list[float] = []
    kept = np.empty((0, points.shape[1]))
    for point, is_feasible in zip(points, feasible, strict=True):
        if is_feasible and (point > corner).all() and not (kept >= point).all(1).any():
            kept = np.vstack([kept, point])
            curve.append(dominated_volume(kept, corner))
        else:
            curve.append(curve[-1] if curve else 0.0)
    return curve


def _running(values: Sequence[float], pick: Callable[[float, float], float]) -> list[float]:
    curve: list[float] = []
    for value in values:
        curve.append(pick(curve[-1], value) if curve else value)
    return curve
