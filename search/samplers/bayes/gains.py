"""The objectives of a sweep, from what is modelled and from what is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from botorch.acquisition.multi_objective.objective import MCMultiOutputObjective
from botorch.acquisition.objective import MCAcquisitionObjective
from torch import Tensor

from .outcomes import Tail

ENSEMBLE = 3
"""So many dimensions samples have more than a known gain where a model is an ensemble: those of the samples, of the
members and of the outcomes; one less else."""


@dataclass(frozen=True, slots=True)
class Known:
    """An objective that stands in a column of the inputs, as a loss; how its tail is drawn in, and its scale."""

    column: int
    tail: Tail
    mean: float
    deviation: float

    def gain(self, x: Tensor) -> Tensor:
        """Of inputs (... x columns), without their last dimension."""
        return (self.mean - self.tail.tamed(x[..., self.column])) / self.deviation


class Gains(MCMultiOutputObjective):
    """All objectives, greater is better: outcomes of the models in their order, and between them those that are known.

    Args:
        objectives: how many there are.
        known: those that are no outcome of a model, by position.
    """

    def __init__(self, objectives: int, known: Mapping[int, Known]) -> None:
        super().__init__()
        self.objectives, self.known = objectives, dict(known)

    @property
    def modelled(self) -> int:
        """How many of them are outcomes of models."""
        return self.objectives - len(self.known)

    def forward(self, samples: Tensor, X: Tensor | None = None) -> Tensor:  # noqa: N803 - the name is BoTorch's
        """Gains (... x n x objectives) of samples (... x n x outcomes) at inputs (... x n x columns)."""
        outcomes = iter(samples.unbind(-1))
        return torch.stack(
            [
                self._exact(self.known[position], samples, X) if position in self.known else next(outcomes)
                for position in range(self.objectives)
            ],
            dim=-1,
        )

    def _exact(self, known: Known, samples: Tensor, x: Tensor | None) -> Tensor:
        """The same in every sample and in every member of an ensemble."""
        assert x is not None
        gain = known.gain(x)
        if samples.dim() - gain.dim() == ENSEMBLE:
            gain = gain.unsqueeze(-2)
        return gain.expand(samples.shape[:-1])


class OnlyGain(MCAcquisitionObjective):
    """The one objective there is."""

    def __init__(self, gains: Gains) -> None:
        super().__init__()
        self.gains = gains

    def forward(self, samples: Tensor, X: Tensor | None = None) -> Tensor:  # noqa: N803 - the name is BoTorch's
        """Gains (... x n) of samples (... x n x outcomes) at inputs (... x n x columns)."""
        gain: Tensor = self.gains(samples, X)[..., 0]
        return gain
