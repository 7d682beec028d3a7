"""From alphas, one for each operation on each edge, to what each operation contributes to a supernet.

A relaxation has `initial` alphas, turns alphas into `weights` with which the supernet is trained (some draw them at
random), says how much of an operation is `expected` in the mean, which is what a discretiser reads, and may have a
`penalty`. Alphas are a tensor whose first `groups` dimensions say what competes with what: operations on the same edge
in a table (edges, primitives), with 1; all widths and operations of the same layer and stride in a HyperCuboid's, with
2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from .settings import RelaxationName

SPREAD = 1e-3
"""Standard deviation of alphas in the beginning (DARTS)."""


class Relaxation(Protocol):
    """From alphas to weights."""

    def initial(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Alphas to begin with: of no preference, but for a little noise."""
        ...

    def weights(self, alphas: Tensor, progress: float, generator: torch.Generator) -> Tensor:
        """What each operation contributes, of the same shape; with gradients.

        Args:
            alphas: any shape.
            progress: share of the search that is done, from 0 to 1.
            generator: of what is drawn, on the CPU.
        """
        ...

    def expected(self, alphas: Tensor) -> Tensor:
        """How much of each operation there is in the mean, of the same shape."""
        ...

    def penalty(self, alphas: Tensor) -> Tensor:
        """Is added to the validation loss by which alphas are trained; a number."""
        ...


