"""MoS, mixture of shards: low-rank updates put together from pieces that all layers share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .checks import positive
from .errors import Unsupported
from .targets import ATTENTION, check_targets, features, linears, names
from .updates import LowRank, attach_updates, fold_updates, seeded, spread

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .host import Host


@dataclass(frozen=True)
class MoS:
    """LoRA whose vectors are each made of `shards` pieces out of pools that the kept layers share.

    Wang et al. 2025 (arXiv 2410.00938). For each target there are two pools, one for each factor, and which pieces a
    layer takes is drawn for each of them apart and stays so. Its first `private` ranks are made of pieces that no other
    layer takes. Pieces are taken once before any of them is taken twice.

    Args:
        rank: of each update.
        alpha: over the rank, what each update is multiplied by.
        shards: pieces of a vector; divides inputs and outputs of all targets.
        pool: how many numbers are trained, as the rank of LoRA that has as many.
        private: ranks of each layer that share nothing.
        targets: the Linear modules that it changes.
        seed: of which pieces are taken.

    Raises:
        Unsupported: an argument cannot be meant.
    """

    rank: int = 8
    alpha: float = 8
    shards: int = 4
    pool: int = 2
    private: int = 1
    targets: tuple[str, ...] = ATTENTION
    seed: int = 0

    def __post_init__(self) -> None:
        check_targets(self)
        positive(self, rank=self.rank, alpha=self.alpha, shards=self.shards, pool=self.pool)
        shared = self.pool - self.private
        if not 0 <= self.private <= min(self.rank, self.pool) or (shared == 0 and self.rank > self.private):
            raise Unsupported(
                f"MoS cannot make rank {self.rank} of a pool of {self.pool} with {self.private} private; "
                "give fewer private ranks than the pool has."
            )

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it; None where it can."""
        for inputs, outputs in features(anatomy, self.targets).values():
            if inputs % self.shards or outputs % self.shards:
                return f"{self.shards} shards do not divide {inputs} inputs and {outputs} outputs"
        return None

    def attach(self, host: Host) -> None:
        """Put an update beside the Linear modules of the kept layers.

        Raises:
            Unsupported: another method stands in its way.
        """
        layers = len(host.kept)
        pools: dict[str, tuple[nn.Parameter, nn.Parameter]] = {}
        places = {
            name: (target, number)
            for number, layer in enumerate(host.kept)
            for name, target in linears(layer, self.targets).items()
        }

        def make(name: str, weight: Tensor) -> Sharded:
            target, number = places[name]
            outputs, inputs = (side // self.shards for side in weight.shape)
            if target not in pools:
                pieces, bound = self.pool * layers * self.shards, 1 / math.sqrt(weight.shape[1])
                down = spread(pieces, inputs, bound=bound).to(weight)
                pools[target] = nn.Parameter(down), nn.Parameter(weight.new_zeros(pieces, outputs))
            taken_down = self._taken(number, layers, seeded(self.seed, name, "down"))
            taken_up = self._taken(number, layers, seeded(self.seed, name, "up"))
            return Sharded(*pools[target], taken_down, taken_up, self.alpha / self.rank)

        attach_updates(host, names(host, self.targets), make)

    def merge(self, host: Host) -> None:
        """Fold it into the weights: the outputs stay the same, and its parameters are gone."""
        fold_updates(host, names(host, self.targets))

    def _taken(self, number: int, layers: int, generator: torch.Generator) -> Tensor:
        """The pieces that the `number`-th of the kept layers takes from a pool, `rank x shards`."""
        own = self.private * self.shards
        mine = torch.arange(number * own, (number + 1) * own, device="cpu")
        shared = (self.pool - self.private) * layers * self.shards
        needed = (self.rank - self.private) * self.shards
        rounds = math.ceil(needed / shared) if needed else 0
        drawn = [torch.randperm(shared, generator=generator, device="cpu") + layers * own for _ in range(rounds)]
        return torch.cat([mine, *drawn])[: self.rank * self.shards].view(self.rank, self.shards)


class Sharded(LowRank):
    """An update made of pieces of pools, which are `pieces x features / shards`."""

    taken_down: Tensor
    taken_up: Tensor

    def __init__(
        self, down: nn.Parameter, up: nn.Parameter, taken_down: Tensor, taken_up: Tensor, scale: float
    ) -> None:
        super().__init__()
        self.down, self.up, self.scale = down, up, scale
        self.register_buffer("taken_down", taken_down, persistent=False)
        self.register_buffer("taken_up", taken_up, persistent=False)

    def factors(self) -> tuple[Tensor, Tensor]:
        """`down`, `rank x inputs`, and `up`, `outputs x rank`."""
        return self.down[self.taken_down].flatten(1), self.scale * self.up[self.taken_up].flatten(1).T
