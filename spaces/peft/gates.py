"""How much of a block's output goes on, where an adapter stands: VL-PET's gates, and the gated add of the unified view.

A gate gets `x`, what went into the block, `h`, what came out, and `delta`, what the adapter makes; all of shape
`batch x tokens x features`. It returns what is added to `h`, of the same shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .initial import bert_linear

if TYPE_CHECKING:
    from collections.abc import Callable

GATE_STD = 0.02
"""Of VL-PET's factors for channels at the start, in its released code."""

CLOSED = -4.0
"""Where the bias of a gated add starts, so that it lets less than 2 % through; our choice."""


class Granular(nn.Module):
    """VL-PET's gate: the block and its adapter together, times a factor, `factor * (h + delta)`.

    Hu et al. 2023 (ICCV, arXiv 2308.09804), as in the code that they released.

    Args:
        factor: a module of this file that makes the factor from `x` and `h + delta`.
    """

    def __init__(self, factor: nn.Module) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor, h: Tensor, delta: Tensor) -> Tensor:
        """What is added to `h`."""
        both = h + delta
        gated: Tensor = self.factor(x, both) * both
        return gated - h


class Small(nn.Module):
    """One factor for each sequence: the mean over its tokens (those of padding too), as in the released code."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weigh = bert_linear(2 * features, 1)

    def forward(self, x: Tensor, both: Tensor) -> Tensor:
        """The factor, `batch x 1 x 1`."""
        return torch.sigmoid(self.weigh(torch.cat([x, both], dim=-1))).mean(dim=1, keepdim=True)


class MiddleX(nn.Module):
    """One factor for each token."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weigh = bert_linear(features, 1)

    def forward(self, x: Tensor, both: Tensor) -> Tensor:
        """The factor, `batch x tokens x 1`."""
        return torch.sigmoid(self.weigh(x + both))


class MiddleY(nn.Module):
    """One factor for each channel, near 1 at the start."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.channels = nn.Parameter(torch.empty(features).normal_(std=GATE_STD))

    def forward(self, x: Tensor, both: Tensor) -> Tensor:
        """The factor, `features`."""
        return 1 + self.channels


class Large(nn.Module):
    """One factor for each token and channel, through a bottleneck."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.down = bert_linear(features, width)
        self.up = bert_linear(width, features)

    def forward(self, x: Tensor, both: Tensor) -> Tensor:
        """The factor, `batch x tokens x features`."""
        inner = nn.functional.gelu(self.down(x), approximate="tanh")
        return torch.sigmoid(self.up(inner))


class GatedAdd(nn.Module):
    """The unified view's gated addition, `(1 - share) * h + share * delta`, with one share for each token.

    He et al. 2022 (ICLR, arXiv 2110.04366), table 1. There the share is how much attention a prefix gets; a bottleneck
    has none, so it is learnt from `x` here, and starts near 0.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weigh = bert_linear(features, 1)
        nn.init.constant_(self.weigh.bias, CLOSED)

    def forward(self, x: Tensor, h: Tensor, delta: Tensor) -> Tensor:
        """What is added to `h`."""
        return torch.sigmoid(self.weigh(x)) * (delta - h)


_FACTORS: dict[str, Callable[[int, int], nn.Module]] = {
    "small": lambda features, width: Small(features),
    "middleX": lambda features, width: MiddleX(features),
    "middleY": lambda features, width: MiddleY(features),
    "large": Large,
}

GATES = ("none", *_FACTORS)
"""VL-PET's granularities, and none."""


def granular(name: str, features: int, width: int) -> Granular | None:
    """VL-PET's gate by name; None for `"none"`.

    Args:
        name: one of `GATES`.
        features: of a token.
        width: of the bottleneck inside `"large"`.
    """
    return None if name == "none" else Granular(_FACTORS[name](features, width))
