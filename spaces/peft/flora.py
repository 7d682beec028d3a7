"""FLoRA: updates with a small core between two factors, as in the Tucker decomposition."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .checks import positive
from .targets import ATTENTION, check_targets, names
from .updates import LowRank, attach_updates, fold_updates, spread

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .host import Host


@dataclass(frozen=True)
class FLoRA:
    """An update `scale * A G B`, with `A` `outputs x outer`, `G` `outer x inner` and `B` `inner x inputs`.

    Si et al. 2024 (arXiv 2405.14739). The core `G` starts at 0, the others as the weights of a Linear do.

    Args:
        outer: rank on the side of the outputs.
        inner: rank on the side of the inputs.
        scale: what the update is multiplied by.
        targets: the Linear modules that it changes.

    Raises:
        Unsupported: an argument cannot be meant.
    """

    outer: int = 8
    inner: int = 8
    scale: float = 1.0
    targets: tuple[str, ...] = ATTENTION

    def __post_init__(self) -> None:
        check_targets(self)
        positive(self, outer=self.outer, inner=self.inner, scale=self.scale)

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it: every one can."""
        return None

    def attach(self, host: Host) -> None:
        """Put an update beside the Linear modules of the kept layers.

        Raises:
            Unsupported: another method stands in its way.
        """
        attach_updates(
            host,
            names(host, self.targets),
            lambda _, weight: Tucker(*weight.T.shape, outer=self.outer, inner=self.inner, scale=self.scale),
        )

    def merge(self, host: Host) -> None:
        """Fold it into the weights: the outputs stay the same, and its parameters are gone."""
        fold_updates(host, names(host, self.targets))


class Tucker(LowRank):
    """The update of one Linear."""

    def __init__(self, inputs: int, outputs: int, *, outer: int, inner: int, scale: float) -> None:
        super().__init__()
        self.a = nn.Parameter(spread(outputs, outer, bound=1 / math.sqrt(outer)))
        self.core = nn.Parameter(torch.zeros(outer, inner))
        self.b = nn.Parameter(spread(inner, inputs, bound=1 / math.sqrt(inputs)))
        self.scale = scale

    def factors(self) -> tuple[Tensor, Tensor]:
        """`down`, `inner x inputs`, and `up`, `outputs x inner`."""
        return self.b, self.scale * self.a @ self.core
