"""What is searched: the alphas of a supernet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .learner import WHOLE, Mixture
from .relaxations import SPREAD, BetaDecay, Relaxation, edge_strengths

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ArchParameters:
    """Alphas by type of cell, and what a supernet is given for them.

    A supernet whose `space` has `types` is called with weights by type; one that has none, a HyperCuboid's, with the
    tensor alone, of the shape that its space says.

    Args:
        space: of the supernet: `shape` of alphas, and of cells `types` and `edges`.
        relaxation: from alphas to weights.
        decay: what keeps alphas small.
        with_strengths: there are alphas of edges too, for supernets of cells.
        generator: of initial alphas, on the CPU.
        device: on which they are.
    """

    def __init__(
        self,
        space: Any,
        relaxation: Relaxation,
        decay: BetaDecay,
        *,
        with_strengths: bool,
        generator: torch.Generator,
        device: torch.device | str = "cpu",
    ) -> None:
        self.space, self.relaxation, self.decay = space, relaxation, decay
        self.types: tuple[str, ...] = getattr(space, "types", (WHOLE,))
        self.alphas = {kind: relaxation.initial(space.shape, generator).to(device) for kind in self.types}
        self.betas: dict[str, Tensor] = {}
        if with_strengths:
            edges = len(space.edges)
            self.betas = {kind: (SPREAD * torch.randn(edges, generator=generator)).to(device) for kind in self.types}
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
        targets = [target for _, target in self.space.edges]
        return {kind: edge_strengths(one, targets) for kind, one in self.betas.items()}

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
            for name, mean in zip(self.space.primitives.names, one.flatten(0, -2).mean(0), strict=True)
        }
        shares = [one.flatten(self.decay.groups).flatten(0, -2) for one in weights.values()]
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


def arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[np.float64]]:
    """By type, in double precision."""
    return {kind: one.detach().cpu().double().numpy() for kind, one in tensors.items()}
