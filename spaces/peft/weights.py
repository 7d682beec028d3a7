"""Methods that change the weights of Linear modules, as Hugging Face `peft` builds them.

Each names the Linear modules that it changes by `targets`: some of `query, key, value, output, ffn_in, ffn_out` in
every kept layer. Where queries, keys and values come from one Linear, each of these three names means that one.

What is trained starts with numbers from the global generator of torch. Random numbers that are never trained come from
the method's `seed`: they are drawn again when a model is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from peft import (
    IA3Config,
    LoHaConfig,
    LoKrConfig,
    OFTConfig,
    PeftConfig,
    RandLoraConfig,
    ShiraConfig,
    VBLoRAConfig,
    VeraConfig,
)
from torch import Tensor, nn

from .checks import one_of, positive
from .targets import ATTENTION, names
from .tuners import Tuner, quietly

if TYPE_CHECKING:
    from .host import Host

POSITIONS = ("random", "largest")


@dataclass(frozen=True)
class IA3(Tuner):
    """A learnt factor for each output of a Linear; for each input of `ffn_out`.

    Liu et al. 2022 (arXiv 2205.05638), where keys, values and what is between the two feed-forward matrices are scaled.
    """

    targets: tuple[str, ...] = ("key", "value", "ffn_out")

    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""
        return IA3Config(feedforward_modules=names(host, set(self.targets) & {"ffn_out"}))


@dataclass(frozen=True)
class VeRA(Tuner):
    """`diag(b) B diag(d) A`: only the two vectors are trained, and all modules share the random `A` and `B`.

    Kopiczko et al. 2024 (arXiv 2310.11454).

    Args:
        rank: rows of `A`; hundreds are usual.
        dropout: of the inputs of the update.
        start: of each number in `d`; `b` starts at 0.
        targets: the Linear modules that it changes.
        seed: of `A` and `B`.
    """

    rank: int = 256
    dropout: float = 0.0
    start: float = 0.1
    targets: tuple[str, ...] = ATTENTION
    seed: int = 0

    def check(self) -> None:
        """Refuse arguments that cannot be meant."""
        positive(self, rank=self.rank, start=self.start)

    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""
        return quietly(
            VeraConfig,
            r=self.rank,
            vera_dropout=self.dropout,
            d_initial=self.start,
            projection_prng_key=self.seed,
            save_projection=False,
        )


@dataclass(frozen=True)
class RandLoRA(Tuner):
    """A full-rank update: a sum of products of random matrices, of which only diagonal scalings are trained.

    Albert et al. 2025 (arXiv 2502.00987).

    Args:
        rank: of each product; a smaller one trains more numbers.
        alpha: the update is multiplied by `alpha / rank`; 20 times the rank is usual.
        dropout: of the inputs of the update.
        targets: the Linear modules that it changes.
        seed: of the random matrices.
    """

    rank: int = 32
    alpha: float = 640
    dropout: float = 0.0
    targets: tuple[str, ...] = ATTENTION
    seed: int = 0

    def check(self) -> None:
        """Refuse arguments that cannot be meant."""
        positive(self, rank=self.rank, alpha=self.alpha)

    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""
        return quietly(
            RandLoraConfig,
            r=self.rank,
            randlora_alpha=self.alpha,
            randlora_dropout=self.dropout,
            projection_prng_key=self.seed,
            save_projection=False,
        )


@dataclass(frozen=True)
class LoHa(Tuner):
    """The element-wise product of two low-rank matrices, `(B1 A1) * (B2 A2)`: rank up to the square of `rank`.

    Hyeon-Woo et al. 2022 (FedPara, arXiv 2108.06098).

    Args:
        rank: of each of the two.
        alpha: the update is multiplied by `alpha / rank`.
        targets: the Linear modules that it changes.
    """

    rank: int = 8
    alpha: float = 8
    targets: tuple[str, ...] = ATTENTION

    def check(self) -> None:
        """Refuse arguments that cannot be meant."""
        positive(self, rank=self.rank, alpha=self.alpha)

    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""
        return LoHaConfig(r=self.rank, alpha=self.alpha)  # type: ignore[arg-type]


@dataclass(frozen=True)
class LoKr(Tuner):
    """A Kronecker product of a small matrix and a low-rank one.

    Edalati et al. 2022 (KronA, arXiv 2212.10650); Yeh et al. 2024 (LyCORIS, arXiv 2309.14859).

    Args:
        rank: of the greater matrix, which is not factored where that saves nothing.
        alpha: the update is multiplied by `alpha / rank`.
        factor: the side of the small matrix, where it divides the features; -1 for as square as can be.
        targets: the Linear modules that it changes.
    """

    rank: int = 8
    alpha: float = 8
    factor: int = -1
    targets: tuple[str, ...] = ATTENTION

    def check(self) -> None:
        """Refuse arguments that cannot be meant."""
        positive(self, rank=self.rank, alpha=self.alpha)

    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""
        return LoKrConfig(r=self.rank, alpha=self.alpha, decompose_factor=self.factor)  # type: ignore[arg-type]


@dataclass(frozen=True)
class OFT(Tuner):
    """Rotates the inputs of a Linear, block by block.

    Qiu et al. 2023 (arXiv 2306.07280).

    Args:
        block: inputs that are rotated together.
        dropout: the chance that a block stays as it is, in training.
        targets: the Linear modules that it changes.
    """

    block: int = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = ATTENTION

    def check(self) -> None:
        """Refuse arguments that cannot be meant."""
        positive(self, block=self.block)

    def misfit(self, inputs: int, outputs: int) -> str | None:
        """Why a Linear of this size cannot take it; None where it can."""
        return None if inputs % self.block == 0 else f"blocks of {self.block} do not divide {inputs} inputs"

    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""
        return OFTConfig(oft_block_size=self.block, module_dropout=self.dropout)


@dataclass(frozen=True)
class VBLoRA(Tuner):
    """LoRA whose factors are put together from mixtures of a few vectors that all modules share.

    Li et al. 2024 (arXiv 2405.15179).

    Args:
        rank: of the update.
        vectors: how many are shared.
        length: of each; divides the features of all targets.
        top: how many vectors are mixed for each part.
        dropout: of the inputs of the update.
        targets: the Linear modules that it changes.
    """

    rank: int = 4
    vectors: int = 256
    length: int = 64
    top: int = 2
    dropout: float = 0.0
    targets: tuple[str, ...] = ATTENTION

    def check(self) -> None:
        """Refuse arguments that cannot be meant."""
        positive(self, rank=self.rank, vectors=self.vectors, length=self.length, top=self.top)

    def misfit(self, inputs: int, outputs: int) -> str | None:
        """Why a Linear of this size cannot take it; None where it can."""
        if inputs % self.length or outputs % self.length:
            return f"vectors of length {self.length} do not divide {inputs} inputs and {outputs} outputs"
        return None

    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""
        return VBLoRAConfig(
            r=self.rank,
            num_vectors=self.vectors,
            vector_length=self.length,
            topk=self.top,
            vblora_dropout=self.dropout,
        )


@dataclass(frozen=True)
class SHiRA(Tuner):
    """Trains single numbers of the weight matrices: as many as LoRA of this rank has.

    Bhardwaj et al. 2024 (arXiv 2406.13175); that it hardly matters which ones: APET (Su et al. 2023, arXiv 2306.02320).

    Args:
        rank: `rank * (inputs + outputs)` numbers of each matrix are trained.
        positions: `"random"`, or `"largest"` for the weights of greatest magnitude.
        targets: the Linear modules that it changes.
        seed: of random positions.
    """

    rank: int = 8
    positions: str = "random"
    targets: tuple[str, ...] = ATTENTION
    seed: int = 0
    bare = True

    def check(self) -> None:
        """Refuse arguments that cannot be meant."""
        positive(self, rank=self.rank)
        one_of(self, POSITIONS, positions=self.positions)

    def misfit(self, inputs: int, outputs: int) -> str | None:
        """Why a Linear of this size cannot take it; None where it can."""
        if self.rank * (inputs + outputs) > inputs * outputs:
            return f"at rank {self.rank} it has more numbers than a matrix of {outputs} x {inputs}"
        return None

    def config(self, host: Host) -> PeftConfig:
        """Itself, in the words of `peft`, but for the names of the modules."""
        config = ShiraConfig(r=self.rank, random_seed=self.seed)
        if self.positions == "largest":
            config.mask_fn = largest  # type: ignore[assignment]
        return config


def largest(linear: nn.Linear, rank: int, **_: object) -> Tensor:
    """A mask, `outputs x inputs`, of the `rank * (inputs + outputs)` weights of greatest magnitude."""
    weight = linear.weight.detach()
    chosen = weight.abs().flatten().topk(rank * sum(weight.shape)).indices
    return torch.zeros(weight.numel(), device=weight.device).scatter_(0, chosen, 1.0).view_as(weight)
