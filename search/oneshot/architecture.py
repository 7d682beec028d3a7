"""What is searched: the alphas of a supernet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...spaces.cells.hypercuboid import HyperCuboidSpace
from ...spaces.cells.space import CellSpace
from ...spaces.errors import ParetreeError
from .learner import WHOLE, Mixture
from .relaxations import SPREAD, BetaDecay, edge_strengths, relaxation
from .settings import SearchSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ArchParameters:
    """Alphas by type of cell, and what a supernet is given for them.

    Of cells there are alphas for each type, and operations on an edge compete. The alphas of a HyperCuboid are one
    tensor, in which all entries of a stage compete: those of the same stride and pair of stages.

    Args:
        space: of the supernet.
        settings: the relaxation, the decay, and whether edges have alphas too.
        generator: of initial alphas, on the CPU.
        device: on which they are.

    Raises:
        ParetreeError: settings speak of edges, and there are none.
    """

    def __init__(
        self,
        space: CellSpace | HyperCuboidSpace,
        settings: SearchSettings,
        generator: torch.Generator,
        device: torch.device | str = "cpu",
    ) -> None:
        self.names: tuple[str, ...]
        types: tuple[str, ...]
        if isinstance(space, CellSpace):
            self.groups, self.names, types = 1, space.primitives.names, space.types
            self.targets = [target for _, target in space.edges]
        else:
            _need_no_edges(settings)
            self.groups, self.names, types = 2, space.operations, (WHOLE,)
            self.targets = []
        self.relaxation = relaxation(settings.relaxation, self.groups)
        self.decay = BetaDecay(settings.beta_decay, self.groups)
        self.alphas = {kind: self.relaxation.initial(space.shape, generator).to(device) for kind in types}
        self.betas: dict[str, Tensor] = {}
        if settings.edge_strengths:
            size = len(self.targets)
            self.betas = {kind: (SPREAD * torch.randn(size, generator=generator)).to(device) for kind in types}
        for one in self.all:
            one.requires_grad_()

    @property
    def all(self) -> list[Tensor]:
        """Everything that is trained."""
        return [*self.alphas.values(), *self.betas.values()]

    def mixture(self, progress: float, seed: int) -> Mixture:
        """What the supernet is trained with, as a seed draws it."""
        generator = torch.Generator().manual_seed(seed)
        weights = {kind: self.relaxation.weights(one, progress, generator) for kind, one in self.alphas.items()}
        return Mixture(weights, self.strengths())

    def expected(self) -> Mixture:
        """What there is of each operation and edge in the mean; without gradients."""
        weights = {kind: self.relaxation.expected(one) for kind, one in self.alphas.items()}
        return Mixture(weights, self.strengths()).detached()

    def strengths(self) -> dict[str, Tensor] | None:
        """By type, what each edge contributes (edges,), or None where all contribute alike."""
        if not self.betas:
            return None
        return {kind: edge_strengths(one, self.targets) for kind, one in self.betas.items()}

    def penalty(self, progress: float) -> Tensor:
        """Is added to the validation loss."""
        parts = [self.relaxation.penalty(one) + self.decay.penalty(one, progress) for one in self.alphas.values()]
        return torch.stack(parts).sum()

    def summary(self) -> dict[str, float]:
        """The mean `entropy` of weights, in nats; and by type and primitive ("normal/skip_connect") the mean weight."""
        weights = self.expected().weights
        means = {
            f"{kind}/{name}": float(mean)
            for kind, one in weights.items()
            for name, mean in zip(self.names, one.flatten(0, -2).mean(0), strict=True)
        }
        shares = [one.flatten(self.groups).flatten(0, -2) for one in weights.values()]
        entropies = torch.cat([torch.special.entr(one / one.sum(-1, keepdim=True)).sum(-1) for one in shares])
        return {"entropy": float(entropies.mean()), **means}

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Copies of all alphas."""
        parts = {"alphas": self.alphas, "betas": self.betas}
        return {name: {kind: one.detach().clone() for kind, one in part.items()} for name, part in parts.items()}

    def load(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take what `state` gave."""
        with torch.no_grad():
            for name, part in (("alphas", self.alphas), ("betas", self.betas)):
                for kind, one in part.items():
                    one.copy_(state[name][kind])


def _need_no_edges(settings: SearchSettings) -> None:
    if settings.edge_strengths or settings.discretise == "perturbation":
        raise ParetreeError(
            "The paths of a HyperCuboid have no edges that could be weighted or left out; search them with "
            "edge_strengths=False and discretise='magnitude'."
        )


def arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[np.float64]]:
    """By type, in double precision."""
    return {kind: one.detach().cpu().double().numpy() for kind, one in tensors.items()}
