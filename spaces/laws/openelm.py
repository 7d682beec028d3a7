"""Layer-wise scaling: heads and feed-forward widths that grow with depth, as in OpenELM.

Mehta et al. 2024 (arXiv 2404.14619, equation 1): layer i of n has `alpha_i * width / head_width` heads and a
feed-forward part of `beta_i * width`, where alpha_i and beta_i go linearly from their least value in the first layer to
their greatest in the last. It is no law of learning rates: it says how parameters are spread over the layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from ..expressions import apply
from ..node import Node
from .errors import LawError
from .formula import Quantity

ALPHA = (0.5, 1.0)
BETA = (0.5, 4.0)
"""Those of the published models, from 270M to 3B parameters."""

Ends = tuple[Quantity, Quantity]


@dataclass(frozen=True)
class LayerShape:
    """One layer: its heads of queries, its heads of keys and values, and the inner width of its feed-forward part.

    Integers, or expressions where the shape is searched.
    """

    heads: Quantity
    kv_heads: Quantity
    ffn: Quantity


def layerwise(
    layers: int,
    width: Quantity,
    head_width: int,
    *,
    alpha: Ends = ALPHA,
    beta: Ends = BETA,
    group: int = 1,
    ffn_divisor: int = 256,
) -> list[LayerShape]:
    """The shape of each layer; with nodes among `width`, `alpha` and `beta` these are searched through four numbers.

        alpha = pt.Float(0.25, 1.0), 1.0
        shapes = layerwise(16, 1280, 64, alpha=alpha, group=4)

    Args:
        layers: how many, at least 2.
        width: of the residual stream.
        head_width: of one head.
        alpha, beta: least and greatest multiplier of attention width and of feed-forward width.
        group: heads of queries that share one head of keys and values; their number is a multiple of it.
        ffn_divisor: feed-forward widths are multiples of this.

    Raises:
        LawError: there are fewer than two layers, or a divisor is not positive.
    """
    if layers < 2:
        raise LawError(f"Layer-wise scaling goes from a first to a last layer; {layers} is too few layers.")
    for name, divisor in (("head_width", head_width), ("group", group), ("ffn_divisor", ffn_divisor)):
        if divisor < 1:
            raise LawError(f"{name} is at least 1, not {divisor!r}.")
    return [_shape(depth / (layers - 1), width, head_width, alpha, beta, group, ffn_divisor) for depth in range(layers)]


def divisible(value: float, divisor: int) -> int:
    """The multiple of `divisor` next to `value`, at least one; the one above where it would lose over a tenth.

    As the published models do it, who have it from MobileNet.
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * value else rounded + divisor


def _shape(
    depth: float, width: Quantity, head_width: int, alpha: Ends, beta: Ends, group: int, ffn_divisor: int
) -> LayerShape:
    attention = _rounded(_between(alpha, depth) * width, head_width * group)
    heads = cast(Quantity, attention // head_width)
    ffn = _rounded(_between(beta, depth) * width, ffn_divisor)
    return LayerShape(heads, cast(Quantity, heads // group), ffn)


def _between(ends: Ends, depth: float) -> Quantity:
    """From the first end at depth 0 to the second at depth 1."""
    return cast(Quantity, (1 - depth) * ends[0] + depth * ends[1])


def _rounded(value: Quantity, divisor: int) -> Quantity:
    return apply(divisible, value, divisor) if isinstance(value, Node) else divisible(value, divisor)
