"""LoRA, with the ranks, variants and starts that Hugging Face `peft` knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftConfig

from .checks import one_of, positive
from .errors import Unsupported
from .folding import detach_weights
from .ranks import TARGETS
from .targets import ATTENTION, linears
from .tuners import Tuner

if TYPE_CHECKING:
    from .anatomy import Anatomy
    from .host import Host

VARIANTS = ("plain", "rslora", "dora")

INITS: dict[str, Any] = {
    "default": True,
    "gaussian": "gaussian",
    "pissa": "pissa",
    "olora": "olora",
    "orthogonal": "orthogonal",
}
"""The starts by name, and what `peft` calls them."""

MOVING = ("pissa", "olora", "orthogonal")
"""Starts that are not 0 and are subtracted from the weights, so that the model's outputs stay the same."""

Pattern = tuple[Mapping[str, float], ...]


@dataclass(frozen=True)
class LoRA(Tuner):
    """A low-rank update `alpha / rank * B A` of the weights of Linear modules.

    Hu et al. 2022 (arXiv 2106.09685). `"rslora"` divides by the root of the rank (Kalajdzievski 2023, arXiv
    2312.03732); `"dora"` trains the norms of the weights' rows apart (Liu et al. 2024, arXiv 2402.09353). The start
    `"pissa"` is the greatest singular vectors of the weights (Meng et al. 2024, arXiv 2404.02948), `"olora"` their QR
    decomposition (Büyükakyüz 2024, arXiv 2406.01775). With these and `"orthogonal"` the weights change, and change
    alike when the model is loaded; so they are not saved.

    Args:
        rank: of each update.
        alpha: over the rank, what each update is multiplied by.
        dropout: of the inputs of the update.
        targets: the Linear modules that it changes.
        variant: one of `VARIANTS`.
        init: one of `INITS`.
        rank_pattern: for each layer of the model, its ranks by target, in the place of `rank` and `targets`; a target
            that is not there, or has rank 0, is not changed.
        alpha_pattern: likewise, in the place of `alpha`.
        seed: of the start `"orthogonal"`.

    Raises:
        Unsupported: an argument cannot be meant.
    """

    rank: int = 8
    alpha: float = 8
    dropout: float = 0.0
    targets: tuple[str, ...] = ATTENTION
    variant: str = "plain"
    init: str = "default"
    rank_pattern: Pattern = ()
    alpha_pattern: Pattern = ()
    seed: int = 0

    def check(self) -> None:
        """Refuse arguments that cannot be meant."""
        positive(self, rank=self.rank, alpha=self.alpha)
        one_of(self, VARIANTS, variant=self.variant)
        one_of(self, INITS, init=self.init)
        for pattern in (self.rank_pattern, self.alpha_pattern):
            for target in {target for layer in pattern for target in layer}:
                one_of(self, TARGETS, target=target)
        if self.init == "orthogonal" and any(rank % 2 for rank in self._all_ranks()):
            raise Unsupported("The start 'orthogonal' of LoRA needs even ranks; give such ones, or another init.")

    @property
    def bare(self) -> bool:  # type: ignore[override]
        """Whether it computes with the weights of the modules, so that no other method may stand there before it."""
        return self.variant == "dora" or self.init in MOVING

    def ranks(self, host: Host) -> dict[str, int]:
        """The rank of each update, by the dotted name of its module."""
        if not self.rank_pattern:
            return dict.fromkeys(super().names(host), self.rank)
        found = {}
        for layer in host.kept:
            ranks = {target: int(rank) for target, rank in self.rank_pattern[layer.index].items() if rank}
            found.update({name: ranks[target] for name, target in linears(layer, ranks).items()})
        return found

    def alphas(self, host: Host) -> dict[str, float]:
        """The alpha of each update, by the dotted name of its module."""
        found = {}
        for layer in host.kept:
            own = self.alpha_pattern[layer.index] if self.alpha_pattern else {}
            found.update({name: own.get(target, self.alpha) for name, target in linears(layer, TARGETS).items()})
        return {name: found[name] for name in self.ranks(host)}

    def names(self, host: Host) -> list[str]:
        """The dotted names of the modules that it changes."""
        return list(self.ranks(host))

    def supports(self, anatomy: Anatomy) -> str | None:
        """Why a model cannot take it; None where it can."""
        layers = len(anatomy.layers)
        for pattern in (self.rank_pattern, self.alpha_pattern):
            if pattern and len(pattern) != layers:
                return f"its pattern is for {len(pattern)} layers, and the {anatomy.model_type!r} model has {layers}"
        return super().supports(anatomy)

    def misfit(self, inputs: int, outputs: int) -> str | None:
        """Why a Linear of this size cannot take it; None where it can."""
        rank = max(self._all_ranks())
        if rank <= min(inputs, outputs):
            return None
        return f"rank {rank} is more than a matrix of {outputs} x {inputs} can have"

    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""
        return LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type]
            lora_dropout=self.dropout,
            use_rslora=self.variant == "rslora",
            use_dora=self.variant == "dora",
            init_lora_weights=INITS[self.init],
            rank_pattern=_by_expression(self.ranks(host)),
            alpha_pattern=_by_expression(self.alphas(host)),
        )

    def attach(self, host: Host) -> None:
        """Put it into the Linear modules of the kept layers.

        Raises:
            Unsupported: the model cannot take it, or another method stands in its way.
        """
        if self.init not in MOVING:
            super().attach(host)
            return
        self.check_places(host)
        detach_weights(host.model, self.names(host))
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            super().attach(host)

    def _all_ranks(self) -> list[int]:
        return [int(rank) for layer in self.rank_pattern for rank in layer.values()] or [self.rank]


def _by_expression(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Keys as the regular expressions that `peft` takes names for."""
    return {re.escape(name): number for name, number in numbers.items()}