@dataclass(frozen=True)
class Softmax:
    """DARTS (Liu et al., 2019, arXiv 1806.09055, equation 2).

    Attributes:
        groups: first dimensions of alphas that number groups.
    """

    groups: int = 1

    def initial(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Normal, with a standard deviation of 0.001."""
        return SPREAD * torch.randn(tuple(shape), generator=generator)

    def weights(self, alphas: Tensor, progress: float, generator: torch.Generator) -> Tensor:
        """Their softmax."""
        return self.expected(alphas)

    def expected(self, alphas: Tensor) -> Tensor:
        """Their softmax."""
        return alphas.flatten(self.groups).softmax(-1).view_as(alphas)

    def penalty(self, alphas: Tensor) -> Tensor:
        """None."""
        return alphas.new_zeros(())


@dataclass(frozen=True)
class MaxW(Softmax):
    """sharpDARTS (Hundt et al., 2019, arXiv 1903.09900): 1 - max w + w, for the softmax w of a group.

    The strongest operation contributes all of it, and the others as much less as their weights are smaller.

    Attributes:
        detach_max: no gradient flows through the maximum. In the code of the paper one does, so that the strongest
            operation is judged by how much better the loss gets with less of all others.
    """

    detach_max: bool = False

    def weights(self, alphas: Tensor, progress: float, generator: torch.Generator) -> Tensor:
        """1 in each group for its greatest alpha, less for others."""
        shares = alphas.flatten(self.groups).softmax(-1)
        greatest = shares.amax(-1, keepdim=True)
        if self.detach_max:
            greatest = greatest.detach()
        return (1 - greatest + shares).view_as(alphas)


@dataclass(frozen=True)
class Gumbel(Softmax):
    """One operation of each group, drawn by the softmax of alphas; the gradient is that of a softmax with noise.

    Source: SNAS (Xie et al., 2019, arXiv 1812.09926) and GDAS (Dong and Yang, 2019, arXiv 1910.04465), whose
    temperatures are the usual ones here.

    Attributes:
        hottest: the temperature in the beginning.
        coldest: the temperature in the end; between, it falls linearly.
    """

    hottest: float = 10.0
    coldest: float = 0.1

    def weights(self, alphas: Tensor, progress: float, generator: torch.Generator) -> Tensor:
        """1 in each group for what was drawn, 0 for others."""
        temperature = self.hottest + progress * (self.coldest - self.hottest)
        logits = alphas.flatten(self.groups).log_softmax(-1)
        uniform = torch.rand(logits.shape, generator=generator).clamp_min(torch.finfo(torch.float32).tiny)
        noise = -(-uniform.log()).clamp_min(torch.finfo(torch.float32).tiny).log()
        soft = ((logits + noise.to(logits)) / temperature).softmax(-1)
        hard = functional.one_hot(soft.argmax(-1), soft.shape[-1]).to(soft)
        return (hard + soft - soft.detach()).view_as(alphas)


@dataclass(frozen=True)
class Dirichlet(Softmax):
    """DrNAS (Chen et al., 2021, arXiv 2006.10355): weights are drawn from a Dirichlet distribution that is learned.

    Its concentrations are elu(alpha) + 1. In the beginning they are 1, and all mixtures as likely as each other.

    Attributes:
        anchor: what holds the distribution near to that of the beginning: its Kullback-Leibler divergence ("kl"), or
            half the sum of squares of alphas ("l2").
        scale: of the anchor.
    """

    anchor: Literal["kl", "l2"] = "kl"
    scale: float = 1e-3

    def weights(self, alphas: Tensor, progress: float, generator: torch.Generator) -> Tensor:
        """Drawn, of the sum 1 in each group; gradients are those of the drawing."""
        seed = int(torch.randint(2**62, (), generator=generator))
        concentrations = _concentrations(alphas.flatten(self.groups)).cpu()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            drawn: Tensor = torch.distributions.Dirichlet(concentrations).rsample()
        return drawn.to(alphas.device).view_as(alphas)

    def expected(self, alphas: Tensor) -> Tensor:
        """The mean of the distribution."""
        concentrations = _concentrations(alphas.flatten(self.groups))
        return (concentrations / concentrations.sum(-1, keepdim=True)).view_as(alphas)

    def penalty(self, alphas: Tensor) -> Tensor:
        """The anchor."""
        if self.anchor == "l2":
            return self.scale * alphas.square().sum() / 2
        concentrations = _concentrations(alphas.flatten(self.groups))
        learned = torch.distributions.Dirichlet(concentrations)
        flat = torch.distributions.Dirichlet(torch.ones_like(concentrations))
        divergence: Tensor = torch.distributions.kl_divergence(learned, flat)
        return self.scale * divergence.sum()


@dataclass(frozen=True)
class Sigmoid(Softmax):
    """FairDARTS (Chu et al., 2020, arXiv 1911.12126): operations do not compete, each has a sigmoid of its own.

    Attributes:
        decided: scale of the zero-one loss, -mean (w - 1/2)^2, which drives weights away from the middle (the paper:
            10).
    """

    decided: float = 10.0

    def weights(self, alphas: Tensor, progress: float, generator: torch.Generator) -> Tensor:
        """Their sigmoids."""
        return alphas.sigmoid()

    def expected(self, alphas: Tensor) -> Tensor:
        """Their sigmoids."""
        return alphas.sigmoid()

    def penalty(self, alphas: Tensor) -> Tensor:
        """The zero-one loss."""
        return -self.decided * (alphas.sigmoid() - 0.5).square().mean()


@dataclass(frozen=True)
class BetaDecay:
    """Beta-DARTS (Ye et al., 2022, arXiv 2203.01665): alphas are kept from growing apart.

    Attributes:
        strength: in the end; rises linearly from 0 (the paper: 50 after 100 epochs).
        groups: as in a relaxation.
    """

    strength: float
    groups: int = 1

    def penalty(self, alphas: Tensor, progress: float) -> Tensor:
        """The mean of the groups' log-sum-exp, by how strong it is by now."""
        return self.strength * progress * alphas.flatten(self.groups).logsumexp(-1).mean()


def relaxation(name: RelaxationName, groups: int = 1) -> Relaxation:
    """The relaxation of that name, with the usual numbers."""
    match name:
        case "softmax":
            return Softmax(groups)
        case "max_w":
            return MaxW(groups)
        case "gumbel":
            return Gumbel(groups)
        case "dirichlet":
            return Dirichlet(groups)
        case "sigmoid":
            return Sigmoid(groups)


def edge_strengths(betas: Tensor, targets: Sequence[int]) -> Tensor:
    """The softmax over the edges to each node: how much each contributes to it (PC-DARTS, arXiv 1907.05737).

    Args:
        betas: (edges,).
        targets: the node that each edge leads to.
    """
    leads_to = torch.tensor(targets, device=betas.device)
    same = leads_to.unsqueeze(0) == leads_to.unsqueeze(1)
    rows: Tensor = torch.where(same, betas.unsqueeze(0), -torch.inf).softmax(-1)
    return rows.diagonal()


def _concentrations(alphas: Tensor) -> Tensor:
    return functional.elu(alphas) + 1
