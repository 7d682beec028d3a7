"""NOLA: low-rank updates whose factors are mixtures of frozen random matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .checks import positive
from .targets import ATTENTION, check_targets, names
from .updates import LowRank, attach_updates, fold_updates, seeded, spread

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .host import Host


@dataclass(frozen=True)
class NOLA:
    """LoRA whose factors are `A0 + sum_i a_i A_i / sqrt(k)` and `sum_i b_i B_i / sqrt(k)`: only `a` and `b` train.

    Koohpayegani et al. 2024 (arXiv 2310.02556), as in the released code: entries of the `A_i` and `B_i` are uniform
    between -1 and 1, `A0` is a frozen start as in LoRA, and `a` and `b` start at 0. Unlike there, modules of one shape
    share their `A_i` and `B_i`, which are in memory once. None of these are saved: they come from the seed again.

    Args:
        bases: `k`, so that each module has `2 k` trained numbers, whatever its size and rank.
        rank: of each update.
        alpha: over the rank, what each update is multiplied by.
        targets: the Linear modules that it changes.
        seed: of the random matrices.

    Raises:
        Unsupported: an argument cannot be meant.
    """

    bases: int = 512
    rank: int = 8
    alpha: float = 8
    targets: tuple[str, ...] = ATTENTION
    seed: int = 0

    def __post_init__(self) -> None:
        check_targets(self)
        positive(self, bases=self.bases, rank=self.rank, alpha=self.alpha)

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it: every one can."""
        return None

    def attach(self, host: Host) -> None:
        """Put an update beside the Linear modules of the kept layers.

        Raises:
            Unsupported: another method stands in its way.
        """

        @cache
        def bank(rows: int, columns: int) -> Bank:
            return Bank(self.bases, rows, columns, self.seed)

        def make(name: str, weight: Tensor) -> Mixed:
            outputs, inputs = weight.shape
            bound = 1 / math.sqrt(inputs)
            start = spread(self.rank, inputs, bound=bound, generator=seeded(self.seed, name))
            return Mixed(bank(self.rank, inputs), bank(outputs, self.rank), start, self.alpha / self.rank)

        attach_updates(host, names(host, self.targets), make)

    def merge(self, host: Host) -> None:
        """Fold it into the weights: the outputs stay the same, and its parameters are gone."""
        fold_updates(host, names(host, self.targets))


class Bank(nn.Module):
    """Frozen random matrices, `bases x rows x columns`, which come from a seed and are not saved."""

    matrices: Tensor

    def __init__(self, bases: int, rows: int, columns: int, seed: int) -> None:
        super().__init__()
        generator = seeded(seed, f"{rows}x{columns}")
        self.register_buffer("matrices", spread(bases, rows, columns, bound=1.0, generator=generator), persistent=False)

    def forward(self, coefficients: Tensor) -> Tensor:
        """Their mixture, `rows x columns`, over the root of how many they are."""
        return torch.einsum("k,krc->rc", coefficients, self.matrices) / math.sqrt(len(coefficients))


class Mixed(LowRank):
    """An update whose factors are mixtures."""

    start: Tensor

    def __init__(self, down: Bank, up: Bank, start: Tensor, scale: float) -> None:
        super().__init__()
        self.down, self.up, self.scale = down, up, scale
        self.register_buffer("start", start, persistent=False)
        self.a = nn.Parameter(torch.zeros(len(down.matrices)))
        self.b = nn.Parameter(torch.zeros(len(up.matrices)))

    def factors(self) -> tuple[Tensor, Tensor]:
        """`down`, `rank x inputs`, and `up`, `outputs x rank`."""
        return self.start + self.down(self.a), self.scale * self.up(self.b)
