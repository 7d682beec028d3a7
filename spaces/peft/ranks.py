"""Which Linear modules get a low-rank update, and of which rank: alike everywhere, growing with depth, or each its own.

All of them come out as one dict for each layer, of the ranks above 0 by the role of the module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..build import Build
from ..choice import Choice
from ..node import Node
from ..require import require
from .autopeft import some

if TYPE_CHECKING:
    from .anatomy import Anatomy

TARGETS = ("query", "key", "value", "output", "ffn_in", "ffn_out")
"""The Linear modules of a layer, as `Layer` names them."""

FUSED = ("query", "output", "ffn_in", "ffn_out")
"""Those of a layer whose queries, keys and values come from one Linear, which stands under `query`."""

Ranks = tuple[dict[str, int], ...]

MULTIPLIERS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the rank in the first and in the last layer."""


def targets_of(anatomy: Anatomy) -> tuple[str, ...]:
    """The Linear modules that all layers of a model have."""
    return FUSED if any(layer.fused for layer in anatomy.layers) else TARGETS


def target_bits(anatomy: Anatomy) -> Node:
    """Which of the Linear modules of a layer are meant: at least one, and the same in all layers."""
    bits: dict[str, Any] = {target: Choice(False, True) for target in targets_of(anatomy)}
    return require(Build(chosen, **bits), some(bits.values()), "at least one target")


def chosen(**bits: bool) -> tuple[str, ...]:
    """The names of the bits that are on."""
    return tuple(name for name, on in bits.items() if on)


def rank_schedules(anatomy: Anatomy, init: Choice) -> Choice:
    """The ways to spread ranks: `uniform`, `graded` as in OpenELM (3 numbers), or `free` for each layer and target.

    Args:
        anatomy: of the model.
        init: how the updates start; `"orthogonal"` needs even ranks.
    """
    odd = init != "orthogonal"
    rank = rank_of(anatomy)
    alike = Build(uniform, len(anatomy.layers), rank=rank, targets=target_bits(anatomy))
    return Choice(
        uniform=require(alike, (rank > 1) | odd, "the start 'orthogonal' needs even ranks"),
        graded=require(_graded(anatomy), odd, "the start 'orthogonal' needs even ranks"),
        free=require(_free(anatomy), odd, "the start 'orthogonal' needs even ranks"),
    )


def rank_of(anatomy: Anatomy, low: int = 1, high: int = 64) -> Choice:
    """A rank: the powers of two from `low` to `high` that a square matrix of the model can have."""
    powers = [1 << power for power in range(high.bit_length())]
    return Choice(*(rank for rank in powers if low <= rank <= min(high, anatomy.hidden)), ordered=True)


def uniform(layers: int, rank: int, targets: Sequence[str]) -> Ranks:
    """The same rank wherever there is an update."""
    return tuple(dict.fromkeys(targets, rank) for _ in range(layers))


def graded(layers: int, rank: int, first: float, last: float, targets: Sequence[str], most: int) -> Ranks:
    """Ranks that go linearly with depth, from `rank * first` to `rank * last`, rounded, at least 1 and at most `most`.

    Layer-wise scaling of OpenELM (Mehta et al. 2024, arXiv 2404.14619, equation 1), for ranks instead of widths.
    """
    steps = max(layers - 1, 1)
    of_layer = [round(rank * (first + (last - first) * index / steps)) for index in range(layers)]
    return tuple(dict.fromkeys(targets, min(max(one, 1), most)) for one in of_layer)


def free(*layers: Mapping[str, int]) -> Ranks:
    """Each rank for itself; 0 stands for no update."""
    return tuple({target: rank for target, rank in layer.items() if rank} for layer in layers)


def _graded(anatomy: Anatomy) -> Node:
    return Build(
        graded,
        len(anatomy.layers),
        rank=rank_of(anatomy),
        first=Choice(*MULTIPLIERS, ordered=True),
        last=Choice(*MULTIPLIERS, ordered=True),
        targets=target_bits(anatomy),
        most=anatomy.hidden,
    )


def _free(anatomy: Anatomy) -> Node:
    sizes = [rank for rank in (0, 1, 2, 4, 8, 16) if rank <= anatomy.hidden]
    layers = [{target: Choice(*sizes, ordered=True) for target in targets_of(anatomy)} for _ in anatomy.layers]
    ranks = [rank > 0 for layer in layers for rank in layer.values()]
    return require(Build(free, *layers), some(ranks), "at least one rank above 0")
