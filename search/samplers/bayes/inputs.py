"""Configurations as rows of numbers: their encoding, and what is known of them without a trial."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ....spaces import Configuration, Space
from ....workers.results import ResultError
from ...goals import Goals


class Inputs:
    """Makes the inputs of surrogates.

    Args:
        space: gives the first columns.
        goals: give one more column for each known objective, as a loss.

    Attributes:
        known: the column of each known objective, by its position among the objectives. Where all are known, the first
            counts as unknown: a model needs an outcome.
        known_constraints: the positions of known constraints.
    """

    def __init__(self, space: Space, goals: Goals) -> None:
        self.space, self.goals = space, goals
        known = [position for position, one in enumerate(goals.objectives) if one.name in goals.known]
        known = known[1:] if len(known) == len(goals.objectives) else known
        self.known = {position: space.encoding.size + index for index, position in enumerate(known)}
        self.known_constraints = frozenset(
            position for position, one in enumerate(goals.constraints) if one.name in goals.known
        )

    @property
    def knows(self) -> bool:
        """Whether anything is known without a trial."""
        return bool(self.known or self.known_constraints)

    def rows(self, configurations: Sequence[Configuration]) -> Tensor:
        """The inputs (configurations x columns); NaN where something known cannot be computed."""
        return self._joined(configurations, [self._losses(one) for one in configurations])

    def rough_rows(self, configurations: Sequence[Configuration]) -> Tensor:
        """The inputs (configurations x columns) with 0 for what is known: it may take long to compute."""
        return self._joined(configurations, [[0.0] * len(self.known) for _ in configurations])

    def _joined(self, configurations: Sequence[Configuration], losses: list[list[float]]) -> Tensor:
        width = self.space.encoding.size + len(self.known)
        rows = [[*self.space.encode(one), *known] for one, known in zip(configurations, losses, strict=True)]
        return torch.tensor(np.array(rows).reshape(len(rows), width))

    def _losses(self, configuration: Configuration) -> list[float]:
        if not self.known:
            return []
        try:
            losses = self.goals.known_losses(configuration)
        except ResultError:
            return [math.nan] * len(self.known)
        return [losses[position] for position in self.known]
